//! Goals: the cheapest candidate whose observed tail holds them.
//!
//! What is compared are the values of the layers `ttft_p95` and `reliability_score`, which the catalogue's priors fill
//! where little has been observed; who is quite unknown is given the benefit of the doubt, or it would never be known.

use super::factors::FactorRef;
use super::select::Row;
use super::strategy::{SLO, strategy};
use crate::catalog::spec::Slo;

/// By how much goals are missed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Miss {
    /// The goals.
    pub goals: Slo,
    /// Milliseconds, as expected of the chosen candidate; `NaN` where unknown.
    pub ttft_p95_ms: f64,
    /// Share of successes, as expected of the chosen candidate.
    pub success: f64,
}

/// Puts those that hold the goals first and leaves them in their order; the others by how far they are off. Gives the miss
/// of the first, if it is one. `raw` holds the values layer by layer, `stride` each.
pub(super) fn cheapest_that_holds(rows: &mut [Row], goals: Slo, raw: &[f64], stride: usize) -> Option<Miss> {
    let [tail, success] = ["ttft_p95", "reliability_score"].map(layer_of);
    let value = |layer: Option<usize>, row: &Row| {
        layer.and_then(|layer| raw.get(layer * stride + row.place as usize)).copied().unwrap_or(f64::NAN)
    };
    let off = |row: &Row| {
        let slow = goals.ttft_p95_ms.map_or(0.0, |goal| value(tail, row) / goal.max(1.0) - 1.0);
        // failing twice as often as allowed is as far off as taking twice as long
        let failing = goals.success.map_or(0.0, |goal| (goal - value(success, row)) / (1.0 - goal).max(0.001));
        slow.max(failing).max(0.0)
    };
    rows.sort_by(|a, b| off(a).total_cmp(&off(b)));
    let first = rows.first().filter(|first| off(first) > 0.0)?;
    Some(Miss { goals, ttft_p95_ms: value(tail, first), success: value(success, first) })
}

fn layer_of(name: &str) -> Option<usize> {
    let factor = FactorRef::known(name)?;
    strategy(SLO).ok()?.preset_layers().iter().position(|layer| layer.factor == factor)
}
