//! A circuit breaker as the textbook has it: closed, open, half-open.
//!
//! It trips on failures in a row, or on the error rate of a ring of ten buckets once enough requests are in it.
//! After `open_for` (longer after each failed recovery) it lets exactly `half_open_probes` through; enough
//! successes close it, one failure opens it again. Whoever has nobody else to go to may probe about once a second
//! before that time: the last channel of a group is probed, not abandoned, and comes back within seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cooldown::jittered;

/// `breaker` of system.yaml; times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerConfig {
    /// Failures in a row that trip it; 0 never does.
    pub failure_threshold: u32,
    /// Share of failures in the window that trips it.
    pub error_rate: f64,
    /// Outcomes that the window must hold for that.
    pub min_requests: u32,
    /// Length of the window.
    pub window_ms: u64,
    /// How long it stays open the first time; doubles with each failed recovery.
    pub open_for_ms: u64,
    /// Bound of the doubling (`cooldown.max`).
    pub open_max_ms: u64,
    /// Requests let through at a time while half-open.
    pub half_open_probes: u32,
    /// Successes that close it.
    pub success_threshold: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            error_rate: 0.5,
            min_requests: 20,
            window_ms: 60_000,
            open_for_ms: 30_000,
            open_max_ms: 1_800_000,
            half_open_probes: 1,
            success_threshold: 2,
        }
    }
}

/// What a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open,
    /// Probes pass.
    HalfOpen,
}

impl BreakerState {
    /// The word in rows and `/health`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl BreakerState {
    /// Of two the one that lets more through.
    #[must_use]
    pub const fn better(self, other: Self) -> Self {
        match (self, other) {
            (Self::Closed, _) | (_, Self::Closed) => Self::Closed,
            (Self::HalfOpen, _) | (_, Self::HalfOpen) => Self::HalfOpen,
            (Self::Open, Self::Open) => Self::Open,
        }
    }
}

const BUCKETS: u64 = 10;
/// Between two early probes of an open breaker, give or take a tenth.
const EARLY_MS: u64 = 1_000;

/// The breaker of one thing. Share it as `Arc<Breaker>`.
#[derive(Debug, Default)]
pub struct Breaker {
    inner: Mutex<Inner>,
    /// Whether it is not closed: spares requests and the filtering of a thousand candidates as many locks.
    tripped: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    phase: Phase,
    in_a_row: u32,
    /// Failed recoveries since it was last closed.
    relapses: u32,
    ring: [Bucket; BUCKETS as usize],
    /// Recoveries that were tried: tells probes of one from those of another.
    rounds: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Closed,
    Open {
        until_ms: u64,
        /// When it may be probed by whoever has nobody else to go to.
        early_ms: u64,
    },
    HalfOpen {
        out: u32,
        successes: u32,
        /// The recovery that is tried.
        round: u64,
        /// Until when it would have stayed open: a probe before that does not lengthen the time by failing.
        until_ms: u64,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    number: u64,
    good: u32,
    bad: u32,
}

/// Leave to send one request. Tell the outcome with [`Pass::record`]; a pass that is dropped without one (the
/// client left, say) moves nothing and gives its probe back.
#[derive(Debug)]
#[must_use = "a dropped pass records nothing"]
pub struct Pass {
    breaker: Arc<Breaker>,
    /// The recovery that it probes for.
    probe: Option<u64>,
}

impl Breaker {
    /// Leave to send a request now, or `None` while open or while all probes are out.
    #[must_use]
    pub fn pass(self: &Arc<Self>, config: &BreakerConfig, now_ms: u64) -> Option<Pass> {
        self.admit(config, now_ms, false)
    }

    /// As [`Self::pass`], for a request that has nobody else to go to: an open breaker gives it leave once in a while.
    #[must_use]
    pub fn pass_early(self: &Arc<Self>, config: &BreakerConfig, now_ms: u64) -> Option<Pass> {
        self.admit(config, now_ms, true)
    }

