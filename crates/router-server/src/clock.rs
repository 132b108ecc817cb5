//! The one place that reads clocks for the request path: wall time for periods and rows, a monotonic one for the rest.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic.
    pub instant: Instant,
    /// Unix milliseconds.
    pub unix_ms: u64,
}

impl Now {
    /// The present.
    #[must_use]
    pub fn read() -> Self {
        Self { instant: Instant::now(), unix_ms: unix_ms() }
    }

    /// Milliseconds from this moment to `later`.
    #[must_use]
    pub fn ms_until(&self, later: Instant) -> u64 {
        u64::try_from(later.saturating_duration_since(self.instant).as_millis()).unwrap_or(u64::MAX)
    }

    /// Unix milliseconds of a monotonic moment, counted from this one: a jump of the wall clock in between changes no
    /// duration.
    #[must_use]
    pub fn unix_at(&self, later: Instant) -> u64 {
        self.unix_ms.saturating_add(self.ms_until(later))
    }
}

/// Wall time in unix milliseconds.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
