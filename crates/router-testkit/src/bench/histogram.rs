//! A histogram of durations with logarithmic buckets: fixed memory, quantiles within 1.6 %.

use std::time::Duration;

/// Each power of two is cut into this many buckets.
const PARTS: u64 = 64;
const PARTS_BITS: u32 = 6;
/// Enough buckets for every u64 of nanoseconds.
const BUCKETS: usize = 64 * 64;

/// Counts of durations, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(nanos)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += u128::from(nanos);
        self.max = self.max.max(nanos);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; zero without counts.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let nanos = self.sum.checked_div(u128::from(self.count)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The largest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The duration that `per_thousand` of 1,000 counts do not exceed (500: median, 999: p99.9), within 1.6 %; zero
    /// without counts.
    #[must_use]
    pub fn quantile(&self, per_thousand: u64) -> Duration {
        let rank = (self.count * per_thousand).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= rank {
                return Duration::from_nanos(upper_edge(index).min(self.max));
            }
        }
        Duration::ZERO
    }
}

/// Small values have buckets of their own; above, the leading 7 bits choose the bucket.
fn bucket_of(nanos: u64) -> usize {
    if nanos < PARTS {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let exponent = nanos.ilog2() - PARTS_BITS;
    let mantissa = (nanos >> exponent) - PARTS;
    usize::try_from(u64::from(exponent + 1) * PARTS + mantissa).unwrap_or(BUCKETS - 1)
}

/// The largest value of a bucket.
fn upper_edge(index: usize) -> u64 {
    let index = index as u64;
    if index < PARTS {
        return index;
    }
    let exponent = (index / PARTS) - 1;
    let next = u128::from(PARTS + index % PARTS + 1) << exponent;
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_just_under_the_edge_of_its_bucket() {
        for shift in 0..63 {
            for near in [(1u64 << shift) - 1, 1 << shift, (1 << shift) + 1, (1 << shift) * 3 / 2] {
                let edge = upper_edge(bucket_of(near));
                assert!(edge >= near && edge - near <= near / 64, "{near}: {edge}");
            }
        }
        assert!(upper_edge(bucket_of(u64::MAX)) == u64::MAX);
    }

    #[test]
    fn quantiles_of_a_known_distribution() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), Duration::ZERO);
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (per_thousand, micros) in [(500, 500.0), (990, 990.0), (999, 999.0), (1000, 1000.0)] {
            let measured = histogram.quantile(per_thousand).as_secs_f64() * 1e6;
            assert!((measured / micros - 1.0).abs() < 0.016, "{per_thousand}: {measured}");
        }
        assert_eq!((histogram.count(), histogram.max()), (1000, Duration::from_millis(1)));
        assert_eq!(histogram.mean(), Duration::from_nanos(500_500));
    }
}
