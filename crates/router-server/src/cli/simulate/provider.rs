//! Providers that behave as the scenario says.

use std::collections::VecDeque;

use router_core::catalog::ModelIx;
use router_core::fault::{Fault, FaultKind};
use router_core::ids::{hash64, mix};
use router_core::rehearsal::{Call, Ending, Lots, Provider, Reply};
use router_core::usage::Usage;

use super::names::Names;
use super::{Wrong, wrong};
use crate::config::scenario::{Arrivals, Behaviour, FaultEntry, FaultWord, QuotaEntry, Scenario};

/// Everyone, for the name `*`.
const EVERYONE: &str = "*";

/// All providers of a scenario.
#[derive(Debug)]
pub(super) struct Providers {
    start_ms: u64,
    arrivals: Vec<Arrivals>,
    behaviours: Vec<Behaving>,
    /// For each channel model, whose behaviour is its own.
    of: Vec<usize>,
}

/// A behaviour and what it has to remember.
#[derive(Debug)]
struct Behaving {
    behaviour: Behaviour,
    /// Times of the requests within the quota's window.
    taken: VecDeque<u64>,
}

impl Providers {
    /// The providers. What is said of a channel counts for all of its models together.
    ///
    /// # Errors
    /// A name that is nobody's.
    pub(super) fn build(scenario: &Scenario, names: &Names) -> Result<Self, Wrong> {
        for name in scenario.behaviour.keys() {
            let known = name == EVERYONE || names.has_channel(name) || names.models().any(|(_, model)| model == name);
            if !known {
                return Err(wrong(&["behaviour", name], Names::nobody(name)));
            }
        }
        let said: Vec<&String> = scenario.behaviour.keys().collect();
        let behaving = |behaviour: &Behaviour| Behaving { behaviour: behaviour.clone(), taken: VecDeque::new() };
        let mut behaviours: Vec<Behaving> = scenario.behaviour.values().map(behaving).collect();
        behaviours.push(behaving(&Behaviour::default()));
        let place = |ix: ModelIx, name: &str| {
            let channel = names.channel_of(ix).map_or("", |channel| names.channel(channel));
            let found = [name, channel, EVERYONE].into_iter();
            let found = found.filter_map(|wanted| said.iter().position(|known| *known == wanted)).next();
            found.unwrap_or(said.len())
        };
        let of = names.models().map(|(ix, name)| place(ix, name)).collect();
        Ok(Self { start_ms: scenario.start.0, arrivals: scenario.arrivals.clone(), behaviours, of })
    }
}

impl Provider for Providers {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        let model = call.target.model;
        let place = usize::try_from(model.0).ok().and_then(|slot| self.of.get(slot)).copied().unwrap_or(0);
        let Some(behaving) = self.behaviours.get_mut(place) else { return Reply::silence() };
        let since_ms = call.now_ms.saturating_sub(self.start_ms);
        let stable = call.core.model(model).map_or(0, |model| model.stable_id);
        // A request has the same lots at the same place whatever else happens, so that policies can be compared.
        let mut lots = Lots::of(mix(call.request.seed ^ stable) ^ u64::from(call.attempt));
        if let Some(refused) = behaving.refuses(call.now_ms) {
            return refused;
        }
        let label = usize::try_from(call.request.label).unwrap_or(usize::MAX);
        let usage = usage(self.arrivals.get(label), call);
        let good = behaving.behaviour.answer(usage, since_ms, &mut lots);
        let strikes = |fault: &&FaultEntry| fault.strikes(since_ms, &mut lots);
        match behaving.behaviour.faults.iter().find(strikes) {
            Some(fault) => fault.reply(good, call.request.ask.stream, &mut lots),
            None => good,
        }
    }
}

