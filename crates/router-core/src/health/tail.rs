//! The tail of a time: what 95 of 100 attempts held, from a small histogram that forgets.

use std::sync::atomic::{AtomicU32, Ordering};

const BUCKETS: usize = 32;
const FIRST_MS: f64 = 25.0;
const STEP: f64 = 1.25;
/// Bounds of the buckets in milliseconds: 25 × 1.25ⁿ, up to 25 seconds; the last one holds everything beyond.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler: a wrong index is an error of the build")]
const BOUNDS_MS: [f64; BUCKETS] = {
    let (mut bounds, mut place) = ([FIRST_MS; BUCKETS], 1);
    while place < BUCKETS {
        bounds[place] = bounds[place - 1] * STEP;
        place += 1;
    }
    bounds
};

/// One observation; halving keeps fractions of it.
const ONE: u32 = 256;
/// More observations than this weigh no more: then all are halved.
const MOST: u32 = 400 * ONE;
/// With fewer observations one of them decides where the tail begins.
const ENOUGH: u32 = 20;
/// After this time an observation counts half.
const HALF_LIFE_MS: u64 = 300_000;
const SHARE: f64 = 0.95;

/// How an answer comes, by which its times are compared: the first byte of a whole answer is its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it is made.
    Stream,
    /// When it is done.
    Whole,
}

/// The tails of the times to the first byte, of streams and of whole answers.
#[derive(Debug, Default)]
pub struct Tails {
    stream: Tail,
    whole: Tail,
}

impl Tails {
    /// The one of answers that come so.
    #[must_use]
    pub const fn of(&self, shape: Shape) -> &Tail {
        match shape {
            Shape::Stream => &self.stream,
            Shape::Whole => &self.whole,
        }
    }
}

/// A histogram of fixed size, without locks. What runs at the same time may blur a count, never more.
#[derive(Debug, Default)]
pub struct Tail {
    counts: [AtomicU32; BUCKETS],
    /// The answer as of the last observation, so that reading costs one load; `f32` bits, 0 is empty.
    p95: AtomicU32,
    /// In half-lives: when it was last aged. 0 is never.
    aged: AtomicU32,
}

impl Tail {
    /// Counts one observation.
    pub fn record(&self, ms: f64, now_ms: u64) {
        if !ms.is_finite() || ms < 0.0 {
            return;
        }
        self.age(now_ms);
        if let Some(count) = self.counts.get(bucket(ms)) {
            count.fetch_add(ONE, Ordering::Relaxed);
        }
        if self.total() > MOST {
            self.halve(1);
        }
        self.p95.store((self.quantile() as f32).max(f32::MIN_POSITIVE).to_bits(), Ordering::Relaxed);
    }

    /// The time that 95 of 100 held, in milliseconds, to about a tenth; `None` before the first observation.
    #[must_use]
    pub fn p95_ms(&self) -> Option<f64> {
        let bits = self.p95.load(Ordering::Relaxed);
        (bits != 0).then(|| f64::from(f32::from_bits(bits)))
    }

    /// As [`Self::p95_ms`] in whole milliseconds; `None` as long as it stands on less than `ENOUGH` observations.
    #[must_use]
    pub fn settled_p95_ms(&self) -> Option<u64> {
        let enough = self.total() >= ENOUGH * ONE;
        #[expect(clippy::cast_sign_loss, reason = "a time")]
        self.p95_ms().filter(|_| enough).map(|ms| ms.ceil() as u64)
    }

    fn age(&self, now_ms: u64) {
        let now = (now_ms / HALF_LIFE_MS % u64::from(u32::MAX)) as u32;
        let then = self.aged.swap(now, Ordering::Relaxed);
        if then != 0 && now > then {
            self.halve(now - then);
        }
    }

    fn halve(&self, times: u32) {
        for count in &self.counts {
            let halved = count.load(Ordering::Relaxed).checked_shr(times).unwrap_or(0);
            count.store(halved, Ordering::Relaxed);
        }
    }

    fn total(&self) -> u32 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).fold(0, u32::saturating_add)
    }

    /// The place of the share within its bucket, as if the observations in it were evenly spread.
    fn quantile(&self) -> f64 {
        let wanted = f64::from(self.total()) * SHARE;
        let (mut below, mut low) = (0.0, 0.0);
        for (count, high) in self.counts.iter().zip(BOUNDS_MS) {
            let count = f64::from(count.load(Ordering::Relaxed));
            if count > 0.0 && below + count >= wanted {
                return low + (high - low) * ((wanted - below) / count);
            }
            (below, low) = (below + count, high);
        }
        low
    }
}

fn bucket(ms: f64) -> usize {
    BOUNDS_MS.partition_point(|bound| *bound < ms).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.expect("observations");
        assert!((found / expected - 1.0).abs() < 0.13, "{found} instead of {expected}");
    }

    #[test]
    fn it_finds_the_tail() {
        let tail = Tail::default();
        assert_eq!(tail.p95_ms(), None);
        (1..=100).for_each(|n| tail.record(f64::from(n) * 10.0, 1));
        close(tail.p95_ms(), 950.0);
        let steady = Tail::default();
        (0..10_000).for_each(|n| steady.record(if n % 20 == 0 { 5_000.0 } else { 300.0 }, 1));
        assert!(steady.p95_ms().is_some_and(|ms| (250.0..400.0).contains(&ms)), "{:?}", steady.p95_ms());
    }

    #[test]
    fn it_forgets() {
        let tail = Tail::default();
        (0..100).for_each(|_| tail.record(8_000.0, 1_000_000_000_000));
        close(tail.p95_ms(), 8_000.0);
        // an hour later ten good ones outweigh what is left of a hundred bad ones
        (0..10).for_each(|_| tail.record(200.0, 1_000_003_600_000));
        close(tail.p95_ms(), 230.0);
    }

    #[test]
    fn odd_times_are_survived() {
        let tail = Tail::default();
        [f64::NAN, -1.0, f64::INFINITY].into_iter().for_each(|ms| tail.record(ms, 0));
        assert_eq!(tail.p95_ms(), None);
        [0.0, 1e12].into_iter().for_each(|ms| tail.record(ms, u64::MAX));
        assert!(tail.p95_ms().is_some_and(|ms| ms.is_finite() && ms > 0.0));
    }
}
