//! What came of a scenario, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use router_core::catalog::ChannelIx;
use serde::Serialize;

use super::judge::Judged;
use super::names::Names;
use super::tally::{ChannelTally, Tally, Times, share};
use crate::cli::text_table::table;
use crate::config::scenario::Scenario;

/// Turns of breakers that are shown to people.
const MOST_TURNS: usize = 20;

/// What came of a scenario.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    seed: u64,
    duration_ms: u64,
    requests: u64,
    completed: u64,
    /// By the code of the error that the client got.
    errors: BTreeMap<&'static str, u64>,
    attempts: u64,
    attempts_per_request_max: u32,
    /// USD.
    cost: String,
    first_token_ms: Percentiles,
    total_ms: Percentiles,
    channels: Vec<ChannelReport>,
    breakers: Vec<TurnReport>,
    expectations: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ChannelReport {
    channel: String,
    attempts: u64,
    share: f64,
    completed: u64,
    /// By class.
    failures: BTreeMap<&'static str, u64>,
    /// Attempts that never went out: no room, no probe, no money.
    unsent: u64,
    cooldowns: u64,
    first_token_ms: Percentiles,
    total_ms: Percentiles,
    /// USD.
    cost: String,
}

#[derive(Debug, Serialize)]
struct TurnReport {
    at_ms: u64,
    breaker: String,
    state: &'static str,
}

impl Percentiles {
    fn of(times: &mut Times) -> Self {
        Self { p50: times.quantile(0.5), p95: times.quantile(0.95), p99: times.quantile(0.99) }
    }

    fn cell(&self) -> String {
        let shown = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
        format!("{} / {} / {}", shown(self.p50), shown(self.p95), shown(self.p99))
    }
}

impl Report {
    pub(super) fn new(
        scenario: &Scenario,
        seed: u64,
        names: &Names,
        mut tally: Tally<'_>,
        expectations: Vec<Judged>,
    ) -> Self {
        let attempts = tally.attempts;
        let channels = (0..).map(ChannelIx).zip(&mut tally.channels);
        let channels = channels.map(|(ix, channel)| ChannelReport::new(names.channel(ix), channel, attempts)).collect();
        let breakers = tally.turns.iter();
        let breakers = breakers
            .map(|turn| TurnReport { at_ms: turn.at_ms, breaker: turn.of.clone(), state: turn.state.as_str() })
            .collect();
        Self {
            description: scenario.description.clone(),
            seed,
            duration_ms: scenario.duration.as_millis(),
            requests: tally.requests,
            completed: tally.completed,
            attempts,
            attempts_per_request_max: tally.most_attempts,
            cost: tally.cost.to_string(),
            first_token_ms: Percentiles::of(&mut tally.first),
            total_ms: Percentiles::of(&mut tally.total),
            errors: tally.errors,
            channels,
            breakers,
            expectations,
        }
    }

    /// Whether every expectation holds.
    pub(super) fn holds(&self) -> bool {
        self.expectations.iter().all(|judged| judged.holds)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if !self.description.is_empty() {
            writeln!(text, "{}\n", self.description.trim())?;
        }
        writeln!(
            text,
            "{} requests in {}, seed {}: {:.2} % answered, {} attempts (at most {} for one request), {} USD",
            self.requests,
            clock(self.duration_ms),
            self.seed,
            share(self.completed, self.requests) * 100.0,
            self.attempts,
            self.attempts_per_request_max,
            self.cost,
        )?;
        for (code, count) in &self.errors {
            writeln!(text, "  {count} × {code}")?;
        }
        writeln!(
            text,
            "first token p50 / p95 / p99: {} ms; end: {} ms\n",
            self.first_token_ms.cell(),
            self.total_ms.cell()
        )?;
        let head = ["CHANNEL", "ATTEMPTS", "SHARE", "FAILED", "FIRST TOKEN MS", "END MS", "USD", "FAILURES"];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        lines.extend(self.channels.iter().map(ChannelReport::line));
        text.push_str(&table(&lines));
        self.write_turns(text)?;
        if !self.expectations.is_empty() {
            writeln!(text)?;
        }
        for judged in &self.expectations {
            let word = if judged.holds { "ok     " } else { "FAILED " };
            writeln!(text, "{word}{}: {}", judged.expected, judged.was)?;
        }
        Ok(())
    }

    fn write_turns(&self, text: &mut String) -> std::fmt::Result {
        if self.breakers.is_empty() {
            return Ok(());
        }
        writeln!(text, "\nbreakers:")?;
        for turn in self.breakers.iter().take(MOST_TURNS) {
            writeln!(text, "  {}  {}  {}", clock(turn.at_ms), turn.breaker, turn.state)?;
        }
        match self.breakers.len().checked_sub(MOST_TURNS) {
            Some(more) if more > 0 => writeln!(text, "  … and {more} more; --json or --trace shows all"),
            _ => Ok(()),
        }
    }
}

impl ChannelReport {
    fn new(name: &str, tally: &mut ChannelTally, attempts: u64) -> Self {
        Self {
            channel: name.to_owned(),
            attempts: tally.sent,
            share: share(tally.sent, attempts),
            completed: tally.completed,
            failures: std::mem::take(&mut tally.failures),
            unsent: tally.unsent,
            cooldowns: tally.cooldowns,
            first_token_ms: Percentiles::of(&mut tally.first),
            total_ms: Percentiles::of(&mut tally.total),
            cost: tally.cost.to_string(),
        }
    }

    fn line(&self) -> Vec<String> {
        let failed: u64 = self.failures.values().sum();
        let failures: Vec<String> = self.failures.iter().map(|(class, count)| format!("{count} {class}")).collect();
        vec![
            self.channel.clone(),
            self.attempts.to_string(),
            format!("{:.1} %", self.share * 100.0),
            format!("{:.1} %", share(failed, self.attempts) * 100.0),
            self.first_token_ms.cell(),
            self.total_ms.cell(),
            self.cost.clone(),
            failures.join(", "),
        ]
    }
}

/// A time since the start: `01:02:03.456`.
fn clock(ms: u64) -> String {
    let (seconds, millis) = (ms / 1_000, ms % 1_000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn times_are_written_as_clocks_show_them() {
        assert_eq!(clock(0), "00:00:00.000");
        assert_eq!(clock(3_723_456), "01:02:03.456");
        assert_eq!(clock(90_000_000), "25:00:00.000");
    }
}
