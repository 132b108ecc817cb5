//! What is counted while requests are decided anew, and the result of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::observed::{Cell, HOUR_MS, Source};
use super::report::{ChannelReport, HourReport, Report, Sources};
use super::totals::Totals;
use super::{Entry, Observations, Scope, Tried, TriedEnd, notes, spread};
use crate::catalog::{ModelIx, Snapshot};
use crate::rehearsal::Finished;
use crate::request::{Outcome, answering};

/// Attempts that are not in the log, of a channel model in an hour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drawn {
    pub(super) attempts: u64,
    pub(super) failed: u64,
    pub(super) cost_usd: f64,
}

/// A request as it would have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predicted<'a> {
    pub(super) finished: &'a Finished<'a>,
    /// Of each attempt that was sent.
    pub(super) sources: &'a [Option<Source>],
    pub(super) same_choice: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) skipped: u64,
    same_choice: u64,
    actual: Totals,
    pub(super) predicted: Totals,
    channels: BTreeMap<Arc<str>, (Totals, Totals)>,
    pub(super) drawn: BTreeMap<(ModelIx, u64), Drawn>,
    pub(super) sources: Sources,
    pub(super) unknown_price: u64,
    /// Of the first and the last request.
    pub(super) since_ms: u64,
    pub(super) until_ms: u64,
}

impl Tallies {
    pub(super) fn add(&mut self, snapshot: &Snapshot, entry: &Entry, predicted: &Predicted<'_>) {
        let none: Arc<str> = Arc::from("");
        let Predicted { finished, sources, same_choice } = *predicted;
        let settlement = finished.settlement;
        if self.predicted.requests == 0 {
            self.since_ms = entry.at_ms;
        }
        (self.since_ms, self.until_ms) = (self.since_ms.min(entry.at_ms), self.until_ms.max(entry.at_ms));
        self.same_choice += u64::from(same_choice);
        self.unknown_price += u64::from(settlement.unpriced);
        let answer = answering(finished.attempts);
        let first = answer.and_then(|place| finished.attempts.get(place)?.first_byte_ms);
        self.actual.add(entry.status, entry.cost, entry.took_ms, entry.first_ms);
        self.predicted.add(finished.status, settlement.cost, finished.latency_ms, first);
        let ran = |tried: &&Tried| tried.end != TriedEnd::Cancelled;
        let was = entry.attempts.iter().rfind(ran).or(entry.attempts.last()).map_or(&none, |tried| &tried.channel);
        self.channels.entry(Arc::clone(was)).or_default().0.add(
            entry.status,
            entry.cost,
            entry.took_ms,
            entry.first_ms,
        );
        let named = answer.and_then(|place| snapshot.model_and_channel(finished.targets.get(place)?.model));
        let is = named.map_or(&none, |(_, channel)| &channel.name);
        let sum = &mut self.channels.entry(Arc::clone(is)).or_default().1;
        sum.add(finished.status, settlement.cost, finished.latency_ms, first);
        // Attempts that found no room asked nobody, and have no source.
        let sent = finished.attempts.iter().zip(finished.targets).zip(&settlement.attempt_costs);
        let sent = sent.filter(|((attempt, _), _)| !found_no_room(&attempt.outcome));
        for (((attempt, target), cost), source) in sent.zip(sources) {
            let Some(source) = source else {
                self.sources.recorded += 1;
                continue;
            };
            *match source {
                Source::Observed => &mut self.sources.observed,
                Source::Assumed => &mut self.sources.assumed,
            } += 1;
            let at_ms = finished.request.at_ms.saturating_add(attempt.started_ms);
            let drawn = self.drawn.entry((target.model, at_ms / HOUR_MS)).or_default();
            drawn.attempts += 1;
            drawn.failed += u64::from(matches!(attempt.outcome, Outcome::Failed(_)));
            drawn.cost_usd += cost.as_usd_f64();
        }
    }

    pub(super) fn report(
        self,
        snapshot: &Snapshot,
        observed: &Observations,
        scope: &Scope,
        others: &[Self],
        cooldown_ms: u64,
    ) -> Report {
        let spread = self.spread(snapshot, observed, cooldown_ms).or(&self.apart(others));
        let mut channels: Vec<ChannelReport> = self
            .channels
            .iter()
            .map(|(name, (actual, predicted))| ChannelReport {
                channel: name.to_string(),
                actual: actual.side(),
                predicted: predicted.side(),
                observations: observed.of_channel(name),
            })
            .collect();
        channels.sort_by_key(|channel| std::cmp::Reverse(channel.predicted.requests));
        let took = |totals: &Totals| totals.took.mean().unwrap_or(0.0);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let failed = spread::around(self.actual.failed as f64, self.predicted.failed as f64, spread.failed);
        Report {
            requests: self.predicted.requests,
            skipped: self.skipped,
            same_choice: self.same_choice,
            cost_usd: spread::around(self.actual.cost.as_usd_f64(), self.predicted.cost.as_usd_f64(), spread.cost_usd),
            took_ms: spread::around(took(&self.actual), took(&self.predicted), spread.took_ms),
            failed,
            actual: self.actual.side(),
            predicted: self.predicted.side(),
            sources: self.sources,
            hours: self.hours(snapshot, observed),
            notes: notes::notes(&self, snapshot, observed, scope),
            channels,
        }
    }

    fn hours(&self, snapshot: &Snapshot, observed: &Observations) -> Vec<HourReport> {
        let hour = |((ix, hour), drawn): (&(ModelIx, u64), &Drawn)| {
            let (model, channel) = snapshot.model_and_channel(*ix)?;
            let cell = observed.hour(&channel.name, &model.upstream_name, *hour);
            Some(HourReport {
                channel: channel.name.to_string(),
                model: model.name.to_string(),
                hour_ms: hour * HOUR_MS,
                drawn: drawn.attempts,
                observations: cell.map_or(0, Cell::observations),
            })
        };
        self.drawn.iter().filter_map(hour).collect()
    }
}

/// Whether an attempt was never sent: a breaker, a limit or a budget of ours stood in its way.
fn found_no_room(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(fault) if fault.not_sent.is_some())
}
