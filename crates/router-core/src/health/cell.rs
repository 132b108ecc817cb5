//! The live health of one thing (channel model, channel or provider key): everything that routing looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Breaker, Cooldown, Ewma, Shape, SuccessRate, Tails};

/// Health of one thing, by its stable id. Share it as `Arc<Health>`.
#[derive(Debug, Default)]
pub struct Health {
    /// Until when it stays away.
    pub cooldown: Cooldown,
    /// Whether it is trusted.
    pub breaker: Arc<Breaker>,
    /// Share of successes.
    pub success: SuccessRate,
    /// Milliseconds to the first content.
    pub first_byte_ms: Ewma,
    /// The tails of that.
    pub first_byte_tails: Tails,
    /// Milliseconds of the whole answer.
    pub latency_ms: Ewma,
    /// Output tokens per second after the first content.
    pub tokens_per_second: Ewma,
    in_flight: AtomicU64,
}

impl Health {
    /// Averages lose 63 % of an old value in five minutes.
    pub const TAU_MS: u64 = 300_000;

    /// Counts one attempt as running until the value is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Attempts that run.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Books a good answer: times in milliseconds, `output_tokens` as counted or reported. Without a shape it only shows that
    /// answers come: a question of the router's own is so small that its times say nothing of others'.
    pub fn answered(&self, shape: Option<Shape>, first_byte_ms: u64, latency_ms: u64, output_tokens: u64, now_ms: u64) {
        self.success.record(true, Self::TAU_MS, now_ms);
        self.cooldown.success(now_ms.saturating_sub(latency_ms));
        if let Some(shape) = shape {
            self.took(shape, first_byte_ms, latency_ms, output_tokens, now_ms);
        }
    }

    fn took(&self, shape: Shape, first_byte_ms: u64, latency_ms: u64, output_tokens: u64, now_ms: u64) {
        #[expect(clippy::cast_precision_loss, reason = "averages for ranking")]
        let (first, whole, tokens) = (first_byte_ms as f64, latency_ms as f64, output_tokens as f64);
        self.first_byte_ms.record_peak(first, Self::TAU_MS, now_ms);
        self.first_byte_tails.of(shape).record(first, now_ms);
        self.latency_ms.record(whole, Self::TAU_MS, now_ms);
        // too short a stream says nothing about speed
        let streamed = whole - first;
        if tokens >= 8.0 && streamed >= 50.0 {
            self.tokens_per_second.record(tokens * 1_000.0 / streamed, Self::TAU_MS, now_ms);
        }
    }

    /// Books that no content had come after so many milliseconds, when another attempt answered: what is slower than what is
    /// known. So a slow one does not look quick because only its quick answers are waited for.
    pub fn outrun(&self, shape: Shape, silent_ms: u64, now_ms: u64) {
        #[expect(clippy::cast_precision_loss, reason = "averages for ranking")]
        let silent = silent_ms as f64;
        if self.first_byte_ms.get().is_some_and(|known| silent > known) {
            self.first_byte_ms.record_peak(silent, Self::TAU_MS, now_ms);
        }
        let tail = self.first_byte_tails.of(shape);
        if tail.p95_ms().is_some_and(|known| silent >= known) {
            tail.record(silent, now_ms);
        }
    }

    /// Books a failure that counts (`Rule::counts`).
    pub fn failed(&self, now_ms: u64) {
        self.success.record(false, Self::TAU_MS, now_ms);
    }

    /// Forgets all that keeps it away (`channels/{id}/reset`); averages of speed stay.
    pub fn reset(&self) {
        self.cooldown.reset();
        self.breaker.reset();
        self.success.reset();
    }
}

/// One running attempt; see [`Health::enter`].
#[derive(Debug)]
#[must_use = "dropping it ends the attempt"]
pub struct InFlight(Arc<Health>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
