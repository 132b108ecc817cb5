//! How long a channel model, channel or provider key stays away after faults, and that it comes back by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::fault::{Fault, FaultKind, StayAway, clamp_retry_after};
use crate::ids::mix;

/// `cooldown` of system.yaml, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CooldownConfig {
    /// After the first refusal for too many requests.
    pub rate_limited_ms: u64,
    /// After the first passing failure.
    pub temporary_ms: u64,
    /// Bounds all guesses and `Retry-After`.
    pub max_ms: u64,
}

impl Default for CooldownConfig {
    fn default() -> Self {
        Self { rate_limited_ms: 30_000, temporary_ms: 10_000, max_ms: 1_800_000 }
    }
}

/// The cooldown of one thing. Reading is one atomic load.
#[derive(Debug, Default)]
pub struct Cooldown {
    until_ms: AtomicU64,
    /// As far as it is more than our guess: the provider named a time, limits its rate, or needs a repair.
    firm_until_ms: AtomicU64,
    /// Of that, until when because the provider says that there were too many requests.
    limited_until_ms: AtomicU64,
    /// Of what is firm, until when because the provider named the time or limits its rate: nobody need ask whether it is over.
    told_until_ms: AtomicU64,
    /// Until when nothing is left by the provider's own count. No fault, so a success does not end it.
    spent_until_ms: AtomicU64,
    row: Mutex<Row>,
}

/// Faults without a success between them.
#[derive(Debug, Default)]
struct Row {
    faults: u32,
    last_ms: u64,
    /// Of the fault that lasts longest.
    kind: Option<FaultKind>,
}

impl Cooldown {
    /// Books a fault and returns until when the thing stays away (milliseconds of the same clock as `now_ms`,
    /// which must be Unix time if the fault names a date), or `None` if this kind of fault asks for nothing.
    ///
    /// A date that the provider names is kept; its `Retry-After` is kept within 1 s … `max_ms`; else the time
    /// of the class doubles with each fault in a row, up to `max_ms`, give or take a tenth drawn from `seed`,
    /// so that a fleet does not come back at once. Faults of requests that were already on their way when the
    /// thing went away count as the same one. A cooldown is never shortened by another fault.
    pub fn fault(&self, fault: &Fault, config: &CooldownConfig, now_ms: u64, seed: u64) -> Option<u64> {
        let stay_away = fault.rule().stay_away;
        let first_ms = match stay_away {
            StayAway::No => return None,
            StayAway::RateLimited => config.rate_limited_ms,
            StayAway::Temporary => config.temporary_ms,
            StayAway::UntilFixed => config.max_ms,
        };
        let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        row.last_ms = row.last_ms.max(now_ms);
        if now_ms >= self.until_ms.load(Ordering::Relaxed) {
            row.faults = row.faults.saturating_add(1);
        }
        let until_ms = match (fault.until_ms.filter(|&date| date > now_ms), fault.retry_after_ms) {
            (Some(date), _) => date,
            (None, Some(wish)) => now_ms.saturating_add(clamp_retry_after(wish, config.max_ms)),
            (None, None) => {
                let doublings = row.faults.saturating_sub(1).min(32);
                let guess = first_ms.saturating_mul(1 << doublings).min(config.max_ms);
                now_ms.saturating_add(jittered(guess, seed).min(config.max_ms))
            }
        };
        let named = fault.until_ms.is_some() || fault.retry_after_ms.is_some();
        if named || stay_away != StayAway::Temporary {
            self.firm_until_ms.fetch_max(until_ms, Ordering::Relaxed);
        }
        if matches!(stay_away, StayAway::RateLimited) {
            self.limited_until_ms.fetch_max(until_ms, Ordering::Relaxed);
        }
        if named || matches!(stay_away, StayAway::RateLimited) {
            self.told_until_ms.fetch_max(until_ms, Ordering::Relaxed);
        }
        let before_ms = self.until_ms.fetch_max(until_ms, Ordering::Relaxed);
        if until_ms >= before_ms {
            row.kind = Some(fault.kind);
        }
        Some(before_ms.max(until_ms))
    }

