//! Hourly roll-ups: what a batch of rows adds to the statistics.

use std::collections::BTreeMap;

use crate::db::Value;
use crate::record::{RequestRecord, RequestStatus};

/// Upper bounds of the histogram buckets, milliseconds; one more bucket holds what is above the last.
pub const HISTOGRAM_BOUNDS_MS: [i64; 15] =
    [25, 50, 100, 200, 350, 600, 1_000, 1_500, 2_500, 4_000, 7_000, 12_000, 20_000, 40_000, 80_000];

const BUCKETS: usize = HISTOGRAM_BOUNDS_MS.len() + 1;
const HOUR_MS: i64 = 3_600_000;

/// Column names of the latency histogram, in the order of the bounds.
pub(crate) const LATENCY_COLUMNS: [&str; BUCKETS] = [
    "latency_00",
    "latency_01",
    "latency_02",
    "latency_03",
    "latency_04",
    "latency_05",
    "latency_06",
    "latency_07",
    "latency_08",
    "latency_09",
    "latency_10",
    "latency_11",
    "latency_12",
    "latency_13",
    "latency_14",
    "latency_15",
];
/// Column names of the histogram of the time to first token.
pub(crate) const TTFT_COLUMNS: [&str; BUCKETS] = [
    "ttft_00", "ttft_01", "ttft_02", "ttft_03", "ttft_04", "ttft_05", "ttft_06", "ttft_07", "ttft_08", "ttft_09",
    "ttft_10", "ttft_11", "ttft_12", "ttft_13", "ttft_14", "ttft_15",
];

pub(super) const REQUEST_KEY: [&str; 6] = ["hour", "channel", "provider", "model", "model_group", "key_id"];
pub(super) const REQUEST_SUMS: [&str; 13] = [
    "requests",
    "errors",
    "tokens_input",
    "tokens_cached_input",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "cost_nano",
    "latency_count",
    "latency_sum",
    "ttft_count",
    "ttft_sum",
    "overhead_sum_us",
];
pub(super) const ATTEMPT_KEY: [&str; 5] = ["hour", "channel", "provider", "upstream_model", "outcome"];
pub(super) const ATTEMPT_SUMS: [&str; 3] = ["attempts", "cost_nano", "duration_sum"];

/// The hour that a time belongs to: its first millisecond.
pub(crate) fn hour_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(HOUR_MS) * HOUR_MS
}

/// Counts of durations by bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram(pub [i64; BUCKETS]);

impl Histogram {
    fn add(&mut self, value_ms: i64) {
        let bucket = HISTOGRAM_BOUNDS_MS.partition_point(|bound| *bound < value_ms);
        if let Some(count) = self.0.get_mut(bucket) {
            *count += 1;
        }
    }

    /// The value below which the share `q` (0 to 1) lies, interpolated within its bucket; `None` when nothing was counted.
    /// In the last, open bucket its lower bound is the answer.
    #[must_use]
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let total: i64 = self.0.iter().sum();
        if total <= 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        let mut lower = 0.0;
        for (count, bound) in self.0.iter().zip(HISTOGRAM_BOUNDS_MS) {
            let (count, upper) = (*count as f64, bound as f64);
            if count > 0.0 && below + count >= rank {
                return Some(lower + (upper - lower) * ((rank - below) / count).clamp(0.0, 1.0));
            }
            below += count;
            lower = upper;
        }
        Some(lower)
    }
}

type Sums<'a, const KEY: usize> = BTreeMap<(i64, [&'a str; KEY]), Vec<i64>>;

/// What some rows add, by the key of each roll-up. Sorted, so that instances lock rows in the same order.
#[derive(Debug, Default)]
pub(super) struct Rollup<'a> {
    requests: Sums<'a, 5>,
    attempts: Sums<'a, 4>,
}

