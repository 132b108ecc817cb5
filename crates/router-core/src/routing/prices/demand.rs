//! Prices by load: move away from what is nearly full.

use super::{PriceRule, rule};
use crate::routing::factors::View;

pub(super) const RULE: PriceRule = PriceRule {
    name: "demand",
    doc: "by load: the used share of the channel's max_in_flight, requests_per_minute and tokens_per_minute",
    lacks: rule::no_threshold,
    observes: Some(load),
};

/// The largest used share; `NaN` where nothing limits the channel.
#[expect(clippy::cast_precision_loss, reason = "a share for ranking")]
fn load(view: &View<'_>) -> f64 {
    let running = view.channel.limits.max_in_flight.filter(|limit| *limit > 0);
    let running = running.map(|limit| view.channel_live.in_flight as f64 / limit as f64);
    let minute = view.channel_live.minute_used.filter(|share| share.is_finite());
    let known = [running, minute].into_iter().flatten().reduce(f64::max);
    known.map_or(f64::NAN, |share| share.clamp(0.0, 1.0))
}
