//! The result of a backtest for people.

use std::fmt::Write;

use router_core::backtest::{Estimate, Report, Side};

use crate::cli::table;

/// Hours that are listed: those from which most was drawn.
const MOST_HOURS: usize = 12;

/// The result as text.
#[must_use]
pub fn text(report: &Report, title: &str) -> String {
    let mut text = format!("{title}\n{} requests decided anew", report.requests);
    if report.skipped > 0 {
        let _ = write!(text, ", {} left out", report.skipped);
    }
    let _ = writeln!(text, "; {} of them go to the same channel first\n", share(report.same_choice, report.requests));
    text.push_str(&table(&sums(report)));
    text.push('\n');
    text.push_str(&table(&channels(report)));
    let sources = report.sources;
    let all = sources.recorded + sources.observed + sources.assumed;
    let _ = writeln!(
        text,
        "\nhow sure: of {all} attempts {} are in the log, {} are drawn from observations, {} are assumed",
        share(sources.recorded, all),
        share(sources.observed, all),
        share(sources.assumed, all)
    );
    let mut hours: Vec<_> = report.hours.iter().collect();
    hours.sort_by_key(|hour| std::cmp::Reverse(hour.drawn));
    if !hours.is_empty() {
        let head = ["HOUR", "CHANNEL/MODEL", "DRAWN", "OBSERVED"].map(str::to_owned).to_vec();
        let lines = hours.iter().take(MOST_HOURS).map(|hour| {
            let at = i64::try_from(hour.hour_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
            let at = at.map_or_else(String::new, |at| at.to_string());
            vec![at, format!("{}/{}", hour.channel, hour.model), hour.drawn.to_string(), hour.observations.to_string()]
        });
        text.push_str(&table(&std::iter::once(head).chain(lines).collect::<Vec<_>>()));
        if hours.len() > MOST_HOURS {
            let _ = writeln!(text, "… and {} more", hours.len() - MOST_HOURS);
        }
    }
    for note in &report.notes {
        let _ = writeln!(text, "- {note}");
    }
    text
}

fn sums(report: &Report) -> Vec<Vec<String>> {
    let head = ["", "ACTUAL", "PREDICTED", "95 % INTERVAL"].map(str::to_owned).to_vec();
    let line = |name: &str, estimate: &Estimate, digits: usize| {
        let number = |value: f64| format!("{value:.digits$}");
        let interval = format!("{} … {}", number(estimate.low), number(estimate.high));
        vec![name.to_owned(), number(estimate.actual), number(estimate.predicted), interval]
    };
    vec![
        head,
        line("cost, USD", &report.cost_usd, 6),
        line("time of a request, ms", &report.took_ms, 0),
        line("failed requests", &report.failed, 0),
    ]
}

fn channels(report: &Report) -> Vec<Vec<String>> {
    let head = ["CHANNEL", "REQUESTS", "FAILED", "COST, USD", "TIME, ms", "FIRST, ms", "P95, ms", "OBSERVED"];
    let lines = report.channels.iter().map(|channel| {
        let both = |of: &dyn Fn(&Side) -> String| format!("{} → {}", of(&channel.actual), of(&channel.predicted));
        let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
        vec![
            if channel.channel.is_empty() { "(none)".to_owned() } else { channel.channel.clone() },
            both(&|side| side.requests.to_string()),
            both(&|side| side.failed.to_string()),
            both(&|side| side.cost_usd.trim_end_matches('0').trim_end_matches('.').to_owned()),
            both(&|side| ms(side.took_ms)),
            both(&|side| ms(side.first_ms)),
            both(&|side| ms(side.took_p95_ms)),
            channel.observations.to_string(),
        ]
    });
    std::iter::once(head.map(str::to_owned).to_vec()).chain(lines).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(part: u64, all: u64) -> String {
    if all == 0 { "none".to_owned() } else { format!("{part} ({:.1} %)", part as f64 * 100.0 / all as f64) }
}