impl<'a> Rollup<'a> {
    pub(super) fn add(&mut self, record: &'a RequestRecord) {
        let hour = hour_of(record.created_at);
        let key = [
            record.channel.as_deref().unwrap_or_default(),
            record.provider.as_deref().unwrap_or_default(),
            &record.model,
            record.group.as_deref().unwrap_or_default(),
            &record.key_id,
        ];
        add_to(self.requests.entry((hour, key)).or_default(), request_sums(record));
        for attempt in &record.attempts {
            let key: [&str; 4] = [&attempt.channel, &attempt.provider, &attempt.upstream_model, &attempt.outcome];
            let sums = [1, attempt.cost_nano, (attempt.ended_at - attempt.started_at).max(0)];
            add_to(self.attempts.entry((hour_of(attempt.started_at), key)).or_default(), sums);
        }
    }

    /// The rows of both tables, one behind the other: key, then sums.
    pub(super) fn values(self) -> (Vec<Value>, Vec<Value>) {
        (values(self.requests), values(self.attempts))
    }
}

/// Whether a row counts as an error in the statistics: not what the client ended itself.
fn is_error(status: RequestStatus) -> bool {
    !matches!(status, RequestStatus::Completed | RequestStatus::ClientClosed)
}

fn request_sums(record: &RequestRecord) -> impl Iterator<Item = i64> {
    // Nobody knows how long an interrupted request took.
    let latency = (record.status != RequestStatus::Interrupted).then_some(record.latency_ms);
    let (mut latencies, mut ttfts) = (Histogram::default(), Histogram::default());
    latency.into_iter().for_each(|value| latencies.add(value));
    record.ttft_ms.into_iter().for_each(|value| ttfts.add(value));
    let tokens = record.tokens;
    let sums: [i64; REQUEST_SUMS.len()] = [
        1,
        i64::from(is_error(record.status)),
        tokens.input,
        tokens.cached_input,
        tokens.cache_write,
        tokens.output,
        tokens.reasoning,
        record.cost_nano,
        i64::from(latency.is_some()),
        latency.unwrap_or(0),
        i64::from(record.ttft_ms.is_some()),
        record.ttft_ms.unwrap_or(0),
        record.overhead_us,
    ];
    sums.into_iter().chain(latencies.0).chain(ttfts.0)
}

fn add_to(sums: &mut Vec<i64>, added: impl IntoIterator<Item = i64>) {
    for (i, value) in added.into_iter().enumerate() {
        match sums.get_mut(i) {
            Some(sum) => *sum = sum.saturating_add(value),
            None => sums.push(value),
        }
    }
}

fn values<const KEY: usize>(sums: Sums<'_, KEY>) -> Vec<Value> {
    sums.into_iter()
        .flat_map(|((hour, key), sums)| {
            std::iter::once(Value::from(hour))
                .chain(key.into_iter().map(Value::from))
                .chain(sums.into_iter().map(Value::from))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        for (value, bucket) in
            [(0, 0), (25, 0), (26, 1), (1_000, 6), (80_000, 14), (80_001, 15), (i64::MAX, 15), (-5, 0)]
        {
            let mut histogram = Histogram::default();
            histogram.add(value);
            assert_eq!(histogram.0.iter().position(|count| *count == 1), Some(bucket), "{value}");
        }
    }

    #[test]
    fn quantiles_lie_within_the_right_bucket() {
        let mut histogram = Histogram::default();
        (0..90).for_each(|_| histogram.add(40));
        (0..10).for_each(|_| histogram.add(3_000));
        assert!((25.0..=50.0).contains(&histogram.quantile_ms(0.5).unwrap()));
        assert!((2_500.0..=4_000.0).contains(&histogram.quantile_ms(0.95).unwrap()));
        assert_eq!(Histogram::default().quantile_ms(0.5), None);
        let mut open = Histogram::default();
        open.add(1_000_000);
        assert_eq!(open.quantile_ms(0.99), Some(80_000.0));
    }

    #[test]
    fn hours_are_floored_before_1970_too() {
        assert_eq!((hour_of(0), hour_of(HOUR_MS - 1), hour_of(HOUR_MS), hour_of(-1)), (0, 0, HOUR_MS, -HOUR_MS));
    }
}
