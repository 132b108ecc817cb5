//! The retry budget: attempts ≤ (1 + share) × requests + a floor per second, over the whole router, so that an
//! outage does not multiply the load on what still works. Second attempts beside silent ones have such a budget of their own,
//! without a floor, and count as retries as well.

use std::sync::{Mutex, PoisonError};

/// Bounds of [`RetryBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudgetConfig {
    /// Retries for each thousand requests (`failover.retry_budget` × 1,000).
    pub per_mille: u32,
    /// Retries in a second that are always allowed, so that a quiet router fails over too.
    pub floor_per_second: u32,
}

impl RetryBudgetConfig {
    /// For second attempts beside silent ones: so many for each thousand requests that may have one
    /// (`failover.hedge_budget` × 1,000).
    #[must_use]
    pub const fn hedges(per_mille: u32) -> Self {
        Self { per_mille, floor_per_second: 0 }
    }
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self { per_mille: 200, floor_per_second: 10 }
    }
}

/// Thousandths of a retry.
const RETRY: u64 = 1_000;
/// What may be saved up: one second of the floor, and this many retries of the share.
const MOST_SAVED: u64 = 100 * RETRY;

/// A token bucket that requests and time fill and retries empty. Starts with one second of the floor.
#[derive(Debug)]
pub struct RetryBudget(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    config: RetryBudgetConfig,
    saved: u64,
    /// When time filled it last; nothing before the first retry is asked for, so that no time before the start counts.
    filled_ms: Option<u64>,
}

impl RetryBudget {
    /// A bucket that no request has filled yet.
    #[must_use]
    pub fn new(config: RetryBudgetConfig) -> Self {
        let saved = u64::from(config.floor_per_second) * RETRY;
        Self(Mutex::new(Bucket { config, saved, filled_ms: None }))
    }

    /// Takes over changed bounds; what is saved stays, within them.
    pub fn configure(&self, config: RetryBudgetConfig) {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.config = config;
        bucket.add(0);
    }

    /// A request came in.
    pub fn request(&self) {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = u64::from(bucket.config.per_mille);
        bucket.add(more);
    }

    /// Asks for one retry and books it. `now_ms` is monotonic.
    #[must_use]
    pub fn take(&self, now_ms: u64) -> bool {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = bucket.filled_ms.map_or(0, |filled| now_ms.saturating_sub(filled));
        bucket.filled_ms = bucket.filled_ms.max(Some(now_ms));
        // one retry a second is one thousandth a millisecond
        let more = passed.saturating_mul(u64::from(bucket.config.floor_per_second));
        bucket.add(more);
        let allowed = bucket.saved >= RETRY;
        if allowed {
            bucket.saved -= RETRY;
        }
        allowed
    }
}

impl Bucket {
    fn most(config: RetryBudgetConfig) -> u64 {
        let floor = u64::from(config.floor_per_second) * RETRY;
        if config.per_mille == 0 { floor } else { floor + MOST_SAVED }
    }

    fn add(&mut self, more: u64) {
        self.saved = self.saved.saturating_add(more).min(Self::most(self.config));
    }
}
