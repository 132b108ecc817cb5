//! Averages that forget: one atomic word each, so that ranking a thousand candidates takes no lock.
//!
//! For ranking only. A decaying average can hide a total outage that comes in one burst; what trips a breaker
//! is counted in [`super::Breaker`].

use std::sync::atomic::{AtomicU64, Ordering};

/// Clock ticks in an atomic word: 32 bits of 16 ms each run for two years before they wrap.
const TICK_MS: u64 = 16;

fn tick(now_ms: u64) -> u32 {
    // wraps on purpose
    (now_ms / TICK_MS % (1 << 32)) as u32
}

/// Share that is left of an old value after the time between two ticks. A clock that went back counts as none.
fn left(from: u32, to: u32, tau_ms: u64) -> f32 {
    let passed = to.wrapping_sub(from);
    // none, or back: most often nothing has passed
    if passed == 0 || passed > u32::MAX / 2 {
        return 1.0;
    }
    (-(passed as f32) * TICK_MS as f32 / tau_ms.max(1) as f32).exp()
}

/// An exponentially weighted moving average over time (Finagle's *peak EWMA* where [`Ewma::record_peak`] is
/// used). Value and time of the last sample in one word: `f32` bits above, ticks below; 0 is empty.
#[derive(Debug, Default)]
pub struct Ewma(AtomicU64);

impl Ewma {
    /// Mixes a sample (finite, ≥ 0) in; `tau_ms` is the time after which an old value has lost 63 % of its
    /// weight. Samples that come together have at least the weight of one in sixteen.
    pub fn record(&self, sample: f64, tau_ms: u64, now_ms: u64) {
        self.update(sample, tau_ms, now_ms, false);
    }

    /// As [`Self::record`], but a worse (larger) sample counts at once and only better ones are mixed in:
    /// for latencies, where a slow-down must be seen now and forgotten slowly.
    pub fn record_peak(&self, sample: f64, tau_ms: u64, now_ms: u64) {
        self.update(sample, tau_ms, now_ms, true);
    }

    /// The average; `None` before the first sample.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        let word = self.0.load(Ordering::Relaxed);
        (word != 0).then(|| f64::from(unpack(word).0))
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn update(&self, sample: f64, tau_ms: u64, now_ms: u64, peak: bool) {
        if !sample.is_finite() || sample < 0.0 {
            return;
        }
        let sample = sample as f32;
        let at = tick(now_ms);
        let mix = |word: u64| {
            if word == 0 {
                return Some(pack(sample, at));
            }
            let (old, then) = unpack(word);
            if peak && sample > old {
                return Some(pack(sample, at));
            }
            let keep = left(then, at, tau_ms).min(15.0 / 16.0);
            Some(pack(old * keep + sample * (1.0 - keep), at))
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, mix);
    }
}

/// The smallest positive value stands for zero, so that the empty word stays free.
fn pack(value: f32, at: u32) -> u64 {
    (u64::from(value.clamp(f32::MIN_POSITIVE, f32::MAX).to_bits()) << 32) | u64::from(at)
}

fn unpack(word: u64) -> (f32, u32) {
    (f32::from_bits((word >> 32) as u32), word as u32)
}

/// The share of successes, older ones counting less. Rate (16 bits), weight of what was seen (16 bits, 1/64)
/// and time in one word.
#[derive(Debug, Default)]
pub struct SuccessRate(AtomicU64);

const FULL_RATE: f32 = 65_535.0;
const WEIGHT_UNIT: f32 = 64.0;

impl SuccessRate {
    /// Counts one outcome.
    pub fn record(&self, success: bool, tau_ms: u64, now_ms: u64) {
        let at = tick(now_ms);
        let sample = if success { 1.0 } else { 0.0 };
        let mix = |word: u64| {
            let (rate, weight, then) = Self::unpack(word);
            let weight = weight * left(then, at, tau_ms);
            let more = weight + 1.0;
            Some(Self::pack((rate * weight + sample) / more, more, at))
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, mix);
    }

    /// The rate, 0…1, drawn towards 1 by one imagined success: a channel that nobody used is presumed good,
    /// and one early failure is not the end of it.
    #[must_use]
    pub fn get(&self, tau_ms: u64, now_ms: u64) -> f64 {
        let (rate, weight, then) = Self::unpack(self.0.load(Ordering::Relaxed));
        let weight = weight * left(then, tick(now_ms), tau_ms);
        f64::from((rate * weight + 1.0) / (weight + 1.0))
    }

    /// How much the rate rests on: about the number of outcomes in the last `tau_ms`.
    #[must_use]
    pub fn weight(&self, tau_ms: u64, now_ms: u64) -> f64 {
        let (_, weight, then) = Self::unpack(self.0.load(Ordering::Relaxed));
        f64::from(weight * left(then, tick(now_ms), tau_ms))
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn pack(rate: f32, weight: f32, at: u32) -> u64 {
        let rate = (rate.clamp(0.0, 1.0) * FULL_RATE).round() as u64;
        let weight = (weight * WEIGHT_UNIT).round().min(FULL_RATE) as u64;
        (rate << 48) | (weight << 32) | u64::from(at)
    }

    fn unpack(word: u64) -> (f32, f32, u32) {
        let rate = (word >> 48) as u16;
        let weight = (word >> 32) as u16;
        (f32::from(rate) / FULL_RATE, f32::from(weight) / WEIGHT_UNIT, word as u32)
    }
}
