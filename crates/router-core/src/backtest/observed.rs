//! How channel models answered, hour by hour.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Entry, Tried, TriedEnd};
use crate::catalog::{ChannelModel, ModelIx, Snapshot};
use crate::fault::{Fault, FaultKind};
use crate::health::Shape;
use crate::ids::mix;
use crate::rehearsal::Reply;
use crate::usage::Usage;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: u64 = 3_600_000;
/// Answers of which a cell keeps the times.
const KEPT: usize = 48;
/// An hour with fewer observations also borrows from the whole period: it weighs as much as so many.
const BORROWED: f64 = 5.0;
/// Success rate of a channel model of which nothing is known, unless `scores.reliability` says more.
const USUAL_SUCCESS: f64 = 0.98;
/// Milliseconds to the first content and output tokens per second of a channel model whose `scores.speed` is 0.5.
const MIDDLING: (f64, f64) = (800.0, 50.0);
/// How long a failure takes that was never observed.
const USUAL_FAILURE_MS: u64 = 1_000;

/// Mean and deviation of a number of values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) n: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64) {
        self.n += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.n > 0.0).then(|| self.sum / self.n)
    }

    /// Variance of the values; `None` below two.
    pub(super) fn variance(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.n >= 2.0)?;
        Some(((self.squares - self.n * mean * mean) / (self.n - 1.0)).max(0.0))
    }
}

/// Times of answers of one shape: milliseconds to the first content, and for each output token after it. At most [`KEPT`], any
/// as likely as another.
#[derive(Clone, Debug, Default)]
struct Times {
    n: u32,
    kept: Vec<(f32, f32)>,
}

/// What was seen of a channel model in an hour, or in all.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    good: u32,
    bad: u32,
    streams: Times,
    whole: Times,
    /// Each with the milliseconds that it took.
    faults: Vec<(Fault, u64)>,
    cached: u64,
    input: u64,
    pub(super) took: Moments,
    pub(super) cost: Moments,
}

impl Cell {
    pub(super) fn observations(&self) -> u64 {
        u64::from(self.good) + u64::from(self.bad)
    }

    #[expect(clippy::cast_precision_loss, reason = "times for an estimate")]
    fn add(&mut self, tried: &Tried, shape: Option<Shape>, seed: u64) {
        match tried.end {
            TriedEnd::Cancelled => {}
            TriedEnd::Failed(kind) => {
                self.bad += 1;
                keep(&mut self.faults, (tried.fault(kind), tried.took_ms), self.bad, seed);
            }
            TriedEnd::Completed => {
                self.good += 1;
                let Some(shape) = shape else { return };
                let first = tried.first_ms.unwrap_or(tried.took_ms);
                let each = tried.took_ms.saturating_sub(first) as f32 / tried.usage.output.max(1) as f32;
                let times = match shape {
                    Shape::Stream => &mut self.streams,
                    Shape::Whole => &mut self.whole,
                };
                times.n += 1;
                keep(&mut times.kept, (first as f32, each), times.n, seed);
                self.cached += tried.usage.cached_input;
                self.input += tried.usage.input;
                self.took.add(tried.took_ms as f64);
            }
        }
    }

    /// Times of answers of that shape; where there are none, of the other: better than nothing.
    fn times(&self, shape: Shape) -> &[(f32, f32)] {
        let (own, other) = match shape {
            Shape::Stream => (&self.streams, &self.whole),
            Shape::Whole => (&self.whole, &self.streams),
        };
        if own.kept.is_empty() { &other.kept } else { &own.kept }
    }

    fn failure_rate(&self) -> Option<f64> {
        let n = f64::from(self.good) + f64::from(self.bad);
        (n > 0.0).then(|| f64::from(self.bad) / n)
    }
}

/// Keeps a fair sample: the `n`-th value takes the place of another with the chance that it has to stay.
fn keep<V>(kept: &mut Vec<V>, value: V, n: u32, seed: u64) {
    if kept.len() < KEPT {
        return kept.push(value);
    }
    let place = usize::try_from(mix(seed) % u64::from(n)).unwrap_or(usize::MAX);
    if let Some(slot) = kept.get_mut(place) {
        *slot = value;
    }
}

