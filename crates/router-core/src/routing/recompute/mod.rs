//! What would have been: a recorded decision, computed again with other weights, another strategy, other prices, or
//! without a channel. Without a change the result is the recorded one, through the very code that decided.

mod recorded;

use std::collections::BTreeMap;

use serde::Serialize;

pub(super) use recorded::spell_out_models;
pub use recorded::{Recorded, spell_out};
use recorded::{RecordedCandidate, RecordedTier};

use super::decision::{Candidate, Standing, Verdict};
use super::prices::Costs;
use super::rank::Ranking;
use super::select::{Draw, Row};
use super::sticky::Held;
use super::strategy::strategy;
use crate::catalog::ModelIx;
use crate::ids::{hash64, mix};

/// Why a decision cannot be computed again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRecomputable {
    /// The text is no decision.
    #[error("the stored decision cannot be read")]
    Unreadable,
    /// An older version of the program did not store what it takes.
    #[error("the decision was stored by an older version, without what is needed to compute it again")]
    Older,
    /// Too many candidates to store all in full.
    #[error("only {held} of {of} candidates were stored in full")]
    Partly {
        /// Stored in full.
        held: usize,
        /// Candidates.
        of: usize,
    },
    /// A change names what the decision does not have.
    #[error("{field}: {message}")]
    Change {
        /// The field of [`Change`].
        field: &'static str,
        /// What is wrong, what is allowed.
        message: String,
    },
}

/// What is to be different. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// New weights of layers, by field; finite, ≥ 0.
    pub weights: BTreeMap<String, f64>,
    /// Another strategy.
    pub strategy: Option<String>,
    /// What the price that routing compares is multiplied by, by `CHANNEL` or `CHANNEL/MODEL`; finite, ≥ 0.
    pub prices: BTreeMap<String, f64>,
    /// `CHANNEL` or `CHANNEL/MODEL` that are not there.
    pub without: Vec<String>,
}

/// A decision computed again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recomputed {
    /// Who was tried first, as recorded: `CHANNEL/MODEL`.
    pub recorded: Option<String>,
    /// Who would be tried first.
    pub chosen: Option<String>,
    /// The difference in words.
    pub summary: String,
    /// Everyone, best first.
    pub order: Vec<RecomputedCandidate>,
    /// Fields whose values were not stored and are those of today.
    pub of_today: Vec<String>,
}

/// One candidate of a decision computed again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecomputedCandidate {
    /// Name of the channel.
    pub channel: String,
    /// What clients ask for.
    pub model: String,
    /// 0…1.
    pub score: f64,
    /// Place in the recorded order, from 1.
    pub recorded_rank: usize,
    /// The fallback through which it comes, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

impl Recorded {
    /// Who was tried first, as `CHANNEL/MODEL`.
    #[must_use]
    pub fn winner(&self) -> Option<String> {
        self.candidates.first().map(RecordedCandidate::name)
    }

    /// Computes the decision again. `seed` is the request's. `today` gives values of fields that were not stored, by
    /// channel, model and field.
    ///
    /// # Errors
    /// [`NotRecomputable::Change`] where the change names what is not there.
    pub fn recompute(
        &self,
        seed: u64,
        change: &Change,
        today: &dyn Fn(&str, &str, &str) -> Option<f64>,
    ) -> Result<Recomputed, NotRecomputable> {
        self.check(change)?;
        let mut run = Run { recorded: self, seed, change, today, of_today: Vec::new() };
        let mut order = Vec::new();
        if self.last_resort {
            order.extend(self.candidates.iter().filter(|c| !run.is_gone(c)).map(|c| run.told(c, 0.0)));
        } else {
            for number in 0..self.tiers.len() {
                run.tier(number, &mut order)?;
            }
        }
        let of_today = run.of_today;
        let chosen = order.first().map(RecomputedCandidate::name);
        let summary = summary(self.winner().as_deref(), &order);
        Ok(Recomputed { recorded: self.winner(), chosen, summary, order, of_today })
    }

