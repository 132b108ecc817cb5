//! What a decision saw of the present, beside a stored decision: written where a policy might decide by it, and read back.
//!
//! Most of it stands in the decision anyway: raw values, running requests, what kept a candidate away. Beside that, for each
//! ranked candidate of `c` (`0` where there is nothing), `"e":[[observations,ttft,success],…]` where the request might try
//! somebody out (one in eight), and
//! `"u":[[requests today,nano-USD today,share of the minute,running,mean saving,member's requests today],…]` where prices
//! follow limits.

use serde::Deserialize;
use serde_json::Value;

use super::compact::{IN_FULL, comma, exact_or_null, integer, number_or_null, was_ranked};
use crate::money::Nano;
use crate::routing::Decision;
use crate::routing::factors::{FactorRef, Origin};
use crate::routing::reason::{Reason, Scope};
use crate::routing::recompute::spell_out_models;
use crate::routing::sighting::{Known, Load, Sighting};

/// Field, order, weight.
type WrittenLayer = (String, String, Option<f64>);
/// Name, strategy, algorithm, layers, place of the first candidate.
type WrittenTier = (String, String, String, Vec<WrittenLayer>, u64);
type WrittenLoad = (u64, i64, Option<f64>, u64, Option<f32>, u64);

/// What is read of a stored decision.
#[derive(Deserialize)]
struct Written {
    g: Option<String>,
    #[serde(default)]
    l: Vec<WrittenLayer>,
    #[serde(default)]
    t: Vec<WrittenTier>,
    #[serde(default)]
    z: u8,
    h: Option<(String, String, u64, bool)>,
    #[serde(default)]
    e: Vec<Value>,
    #[serde(default)]
    u: Vec<Value>,
    #[serde(default)]
    c: Vec<Vec<Value>>,
}

/// What a stored decision says of the present in which it was taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Names of the groups and models that were asked for, fallbacks too.
    pub targets: Vec<String>,
    /// Channel, model and expected tokens of the session's cache.
    pub held: Option<(String, String, u64)>,
    /// Channel, model, and what was seen of it.
    pub candidates: Vec<(String, String, Sighting)>,
}

impl Decision {
    /// Appends what [`Seen`] reads and the rest of the decision does not show, each with a comma behind it.
    pub(super) fn write_seen(&self, out: &mut String) {
        if !self.known.is_empty() {
            self.of_ranked("\"e\":[", out, |place, out| {
                let found = self.known.binary_search_by_key(&place, |(known, _)| *known as usize).ok()?;
                let (_, known) = self.known.get(found)?;
                out.push('[');
                number_or_null(out, known.observations);
                for value in [known.ttft_ms, known.success_rate] {
                    out.push(',');
                    number_or_null(out, value.unwrap_or(f64::NAN));
                }
                Some(())
            });
        }
        if !self.loads.is_empty() {
            self.of_ranked("\"u\":[", out, |place, out| {
                let found = self.loads.binary_search_by_key(&place, |(loaded, _)| *loaded as usize).ok()?;
                let (_, load) = self.loads.get(found)?;
                out.push('[');
                integer(out, load.requests_today);
                out.push(',');
                integer(out, load.spent_today.0);
                out.push(',');
                exact_or_null(out, load.minute_used.unwrap_or(f64::NAN));
                out.push(',');
                integer(out, load.in_flight);
                out.push(',');
                number_or_null(out, load.saving_usd.unwrap_or(f64::NAN));
                out.push(',');
                integer(out, load.member_today);
                Some(())
            });
        }
    }

    /// For each ranked candidate that is stored in full what `write` gives, without its closing bracket.
    fn of_ranked(&self, name: &str, out: &mut String, write: impl Fn(usize, &mut String) -> Option<()>) {
        out.push_str(name);
        let is_ranked = |place: &usize| self.candidates.get(*place).is_some_and(|one| was_ranked(one.verdict));
        for (number, place) in self.places_in_order().take(IN_FULL).filter(is_ranked).enumerate() {
            comma(out, number);
            let end = if write(place, out).is_some() { ']' } else { '0' };
            out.push(end);
        }
        out.push_str("],");
    }
}

impl Seen {
    /// Reads a stored decision that was taken at `at_ms`; nothing of what is none.
    #[must_use]
    pub fn read(decision: &str, at_ms: u64) -> Self {
        serde_json::from_str(decision).map(|written: Written| written.seen(at_ms)).unwrap_or_default()
    }
}

