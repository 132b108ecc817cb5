//! Counts what happens.

use std::collections::{BTreeMap, BTreeSet};

use router_core::catalog::ChannelIx;
use router_core::fault::Cell;
use router_core::health::BreakerState;
use router_core::money::Nano;
use router_core::rehearsal::{Change, Finished, Note};
use router_core::request::{Status, answering};
use router_core::world::Target;

use super::names::Names;

/// Times in milliseconds, for percentiles.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<u64>);

impl Times {
    fn add(&mut self, ms: u64) {
        self.0.push(ms);
    }

    /// The least time that at least `share` (above 0, at most 1) of all held; `None` without any.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rank")]
    pub(super) fn quantile(&mut self, share: f64) -> Option<u64> {
        self.0.sort_unstable();
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.checked_sub(1)?).copied()
    }
}

/// What happened at a channel.
#[derive(Debug, Default)]
pub(super) struct ChannelTally {
    /// Attempts that went out.
    pub(super) sent: u64,
    /// Whole answers.
    pub(super) completed: u64,
    /// Attempts that ended otherwise, by class.
    pub(super) failures: BTreeMap<&'static str, u64>,
    /// Attempts that could not go out.
    pub(super) unsent: u64,
    /// Of streams, to the first token.
    pub(super) first: Times,
    /// Of whole answers, to the end.
    pub(super) total: Times,
    pub(super) cost: Nano,
    /// How often it, a model or a key of it was set aside.
    pub(super) cooldowns: u64,
    /// Whether a breaker opened.
    pub(super) opened: bool,
}

/// A change of a breaker, for the report.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) at_ms: u64,
    /// The channel, or `CHANNEL/MODEL`.
    pub(super) of: String,
    pub(super) state: BreakerState,
}

/// What happened in all.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    names: &'a Names,
    start_ms: u64,
    pub(super) requests: u64,
    pub(super) completed: u64,
    /// Requests that ended otherwise, by what their client was told (or `client_closed`).
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) attempts: u64,
    pub(super) most_attempts: u32,
    pub(super) cost: Nano,
    pub(super) first: Times,
    pub(super) total: Times,
    pub(super) channels: Vec<ChannelTally>,
    pub(super) turns: Vec<Turn>,
    /// Probes that went through a breaker that had not opened.
    pub(super) early_probes: u64,
    /// Breakers that are not closed.
    open: BTreeSet<String>,
    /// Of the requests that run: when each attempt was sent.
    running: BTreeMap<u64, BTreeMap<u32, u64>>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(names: &'a Names, start_ms: u64) -> Self {
        Self {
            names,
            start_ms,
            requests: 0,
            completed: 0,
            errors: BTreeMap::new(),
            attempts: 0,
            most_attempts: 0,
            cost: Nano::ZERO,
            first: Times::default(),
            total: Times::default(),
            channels: (0..names.channels()).map(|_| ChannelTally::default()).collect(),
            turns: Vec::new(),
            early_probes: 0,
            open: BTreeSet::new(),
            running: BTreeMap::new(),
        }
    }

    pub(super) fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        match note {
            Note::Arrived(_) => self.requests += 1,
            Note::Sent { attempt, target, probes } => {
                self.attempts += 1;
                self.running.entry(number).or_default().insert(attempt, now_ms);
                self.channel(target, |channel| channel.sent += 1);
                for (probe, cell) in probes.into_iter().zip([Cell::ChannelModel, Cell::Channel]) {
                    let known = !probe || self.open.contains(&self.name(target, cell));
                    self.early_probes += u64::from(!known);
                }
            }
            Note::Unsent { target, .. } => self.channel(target, |channel| channel.unsent += 1),
            Note::Ended { target, outcome, first_ms, whole_ms, .. } => self.channel(target, |channel| match first_ms {
                Some(_) => {
                    channel.completed += 1;
                    channel.total.add(whole_ms);
                }
                None => *channel.failures.entry(outcome).or_default() += 1,
            }),
            Note::Changed { target, cell, change } => self.changed(now_ms, target, cell, change),
            Note::Finished(finished) => self.finished(number, &finished),
            Note::FirstByte { attempt, target } => {
                let sent_ms = self.running.get(&number).and_then(|sent| sent.get(&attempt)).copied().unwrap_or(now_ms);
                self.channel(target, |channel| channel.first.add(now_ms.saturating_sub(sent_ms)));
            }
            Note::Queued | Note::Decided(_) => {}
        }
    }

    fn channel(&mut self, target: &Target, count: impl FnOnce(&mut ChannelTally)) {
        let channel = self.names.channel_of(target.model);
        let channel = channel.and_then(|ix: ChannelIx| usize::try_from(ix.0).ok());
        if let Some(channel) = channel.and_then(|place| self.channels.get_mut(place)) {
            count(channel);
        }
    }

    /// The channel's name, or that of its model.
    fn name(&self, target: &Target, cell: Cell) -> String {
        match (cell, self.names.channel_of(target.model)) {
            (Cell::Channel, Some(channel)) => self.names.channel(channel).to_owned(),
            _ => self.names.model(target.model).to_owned(),
        }
    }

    fn changed(&mut self, now_ms: u64, target: &Target, cell: Cell, change: Change) {
        match change {
            Change::CoolingUntil(_) => self.channel(target, |channel| channel.cooldowns += 1),
            Change::Back => {}
            Change::Breaker(state) => {
                let of = self.name(target, cell);
                match state {
                    BreakerState::Closed => self.open.remove(&of),
                    BreakerState::Open | BreakerState::HalfOpen => self.open.insert(of.clone()),
                };
                if state == BreakerState::Open {
                    self.channel(target, |channel| channel.opened = true);
                }
                self.turns.push(Turn { at_ms: now_ms.saturating_sub(self.start_ms), of, state });
            }
        }
    }

    fn finished(&mut self, number: u64, finished: &Finished<'_>) {
        let attempts = self.running.remove(&number).map_or(0, |sent| u32::try_from(sent.len()).unwrap_or(u32::MAX));
        self.most_attempts = self.most_attempts.max(attempts);
        self.cost += finished.settlement.cost;
        for (target, cost) in finished.targets.iter().zip(&finished.settlement.attempt_costs) {
            self.channel(target, |channel| channel.cost += *cost);
        }
        if finished.status == Status::Completed {
            self.completed += 1;
            let answer = answering(finished.attempts).and_then(|place| finished.attempts.get(place));
            if let Some(first_ms) = answer.and_then(|attempt| attempt.first_byte_ms) {
                self.first.add(first_ms);
            }
            self.total.add(finished.latency_ms);
        } else {
            let told = finished.error.map_or(finished.status.as_str(), |code| code.name());
            *self.errors.entry(told).or_default() += 1;
        }
    }
}

/// A share; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn quantiles_are_times_that_were() {
        let mut times = Times((1..=100).rev().collect());
        for (share, expected) in [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)] {
            assert_eq!(times.quantile(share), Some(expected));
        }
        assert_eq!(Times(vec![7]).quantile(0.5), Some(7));
        assert_eq!(Times::default().quantile(0.5), None);
    }
}
