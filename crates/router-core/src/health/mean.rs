//! A mean that follows: of the last thousand values or so, in one atomic word.

use std::sync::atomic::{AtomicU64, Ordering};

/// A value of so many before it counts as much as each of them; older ones fade.
const MOST: u32 = 1_000;

/// The mean of numbers that come one by one: exact at first, exponentially fading later. Mean (`f32`) above, count below.
#[derive(Debug, Default)]
pub struct Mean(AtomicU64);

impl Mean {
    /// Mixes a value (finite, ≥ 0) in.
    pub fn record(&self, value: f64) {
        if !value.is_finite() || value < 0.0 {
            return;
        }
        let mix = |word: u64| {
            let (mean, count) = unpack(word);
            let count = (count + 1).min(MOST);
            let mean = mean + (value as f32 - mean) / count as f32;
            Some(u64::from(mean.max(0.0).to_bits()) << 32 | u64::from(count))
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, mix);
    }

    /// The mean; `None` before the first value.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        let (mean, count) = unpack(self.0.load(Ordering::Relaxed));
        (count > 0).then_some(f64::from(mean))
    }
}

fn unpack(word: u64) -> (f32, u32) {
    (f32::from_bits((word >> 32) as u32), word as u32)
}

#[cfg(test)]
mod tests {
    use super::Mean;

    #[test]
    fn it_is_exact_at_first_and_follows_later() {
        let mean = Mean::default();
        assert_eq!(mean.get(), None);
        for value in [1.0, 2.0, 6.0, f64::NAN, -1.0] {
            mean.record(value);
        }
        assert!((mean.get().unwrap_or(0.0) - 3.0).abs() < 1e-6);
        (0..10_000).for_each(|_| mean.record(10.0));
        assert!((mean.get().unwrap_or(0.0) - 10.0).abs() < 0.01);
    }
}
