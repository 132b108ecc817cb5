//! What is measured: a table.

use crate::bench::load::Until;
use std::time::Duration;

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    /// Name in the results.
    pub(super) name: &'static str,
    /// Whether answers are streams (of 50 events).
    pub(super) stream: bool,
    /// Clients, each with one connection and one request at a time.
    pub(super) connections: usize,
    /// The upstream's delay before it answers.
    pub(super) delay_ms: u64,
    /// The upstream's pause between events.
    pub(super) event_gap_ms: u64,
    /// A number of requests instead of a time.
    pub(super) requests: Option<u64>,
}

/// 1 KB chat requests and answers at 64 clients.
pub(super) const REQUESTS: &str = "requests";
/// Streams of 50 events at 64 clients, as fast as they go.
pub(super) const STREAMS: &str = "streams";
/// 1 KB chat requests, one at a time.
pub(super) const LATENCY: &str = "latency";
/// Streams as models pace them.
pub(super) const PACED: &str = "paced";
/// A thousand clients on a provider of 200 ms.
pub(super) const CROWD: &str = "crowd";

/// Everything that is measured, in this order, in each round.
pub(super) const SCENARIOS: [Scenario; 5] = [
    Scenario { name: REQUESTS, stream: false, connections: 64, delay_ms: 0, event_gap_ms: 0, requests: None },
    Scenario { name: STREAMS, stream: true, connections: 64, delay_ms: 0, event_gap_ms: 0, requests: None },
    Scenario { name: LATENCY, stream: false, connections: 1, delay_ms: 0, event_gap_ms: 0, requests: None },
    Scenario { name: PACED, stream: true, connections: 16, delay_ms: 50, event_gap_ms: 10, requests: None },
    Scenario { name: CROWD, stream: false, connections: 1000, delay_ms: 200, event_gap_ms: 0, requests: Some(5000) },
];

/// How long a timed scenario runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(f64);

impl Seconds {
    pub(super) fn of(quick: bool) -> Self {
        Self(if quick { 1.0 } else { 5.0 })
    }
}

impl Scenario {
    pub(super) fn until(&self, seconds: Seconds) -> Until {
        self.requests.map_or(Until::Time(Duration::from_secs_f64(seconds.0)), Until::Requests)
    }
}