    fn check(&self, change: &Change) -> Result<(), NotRecomputable> {
        let wrong = |field, message: String| Err(NotRecomputable::Change { field, message });
        let fields: Vec<&str> = self.tiers.iter().flat_map(|tier| &tier.fields).map(String::as_str).collect();
        for (name, weight) in &change.weights {
            if change.strategy.is_some() {
                return wrong(
                    "weights",
                    "they are those of the recorded strategy; name either weights or a strategy".to_owned(),
                );
            }
            if !fields.contains(&name.as_str()) {
                return wrong("weights", format!("`{name}` was not a layer; there were: {}", fields.join(", ")));
            }
            if !(weight.is_finite() && *weight >= 0.0) {
                return wrong("weights", format!("`{name}`: a finite number ≥ 0"));
            }
        }
        if let Some(name) = &change.strategy {
            strategy(name)
                .map_err(|unknown| NotRecomputable::Change { field: "strategy", message: unknown.to_string() })?;
        }
        let known = |name: &str| self.candidates.iter().any(|candidate| candidate.is(name));
        let names = change
            .prices
            .keys()
            .map(|name| ("prices", name))
            .chain(change.without.iter().map(|name| ("without", name)));
        for (field, name) in names {
            if !known(name) {
                let all: Vec<String> = self.candidates.iter().map(RecordedCandidate::name).collect();
                return wrong(field, format!("`{name}` could not be tried; there were: {}", all.join(", ")));
            }
        }
        if change.prices.values().any(|factor| !(factor.is_finite() && *factor >= 0.0)) {
            return wrong("prices", "finite numbers ≥ 0, by which the price is multiplied".to_owned());
        }
        Ok(())
    }
}

struct Run<'a> {
    recorded: &'a Recorded,
    seed: u64,
    change: &'a Change,
    today: &'a dyn Fn(&str, &str, &str) -> Option<f64>,
    of_today: Vec<String>,
}

impl Run<'_> {
    fn tier(&mut self, number: usize, order: &mut Vec<RecomputedCandidate>) -> Result<(), NotRecomputable> {
        let Some(recorded) = self.recorded.tiers.get(number) else { return Ok(()) };
        let tier = self.changed(recorded);
        let in_tier = |c: &&RecordedCandidate| self.recorded.tier_of(c.place) == number && !self.is_gone(c);
        let mut members: Vec<&RecordedCandidate> = self.recorded.candidates.iter().filter(in_tier).collect();
        members.sort_by_key(|candidate| candidate.place);
        let stride = members.len();
        let mut raw = Vec::with_capacity(stride * tier.fields.len());
        for field in &tier.fields {
            for candidate in &members {
                raw.push(self.value(recorded, candidate, field)?);
            }
        }
        let mut normalised = vec![f64::NAN; raw.len()];
        let candidates: Vec<Candidate> = (0u32..).zip(&members).map(|(ix, c)| self.candidate(ix, c)).collect();
        let mut rows: Vec<Row> = (0u32..).zip(&members).map(|(place, c)| self.row(place, c)).collect();
        let _ = Ranking {
            strategy: tier.strategy,
            selector: tier.selector,
            layers: &tier.layers,
            raw: &raw,
            normalised: &mut normalised,
            stride,
            draw: Draw { seed: self.seed, sequence: self.recorded.sequence, session: self.recorded.session },
            held: self.held(&members),
            goals: tier.goals,
            candidates: &candidates,
        }
        .order(&mut rows);
        if let Some((channel, model)) = self.recorded.tried.as_ref().filter(|_| number == 0) {
            let is =
                |row: &Row| members.get(row.place as usize).is_some_and(|c| c.channel == *channel && c.model == *model);
            if let Some(place) = rows.iter().position(is) {
                rows.get_mut(..=place).unwrap_or_default().rotate_right(1);
            }
        }
        rows.sort_by_key(|row| members.get(row.place as usize).map_or(u64::MAX, |candidate| candidate.wished));
        if self.recorded.first_only {
            rows.truncate(1);
        }
        let told = rows.iter().filter_map(|row| Some(self.told(members.get(row.place as usize)?, row.score)));
        order.extend(told);
        Ok(())
    }

    /// The tier with the strategy and weights of the change.
    fn changed(&self, recorded: &RecordedTier) -> RecordedTier {
        let mut tier = recorded.clone();
        // a strategy that brings no layers of its own keeps the recorded ones
        if let Some(strategy) = self.change.strategy.as_deref().and_then(|name| strategy(name).ok()) {
            if !(strategy.own_layers && recorded.strategy.own_layers) {
                tier.layers = strategy.preset_layers().to_vec();
                tier.fields = strategy.preset_fields().map(str::to_owned).collect();
            }
            (tier.strategy, tier.selector) = (strategy, strategy.selector);
        }
        for (field, layer) in tier.fields.iter().zip(&mut tier.layers) {
            layer.weight = self.change.weights.get(field).copied().unwrap_or(layer.weight);
        }
        tier
    }

    /// What a layer sees of a candidate, with the change of its price.
    fn value(
        &mut self,
        tier: &RecordedTier,
        candidate: &RecordedCandidate,
        field: &str,
    ) -> Result<f64, NotRecomputable> {
        let stored = tier.fields.iter().position(|known| known == field).and_then(|at| candidate.raw.get(at)).copied();
        let stored = stored.or_else(|| {
            let usd = candidate.effective_usd;
            (field == "effective_cost" && usd.is_finite()).then_some(usd)
        });
        let value = match stored {
            Some(value) => value,
            None => {
                if !self.of_today.iter().any(|known| known == field) {
                    self.of_today.push(field.to_owned());
                }
                (self.today)(&candidate.channel, &candidate.model, field).unwrap_or(f64::NAN)
            }
        };
        let factor = self.price_factor(candidate);
        Ok(match field {
            "effective_cost" => value * factor,
            "cost_efficiency" if factor != 1.0 => value / factor,
            _ => value,
        })
    }

    fn price_factor(&self, candidate: &RecordedCandidate) -> f64 {
        let named = self.change.prices.iter().filter(|(name, _)| candidate.is(name));
        named.map(|(_, factor)| *factor).product()
    }

    fn is_gone(&self, candidate: &RecordedCandidate) -> bool {
        self.change.without.iter().any(|name| candidate.is(name))
    }

    /// The session's cache, if one of these holds it.
    fn held(&self, members: &[&RecordedCandidate]) -> Option<Held> {
        let (channel, model, cached_tokens) = self.recorded.held.as_ref()?;
        let place = members.iter().position(|c| c.channel == *channel && c.model == *model)?;
        Some(Held { model: ModelIx(u32::try_from(place).ok()?), cached_tokens: *cached_tokens })
    }

    /// With the number of its place as model: all that the session's cache compares.
    fn candidate(&self, place: u32, candidate: &RecordedCandidate) -> Candidate {
        let costs = Costs {
            real_usd: candidate.real_usd,
            effective_usd: candidate.effective_usd * self.price_factor(candidate),
            ..Costs::default()
        };
        let standing = candidate.standing();
        Candidate {
            model: ModelIx(place),
            tier: 0,
            verdict: Verdict::Eligible { rank: place },
            score: 0.0,
            costs,
            standing,
        }
    }

    fn row(&self, place: u32, candidate: &RecordedCandidate) -> Row {
        let stable_id = hash64(candidate.name().as_bytes());
        Row {
            place,
            priority: candidate.priority,
            score: 1.0,
            share: 0.0,
            weight: candidate.weight,
            in_flight: candidate.in_flight as f64,
            tie: mix(self.recorded.session.unwrap_or(self.seed) ^ stable_id),
            stable_id,
        }
    }

    fn told(&self, candidate: &RecordedCandidate, score: f64) -> RecomputedCandidate {
        let rank = self.recorded.candidates.iter().position(|known| known.place == candidate.place);
        let tier = self.recorded.tiers.get(self.recorded.tier_of(candidate.place));
        RecomputedCandidate {
            channel: candidate.channel.clone(),
            model: candidate.model.clone(),
            score,
            recorded_rank: rank.map_or(0, |rank| rank + 1),
            fallback: tier.and_then(|tier| tier.fallback.clone()),
        }
    }
}

