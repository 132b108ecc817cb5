//! What a decision saw of the present of its candidates. The little of it that a stored decision does not show otherwise is
//! stored with it, so that a backtest decides by what was seen instead of guessing what stood in memory at that moment.

use super::factors::FactorRef;
use super::live::{ChannelLive, ModelLive};
use super::reason::Reason;
use crate::money::Nano;

/// What was seen of one candidate. It goes before live state; what is `None` was not written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// The passing reason that kept it away, if one did.
    pub passing: Option<Option<Reason>>,
    /// Whether it was offered where nobody was left but whom only our guess kept away.
    pub offered: Option<bool>,
    /// Raw values of factors that follow from the present or from observations.
    pub values: Vec<(FactorRef, f64)>,
    /// Attempts that ran there.
    pub in_flight: Option<u64>,
    /// How well it was known.
    pub known: Option<Known>,
    /// How much of its limits was used.
    pub load: Option<Load>,
}

/// How well a candidate is known: by it somebody is tried out. Written down where the request might try somebody out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// See [`ModelLive::observations`].
    pub observations: f64,
    /// See [`ModelLive::ttft_ms`].
    pub ttft_ms: Option<f64>,
    /// See [`ModelLive::success_rate`].
    pub success_rate: Option<f64>,
}

/// How much of a candidate's limits is used: by it prices follow the present. Written down where prices do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// See [`ChannelLive::requests_today`].
    pub requests_today: u64,
    /// See [`ChannelLive::spent_today`].
    pub spent_today: Nano,
    /// See [`ChannelLive::minute_used`].
    pub minute_used: Option<f64>,
    /// See [`ChannelLive::in_flight`].
    pub in_flight: u64,
    /// See [`ChannelLive::saving_usd`].
    pub saving_usd: Option<f64>,
    /// See [`super::Live::member_requests_today`].
    pub member_today: u64,
}

impl Known {
    pub(super) const fn of(live: &ModelLive) -> Self {
        Self { observations: live.observations, ttft_ms: live.ttft_ms, success_rate: live.success_rate }
    }
}

impl Load {
    pub(super) const fn of(live: &ChannelLive, member_today: u64) -> Self {
        Self {
            requests_today: live.requests_today,
            spent_today: live.spent_today,
            minute_used: live.minute_used,
            in_flight: live.in_flight,
            saving_usd: live.saving_usd,
            member_today,
        }
    }
}

impl Sighting {
    /// The raw value that a factor had.
    pub(super) fn value(&self, factor: FactorRef) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == factor).map(|(_, value)| *value)
    }

    /// Puts what was seen in the place of the present.
    pub(super) fn recall(&self, model: &mut ModelLive, channel: &mut ChannelLive, member_today: &mut u64) {
        model.in_flight = self.in_flight.unwrap_or(model.in_flight);
        if let Some(load) = self.load {
            channel.requests_today = load.requests_today;
            channel.spent_today = load.spent_today;
            channel.minute_used = load.minute_used;
            channel.in_flight = load.in_flight;
            channel.saving_usd = load.saving_usd;
            *member_today = load.member_today;
        }
    }
}