impl Written {
    fn seen(mut self, at_ms: u64) -> Seen {
        spell_out_models(self.c.iter_mut());
        let fields = |layers: &[WrittenLayer]| -> Vec<FactorRef> {
            layers.iter().map(|(field, ..)| FactorRef::known(field).unwrap_or(FactorRef::Known(u8::MAX))).collect()
        };
        let mut tiers = vec![(0, fields(&self.l))];
        tiers.extend(self.t.iter().map(|(_, _, _, layers, first)| (*first, fields(layers))));
        let nobody = !self.c.iter().any(|entry| entry.get(2).is_some_and(Value::is_number));
        let reading = Reading { at_ms, tiers, last_resort: self.z != 0, nobody };
        let (mut known, mut loads) = (self.e.iter(), self.u.iter());
        let mut candidates: Vec<(String, String, Sighting)> = Vec::with_capacity(self.c.len());
        for entry in &self.c {
            let text = |place: usize| entry.get(place).and_then(Value::as_str);
            let (Some(channel), Some(model)) = (text(0), text(1)) else { continue };
            let sighting = match entry.get(4).and_then(Value::as_array) {
                Some(raw) => Sighting {
                    known: known.next().and_then(read_known),
                    load: loads.next().and_then(read_load),
                    ..reading.ranked(entry, raw)
                },
                None => reading.out(entry),
            };
            match candidates.iter_mut().find(|(a, b, _)| *a == channel && *b == model) {
                None => candidates.push((channel.to_owned(), model.to_owned(), sighting)),
                Some((_, _, before)) if before.passing.is_none() => *before = sighting,
                // In one group it is in, in another out: who asks does not say which.
                Some((_, _, before)) if before.passing != sighting.passing => before.passing = None,
                Some(_) => {}
            }
        }
        let targets = self.g.into_iter().chain(self.t.into_iter().map(|(name, ..)| name)).collect();
        Seen { targets, held: self.h.map(|(channel, model, tokens, _)| (channel, model, tokens)), candidates }
    }
}

/// What has to be known of the whole to read one candidate.
struct Reading {
    at_ms: u64,
    /// Place of the first candidate, and by what is ranked.
    tiers: Vec<(u64, Vec<FactorRef>)>,
    last_resort: bool,
    /// Nobody could be tried.
    nobody: bool,
}

impl Reading {
    fn ranked(&self, entry: &[Value], raw: &[Value]) -> Sighting {
        let standing = |place: usize| entry.get(5)?.get(place)?.as_u64();
        let place = standing(0).unwrap_or(0);
        let tier = self.tiers.partition_point(|(first, _)| *first <= place).saturating_sub(1);
        let fields = self.tiers.get(tier).map_or(&[][..], |(_, fields)| fields);
        let values = fields.iter().copied().zip(raw.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)));
        // All that the last resort goes by is who returns first.
        let rank = entry.get(2).and_then(Value::as_u64).filter(|_| self.last_resort);
        Sighting {
            offered: rank.map(|_| true),
            passing: Some(rank.map(|rank| cooling_until(self.at_ms.saturating_add(rank + 1), true))),
            values: values.filter(|(factor, _)| factor.origin() != Origin::Catalogue).collect(),
            in_flight: standing(3),
            ..Sighting::default()
        }
    }

    fn out(&self, entry: &[Value]) -> Sighting {
        let (code, until_ms) = (entry.get(2).and_then(Value::as_str), entry.get(3).and_then(Value::as_u64));
        // Of several groups nothing says which one's own limit it was.
        let one_group = self.tiers.len() == 1;
        // Who is away only by our guess would have been offered before nobody was.
        let reason = code.and_then(|code| passing(code, until_ms, !self.nobody, one_group));
        let offered = (self.nobody || self.last_resort).then_some(false);
        Sighting { passing: reason.map(Some), offered, ..Sighting::default() }
    }
}

fn read_known(value: &Value) -> Option<Known> {
    let (observations, ttft_ms, success_rate): (f32, Option<f32>, Option<f32>) =
        Deserialize::deserialize(value).ok()?;
    let wide = |value: Option<f32>| value.map(f64::from);
    Some(Known { observations: f64::from(observations), ttft_ms: wide(ttft_ms), success_rate: wide(success_rate) })
}

fn read_load(value: &Value) -> Option<Load> {
    let (requests_today, spent, minute_used, in_flight, saving_usd, member_today): WrittenLoad =
        Deserialize::deserialize(value).ok()?;
    let (spent_today, saving_usd) = (Nano(spent), saving_usd.map(f64::from));
    Some(Load { requests_today, spent_today, minute_used, in_flight, saving_usd, member_today })
}

const fn cooling_until(until_ms: u64, guess: bool) -> Reason {
    Reason::CoolingDown { scope: Scope::Channel, until_ms, guess }
}

/// The passing reason of that code. What it belongs to and the limit behind it are not stored, and decide nothing.
fn passing(code: &str, until_ms: Option<u64>, guess: bool, one_group: bool) -> Option<Reason> {
    let (scope, until) = (Scope::Channel, until_ms.unwrap_or(0));
    let of_channel = [
        cooling_until(until, guess),
        Reason::BreakerOpen { scope, until_ms },
        Reason::RateLimited { scope, until_ms: until },
        Reason::MaxInFlight { limit: 0 },
        Reason::DailyRequests { limit: 0, until_ms: until },
        Reason::DailyBudget { limit: Nano::ZERO, until_ms: until },
    ];
    let of_group = [
        Reason::SlowLatency { ms: f64::NAN, limit: 0 },
        Reason::SlowThroughput { tps: f64::NAN, limit: 0.0 },
        Reason::MemberDailyLimit { limit: 0, until_ms: until },
    ];
    let of_group = of_group.into_iter().filter(|_| one_group);
    of_channel.into_iter().chain(of_group).find(|reason| reason.as_code() == code)
}