/// What the answer consumes.
fn usage(arrivals: Option<&Arrivals>, call: &Call<'_>) -> Usage {
    let ask = &call.request.ask;
    let mut lots = Lots::of(call.request.seed ^ hash64(b"output"));
    let wanted = arrivals.map_or(1, |arrivals| arrivals.output_tokens.0.draw_whole(&mut lots)).max(1);
    let model = call.core.model(call.target.model).and_then(|model| model.max_output_tokens);
    let most = [call.output_cap, model].into_iter().flatten().min().unwrap_or(u64::MAX);
    Usage { input: ask.input_tokens, output: wanted.min(most), ..Usage::default() }
}

impl Behaving {
    /// The refusal of a request beyond the quota.
    fn refuses(&mut self, now_ms: u64) -> Option<Reply> {
        let QuotaEntry { requests, per, retry_after } = self.behaviour.quota.clone()?;
        while self.taken.front().is_some_and(|at| at.saturating_add(per.as_millis()) <= now_ms) {
            self.taken.pop_front();
        }
        if self.taken.len() < usize::try_from(requests).unwrap_or(usize::MAX) {
            self.taken.push_back(now_ms);
            return None;
        }
        let fault = Fault::new(FaultKind::RateLimited, "quota");
        let retry_after_ms = retry_after.map(|span| span.as_millis());
        Some(Reply::fault(20, Fault { status: Some(429), retry_after_ms, ..fault }))
    }
}

impl Behaviour {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "bounded")]
    fn answer(&self, usage: Usage, since_ms: u64, lots: &mut Lots) -> Reply {
        let first_ms = self.first_token_ms.0.draw(lots) * self.slowness(since_ms);
        let speed = self.tokens_per_second.0.draw(lots).max(0.1);
        let rest_ms = usage.output as f64 * 1_000.0 / speed;
        let whole = |ms: f64| ms.min(1e12).round() as u64;
        Reply::whole(whole(first_ms).max(1), whole(first_ms + rest_ms).max(1), usage)
    }

    /// How many times slower it is soon after the start or an outage.
    fn slowness(&self, since_ms: u64) -> f64 {
        let Some(slow) = &self.slow_start else { return 1.0 };
        let outages = self.faults.iter().filter(|fault| fault.rate.0 >= 1.0).filter_map(|fault| fault.until);
        let starts = std::iter::once(0).chain(outages.map(|until| until.as_millis()));
        let warm = |start: u64| since_ms >= start && since_ms < start.saturating_add(slow.lasts.as_millis());
        if starts.into_iter().any(warm) { slow.factor } else { 1.0 }
    }
}

impl FaultEntry {
    fn strikes(&self, since_ms: u64, lots: &mut Lots) -> bool {
        let begun = self.from.is_none_or(|from| since_ms >= from.as_millis());
        let over = self.until.is_some_and(|until| since_ms >= until.as_millis());
        // The lot is drawn in any case: one fault does not change the luck of the next.
        let lot = lots.unit();
        begun && !over && lot < self.rate.0
    }

    fn reply(&self, good: Reply, stream: bool, lots: &mut Lots) -> Reply {
        let after_ms = self.after_ms.0.draw_whole(lots);
        let (first_ms, end_ms) = (good.first_ms.unwrap_or(0), good.last_ms);
        // Somewhere between the first token and the end.
        let part = lots.unit();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part"
        )]
        let within = |whole: u64| (whole as f64 * part) as u64;
        let broken = |end: Option<Ending>| {
            let last_ms = first_ms + within(end_ms - first_ms);
            let usage = Usage { output: within(good.usage.output), ..good.usage };
            Reply { first_ms: Some(first_ms), last_ms, end: end.map(|end| (last_ms, end)), usage }
        };
        match self.kind {
            FaultWord::Hang => Reply::silence(),
            FaultWord::Stall if stream => broken(None),
            FaultWord::Stall => Reply::silence(),
            FaultWord::Kind(FaultKind::Cut) => broken(Some(Ending::Failed(Fault::new(FaultKind::Cut, "cut")))),
            FaultWord::Kind(kind) => {
                let retry_after_ms = self.retry_after.map(|span| span.as_millis());
                Reply::fault(after_ms, Fault { retry_after_ms, ..Fault::new(kind, "as the scenario says") })
            }
        }
    }
}
