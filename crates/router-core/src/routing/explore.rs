//! Trying out: where a ranking goes by what has been observed, whoever is never chosen is never observed again, and a
//! channel that has recovered would stay in the shade. So now and then one that nobody has used lately goes first.
//!
//! It is bounded by itself: one attempt is an observation, and with it the candidate is no longer unknown for some minutes
//! (observations fade, see [`crate::health::Health`]). Whoever then promises to be better than the usual choice is tried
//! more often, until so much is known that the ranking itself can tell.

use super::decision::{Decision, Tier};
use super::factors::Origin;
use super::select::Row;
use super::sighting::Known;
use crate::catalog::{ModelIx, Snapshot};
use crate::ids::mix;

/// One request in so many may try somebody out who promises to be better …
const ONE_IN: u64 = 8;
/// … and of those one in so many anybody unknown.
const OF_THEM: u64 = 4;
/// The usual choice must be known by so many observations: where nobody is known, everybody's prior decides.
const ENOUGH: f64 = 20.0;
/// Below so many observations somebody is unknown.
const UNKNOWN: f64 = 1.0;
/// Its time to the first token must be below this share of the usual choice's to be a promise.
const PROMISE: f64 = 0.9;
/// It may cost so many times what the usual choice costs.
const DEARER: f64 = 2.0;
/// Its quality score may be so much lower.
const WORSE: f64 = 0.1;

/// Who may be tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Who promises to be better.
    Promising,
    /// Who is unknown, too.
    Anybody,
}

/// What the rows of a tier stand for.
pub(super) struct Rows<'a> {
    pub(super) decision: &'a Decision,
    pub(super) snapshot: &'a Snapshot,
    pub(super) first: usize,
}

impl Rows<'_> {
    pub(super) fn model(&self, row: &Row) -> Option<ModelIx> {
        self.decision.candidates.get(self.first + row.place as usize).map(|candidate| candidate.model)
    }

    fn effective_usd(&self, row: &Row) -> f64 {
        self.decision.costs(self.first + row.place as usize).effective_usd
    }
}

/// Whether this request may try somebody out: drawn from its seed, in tiers where the best by observation goes first.
pub(super) fn is_due(tier: &Tier, seed: u64) -> Option<Due> {
    // not the number by which ties are broken and lots drawn
    let lot = mix(seed ^ 0x6578_706c_6f72_6521);
    let ranked = lot.is_multiple_of(ONE_IN)
        && tier.selector.name == "top_score"
        && tier.layers.iter().any(|layer| layer.weight > 0.0 && layer.factor.origin() == Origin::Observed);
    ranked.then_some(if (lot / ONE_IN).is_multiple_of(OF_THEM) { Due::Anybody } else { Due::Promising })
}

/// Puts the least known of those first that may be tried out, if that is reasonable. Gives it. `known` holds the rows' own.
pub(super) fn put_first(rows: &mut [Row], known: &[Known], due: Due, of: &Rows<'_>) -> Option<ModelIx> {
    let quality = |model: ModelIx| of.snapshot.model(model).map_or(f64::NAN, |model| model.facts.quality);
    let usual = rows.first()?;
    let (usual_model, usual_usd) = (of.model(usual)?, of.effective_usd(usual));
    let usual_known = known.first()?;
    if usual_known.observations < ENOUGH {
        return None;
    }
    let mut found: Option<(usize, ModelIx, f64)> = None;
    for ((place, row), other) in rows.iter().enumerate().zip(known).skip(1) {
        let Some(model) = of.model(row) else { continue };
        // an unknown quality is no lower one
        let worse = quality(model) < quality(usual_model) - WORSE;
        let unknown = due == Due::Anybody && other.observations < UNKNOWN;
        let tried = unknown || (other.observations < ENOUGH && promises(other, usual_known));
        let less = found.is_none_or(|(_, _, least)| other.observations < least);
        if tried && less && !worse && of.effective_usd(row) <= DEARER * usual_usd {
            found = Some((place, model, other.observations));
        }
    }
    let (place, model, _) = found?;
    rows.get_mut(..=place)?.rotate_right(1);
    Some(model)
}

/// Quicker by what little is known, and no less successful.
fn promises(other: &Known, usual: &Known) -> bool {
    let quicker = other.ttft_ms.zip(usual.ttft_ms).is_some_and(|(other, usual)| other < usual * PROMISE);
    let as_good = other.success_rate.zip(usual.success_rate).is_none_or(|(other, usual)| other >= usual - WORSE);
    quicker && as_good
}
