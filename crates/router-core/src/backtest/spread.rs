//! How sure a result is: what chance and few observations leave open, and how far replays with other lots come apart.

use std::collections::BTreeMap;

use super::Observations;
use super::observed::Cell;
use super::report::Estimate;
use super::tallies::{Drawn, Tallies};
use super::totals::Totals;
use crate::catalog::{ModelIx, Snapshot};

/// An hour with fewer observations counts as a part of the whole period.
const ENOUGH: u64 = 10;
/// How far off a cost may be of which nothing was observed: half of it.
const UNSEEN_COST: f64 = 0.5;
/// A deviation that four values tell is taken as so many times as large (Student's 2.78 instead of 1.96).
const FEW_REPLAYS: f64 = 1.42;
/// 95 of 100 values of a normal law lie within so many deviations.
const TWO_SIDED_95: f64 = 1.96;

/// Deviations.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    pub(super) cost_usd: f64,
    pub(super) took_ms: f64,
    pub(super) failed: f64,
}

impl Spread {
    /// The larger of each.
    pub(super) fn or(self, other: &Self) -> Self {
        Self {
            cost_usd: self.cost_usd.max(other.cost_usd),
            took_ms: self.took_ms.max(other.took_ms),
            failed: self.failed.max(other.failed),
        }
    }
}

/// A sum with the interval of its deviation.
pub(super) fn around(actual: f64, predicted: f64, deviation: f64) -> Estimate {
    Estimate {
        actual,
        predicted,
        low: (predicted - TWO_SIDED_95 * deviation).max(0.0),
        high: predicted + TWO_SIDED_95 * deviation,
    }
}

impl Tallies {
    /// How far replays with other lots come apart from this one: a policy that learns from its own traffic, and whoever stays
    /// away after a fault, make much of little. Nothing where nothing was drawn.
    #[expect(clippy::cast_precision_loss, reason = "an estimate of an error")]
    pub(super) fn apart(&self, others: &[Self]) -> Spread {
        let drawn = (self.sources.observed + self.sources.assumed) as f64;
        let share = drawn / (drawn + self.sources.recorded as f64).max(1.0);
        let deviation = |of: &dyn Fn(&Totals) -> f64| {
            let squares = others.iter().map(|other| (of(&other.predicted) - of(&self.predicted)).powi(2));
            FEW_REPLAYS * (share * squares.sum::<f64>() / (others.len() as f64).max(1.0)).sqrt()
        };
        Spread {
            cost_usd: deviation(&|totals| totals.cost.as_usd_f64()),
            took_ms: deviation(&|totals| totals.took.mean().unwrap_or(0.0)),
            failed: deviation(&|totals| totals.failed as f64),
        }
    }

    /// Deviations of the sums. What a cell's few observations leave open is the same for every draw from it, so it is added up
    /// before it is squared; the draws themselves differ from each other.
    #[expect(clippy::cast_precision_loss, reason = "an estimate of an error")]
    pub(super) fn spread(&self, snapshot: &Snapshot, observed: &Observations, cooldown_ms: u64) -> Spread {
        let mut pooled: BTreeMap<(ModelIx, Option<u64>), Drawn> = BTreeMap::new();
        for ((ix, hour), drawn) in &self.drawn {
            let enough =
                cell_of(snapshot, observed, *ix, Some(*hour)).is_some_and(|cell| cell.observations() >= ENOUGH);
            let sum = pooled.entry((*ix, enough.then_some(*hour))).or_default();
            sum.attempts += drawn.attempts;
            sum.failed += drawn.failed;
            sum.cost_usd += drawn.cost_usd;
        }
        let (mut cost, mut took, mut failed) = (0.0, 0.0, 0.0);
        let usual = self.predicted.took.mean().unwrap_or(0.0);
        let all = (self.predicted.requests as f64).max(1.0);
        let moved = 1.0 + all * cooldown_ms as f64 / (self.until_ms.saturating_sub(self.since_ms) as f64).max(1.0);
        for ((ix, hour), drawn) in &pooled {
            let cell = cell_of(snapshot, observed, *ix, *hour);
            let (k, n) = (drawn.attempts as f64, cell.map_or(0.0, |cell| cell.observations() as f64));
            let relative = cell.and_then(|cell| {
                let mean = cell.cost.mean().filter(|mean| *mean > 0.0)?;
                Some((cell.cost.variance()? / cell.cost.n).sqrt() / mean)
            });
            cost += (drawn.cost_usd * relative.unwrap_or(UNSEEN_COST)).powi(2);
            let rate = (drawn.failed as f64 + 1.0) / (k + 2.0);
            let variance = rate * (1.0 - rate);
            // A failure sends the request to another, at another price, and all that come until the cooldown is over.
            let elsewhere = moved * (self.predicted.cost.as_usd_f64() / all - drawn.cost_usd / k.max(1.0)).abs();
            cost += elsewhere.powi(2) * variance * (k * k / (n + 2.0) + k);
            failed += k * k * variance / (n + 2.0) + k * variance;
            let times = cell.and_then(|cell| cell.took.variance());
            let variance = times.unwrap_or(usual * usual);
            took += k * k * variance / n.max(1.0) + k * variance;
        }
        // Most failed attempts are made good by another candidate.
        let attempts: u64 = self.drawn.values().map(|drawn| drawn.failed).sum();
        let stay = (self.predicted.failed as f64 / (attempts as f64).max(1.0)).min(1.0);
        Spread { cost_usd: f64::sqrt(cost), took_ms: f64::sqrt(took) / all, failed: f64::sqrt(failed) * stay }
    }
}

fn cell_of<'o>(snapshot: &Snapshot, observed: &'o Observations, ix: ModelIx, hour: Option<u64>) -> Option<&'o Cell> {
    let (model, channel) = snapshot.model_and_channel(ix)?;
    match hour {
        Some(hour) => observed.hour(&channel.name, &model.upstream_name, hour),
        None => observed.whole(&channel.name, &model.upstream_name),
    }
}
