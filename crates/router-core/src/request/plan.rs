//! What a request may do: its candidates in order, and its bounds.

use crate::catalog::spec::Timeouts;

/// A candidate as far as failover needs to know it. The server keeps the rest beside it, at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// A number for the channel: equal for candidates of one channel.
    pub channel: u32,
    /// A number for the provider.
    pub provider: u32,
    /// How many provider keys of the channel may be used, in an order that the server fixes once per request
    /// and channel; commands name a place in that order. 0: the provider needs no key.
    pub keys: u16,
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
