//! How far a candidate can be relied on.

use super::{Factor, Origin, View};
use crate::routing::live::BreakerView;

/// Observations that the prior counts for.
const PRIOR_OBSERVATIONS: f64 = 20.0;
/// Success rate of a candidate of which nothing is known: it is trusted like one that has never failed. Else normalising
/// would blow the difference between a few successes and none up to everything.
const USUAL_SUCCESS: f64 = 1.0;

pub(super) const RELIABILITY_SCORE: Factor = Factor {
    name: "reliability_score",
    doc: "0…1: scores.reliability (1 if none) as 20 observations, blended with the observed success rate",
    descending: true,
    origin: Origin::Observed,
    raw: reliability,
};

pub(super) const UPTIME_SCORE: Factor = Factor {
    name: "uptime_score",
    doc: "another name of reliability_score",
    descending: true,
    origin: Origin::Observed,
    raw: reliability,
};

pub(super) const HEALTH_SCORE: Factor = Factor {
    name: "health_score",
    doc: "0…1: reliability_score × the channel's health (1 if unknown) × 0.5 for each half-open breaker",
    descending: true,
    origin: Origin::Observed,
    raw: |view| {
        let health = view.channel_live.health.filter(|health| (0.0..=1.0).contains(health)).unwrap_or(1.0);
        reliability(view) * health * breaker(view.live.away.breaker) * breaker(view.channel_live.away.breaker)
    },
};

fn reliability(view: &View<'_>) -> f64 {
    let configured = view.model.facts.reliability;
    let prior = if configured.is_nan() { USUAL_SUCCESS } else { configured };
    match view.live.success_rate.filter(|rate| (0.0..=1.0).contains(rate)) {
        None => prior,
        Some(rate) => {
            let confidence = view.confidence(PRIOR_OBSERVATIONS);
            prior * (1.0 - confidence) + rate * confidence
        }
    }
}

const fn breaker(view: BreakerView) -> f64 {
    match view {
        BreakerView::Closed => 1.0,
        BreakerView::HalfOpen { .. } => 0.5,
        BreakerView::Open { .. } => 0.0,
    }
}
