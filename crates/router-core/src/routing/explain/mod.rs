//! A decision in words and numbers that leave the program: for the admin API, the command line and
//! `x-router-explain`.

mod asked;
mod compact;
mod seen;
mod summary;
mod table;

pub use asked::Asked;
pub use seen::Seen;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::decision::{Candidate, Decision, Tier, Verdict};
use crate::catalog::{Channel, ChannelModel, Snapshot};

/// A whole decision, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Filled in by the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The group that was asked for, if it was one.
    pub group: Option<String>,
    /// Name of the strategy.
    pub strategy: &'static str,
    /// Name of the algorithm that made an order of the ranking.
    pub algorithm: &'static str,
    /// By what was ranked.
    pub layers: Vec<ExplainedLayer>,
    /// One sentence for people.
    pub summary: String,
    /// The candidate to be tried first.
    pub chosen: Option<Chosen>,
    /// Everyone, eligible ones in order first, then those that are out.
    pub candidates: Vec<ExplainedCandidate>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedLayer {
    /// Name of the factor.
    pub field: String,
    /// `asc` or `desc`.
    pub order: &'static str,
    /// Share in the weighted mean; 0 only breaks ties.
    pub weight: f64,
}

/// The candidate to be tried first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chosen {
    /// Name of the channel.
    pub channel: String,
    /// Name of the provider.
    pub provider: String,
    /// What clients ask for.
    pub model: String,
    /// What the provider calls it.
    pub upstream_model: String,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedCandidate {
    /// Place in the order, from 1; `None` if it is out.
    pub rank: Option<u32>,
    /// Name of the channel.
    pub channel: String,
    /// Name of the provider.
    pub provider: String,
    /// What clients ask for.
    pub model: String,
    /// What the provider calls it.
    pub upstream_model: String,
    /// The fallback through which it came, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// `eligible` or `out`.
    pub verdict: &'static str,
    /// Code of the reason, if it is out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason in words, if it is out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<String>,
    /// When the reason is over, where that is known; unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// 0…1; `None` if it is out.
    pub score: Option<f64>,
    /// What the request would cost there; `None` where the price is unknown.
    pub price: Option<ExplainedPrice>,
    /// What it was ranked by, in the order of the layers.
    #[serde(serialize_with = "as_map")]
    pub factors: Vec<ExplainedFactor>,
}

/// The two prices of one candidate, and what lies between them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedPrice {
    /// USD that the books would hold for the expected usage.
    pub real_usd: f64,
    /// USD that routing compares.
    pub effective_usd: f64,
    /// Product of the pricing policies, within their limits.
    pub multiplier: f64,
    /// The policies that hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// USD that one use of a scarce quota is worth now.
    #[serde(skip_serializing_if = "is_zero")]
    pub shadow_usd: f64,
    /// Tokens of the prompt that are expected to be read from the session's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// A factor of one candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedFactor {
    /// Name of the factor; the key in JSON.
    #[serde(skip)]
    pub name: String,
    /// Raw; `None` is unknown.
    pub value: Option<f64>,
    /// 0…1 in the direction of the order; `None` if the candidate is out.
    pub normalised: Option<f64>,
}

fn as_map<S: Serializer>(factors: &[ExplainedFactor], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(factors.len()))?;
    for factor in factors {
        map.serialize_entry(&factor.name, factor)?;
    }
    map.end()
}

impl Decision {
    /// Explains the decision in the words of the snapshot in which it was taken.
    #[must_use]
    pub fn explain(&self, snapshot: &Snapshot) -> Explanation {
        let first = self.tiers.first();
        let layers = first.map_or_else(Vec::new, |tier| explain_layers(tier, snapshot));
        Explanation {
            request_id: None,
            group: first.and_then(|tier| snapshot.group(tier.group?)).map(|group| group.name.to_string()),
            strategy: first.map_or("", |tier| tier.strategy.name),
            algorithm: first.map_or("", |tier| tier.selector.name),
            layers,
            summary: self.summary(snapshot),
            chosen: self.chosen().and_then(|candidate| Chosen::of(candidate, snapshot)),
            candidates: self.places_in_order().filter_map(|place| self.explain_one(place, snapshot)).collect(),
        }
    }

