//! The results and their report: medians over the rounds, ratios within the run, goals and whether they hold.

use super::scenario::{CROWD, LATENCY, PACED, REQUESTS, STREAMS};
use super::target::{CHANNELS, DIRECT, MINI, MODELS_PER_CHANNEL, NGINX, ROUTER};
use super::{Settings, facts};
use crate::bench::load::Report;
use std::fmt;
use std::time::Duration;

const TARGETS: [&str; 4] = [DIRECT, NGINX, MINI, ROUTER];
const MIB: f64 = 1_048_576.0;

/// One scenario on one target in one round. Times in microseconds, memory in MiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) first_p50: f64,
    pub(super) first_p99: f64,
    pub(super) failed: f64,
    pub(super) unmarked: f64,
    /// CPU time of the target's process per completed request.
    pub(super) cpu: Option<f64>,
    /// Peak memory of the target's process during the scenario.
    pub(super) peak: Option<f64>,
}

impl Sample {
    pub(super) fn new(report: &Report, cpu: Option<Duration>, peak: Option<u64>) -> Self {
        let tally = &report.tally;
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let completed = report.completed().max(1) as f64;
        Self {
            per_second: report.per_second(),
            p50: micros(tally.latency.quantile(500)),
            p99: micros(tally.latency.quantile(990)),
            p999: micros(tally.latency.quantile(999)),
            first_p50: micros(tally.first_content.quantile(500)),
            first_p99: micros(tally.first_content.quantile(990)),
            failed: report.failed() as f64,
            unmarked: tally.ended_without_mark as f64,
            cpu: cpu.map(|cpu| micros(cpu) / completed),
            peak: peak.map(|bytes| bytes as f64 / MIB),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s, p50 {:.0} µs, p99 {:.0} µs", self.per_second, self.p50, self.p99)?;
        if let Some(cpu) = self.cpu {
            write!(f, ", CPU {cpu:.1} µs each")?;
        }
        if self.failed > 0.0 { write!(f, ", {:.0} FAILED", self.failed) } else { Ok(()) }
    }
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Scenario, target, round, sample.
    pub(super) samples: Vec<(&'static str, &'static str, usize, Sample)>,
    /// Resident memory after start and before any load, in bytes.
    pub(super) idle_memory: Vec<(&'static str, u64)>,
    /// What was not measured, and why.
    pub(super) missing: Vec<String>,
}

impl Results {
    /// The median over the rounds of one value.
    fn median(&self, scenario: &str, target: &str, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(self.rounds(scenario, target).filter_map(|(_, sample)| value(sample)).collect())
    }

    /// The median over the rounds of the difference to the direct upstream of the same round.
    fn added(&self, scenario: &str, target: &str, value: impl Fn(&Sample) -> f64) -> Option<f64> {
        let direct: Vec<(usize, f64)> =
            self.rounds(scenario, DIRECT).map(|(round, sample)| (round, value(sample))).collect();
        let differences = self.rounds(scenario, target).filter_map(|(round, sample)| {
            direct.iter().find(|(other, _)| *other == round).map(|(_, base)| value(sample) - base)
        });
        median(differences.collect())
    }

    /// The largest value over the rounds.
    fn worst(&self, scenario: &str, target: &str, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        self.rounds(scenario, target).filter_map(|(_, sample)| value(sample)).max_by(f64::total_cmp)
    }

    /// CPU per request of a target in units of the minimal proxy's.
    fn ratio(&self, scenario: &str, target: &str) -> Option<f64> {
        let own = self.median(scenario, target, |sample| sample.cpu)?;
        let floor = self.median(scenario, MINI, |sample| sample.cpu).filter(|floor| *floor > 0.0)?;
        Some(own / floor)
    }

    fn idle(&self, target: &str) -> Option<f64> {
        self.idle_memory.iter().find(|(name, _)| *name == target).map(|(_, bytes)| *bytes as f64 / MIB)
    }

    fn rounds<'r>(&'r self, scenario: &'r str, target: &'r str) -> impl Iterator<Item = (usize, &'r Sample)> {
        let wanted = move |entry: &&(&str, &str, usize, Sample)| entry.0 == scenario && entry.1 == target;
        self.samples.iter().filter(wanted).map(|(_, _, round, sample)| (*round, sample))
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The report.
pub(super) fn markdown(settings: &Settings, results: &Results) -> String {
    let mut page = vec![
        "# Performance\n".to_owned(),
        "Written by `make bench`; do not edit. Numbers of one run on one machine: compare within the page, not across pages.\n".to_owned(),
        format!("- **Date**: {}", facts::date()),
        format!("- **Machine**: {}", facts::machine()),
        format!("- **Versions**: {}", facts::versions(&settings.router, &settings.nginx)),
        format!(
            "- **Again**: `make bench`, or `cargo run --profile dist -p router-testkit --bin bench -- --router {} --out {}{}`",
            settings.router.display(),
            settings.out.display(),
            if settings.quick { " --quick" } else { "" }
        ),
    ];
    if settings.quick {
        page.push("- **Quick run**: rounds of one second. For trying the driver, not for conclusions.".to_owned());
    }
    page.extend(results.missing.iter().map(|missing| format!("- **Not measured**: {missing}")));
    page.push(goals(results));
    page.push(tables(results));
    page.push(method(settings));
    page.join("\n")
}

/// One goal: what, limit, measured.
fn goals(results: &Results) -> String {
    let crowd_failures = results.worst(CROWD, ROUTER, |sample| Some(sample.failed));
    let crowd_peak = results.worst(CROWD, ROUTER, |sample| sample.peak);
    let rows = [
        ("CPU per 1 KB request, in units of the minimal proxy's", 2.5, results.ratio(REQUESTS, ROUTER), "×"),
        ("CPU per 50-event stream, in units of the minimal proxy's", 1.5, results.ratio(STREAMS, ROUTER), "×"),
        ("idle memory with 1,000 channel models", 40.0, results.idle(ROUTER), " MiB"),
        ("failed requests of 1,000 concurrent clients at 200 ms", 0.0, crowd_failures, ""),
        ("peak memory with 1,000 concurrent clients at 200 ms", 150.0, crowd_peak, " MiB"),
    ];
    let mut text =
        "\n## Goals of the router\n\n| goal | at most | measured | holds |\n|---|---:|---:|---|\n".to_owned();
    for (goal, limit, measured, unit) in rows {
        let verdict = match measured {
            None => "not measured",
            Some(value) if value <= limit => "yes",
            Some(_) => "**no**",
        };
        let measured = measured.map_or("–".to_owned(), |value| format!("{value:.2}{unit}"));
        text += &format!("| {goal} | {limit}{unit} | {measured} | {verdict} |\n");
    }
    text
}

fn tables(results: &Results) -> String {
    let mut text = String::new();
    for (scenario, title) in [
        (REQUESTS, "1 KB chat requests, 64 connections, provider answers at once"),
        (STREAMS, "Streams of 50 events, 64 connections, provider sends as fast as it can"),
    ] {
        text += &table(
            title,
            &["per second", "p50 µs", "p99 µs", "CPU µs each", "CPU × mini-proxy", "failed"],
            |target| {
                vec![
                    cell(results.median(scenario, target, |sample| Some(sample.per_second)), 0),
                    cell(results.median(scenario, target, |sample| Some(sample.p50)), 0),
                    cell(results.median(scenario, target, |sample| Some(sample.p99)), 0),
                    cell(results.median(scenario, target, |sample| sample.cpu), 1),
                    cell(results.ratio(scenario, target), 2),
                    cell(results.worst(scenario, target, |sample| Some(sample.failed + sample.unmarked)), 0),
                ]
            },
        );
    }
    text += &table(
        "Latency of one connection; *added* is the difference to the direct upstream of the same round",
        &["p50 µs", "p99 µs", "p99.9 µs", "added p50 µs", "added p99 µs", "added p99.9 µs"],
        |target| {
            vec![
                cell(results.median(LATENCY, target, |sample| Some(sample.p50)), 0),
                cell(results.median(LATENCY, target, |sample| Some(sample.p99)), 0),
                cell(results.median(LATENCY, target, |sample| Some(sample.p999)), 0),
                cell(results.added(LATENCY, target, |sample| sample.p50), 0),
                cell(results.added(LATENCY, target, |sample| sample.p99), 0),
                cell(results.added(LATENCY, target, |sample| sample.p999), 0),
            ]
        },
    );
    text += &table(
        "Paced streams: first event after 50 ms, then one each 10 ms, 16 connections; time to the first text",
        &["p50 ms", "p99 ms", "added p50 µs", "added p99 µs", "failed"],
        |target| {
            vec![
                cell(results.median(PACED, target, |sample| Some(sample.first_p50 / 1000.0)), 2),
                cell(results.median(PACED, target, |sample| Some(sample.first_p99 / 1000.0)), 2),
                cell(results.added(PACED, target, |sample| sample.first_p50), 0),
                cell(results.added(PACED, target, |sample| sample.first_p99), 0),
                cell(results.worst(PACED, target, |sample| Some(sample.failed + sample.unmarked)), 0),
            ]
        },
    );
    text + &table(
        "1,000 concurrent clients on a provider of 200 ms, and memory",
        &["per second", "p99 ms", "failed", "idle MiB", "peak MiB, 64 connections", "peak MiB, 1,000 clients"],
        |target| {
            vec![
                cell(results.median(CROWD, target, |sample| Some(sample.per_second)), 0),
                cell(results.median(CROWD, target, |sample| Some(sample.p99 / 1000.0)), 1),
                cell(results.worst(CROWD, target, |sample| Some(sample.failed)), 0),
                cell(results.idle(target), 1),
                cell(results.worst(REQUESTS, target, |sample| sample.peak), 1),
                cell(results.worst(CROWD, target, |sample| sample.peak), 1),
            ]
        },
    )
}

fn table(title: &str, columns: &[&str], row: impl Fn(&str) -> Vec<String>) -> String {
    let mut text = format!("\n## {title}\n\n| | {} |\n|---|{}\n", columns.join(" | "), "---:|".repeat(columns.len()));
    for target in TARGETS {
        text += &format!("| {target} | {} |\n", row(target).join(" | "));
    }
    text
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
}

fn method(settings: &Settings) -> String {
    format!(
        "\n## Method\n\n\
         - {rounds} rounds; in each round every scenario runs on every target in turn, each round starting with another target. \
         The tables give medians over the rounds; failures and peaks are the worst of all rounds.\n\
         - Load generator and provider are programs of this repository (one thread each) and share the machine with what is \
         measured, so throughput is that of the whole; **CPU per request** (user and system, all threads and worker processes, \
         from `/proc/PID/stat`, including what is done after the answers) is the honest comparison.\n\
         - The provider sends prebuilt bytes; in streams it writes each event on its own.\n\
         - *direct*: no proxy. *nginx*: plain proxy, 2 workers, 256 kept upstream connections, no buffering, no log. \
         *mini-proxy*: the least that a hyper proxy can do, 2 threads.\n\
         - *router*: one process with everything on: client key checked, {models} channel models ({CHANNELS} channels × \
         {MODELS_PER_CHANNEL} models, 10 candidates per model name; asked for `{model}`), prices and accounting, JSON log at \
         level info into a file, spool and SQLite.\n",
        rounds = settings.rounds,
        models = CHANNELS * MODELS_PER_CHANNEL,
        model = settings.model,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(p50: f64, cpu: Option<f64>) -> Sample {
        let zero = 0.0;
        Sample {
            per_second: zero,
            p50,
            p99: zero,
            p999: zero,
            first_p50: zero,
            first_p99: zero,
            failed: zero,
            unmarked: zero,
            cpu,
            peak: None,
        }
    }

    #[test]
    fn medians_differences_and_ratios() {
        let mut results = Results::default();
        for (round, (direct, router, cpu)) in
            [(10.0, 30.0, 40.0), (20.0, 25.0, 60.0), (10.0, 90.0, 50.0)].into_iter().enumerate()
        {
            results.samples.push((REQUESTS, DIRECT, round, sample(direct, None)));
            results.samples.push((REQUESTS, ROUTER, round, sample(router, Some(cpu))));
            results.samples.push((REQUESTS, MINI, round, sample(15.0, Some(20.0))));
        }
        assert_eq!(results.median(REQUESTS, ROUTER, |sample| Some(sample.p50)), Some(30.0));
        assert_eq!(results.added(REQUESTS, ROUTER, |sample| sample.p50), Some(20.0), "of 20, 5 and 80");
        assert_eq!(results.ratio(REQUESTS, ROUTER), Some(2.5));
        assert_eq!(results.ratio(STREAMS, ROUTER), None);
        let goals = goals(&results);
        assert!(goals.contains("| 2.5× | 2.50× | yes |") && goals.contains("| 1.5× | – | not measured |"), "{goals}");
    }
}
