//! A stored decision, read back: the counterpart of the compact form in `explain`.

use serde::Deserialize;
use serde_json::Value;

use super::NotRecomputable;
use crate::catalog::spec::Slo;
use crate::routing::factors::{FactorRef, Layer};
use crate::routing::select::{Selector, selector};
use crate::routing::strategy::{Strategy, strategy};

/// A layer as written: field, `asc` or `desc`, weight.
type WrittenLayer = (String, String, Option<f64>);

/// The compact form, by its short names.
#[derive(Deserialize)]
struct Written {
    s: String,
    a: String,
    l: Vec<WrittenLayer>,
    #[serde(default)]
    t: Vec<(String, String, String, Vec<WrittenLayer>, u32)>,
    q: Option<u64>,
    k: Option<u64>,
    #[serde(default)]
    z: u8,
    /// A number where an older version only said that there was something.
    y: Option<Value>,
    #[serde(default)]
    f: u8,
    #[serde(default)]
    o: Vec<(Option<f64>, Option<f64>)>,
    x: Option<(String, String)>,
    h: Option<(String, String, u64, bool)>,
    n: usize,
    c: Vec<Vec<Value>>,
}

/// Writes the model's name where a candidate of a stored decision only says that it is that of the one before it.
pub fn spell_out(decision: &mut Value) {
    if let Some(candidates) = decision.get_mut("c").and_then(Value::as_array_mut) {
        spell_out_models(candidates.iter_mut().filter_map(Value::as_array_mut));
    }
}

pub(in crate::routing) fn spell_out_models<'a>(candidates: impl Iterator<Item = &'a mut Vec<Value>>) {
    let mut before = String::new();
    for model in candidates.filter_map(|candidate| candidate.get_mut(1)) {
        match model {
            Value::String(name) if name.is_empty() => name.clone_from(&before),
            Value::String(name) => before.clone_from(name),
            _ => {}
        }
    }
}

/// A decision as it was stored with its request.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub(super) tiers: Vec<RecordedTier>,
    /// Eligible ones, in the recorded order; then those that would be if more than the first might be tried.
    pub(super) candidates: Vec<RecordedCandidate>,
    /// Channel, model and tokens of the session's cache.
    pub(super) held: Option<(String, String, u64)>,
    /// Channel and model of who went first only to be tried out.
    pub(super) tried: Option<(String, String)>,
    pub(super) sequence: u64,
    pub(super) session: Option<u64>,
    pub(super) last_resort: bool,
    /// Of each tier only the first may be tried.
    pub(super) first_only: bool,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedTier {
    pub(super) fallback: Option<String>,
    pub(super) strategy: &'static Strategy,
    pub(super) selector: &'static Selector,
    pub(super) fields: Vec<String>,
    pub(super) layers: Vec<Layer>,
    pub(super) goals: Slo,
    /// Place of its first candidate among all.
    pub(super) first: u32,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedCandidate {
    pub(super) channel: String,
    pub(super) model: String,
    pub(super) raw: Vec<f64>,
    pub(super) place: u32,
    pub(super) priority: u32,
    pub(super) weight: f64,
    pub(super) in_flight: u64,
    /// Place in the request's own order of providers, which goes before ranking; 0 for all where it has none.
    pub(super) wished: u64,
    /// `NaN` where it was not recorded.
    pub(super) real_usd: f64,
    /// `NaN` where it was not recorded.
    pub(super) effective_usd: f64,
}

impl Recorded {
    /// Reads the compact form.
    ///
    /// # Errors
    /// [`NotRecomputable`] for a text that is none, that an older version wrote, or that holds only a part of its
    /// candidates in full.
    pub fn parse(text: &str) -> Result<Self, NotRecomputable> {
        let mut written: Written = serde_json::from_str(text).map_err(|_| NotRecomputable::Unreadable)?;
        let wished = match written.y {
            None => None,
            Some(Value::Array(places)) => Some(places),
            Some(_) => return Err(NotRecomputable::Older),
        };
        spell_out_models(written.c.iter_mut());
        let held_in_full = written.c.len();
        let mut candidates = Vec::new();
        for entry in &written.c {
            candidates.extend(candidate(entry)?);
        }
        for (candidate, place) in candidates.iter_mut().zip(wished.iter().flatten()) {
            candidate.wished = place.as_u64().unwrap_or(u64::MAX);
        }
        // Those that are out come last, so whoever is not held in full is eligible only if all of these are; or where only the
        // first may be tried, since then others that were ranked are out.
        if (candidates.len() == held_in_full || written.f != 0) && written.n > held_in_full {
            return Err(NotRecomputable::Partly { held: held_in_full, of: written.n });
        }
        let mut tiers = vec![tier(None, &written.s, &written.a, written.l, 0)?];
        for (name, strategy, algorithm, layers, first) in written.t {
            tiers.push(tier(Some(name), &strategy, &algorithm, layers, first)?);
        }
        for (tier, (ttft_p95_ms, success)) in tiers.iter_mut().zip(written.o) {
            tier.goals = Slo { ttft_p95_ms, success };
        }
        Ok(Self {
            tiers,
            tried: written.x,
            candidates,
            held: written.h.map(|(channel, model, tokens, _)| (channel, model, tokens)),
            sequence: written.q.ok_or(NotRecomputable::Older)?,
            session: written.k,
            last_resort: written.z != 0,
            first_only: written.f != 0,
        })
    }

    /// The tier of a place among all candidates.
    pub(super) fn tier_of(&self, place: u32) -> usize {
        self.tiers.partition_point(|tier| tier.first <= place).saturating_sub(1)
    }
}

/// `None` if it is out, unless only because the first alone may be tried.
fn candidate(entry: &[Value]) -> Result<Option<RecordedCandidate>, NotRecomputable> {
    let at = |place: usize| entry.get(place).unwrap_or(&Value::Null);
    let text = |place: usize| at(place).as_str().map(str::to_owned).ok_or(NotRecomputable::Unreadable);
    if at(2).is_string() && !at(4).is_array() {
        return Ok(None);
    }
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let raw = at(4).as_array().ok_or(NotRecomputable::Unreadable)?.iter().map(number).collect();
    let (place, priority, weight, in_flight): (u32, u32, f64, u64) =
        serde_json::from_value(at(5).clone()).map_err(|_| NotRecomputable::Older)?;
    let usd = |place: usize| at(6).get(place).map_or(f64::NAN, number);
    Ok(Some(RecordedCandidate {
        channel: text(0)?,
        model: text(1)?,
        raw,
        place,
        priority,
        weight,
        in_flight,
        wished: 0,
        real_usd: usd(0),
        effective_usd: usd(1),
    }))
}

fn tier(
    fallback: Option<String>,
    strategy_name: &str,
    algorithm: &str,
    layers: Vec<WrittenLayer>,
    first: u32,
) -> Result<RecordedTier, NotRecomputable> {
    let layer = |(_, order, weight): &WrittenLayer| Layer {
        // only the recorded values count, so which factor gave them does not matter
        factor: FactorRef::Known(u8::MAX),
        descending: order == "desc",
        weight: weight.unwrap_or(f64::NAN),
    };
    Ok(RecordedTier {
        fallback,
        strategy: strategy(strategy_name).map_err(|_| NotRecomputable::Unreadable)?,
        selector: selector(algorithm).map_err(|_| NotRecomputable::Unreadable)?,
        layers: layers.iter().map(layer).collect(),
        fields: layers.into_iter().map(|(field, ..)| field).collect(),
        first,
        goals: Slo::default(),
    })
}
