//! How much room a candidate has, and which place the operator gave it.

use super::{Factor, Origin, View};

pub(super) const QUOTA_REMAINING: Factor = Factor {
    name: "quota_remaining",
    doc: "0…1: the least of what is left of the limits per minute and at a time, of requests_per_day and daily_budget of the \
          channel; 1 where nothing limits it",
    descending: true,
    origin: Origin::Present,
    raw: quota_remaining,
};

pub(super) const IN_FLIGHT: Factor = Factor {
    name: "in_flight",
    doc: "requests running on the channel model now",
    descending: false,
    origin: Origin::Present,
    raw: in_flight,
};

pub(super) const PRIORITY: Factor = Factor {
    name: "priority",
    doc: "the member's or the channel's priority; 1 is the highest",
    descending: false,
    origin: Origin::Catalogue,
    raw: |view| f64::from(view.member.priority),
};

#[expect(clippy::cast_precision_loss, reason = "numbers for ranking")]
fn in_flight(view: &View<'_>) -> f64 {
    view.live.in_flight as f64
}

#[expect(clippy::cast_precision_loss, reason = "numbers for ranking")]
fn quota_remaining(view: &View<'_>) -> f64 {
    let limits = &view.channel.limits;
    let left = |used: f64, limit: f64| if limit > 0.0 { (1.0 - used / limit).clamp(0.0, 1.0) } else { 0.0 };
    let provider = view.channel_live.quota_remaining.filter(|ratio| (0.0..=1.0).contains(ratio));
    let requests = limits.requests_per_day.map(|limit| left(view.channel_live.requests_today as f64, limit as f64));
    let money = limits.daily_budget.map(|limit| left(view.channel_live.spent_today.as_usd_f64(), limit.as_usd_f64()));
    [provider, requests, money].into_iter().flatten().fold(1.0, f64::min)
}