    /// Takes a cooldown over from elsewhere (another instance, the books at start-up).
    pub fn hold_until(&self, until_ms: u64) {
        self.told_until_ms.fetch_max(until_ms, Ordering::Relaxed);
        self.firm_until_ms.fetch_max(until_ms, Ordering::Relaxed);
        self.until_ms.fetch_max(until_ms, Ordering::Relaxed);
    }

    /// The provider says that nothing is left of a limit until then (same clock as `now_ms`): others go first until then, so that
    /// it need not refuse anybody. Bounded by `max_ms`; only a guess, since headers are not to be trusted and a part may be
    /// there sooner: where nobody else is left, it is tried.
    pub fn spent(&self, until_ms: u64, config: &CooldownConfig, now_ms: u64) {
        self.spent_until_ms.store(until_ms.min(now_ms.saturating_add(config.max_ms)), Ordering::Relaxed);
    }

    /// A success of an attempt that started at `started_ms`: the thing comes back at once, and the next fault is
    /// the first again. An attempt that had started before the last fault says nothing about now.
    pub fn success(&self, started_ms: u64) {
        if self.until_ms.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        if started_ms >= row.last_ms {
            *row = Row::default();
            self.forget();
        }
    }

    /// Forgets everything (`channels/{id}/reset`).
    pub fn reset(&self) {
        let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        *row = Row::default();
        self.spent_until_ms.store(0, Ordering::Relaxed);
        self.forget();
    }

    fn forget(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
        self.firm_until_ms.store(0, Ordering::Relaxed);
        self.limited_until_ms.store(0, Ordering::Relaxed);
        self.told_until_ms.store(0, Ordering::Relaxed);
    }

    /// Whether it stays away only because we guess that a passing fault still lasts: better than nobody at all.
    #[must_use]
    pub fn is_guess(&self, now_ms: u64) -> bool {
        self.is_cooling(now_ms) && now_ms >= self.firm_until_ms.load(Ordering::Relaxed)
    }

    /// Whether it stays away after a fault of which nobody knows when it ends, be it a passing one or one that needs a repair: a
    /// question can tell.
    #[must_use]
    pub fn can_be_asked(&self, now_ms: u64) -> bool {
        let told_ms = self.told_until_ms.load(Ordering::Relaxed).max(self.spent_until_ms.load(Ordering::Relaxed));
        now_ms < self.until_ms.load(Ordering::Relaxed) && now_ms >= told_ms
    }

    /// Whether it stays away now.
    #[must_use]
    pub fn is_cooling(&self, now_ms: u64) -> bool {
        now_ms < self.away_until_ms()
    }

    fn away_until_ms(&self) -> u64 {
        self.until_ms.load(Ordering::Relaxed).max(self.spent_until_ms.load(Ordering::Relaxed))
    }

    /// Until when it stays away because of too many requests, if it does now. Clients hear of that as 429, of every
    /// other cause as 503.
    #[must_use]
    pub fn rate_limited_until(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.limited_until_ms.load(Ordering::Relaxed);
        (now_ms < until_ms).then_some(until_ms)
    }

    /// Why it stays away, if it does now: the class of the fault, or `limit_spent` where nothing is left by the provider's own
    /// count. For people.
    #[must_use]
    pub fn why(&self, now_ms: u64) -> Option<&'static str> {
        let (until_ms, spent_ms) = (self.until_ms.load(Ordering::Relaxed), self.spent_until_ms.load(Ordering::Relaxed));
        if now_ms < until_ms && until_ms >= spent_ms {
            return self.row.lock().unwrap_or_else(PoisonError::into_inner).kind.map(FaultKind::class);
        }
        (now_ms < spent_ms).then_some("limit_spent")
    }

    /// Until when it stays away, if it does now.
    #[must_use]
    pub fn until(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.away_until_ms();
        (now_ms < until_ms).then_some(until_ms)
    }
}

/// A time give or take a tenth, drawn from the seed.
pub(super) fn jittered(time_ms: u64, seed: u64) -> u64 {
    let spread = time_ms / 5;
    (time_ms - spread / 2).saturating_add(mix(seed) % (spread + 1))
}
