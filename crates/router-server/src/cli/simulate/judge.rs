//! Compares what was expected with what was.

use serde::Serialize;

use super::names::Names;
use super::tally::{Tally, Times, share};
use super::{Wrong, wrong};
use crate::config::scenario::{Quantiles, Scenario};

/// One expectation.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    /// What was expected.
    pub(super) expected: String,
    /// What was.
    pub(super) was: String,
    pub(super) holds: bool,
}

/// Whether all names of the expectations are somebody's.
///
/// # Errors
/// The first that is not.
pub(super) fn check(scenario: &Scenario, names: &Names) -> Result<(), Wrong> {
    let expect = &scenario.expect;
    let shares = expect.shares.keys().map(|name| (vec!["shares", name.as_str()], name));
    let opens = expect.opens.iter().map(|name| (vec!["opens"], name));
    let closed = expect.stays_closed.iter().map(|name| (vec!["stays_closed"], name));
    let unknown = shares.chain(opens).chain(closed).find(|(_, name)| !names.has_channel(name));
    match unknown {
        None => Ok(()),
        Some((path, name)) => {
            let field: Vec<&str> = std::iter::once("expect").chain(path).collect();
            Err(wrong(&field, format!("there is no channel `{name}`")))
        }
    }
}

/// Every expectation, in the order in which the contract lists them.
pub(super) fn judge(scenario: &Scenario, names: &Names, tally: &mut Tally<'_>) -> Vec<Judged> {
    let expect = &scenario.expect;
    let mut judged = Vec::new();
    let mut say = |expected: String, was: String, holds: bool| judged.push(Judged { expected, was, holds });
    if let Some(least) = expect.success_rate {
        let was = share(tally.completed, tally.requests);
        say(format!("success_rate at least {}", least.0), format!("{was:.4}"), was >= least.0);
    }
    if let Some(most) = expect.cost {
        say(format!("cost at most {} USD", most.0), format!("{} USD", tally.cost), tally.cost <= most.0);
    }
    quantiles("first_token_ms", &expect.first_token_ms, &mut tally.first, &mut say);
    quantiles("total_ms", &expect.total_ms, &mut tally.total, &mut say);
    if let Some(most) = expect.attempts_per_request {
        let was = tally.most_attempts;
        say(format!("attempts_per_request at most {most}"), was.to_string(), was <= most);
    }
    if let Some(most) = expect.attempts_per_request_mean {
        let was = share(tally.attempts, tally.requests);
        say(format!("attempts_per_request_mean at most {most}"), format!("{was:.3}"), was <= most);
    }
    for (name, range) in &expect.shares {
        let was = share(channel(names, tally, name).map_or(0, |channel| channel.sent), tally.attempts);
        let holds = (range.min.0..=range.max.0).contains(&was);
        say(format!("share of `{name}` from {} to {}", range.min.0, range.max.0), format!("{was:.3}"), holds);
    }
    for (list, opens) in [(&expect.opens, true), (&expect.stays_closed, false)] {
        for name in list {
            let opened = channel(names, tally, name).is_some_and(|channel| channel.opened);
            let words = if opens { "opens" } else { "stays closed" };
            let was = if opened { "it opened" } else { "it stayed closed" };
            say(format!("`{name}` {words}"), was.to_owned(), opened == opens);
        }
    }
    if expect.probes_only_after_opening {
        let early = tally.early_probes;
        say("probes only after opening".to_owned(), format!("{early} before"), early == 0);
    }
    judged
}

fn channel<'t>(names: &Names, tally: &'t Tally<'_>, name: &str) -> Option<&'t super::tally::ChannelTally> {
    (0..)
        .map(router_core::catalog::ChannelIx)
        .zip(&tally.channels)
        .find(|(ix, _)| names.channel(*ix) == name)
        .map(|(_, c)| c)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds")]
fn quantiles(what: &str, expected: &Quantiles, times: &mut Times, say: &mut impl FnMut(String, String, bool)) {
    for (name, share, most) in [("p50", 0.5, expected.p50), ("p95", 0.95, expected.p95), ("p99", 0.99, expected.p99)] {
        let Some(most) = most else { continue };
        let was = times.quantile(share);
        let shown = was.map_or_else(|| "there was no answer".to_owned(), |was| was.to_string());
        say(format!("{what}.{name} at most {most}"), shown, was.is_some_and(|was| was as f64 <= most));
    }
}
