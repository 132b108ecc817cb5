//! Sums over requests.

use super::observed::Moments;
use super::report::Side;
use crate::money::Nano;
use crate::request::Status;

/// Milliseconds by powers of an eighth root of two.
#[derive(Clone, Debug)]
struct Histogram([u32; 192]);

impl Histogram {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bucket"
    )]
    fn add(&mut self, ms: u64) {
        let bucket = ((ms as f64 + 1.0).log2() * 8.0) as usize;
        if let Some(count) = self.0.get_mut(bucket.min(191)) {
            *count += 1;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a quantile")]
    fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let wanted = all as f64 * share;
        let mut seen = 0.0;
        let bucket = self.0.iter().position(|count| {
            seen += f64::from(*count);
            seen >= wanted
        });
        bucket.filter(|_| all > 0).map(|bucket| (((bucket as f64 + 1.0) / 8.0).exp2() - 1.0).round())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) cost: Nano,
    pub(super) took: Moments,
    first: Moments,
    times: Histogram,
}

impl Default for Totals {
    fn default() -> Self {
        let times = Histogram([0; 192]);
        Self { requests: 0, failed: 0, cost: Nano::ZERO, took: Moments::default(), first: Moments::default(), times }
    }
}

impl Totals {
    #[expect(clippy::cast_precision_loss, reason = "means of times")]
    pub(super) fn add(&mut self, status: Status, cost: Nano, took_ms: u64, first_ms: Option<u64>) {
        self.requests += 1;
        self.failed += u64::from(matches!(status, Status::Error | Status::Timeout));
        self.cost += cost;
        self.took.add(took_ms as f64);
        self.times.add(took_ms);
        if let Some(first) = first_ms {
            self.first.add(first as f64);
        }
    }

    pub(super) fn side(&self) -> Side {
        Side {
            requests: self.requests,
            failed: self.failed,
            cost_usd: self.cost.to_string(),
            took_ms: self.took.mean(),
            took_p95_ms: self.times.quantile(0.95),
            first_ms: self.first.mean(),
        }
    }
}