impl RecordedCandidate {
    fn name(&self) -> String {
        format!("{}/{}", self.channel, self.model)
    }

    /// Whether `CHANNEL` or `CHANNEL/MODEL` means it.
    fn is(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.channel);
        rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/') == Some(&self.model))
    }

    fn standing(&self) -> Standing {
        Standing { priority: self.priority, weight: self.weight, in_flight: self.in_flight }
    }
}

impl RecomputedCandidate {
    fn name(&self) -> String {
        format!("{}/{}", self.channel, self.model)
    }
}

/// The difference to what was recorded, in one sentence.
fn summary(recorded: Option<&str>, order: &[RecomputedCandidate]) -> String {
    let Some(first) = order.first() else {
        return recorded.map_or_else(
            || "nobody could be tried, as recorded".to_owned(),
            |recorded| format!("nobody would be left to try; {recorded} was chosen"),
        );
    };
    let name = first.name();
    let Some(recorded) = recorded else { return name };
    if name == recorded {
        let second = order.get(1);
        return second.map_or_else(
            || format!("{name} again, as the only one that could be tried"),
            |second| format!("{name} again: score {:.3} before {:.3} of {}", first.score, second.score, second.name()),
        );
    }
    let before = order.iter().find(|candidate| candidate.name() == recorded);
    before.map_or_else(
        || format!("{name} instead of {recorded}, which would not be there"),
        |before| format!("{name} instead of {recorded}: score {:.3} before {:.3}", first.score, before.score),
    )
}
