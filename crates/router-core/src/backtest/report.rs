//! The result: what was, what would have been, and how sure that is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::observed::{Cell, HOUR_MS, Moments, Source};
use super::run::Scope;
use super::{Entry, Observations, Tried, TriedEnd};
use crate::catalog::{ModelIx, Snapshot};
use crate::money::Nano;
use crate::rehearsal::Finished;
use crate::request::{Outcome, Status, answering};
use crate::world::is_unsent;

/// An hour with fewer observations counts as a part of the whole period.
const ENOUGH: u64 = 10;
/// How far off a cost may be of which nothing was observed: half of it.
const UNSEEN_COST: f64 = 0.5;
/// A deviation that four values tell is taken as so many times as large (Student's 2.78 instead of 1.96).
const FEW_REPLAYS: f64 = 1.42;
/// 95 of 100 values of a normal law lie within so many deviations.
const TWO_SIDED_95: f64 = 1.96;

/// What a backtest came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Requests that were decided anew.
    pub requests: u64,
    /// Requests of the period that could not be: refused before anything was decided, cut off by the router's end, or written by an
    /// older version.
    pub skipped: u64,
    /// Requests for which the same channel model comes first as was recorded.
    pub same_choice: u64,
    /// As it was.
    pub actual: Side,
    /// As it would have been.
    pub predicted: Side,
    /// USD in all, with the 95 % interval of what chance and few observations leave open.
    pub cost_usd: Estimate,
    /// Milliseconds of a request, mean.
    pub took_ms: Estimate,
    /// Requests that fail.
    pub failed: Estimate,
    /// Where the predicted attempts come from.
    pub sources: Sources,
    /// By channel, those with the most predicted requests first.
    pub channels: Vec<ChannelReport>,
    /// Hours of channel models from which attempts were drawn, and what that stands on.
    pub hours: Vec<HourReport>,
    /// What was assumed, in words.
    pub notes: Vec<String>,
}

/// Requests in sum.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// How many.
    pub requests: u64,
    /// Of them, how many failed: neither answered nor left by their client.
    pub failed: u64,
    /// What they cost.
    pub cost_usd: String,
    /// Milliseconds from first byte to last, mean.
    pub took_ms: Option<f64>,
    /// The same for 95 of 100 requests, to within an eighth.
    pub took_p95_ms: Option<f64>,
    /// Milliseconds to the first content, mean.
    pub first_ms: Option<f64>,
}

/// A number with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// As it was.
    pub actual: f64,
    /// As it would have been.
    pub predicted: f64,
    /// Not below, as far as chance and few observations go.
    pub low: f64,
    /// Not above, as far as chance and few observations go.
    pub high: f64,
}

/// Attempts by where their course comes from.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sources {
    /// As the log holds that very attempt.
    pub recorded: u64,
    /// Drawn from what was observed of the channel model.
    pub observed: u64,
    /// From the catalogue's scores: nothing was observed.
    pub assumed: u64,
}

/// A channel.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelReport {
    /// Its name; empty for requests that reached none.
    pub channel: String,
    /// Requests that ended there, as it was.
    pub actual: Side,
    /// And as it would have been.
    pub predicted: Side,
    /// Attempts that the log holds of its models, in the period and what was read before it.
    pub observations: u64,
}

/// An hour of a channel model.
#[derive(Clone, Debug, Serialize)]
pub struct HourReport {
    /// Name of the channel.
    pub channel: String,
    /// What clients ask for.
    pub model: String,
    /// Its first moment, unix milliseconds.
    pub hour_ms: u64,
    /// Attempts that would have been made there and are not in the log.
    pub drawn: u64,
    /// What the log holds of that hour.
    pub observations: u64,
}

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
struct Totals {
    requests: u64,
    failed: u64,
    cost: Nano,
    took: Moments,
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
    fn add(&mut self, status: Status, cost: Nano, took_ms: u64, first_ms: Option<u64>) {
        self.requests += 1;
        self.failed += u64::from(matches!(status, Status::Error | Status::Timeout));
        self.cost += cost;
        self.took.add(took_ms as f64);
        self.times.add(took_ms);
        if let Some(first) = first_ms {
            self.first.add(first as f64);
        }
    }

