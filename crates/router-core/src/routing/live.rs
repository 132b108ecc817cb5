//! What routing may know of the present: plain copies of live state, asked for by index.
//!
//! The server keeps live state by stable id and answers from memory. Figures of a channel model that has not been
//! used for long should age (fewer observations), else a filter on observed speed could keep it out for ever.

use super::sighting::Sighting;
use crate::catalog::{ChannelIx, GroupIx, ModelIx};
use crate::money::Nano;

/// Live state as routing sees it. Every method is called at most once for each candidate of a decision, and the first two once
/// more where somebody is to be tried out or nobody is left.
///
/// What stands only in memory belongs here too, such as who keeps the state that a request names.
pub trait Live {
    /// Of a channel model.
    fn model(&self, ix: ModelIx) -> ModelLive;

    /// Of a channel.
    fn channel(&self, ix: ChannelIx) -> ChannelLive;

    /// The only channel that can serve the request, because it keeps state that the request builds on. Asked once.
    fn pinned(&self) -> Option<ChannelIx> {
        None
    }

    /// Requests of today through this member of the group. Asked only where the member has a `daily_limit`.
    fn member_requests_today(&self, group: GroupIx, model: ModelIx) -> u64 {
        let _ = (group, model);
        0
    }

    /// What an earlier decision on the same request saw of a channel model; it goes before the rest.
    fn sighted(&self, model: ModelIx) -> Option<&Sighting> {
        let _ = model;
        None
    }
}

/// Nothing is known: every candidate is idle, healthy and unobserved.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLive;

impl Live for NoLive {
    fn model(&self, _: ModelIx) -> ModelLive {
        ModelLive::default()
    }

    fn channel(&self, _: ChannelIx) -> ChannelLive {
        ChannelLive::default()
    }
}

/// State of a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakerView {
    /// Passes.
    #[default]
    Closed,
    /// Probes; passes while `allows`, that is while a probe is to be had.
    HalfOpen {
        /// Whether a probe is to be had.
        allows: bool,
    },
    /// Refuses.
    Open {
        /// When it will probe; unix milliseconds.
        until_ms: u64,
        /// From when on it may be probed by a request that has nobody else to go to; unix milliseconds.
        early_ms: u64,
    },
}

/// What keeps a channel model or a channel away for a time. Unix milliseconds; 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Away {
    /// Cooldown after faults.
    pub cooldown_until_ms: u64,
    /// Whether the cooldown is only our guess after a passing fault; then it is tried before nobody is.
    pub cooldown_is_guess: bool,
    /// The provider said: too many requests; or our window for it is full.
    pub rate_limited_until_ms: u64,
    /// The circuit breaker.
    pub breaker: BreakerView,
}

impl Away {
    /// When a probe that is out is expected to have told something, milliseconds from now.
    const NEWS_MS: u64 = 1_000;

    /// Both keep away: until the later time, and only as a guess where nothing of it is firm. The breaker stays this one's.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let cooling = self.cooldown_until_ms > 0 || other.cooldown_until_ms > 0;
        let is_firm = |of: &Self| of.cooldown_until_ms > 0 && !of.cooldown_is_guess;
        Self {
            cooldown_until_ms: self.cooldown_until_ms.max(other.cooldown_until_ms),
            cooldown_is_guess: cooling && !is_firm(&self) && !is_firm(&other),
            rate_limited_until_ms: self.rate_limited_until_ms.max(other.rate_limited_until_ms),
            breaker: self.breaker,
        }
    }

    /// From when on a request that has nobody else to go to may try it, past what is only our guess; `now_ms` where it may
    /// now.
    #[must_use]
    pub fn early_ms(&self, now_ms: u64) -> u64 {
        let breaker = match self.breaker {
            BreakerView::Closed | BreakerView::HalfOpen { allows: true } => now_ms,
            BreakerView::HalfOpen { allows: false } => now_ms.saturating_add(Self::NEWS_MS),
            BreakerView::Open { early_ms, .. } => early_ms,
        };
        let firm = if self.cooldown_is_guess { now_ms } else { self.cooldown_until_ms };
        now_ms.max(breaker).max(firm).max(self.rate_limited_until_ms)
    }
}

/// Live state of a channel model.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModelLive {
    /// Attempts running now.
    pub in_flight: u64,
    /// Moving average of the time to the first token, milliseconds.
    pub ttft_ms: Option<f64>,
    /// The time to the first token that 95 of 100 streams held, milliseconds. Whole answers tell nothing of it.
    pub ttft_p95_ms: Option<f64>,
    /// Moving average of output tokens per second.
    pub tokens_per_second: Option<f64>,
    /// Share of good attempts, 0…1.
    pub success_rate: Option<f64>,
    /// How many attempts the averages stand on; may be decayed.
    pub observations: f64,
    /// What keeps it away.
    pub away: Away,
}

/// Live state of a channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelLive {
    /// Attempts running now, all models together.
    pub in_flight: u64,
    /// The most that may run, where the channel has no limit of its own.
    pub at_most: Option<u64>,
    /// Health as the channel manager sees it, 0…1.
    pub health: Option<f64>,
    /// What is left of the scarcest limit, 0…1: of minute, day and requests at a time.
    pub quota_remaining: Option<f64>,
    /// The largest used share of the limits per minute, 0…1; `None` where there are none.
    pub minute_used: Option<f64>,
    /// Mean of what a use of the channel's quota has saved, USD: the average of the savings of earlier decisions.
    pub saving_usd: Option<f64>,
    /// Attempts of today, for `limits.requests_per_day`.
    pub requests_today: u64,
    /// Money of today, reserved and spent, for `limits.daily_budget`.
    pub spent_today: Nano,
    /// What keeps it away.
    pub away: Away,
}