type Name = (Arc<str>, Arc<str>);

/// How channel models answered, by channel and the model's name at the provider. The first pass over the log.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    hours: HashMap<Name, HashMap<u64, Cell>>,
    whole: HashMap<Name, Cell>,
    /// Output tokens by the name that was asked for.
    output: HashMap<Arc<str>, Moments>,
    requests: u64,
}

/// By what a call is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// How its answer comes.
    pub(super) shape: Shape,
    /// The call's own.
    pub(super) seed: u64,
    /// The replay's. What few observations leave open turns out one way or another in each; 0: as was observed.
    pub(super) lot: u64,
}

/// Where an estimate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Observed in that hour, or in the period.
    Observed,
    /// Nothing was observed: the catalogue's scores.
    Assumed,
}

impl Observations {
    /// Notes a request.
    pub fn add(&mut self, entry: &Entry) {
        self.requests += 1;
        for (number, tried) in (0u64..).zip(&entry.attempts) {
            let name = (Arc::clone(&tried.channel), Arc::clone(&tried.upstream_model));
            let seed = mix(entry.seed ^ number);
            let shape = entry.shape();
            let hour = (entry.at_ms) / HOUR_MS;
            let cell = self.hours.entry(name.clone()).or_default().entry(hour).or_default();
            cell.add(tried, shape, seed);
            let whole = self.whole.entry(name).or_default();
            whole.add(tried, shape, seed);
            let answered = tried.end == TriedEnd::Completed && !entry.is_probe;
            if entry.attempts.len() == 1 && answered {
                cell.cost.add(entry.cost.as_usd_f64());
                whole.cost.add(entry.cost.as_usd_f64());
            }
            if let Some(ask) = entry.ask.as_ref().filter(|_| answered) {
                #[expect(clippy::cast_precision_loss, reason = "a mean")]
                self.output.entry(ask.model.as_str().into()).or_default().add(tried.usage.output as f64);
            }
        }
    }

    /// Requests that were noted.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Attempts that the log holds of a channel.
    pub(super) fn of_channel(&self, channel: &str) -> u64 {
        let cells = self.whole.iter().filter(|((name, _), _)| **name == *channel);
        cells.map(|(_, cell)| cell.observations()).sum()
    }

    pub(super) fn whole(&self, channel: &str, upstream: &str) -> Option<&Cell> {
        self.whole.get(&(Arc::from(channel), Arc::from(upstream)))
    }

    pub(super) fn hour(&self, channel: &str, upstream: &str, hour: u64) -> Option<&Cell> {
        self.hours.get(&(Arc::from(channel), Arc::from(upstream)))?.get(&hour)
    }

    /// Output tokens that an answer to that name usually has.
    pub(super) fn usual_output(&self, asked: &str) -> Option<f64> {
        self.output.get(asked)?.mean()
    }

