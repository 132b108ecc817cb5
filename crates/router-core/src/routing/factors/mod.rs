//! Factors: what a layer can rank by. One file for each family, one line of registration.
//!
//! A factor gives a raw number for one candidate, `NaN` where it is unknown; [`super::score`] normalises it over
//! the candidates.

mod capacity;
mod cost;
mod quality;
mod reliability;
mod speed;

use super::live::{ChannelLive, ModelLive};
use super::prices::Costs;
use crate::catalog::{Capabilities, Channel, ChannelModel, Member, ScoreId, Snapshot};

pub use cost::USUAL_OUTPUT_TOKENS;
pub(crate) use cost::{Tokens, real_usd};
pub(crate) use quality::quality;

/// Something to rank by.
#[derive(Debug)]
pub struct Factor {
    /// Name in configuration.
    pub name: &'static str,
    /// What it is, with unit and formula.
    pub doc: &'static str,
    /// Whether a larger value is usually better: the order where only a name is given.
    pub descending: bool,
    /// What it follows from.
    pub(crate) origin: Origin,
    /// The raw value; `NaN` is unknown.
    pub(crate) raw: fn(&View<'_>) -> f64,
}

/// What a factor's value follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The catalogue and the request; prices too, which are computed anew for every policy.
    Catalogue,
    /// What runs and what is left at the moment.
    Present,
    /// What has been observed, so that who is never tried is never known.
    Observed,
}

/// Every factor. `NAME_score` for any other name reads the channel model's `scores`.
pub const FACTORS: &[Factor] = &[
    cost::EFFECTIVE_COST,
    cost::COST_EFFICIENCY,
    speed::SPEED_SCORE,
    speed::LATENCY,
    speed::TTFT,
    speed::TTFT_P95,
    speed::THROUGHPUT,
    quality::QUALITY_SCORE,
    quality::CAPABILITY_MATCH,
    quality::CONTEXT_LENGTH,
    quality::PARAMETER_COUNT,
    reliability::RELIABILITY_SCORE,
    reliability::UPTIME_SCORE,
    reliability::HEALTH_SCORE,
    capacity::QUOTA_REMAINING,
    capacity::IN_FLIGHT,
    capacity::PRIORITY,
];

/// A factor, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorRef {
    /// Place in [`FACTORS`].
    Known(u8),
    /// A named score of the channel model.
    Score(ScoreId),
}

impl FactorRef {
    /// What it follows from.
    pub(crate) fn origin(self) -> Origin {
        match self {
            Self::Known(place) => FACTORS.get(usize::from(place)).map_or(Origin::Catalogue, |factor| factor.origin),
            Self::Score(_) => Origin::Catalogue,
        }
    }

    /// The factor of that name in [`FACTORS`].
    #[must_use]
    pub fn known(name: &str) -> Option<Self> {
        let place = FACTORS.iter().position(|factor| factor.name == name)?;
        u8::try_from(place).ok().map(Self::Known)
    }

    /// `quality_score`, which a filter reads too.
    pub(crate) fn quality() -> Self {
        Self::known(quality::QUALITY_SCORE.name).unwrap_or(Self::Known(u8::MAX))
    }

    /// The name as configured.
    #[must_use]
    pub fn name(self, snapshot: &Snapshot) -> String {
        match self {
            Self::Known(place) => FACTORS.get(usize::from(place)).map_or_else(String::new, |f| f.name.to_owned()),
            Self::Score(score) => format!("{}_score", snapshot.score_text(score).unwrap_or("unknown")),
        }
    }

    /// The raw value for a candidate: overridden by the group's member, else computed. Never infinite.
    pub(crate) fn raw(self, view: &View<'_>) -> f64 {
        if let Some(value) = view.overridden(self) {
            return value;
        }
        let value = match self {
            Self::Known(place) => FACTORS.get(usize::from(place)).map_or(f64::NAN, |factor| (factor.raw)(view)),
            Self::Score(score) => view.model.score(score).unwrap_or(f64::NAN),
        };
        if value.is_infinite() { f64::NAN } else { value }
    }
}

/// One layer of a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// What is ranked by.
    pub factor: FactorRef,
    /// Whether a larger value is better.
    pub descending: bool,
    /// Share in the weighted mean; finite, ≥ 0. Layers of weight 0 only break ties.
    pub weight: f64,
}

/// The factor of that name, with its usual direction.
#[must_use]
pub fn factor(name: &str) -> Option<&'static Factor> {
    FACTORS.iter().find(|factor| factor.name == name)
}

/// Whether a larger value of the factor is usually better; also for `NAME_score`.
#[must_use]
pub fn usually_descending(name: &str) -> bool {
    factor(name).is_none_or(|factor| factor.descending)
}

/// The names of all factors, separated by commas.
#[must_use]
pub fn factor_names() -> String {
    FACTORS.iter().map(|factor| factor.name).collect::<Vec<_>>().join(", ")
}

/// What a factor sees of one candidate.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) model: &'a ChannelModel,
    pub(crate) channel: &'a Channel,
    pub(crate) member: &'a Member,
    pub(crate) overrides: &'a [(FactorRef, f64)],
    pub(crate) live: &'a ModelLive,
    pub(crate) channel_live: &'a ChannelLive,
    pub(crate) tokens: Tokens,
    /// Requests of today through the member, where it has a daily limit.
    pub(crate) member_today: u64,
    pub(crate) costs: Costs,
    pub(crate) optional: Capabilities,
}

impl View<'_> {
    fn overridden(&self, factor: FactorRef) -> Option<f64> {
        self.overrides.iter().find(|(own, _)| *own == factor).map(|(_, value)| *value)
    }

    /// An observed figure, or `NaN`.
    fn observed(value: Option<f64>) -> f64 {
        value.filter(|value| value.is_finite() && *value >= 0.0).unwrap_or(f64::NAN)
    }

    /// How far observations outweigh a prior that counts as `prior` of them: `n / (n + prior)`.
    fn confidence(&self, prior: f64) -> f64 {
        let n = self.live.observations;
        if n.is_finite() && n > 0.0 { n / (n + prior) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        for (place, factor) in FACTORS.iter().enumerate() {
            assert_eq!(FactorRef::known(factor.name), Some(FactorRef::Known(place as u8)), "{} twice", factor.name);
            assert!(
                factor.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                factor.name
            );
            assert!(factor.doc.len() > 10, "{} has no documentation", factor.name);
        }
        assert!(usually_descending("coding_score"));
        assert!(!usually_descending("effective_cost"));
    }
}