    /// Places of all candidates: the eligible ones in their order, then the others.
    pub(super) fn places_in_order(&self) -> impl Iterator<Item = usize> + '_ {
        let out = |(place, candidate): (usize, &Candidate)| candidate.verdict.reason().map(|_| place);
        let ranked = self.order.iter().map(|place| *place as usize);
        ranked.chain(self.candidates.iter().enumerate().filter_map(out))
    }

    fn explain_one(&self, place: usize, snapshot: &Snapshot) -> Option<ExplainedCandidate> {
        let candidate = self.candidates.get(place)?;
        let Chosen { channel, provider, model, upstream_model } = Chosen::of(candidate, snapshot)?;
        let reason = candidate.verdict.reason();
        let known = |value: f64| value.is_finite().then(|| readable(value));
        let factors = self.values(place).map(|(layer, raw, normalised)| ExplainedFactor {
            name: layer.factor.name(snapshot),
            value: known(raw),
            normalised: known(normalised),
        });
        Some(ExplainedCandidate {
            rank: match candidate.verdict {
                Verdict::Eligible { rank } => Some(rank.saturating_add(1)),
                Verdict::Out(_) => None,
            },
            channel,
            provider,
            model,
            upstream_model,
            fallback: self.tier_of(candidate)?.fallback.as_ref().map(ToString::to_string),
            verdict: if reason.is_none() { "eligible" } else { "out" },
            reason: reason.map(|reason| reason.as_code()),
            reason_text: reason.map(|reason| reason.sentence(snapshot)),
            until_ms: reason.and_then(|reason| reason.until_ms()),
            score: reason.is_none().then(|| readable(candidate.score)),
            price: self.explain_price(place, snapshot),
            factors: factors.collect(),
        })
    }
}

impl Decision {
    fn explain_price(&self, place: usize, snapshot: &Snapshot) -> Option<ExplainedPrice> {
        let (candidate, costs) = (self.candidates.get(place)?, self.costs(place));
        let held = self.sticky.map(|sticky| sticky.held).filter(|held| held.model == candidate.model);
        let name = |policy: &super::PricePolicy| format!("{} ×{}", policy.name, policy.multiplier);
        costs.real_usd.is_finite().then(|| ExplainedPrice {
            real_usd: readable(costs.real_usd),
            effective_usd: readable(costs.effective_usd),
            multiplier: costs.multiplier,
            policies: snapshot.prices().holding(costs.policies).map(name).collect(),
            shadow_usd: readable(costs.shadow_usd),
            cached_tokens: held.map(|held| held.cached_tokens),
        })
    }
}

/// Twelve digits: what binary fractions add behind them (`0.00016089999999999998`) tells nobody anything.
fn readable(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

fn explain_layers(tier: &Tier, snapshot: &Snapshot) -> Vec<ExplainedLayer> {
    let explain = |layer: &super::Layer| ExplainedLayer {
        field: layer.factor.name(snapshot),
        order: if layer.descending { "desc" } else { "asc" },
        weight: layer.weight,
    };
    tier.layers.iter().map(explain).collect()
}

impl Chosen {
    fn of(candidate: &Candidate, snapshot: &Snapshot) -> Option<Self> {
        let (model, channel) = names(candidate, snapshot)?;
        Some(Self {
            channel: channel.name.to_string(),
            provider: channel.provider.to_string(),
            model: model.name.to_string(),
            upstream_model: model.upstream_name.to_string(),
        })
    }
}

fn names<'a>(candidate: &Candidate, snapshot: &'a Snapshot) -> Option<(&'a ChannelModel, &'a Channel)> {
    snapshot.model_and_channel(candidate.model)
}
