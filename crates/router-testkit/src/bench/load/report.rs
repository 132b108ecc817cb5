//! What a load run measured, as a table or as JSON.

use crate::bench::histogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Kinds of errors that are told apart; more than this are counted as `other`.
const MAX_KINDS: usize = 32;

/// Counts and times of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// From the start of a request to the end of its answer; successful ones only.
    pub latency: Histogram,
    /// To the first bytes of a stream.
    pub first_event: Histogram,
    /// To the first text of a stream.
    pub first_content: Histogram,
    /// Between arrivals within a stream.
    pub event_gap: Histogram,
    /// Stream events.
    pub events: u64,
    /// Body bytes.
    pub bytes: u64,
    /// Streams that ended properly as HTTP but without `[DONE]`.
    pub ended_without_mark: u64,
    /// Failed requests by kind: `connect`, `io: …`, `cut`, `status N`.
    pub errors: BTreeMap<String, u64>,
    /// The body of the first answer that was not 200, at most 300 bytes.
    pub first_refusal: Option<String>,
}

impl Tally {
    pub(super) fn error(&mut self, kind: &str) {
        let kind = if self.errors.len() < MAX_KINDS || self.errors.contains_key(kind) { kind } else { "other" };
        *self.errors.entry(kind.to_owned()).or_default() += 1;
    }

    pub(super) fn refused(&mut self, status: u16, body: &[u8]) {
        self.error(&format!("status {status}"));
        self.first_refusal.get_or_insert_with(|| String::from_utf8_lossy(body).chars().take(300).collect());
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long it took.
    pub seconds: f64,
    /// What was counted.
    pub tally: Tally,
}

impl Report {
    /// Successful requests.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.tally.latency.count()
    }

    /// Failed requests.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.tally.errors.values().sum()
    }

    /// Successful requests per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.completed() as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Everything as JSON; durations in microseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "seconds": self.seconds, "completed": self.completed(), "failed": self.failed(), "per_second": self.per_second(),
            "latency_us": quantiles(&self.tally.latency), "first_event_us": quantiles(&self.tally.first_event),
            "first_content_us": quantiles(&self.tally.first_content), "event_gap_us": quantiles(&self.tally.event_gap),
            "events": self.tally.events, "bytes": self.tally.bytes, "ended_without_mark": self.tally.ended_without_mark,
            "errors": self.tally.errors, "first_refusal": self.tally.first_refusal,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, tally } = self;
        writeln!(
            f,
            "{} completed, {} failed in {seconds:.2} s: {:.1} per second",
            self.completed(),
            self.failed(),
            self.per_second()
        )?;
        writeln!(f, "{:<15}{:>11}{:>11}{:>11}{:>11}{:>11}", "", "mean", "p50", "p99", "p99.9", "max")?;
        line(f, "latency", &tally.latency)?;
        line(f, "first event", &tally.first_event)?;
        line(f, "first content", &tally.first_content)?;
        line(f, "event gap", &tally.event_gap)?;
        writeln!(
            f,
            "{} stream events, {} body bytes, {} streams ended without [DONE]",
            tally.events, tally.bytes, tally.ended_without_mark
        )?;
        for (kind, count) in &tally.errors {
            writeln!(f, "error: {kind}: {count}")?;
        }
        match &tally.first_refusal {
            Some(body) => writeln!(f, "first refusal: {body}"),
            None => Ok(()),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, histogram: &Histogram) -> fmt::Result {
    if histogram.count() == 0 {
        return Ok(());
    }
    write!(f, "{name:<15}")?;
    for value in
        [histogram.mean(), histogram.quantile(500), histogram.quantile(990), histogram.quantile(999), histogram.max()]
    {
        write!(f, "{:>8.0} µs", micros(value))?;
    }
    writeln!(f)
}

fn quantiles(histogram: &Histogram) -> Value {
    let at = |per_thousand| micros(histogram.quantile(per_thousand));
    json!({
        "count": histogram.count(), "mean": micros(histogram.mean()), "p50": at(500), "p99": at(990), "p99_9": at(999),
        "max": micros(histogram.max()),
    })
}

/// A duration in microseconds.
#[must_use]
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
