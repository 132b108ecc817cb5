//! Prices by used quota: spare what is nearly gone.

use super::{PriceRule, rule};
use crate::routing::factors::View;

pub(super) const RULE: PriceRule = PriceRule {
    name: "quota",
    doc: "by the used share of the day: of the channel's requests_per_day and daily_budget and of the member's daily_limit",
    lacks: rule::no_threshold,
    observes: Some(used),
};

/// The largest used share; `NaN` where nothing limits the candidate.
fn used(view: &View<'_>) -> f64 {
    let limits = &view.channel.limits;
    let money = limits.daily_budget.map(|limit| {
        let limit = limit.as_usd_f64();
        if limit > 0.0 { view.channel_live.spent_today.as_usd_f64() / limit } else { 1.0 }
    });
    let known = [money, super::used(view)].into_iter().flatten().filter(|share| !share.is_nan());
    known.reduce(f64::max).map_or(f64::NAN, |share| share.clamp(0.0, 1.0))
}