    /// Draws what becomes of a call that the log does not hold: `usage` is what it consumes if it goes well.
    #[expect(clippy::cast_precision_loss, reason = "times for an estimate")]
    pub(super) fn draw(
        &self,
        snapshot: &Snapshot,
        ix: ModelIx,
        at_ms: u64,
        usage: Usage,
        Draw { shape, seed, lot }: Draw,
    ) -> (Reply, Source) {
        let Some((model, channel)) = snapshot.model_and_channel(ix) else {
            return (Reply::silence(), Source::Assumed);
        };
        let whole = self.whole(&channel.name, &model.upstream_name).filter(|cell| cell.observations() > 0);
        let hour =
            self.hour(&channel.name, &model.upstream_name, at_ms / HOUR_MS).filter(|cell| cell.observations() > 0);
        let source = if whole.is_some() { Source::Observed } else { Source::Assumed };
        let mut lots = Lots(mix(seed ^ model.stable_id));
        let rate = failure_rate(model, hour, whole);
        let rate = match lot {
            0 => rate,
            _ => perhaps(rate, hour.or(whole), mix(lot ^ model.stable_id ^ mix(at_ms / HOUR_MS))),
        };
        if lots.share() < rate {
            let cell = hour.filter(|cell| !cell.faults.is_empty()).or(whole);
            let fault = cell.and_then(|cell| lots.one_of(&cell.faults));
            let usual = || (Fault::new(FaultKind::Temporary, ""), USUAL_FAILURE_MS);
            let (fault, took_ms) = fault.cloned().unwrap_or_else(usual);
            return (Reply::fault(took_ms, fault), source);
        }
        let of_hour = hour.filter(|cell| {
            let n = cell.times(shape).len() as f64;
            lots.share() < n / (n + BORROWED)
        });
        let seen = of_hour.or(whole).and_then(|cell| lots.one_of(cell.times(shape))).copied();
        let (first, each) =
            seen.map_or_else(|| usual_times(model), |(first, each)| (f64::from(first), f64::from(each)));
        let usage = Usage { cached_input: self.cached(whole, usage), ..usage };
        let took = first + each * usage.output as f64;
        (Reply::whole(whole_ms(first), whole_ms(took), usage), source)
    }

    /// Cached tokens of a prompt: as many as are expected of its session, else the share that the channel model usually had.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn cached(&self, whole: Option<&Cell>, usage: Usage) -> u64 {
        if usage.cached_input > 0 {
            return usage.cached_input.min(usage.input);
        }
        let share = whole.filter(|cell| cell.input > 0).map_or(0.0, |cell| cell.cached as f64 / cell.input as f64);
        whole_ms(usage.input as f64 * share).min(usage.input)
    }
}

/// Of the hour, as far as it has observations; the rest of the period; what the catalogue says.
fn failure_rate(model: &ChannelModel, hour: Option<&Cell>, whole: Option<&Cell>) -> f64 {
    let reliability = model.facts.reliability;
    let prior = 1.0 - if reliability.is_nan() { USUAL_SUCCESS } else { reliability };
    let whole = whole.and_then(Cell::failure_rate).unwrap_or(prior);
    let Some((rate, cell)) = hour.and_then(|cell| Some((cell.failure_rate()?, cell))) else { return whole };
    let n = f64::from(cell.good) + f64::from(cell.bad);
    (rate * n + whole * BORROWED) / (n + BORROWED)
}

/// What the rate might as well be, by so few observations: drawn from about the normal law around it.
#[expect(clippy::cast_precision_loss, reason = "a count")]
fn perhaps(rate: f64, cell: Option<&Cell>, seed: u64) -> f64 {
    let n = cell.map_or(0, Cell::observations) as f64 + 2.0;
    // The sum of twelve even lots less six is as good as normal (Irwin and Hall).
    let mut lots = Lots(seed);
    let normal = (0..12).map(|_| lots.share()).sum::<f64>() - 6.0;
    let spread = (rate * (1.0 - rate)).max(1.0 / n) / n;
    (rate + normal * spread.sqrt()).clamp(0.0, 1.0)
}

/// Milliseconds to the first content, and for each output token, by `scores.speed`.
fn usual_times(model: &ChannelModel) -> (f64, f64) {
    let speed = if model.facts.speed.is_nan() { 0.5 } else { model.facts.speed.clamp(0.05, 0.95) };
    let (first, per_second) = MIDDLING;
    (first * (1.0 / speed - 1.0), 1_000.0 / (per_second * speed / (1.0 - speed)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite and not negative")]
fn whole_ms(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

/// Lots from a seed.
struct Lots(u64);

impl Lots {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// 0…1, less than 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn one_of<'v, V>(&mut self, values: &'v [V]) -> Option<&'v V> {
        let count = u64::try_from(values.len()).ok().filter(|count| *count > 0)?;
        values.get(usize::try_from(self.next() % count).ok()?)
    }
}