    fn admit(self: &Arc<Self>, config: &BreakerConfig, now_ms: u64, early: bool) -> Option<Pass> {
        let probe = if self.is_closed() { None } else { self.lock().admit(config, now_ms, early)? };
        Some(Pass { breaker: Arc::clone(self), probe })
    }

    /// Whether [`Self::pass`] would give leave now; takes nothing. For filtering candidates.
    #[must_use]
    pub fn would_pass(&self, config: &BreakerConfig, now_ms: u64) -> bool {
        if self.is_closed() {
            return true;
        }
        match self.lock().phase {
            Phase::Closed => true,
            Phase::Open { until_ms, .. } => now_ms >= until_ms,
            Phase::HalfOpen { out, .. } => out < config.half_open_probes.max(1),
        }
    }

    /// What it is now: an open one whose time is over is half-open.
    #[must_use]
    pub fn state(&self, now_ms: u64) -> BreakerState {
        if self.is_closed() {
            return BreakerState::Closed;
        }
        match self.lock().phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { until_ms, .. } if now_ms < until_ms => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// When it lets probes through, if it is open now.
    #[must_use]
    pub fn open_until(&self, now_ms: u64) -> Option<u64> {
        match self.lock().phase {
            Phase::Open { until_ms, .. } if now_ms < until_ms => Some(until_ms),
            _ => None,
        }
    }

    /// When it may be probed by whoever has nobody else to go to, if it is open now. No later than
    /// [`Self::open_until`].
    #[must_use]
    pub fn early_from(&self, now_ms: u64) -> Option<u64> {
        match self.lock().phase {
            Phase::Open { until_ms, early_ms } if now_ms < until_ms => Some(early_ms.min(until_ms)),
            _ => None,
        }
    }

    /// Something else has shown that it may be well again: if it is open, it probes from now on.
    pub fn hurry(&self, now_ms: u64) {
        if let Phase::Open { until_ms, early_ms } = &mut self.lock().phase {
            (*until_ms, *early_ms) = ((*until_ms).min(now_ms), (*early_ms).min(now_ms));
        }
    }

    /// Closes it and forgets everything (`channels/{id}/reset`).
    pub fn reset(&self) {
        let mut inner = self.lock();
        *inner = Inner { rounds: inner.rounds, ..Inner::default() };
        self.tripped.store(false, Ordering::Relaxed);
    }

    /// Without the lock: whoever passes as it trips has passed before.
    fn is_closed(&self) -> bool {
        !self.tripped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Whether this request probes a half-open breaker.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Tells how it went; only for outcomes that count (`Rule::counts`). `seed` spreads the time until the
    /// next try. Returns the new state if this outcome changed it.
    pub fn record(mut self, success: bool, config: &BreakerConfig, now_ms: u64, seed: u64) -> Option<BreakerState> {
        let probe = self.probe.take();
        let mut inner = self.breaker.lock();
        let changed = inner.record(probe, success, config, now_ms, seed);
        if let Some(state) = changed {
            self.breaker.tripped.store(state != BreakerState::Closed, Ordering::Relaxed);
        }
        changed
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(round) = self.probe {
            self.breaker.lock().give_back(round);
        }
    }
}

impl Inner {
    /// `Some(None)`: an ordinary request; `Some(Some(round))`: a probe.
    #[expect(clippy::option_option, reason = "leave, and whether it is a probe, are two questions")]
    fn admit(&mut self, config: &BreakerConfig, now_ms: u64, early: bool) -> Option<Option<u64>> {
        match &mut self.phase {
            Phase::Closed => Some(None),
            Phase::Open { until_ms, early_ms } if now_ms < *until_ms && !(early && now_ms >= *early_ms) => None,
            Phase::Open { until_ms, .. } => {
                self.rounds += 1;
                let round = self.rounds;
                self.phase = Phase::HalfOpen { out: 1, successes: 0, round, until_ms: *until_ms };
                Some(Some(round))
            }
            Phase::HalfOpen { out, round, .. } if *out < config.half_open_probes.max(1) => {
                *out += 1;
                Some(Some(*round))
            }
            Phase::HalfOpen { .. } => None,
        }
    }

    fn record(
        &mut self,
        probe: Option<u64>,
        success: bool,
        config: &BreakerConfig,
        now_ms: u64,
        seed: u64,
    ) -> Option<BreakerState> {
        match probe {
            Some(round) => self.probed(round, success, config, now_ms, seed),
            None if matches!(self.phase, Phase::Closed) => self.counted(success, config, now_ms, seed),
            // sent before it opened: says nothing about the recovery
            None => None,
        }
    }

    fn counted(&mut self, success: bool, config: &BreakerConfig, now_ms: u64, seed: u64) -> Option<BreakerState> {
        let width = (config.window_ms / BUCKETS).max(1);
        let number = now_ms / width;
        if let Some(bucket) = self.ring.get_mut((number % BUCKETS) as usize) {
            if bucket.number != number {
                *bucket = Bucket { number, good: 0, bad: 0 };
            }
            let count = if success { &mut bucket.good } else { &mut bucket.bad };
            *count = count.saturating_add(1);
        }
        self.in_a_row = if success { 0 } else { self.in_a_row.saturating_add(1) };
        let in_a_row = config.failure_threshold > 0 && self.in_a_row >= config.failure_threshold;
        (!success && (in_a_row || self.rate_tripped(config, number))).then(|| self.open(config, now_ms, seed))
    }

    fn rate_tripped(&self, config: &BreakerConfig, number: u64) -> bool {
        let fresh = self.ring.iter().filter(|bucket| bucket.number + BUCKETS > number);
        let (good, bad) = fresh
            .fold((0u64, 0u64), |(good, bad), bucket| (good + u64::from(bucket.good), bad + u64::from(bucket.bad)));
        let all = good + bad;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = bad as f64 / all.max(1) as f64;
        all >= u64::from(config.min_requests.max(1)) && share >= config.error_rate
    }

    fn probed(
        &mut self,
        of: u64,
        success: bool,
        config: &BreakerConfig,
        now_ms: u64,
        seed: u64,
    ) -> Option<BreakerState> {
        let Phase::HalfOpen { out, successes, round, until_ms } = &mut self.phase else { return None };
        if *round != of {
            return None; // a probe of an earlier recovery, which has failed since
        }
        *out = out.saturating_sub(1);
        if !success && now_ms < *until_ms {
            let until_ms = *until_ms;
            self.phase = Phase::Open { until_ms, early_ms: early(now_ms, seed) };
            return Some(BreakerState::Open);
        }
        if !success {
            self.relapses = self.relapses.saturating_add(1);
            return Some(self.open(config, now_ms, seed));
        }
        *successes += 1;
        if *successes < config.success_threshold {
            return None;
        }
        *self = Self { rounds: self.rounds, ..Self::default() };
        Some(BreakerState::Closed)
    }

    fn give_back(&mut self, of: u64) {
        if let Phase::HalfOpen { out, round, .. } = &mut self.phase
            && *round == of
        {
            *out = out.saturating_sub(1);
        }
    }

    fn open(&mut self, config: &BreakerConfig, now_ms: u64, seed: u64) -> BreakerState {
        let longer = config.open_for_ms.saturating_mul(1 << self.relapses.min(32));
        let open_ms = jittered(longer.min(config.open_max_ms.max(config.open_for_ms)), seed).max(1);
        self.phase = Phase::Open { until_ms: now_ms.saturating_add(open_ms), early_ms: early(now_ms, seed) };
        self.in_a_row = 0;
        self.ring = <[Bucket; BUCKETS as usize]>::default();
        BreakerState::Open
    }
}

fn early(now_ms: u64, seed: u64) -> u64 {
    now_ms.saturating_add(jittered(EARLY_MS, seed))
}
