//! What a request may do: its candidates in order, and its bounds.

use std::borrow::Cow;

use crate::catalog::spec::Timeouts;

/// A candidate as far as failover needs to know it. The server keeps the rest beside it, at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// A number for the channel: equal for candidates of one channel.
    pub channel: u32,
    /// A number for the provider.
    pub provider: u32,
    /// The provider keys that may be used, best first, by their places on the channel: so a key is the same one for all
    /// models of its channel, whatever the order. Empty: commands name none.
    pub keys: Cow<'static, [u16]>,
    /// Tokens of context; `None` is unknown.
    pub context_length: Option<u64>,
    /// The channel's deadlines; `total_ms` is not read here but from the [`Plan`].
    pub timeouts: Timeouts,
    /// Milliseconds of silence after which a second attempt may start beside the one at this candidate; `None`: never.
    pub hedge_after_ms: Option<u64>,
}

/// A request's candidates, best first, and its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Best first. Only as many as may be wanted need to be here.
    pub candidates: Vec<Candidate>,
    /// Attempts in all, at least 1 (`failover.max_attempts`).
    pub max_attempts: u32,
    /// Milliseconds for all attempts together (`timeouts.total`, `x-router-timeout-ms`).
    pub total_ms: u64,
}