    fn side(&self) -> Side {
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

/// Attempts that are not in the log, of a channel model in an hour.
#[derive(Clone, Copy, Debug, Default)]
struct Drawn {
    attempts: u64,
    failed: u64,
    cost_usd: f64,
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
    predicted: Totals,
    channels: BTreeMap<Arc<str>, (Totals, Totals)>,
    drawn: BTreeMap<(ModelIx, u64), Drawn>,
    sources: Sources,
    unknown_price: u64,
    /// Of the first and the last request.
    since_ms: u64,
    until_ms: u64,
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
        let around = |actual: f64, predicted: f64, deviation: f64| Estimate {
            actual,
            predicted,
            low: (predicted - TWO_SIDED_95 * deviation).max(0.0),
            high: predicted + TWO_SIDED_95 * deviation,
        };
        let took = |totals: &Totals| totals.took.mean().unwrap_or(0.0);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let failed = around(self.actual.failed as f64, self.predicted.failed as f64, spread.failed);
        Report {
            requests: self.predicted.requests,
            skipped: self.skipped,
            same_choice: self.same_choice,
            cost_usd: around(self.actual.cost.as_usd_f64(), self.predicted.cost.as_usd_f64(), spread.cost_usd),
            took_ms: around(took(&self.actual), took(&self.predicted), spread.took_ms),
            failed,
            actual: self.actual.side(),
            predicted: self.predicted.side(),
            sources: self.sources,
            hours: self.hours(snapshot, observed),
            notes: self.notes(snapshot, observed, scope),
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

    /// How far replays with other lots come apart from this one: a policy that learns from its own traffic, and whoever stays
    /// away after a fault, make much of little. Nothing where nothing was drawn.
    #[expect(clippy::cast_precision_loss, reason = "an estimate of an error")]
    fn apart(&self, others: &[Self]) -> Spread {
        let drawn = (self.sources.observed + self.sources.assumed) as f64;
        let share = drawn / (drawn + self.sources.recorded as f64).max(1.0);
        let deviation = |of: &dyn Fn(&Totals) -> f64| {
            let squares = others.iter().map(|other| (of(&other.predicted) - of(&self.predicted)).powi(2));
            FEW_REPLAYS * (share * squares.sum::<f64>() / (others.len() as f64).max(1.0)).sqrt()
        };
        Spread {
            cost_usd: deviation(&|totals| totals.cost.as_usd_f64()),
            took_ms: deviation(&|totals| totals.took.mean().unwrap_or(0.0)),
            failed: deviation(&|totals| totals.failed as f64),
        }
    }

    /// Deviations of the sums. What a cell's few observations leave open is the same for every draw from it, so it is added up
    /// before it is squared; the draws themselves differ from each other.
    #[expect(clippy::cast_precision_loss, reason = "an estimate of an error")]
    fn spread(&self, snapshot: &Snapshot, observed: &Observations, cooldown_ms: u64) -> Spread {
        let mut pooled: BTreeMap<(ModelIx, Option<u64>), Drawn> = BTreeMap::new();
        for ((ix, hour), drawn) in &self.drawn {
            let enough =
                cell_of(snapshot, observed, *ix, Some(*hour)).is_some_and(|cell| cell.observations() >= ENOUGH);
            let sum = pooled.entry((*ix, enough.then_some(*hour))).or_default();
            sum.attempts += drawn.attempts;
            sum.failed += drawn.failed;
            sum.cost_usd += drawn.cost_usd;
        }
        let (mut cost, mut took, mut failed) = (0.0, 0.0, 0.0);
        let usual = self.predicted.took.mean().unwrap_or(0.0);
        let all = (self.predicted.requests as f64).max(1.0);
        let moved = 1.0 + all * cooldown_ms as f64 / (self.until_ms.saturating_sub(self.since_ms) as f64).max(1.0);
        for ((ix, hour), drawn) in &pooled {
            let cell = cell_of(snapshot, observed, *ix, *hour);
            let (k, n) = (drawn.attempts as f64, cell.map_or(0.0, |cell| cell.observations() as f64));
            let relative = cell.and_then(|cell| {
                let mean = cell.cost.mean().filter(|mean| *mean > 0.0)?;
                Some((cell.cost.variance()? / cell.cost.n).sqrt() / mean)
            });
            cost += (drawn.cost_usd * relative.unwrap_or(UNSEEN_COST)).powi(2);
            let rate = (drawn.failed as f64 + 1.0) / (k + 2.0);
            let variance = rate * (1.0 - rate);
            // A failure sends the request to another, at another price, and all that come until the cooldown is over.
            let elsewhere = moved * (self.predicted.cost.as_usd_f64() / all - drawn.cost_usd / k.max(1.0)).abs();
            cost += elsewhere.powi(2) * variance * (k * k / (n + 2.0) + k);
            failed += k * k * variance / (n + 2.0) + k * variance;
            let times = cell.and_then(|cell| cell.took.variance());
            let variance = times.unwrap_or(usual * usual);
            took += k * k * variance / n.max(1.0) + k * variance;
        }
        // Most failed attempts are made good by another candidate.
        let attempts: u64 = self.drawn.values().map(|drawn| drawn.failed).sum();
        let stay = (self.predicted.failed as f64 / (attempts as f64).max(1.0)).min(1.0);
        Spread { cost_usd: f64::sqrt(cost), took_ms: f64::sqrt(took) / all, failed: f64::sqrt(failed) * stay }
    }

    fn notes(&self, snapshot: &Snapshot, observed: &Observations, scope: &Scope) -> Vec<String> {
        let mut notes = Vec::new();
        let drawn = self.sources.observed + self.sources.assumed;
        if drawn == 0 {
            notes.push("every attempt is one that the log holds, so nothing was estimated".to_owned());
        } else {
            let all = drawn + self.sources.recorded;
            let mut note =
                format!("{drawn} of {all} attempts are not in the log; their tokens are those of the recorded answer");
            if self.sources.observed > 0 {
                note.push_str(
                    ", their times and failures are drawn from what was observed of the channel model in that hour, and in the whole period where an hour has few",
                );
            }
            notes.push(note);
            notes.push(
                "the intervals hold what chance and few observations leave open, with what a policy that learns makes of them in five replays; another model may answer at another length"
                    .to_owned(),
            );
        }
        let mut unseen: Vec<String> = Vec::new();
        for (ix, _) in self.drawn.keys() {
            let Some((model, channel)) = snapshot.model_and_channel(*ix) else { continue };
            let name = format!("{}/{}", channel.name, model.name);
            if observed.whole(&channel.name, &model.upstream_name).is_none() && !unseen.contains(&name) {
                unseen.push(name);
            }
        }
        if !unseen.is_empty() {
            notes.push(format!(
                "no observations of {}: speed and reliability are those of the catalogue's scores, and their cost may be half as much or half as much again",
                unseen.join(", ")
            ));
        }
        if self.skipped > 0 {
            notes.push(format!(
                "{} requests of the period are left out: they were refused before anything was decided, ended with the router, or were written by an older version",
                self.skipped
            ));
        }
        if self.unknown_price > 0 {
            notes.push(format!(
                "{} requests would go where no price is known, and are counted as free",
                self.unknown_price
            ));
        }
        if let Some(group) = scope.group.as_ref().filter(|_| self.predicted.requests > 0) {
            notes.push(format!("only requests for {group} were decided anew; all others went as they went"));
        }
        notes
    }
}

/// Deviations.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    cost_usd: f64,
    took_ms: f64,
    failed: f64,
}

impl Spread {
    /// The larger of each.
    fn or(self, other: &Self) -> Self {
        Self {
            cost_usd: self.cost_usd.max(other.cost_usd),
            took_ms: self.took_ms.max(other.took_ms),
            failed: self.failed.max(other.failed),
        }
    }
}

fn cell_of<'o>(snapshot: &Snapshot, observed: &'o Observations, ix: ModelIx, hour: Option<u64>) -> Option<&'o Cell> {
    let (model, channel) = snapshot.model_and_channel(ix)?;
    match hour {
        Some(hour) => observed.hour(&channel.name, &model.upstream_name, hour),
        None => observed.whole(&channel.name, &model.upstream_name),
    }
}

/// Whether an attempt was never sent: a breaker, a limit or a budget of ours stood in its way.
fn found_no_room(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(fault) if is_unsent(fault))
}
