//! The second pass: the log's requests arrive at a router with the other policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::background::Background;
use super::observed::{Draw, Source};
use super::partings::Partings;
use super::recall::{Names, hindsight};
use super::tallies::{Predicted, Tallies};
use super::{Entry, Observations, Report, Scope, TriedEnd, key_place};
use crate::catalog::{KeyIx, ModelIx, Snapshot};
use crate::fault::FaultKind;
use crate::ids::mix;
use crate::money::Nano;
use crate::rehearsal::{Call, Ending, Note, Provider, Reply, Request, Stage, VirtualRouter, Watch};
use crate::request::Status;
use crate::usage::Usage;
use crate::world::Pinned;

/// Replays with other lots beside the one that gives the result: how far they come apart is what the result leaves open where
/// a policy learns from its own traffic.
const OTHERS: u64 = 4;

/// A backtest on its way.
#[derive(Debug)]
pub struct Backtest<'m> {
    core: Arc<Snapshot>,
    scope: Scope,
    observations: &'m Observations,
    /// The first gives the result.
    replays: Vec<Replay<'m>>,
    keys: HashMap<Arc<str>, KeyIx>,
    names: Arc<Names>,
}

/// One way in which it may have gone.
#[derive(Debug)]
struct Replay<'m> {
    log: Shared<'m>,
    router: VirtualRouter<Shared<'m>, Shared<'m>>,
    background: Background,
    number: u64,
    /// Draws every attempt anew; 0: those that the log holds go as they went.
    lot: u64,
}

/// The requests that are on their way, for the providers that answer them and for whoever adds them up.
#[derive(Clone, Debug)]
struct Shared<'m>(Arc<Mutex<Log<'m>>>);

#[derive(Debug)]
struct Log<'m> {
    core: Arc<Snapshot>,
    observations: &'m Observations,
    running: HashMap<u64, Logged>,
    tallies: Tallies,
    partings: Partings,
}

/// A request of the log with what has been used of it.
#[derive(Debug)]
struct Logged {
    entry: Entry,
    used: Vec<bool>,
    /// Where each attempt that was sent came from; `None`: from the log.
    sources: Vec<Option<Source>>,
    same_choice: bool,
    /// Whether it has gone another way than the log's.
    parted: bool,
    /// Of its replay.
    lot: u64,
}

impl<'m> Shared<'m> {
    fn lock(&self) -> MutexGuard<'_, Log<'m>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'m> Backtest<'m> {
    /// A backtest of that configuration, with channels that answer as was observed. The stage has seen nothing yet.
    #[must_use]
    pub fn new(stage: Stage, observations: &'m Observations, scope: Scope) -> Self {
        let core = Arc::clone(&stage.core);
        let names = Arc::new(Names::of(&core));
        let others: Vec<Stage> = (0..OTHERS).map(|_| stage.anew()).collect();
        let stages = std::iter::once(stage).chain(others);
        let replays = (0u64..).zip(stages).map(|(lot, stage)| Replay::new(stage, observations, &names, lot)).collect();
        let keys = (0u32..).zip(core.keys()).map(|(place, key)| (Arc::clone(&key.id), KeyIx(place))).collect();
        Self { core, scope, observations, replays, keys, names }
    }

    /// What requests of that client key have cost in the month before the first one that will be added, at `at_ms`.
    pub fn spent_before(&mut self, key: &str, cost: Nano, at_ms: u64) {
        for replay in &self.replays {
            replay.router.stage().world.spent_before(self.keys.get(key).copied(), cost, at_ms);
        }
    }

    /// The next request of the log, in the order of time; those from before the period too: they warm everything up.
    pub fn add(&mut self, entry: Entry) {
        let within = self.scope.holds(&entry);
        let key = self.keys.get(&entry.key).copied();
        let Some((first, others)) = self.replays.split_first_mut() else { return };
        for other in others {
            other.add(&self.core, &self.names, key, within, entry.clone());
        }
        first.add(&self.core, &self.names, key, within, entry);
    }

    /// What it came to.
    #[must_use]
    pub fn finish(self) -> Report {
        let rules = self.replays.first().map(|replay| replay.router.stage().world.rules.cooldown);
        let cooldown_ms = rules.map_or(0, |cooldown| cooldown.temporary_ms);
        let mut tallies = self.replays.into_iter().map(Replay::finish);
        let first = tallies.next().unwrap_or_default();
        let others: Vec<Tallies> = tallies.collect();
        first.report(&self.core, self.observations, &self.scope, &others, cooldown_ms)
    }
}

impl<'m> Replay<'m> {
    fn new(stage: Stage, observations: &'m Observations, names: &Arc<Names>, lot: u64) -> Self {
        let core = Arc::clone(&stage.core);
        let running = HashMap::new();
        let (tallies, partings) = Default::default();
        let log = Log { core: Arc::clone(&core), observations, running, tallies, partings };
        let log = Shared(Arc::new(Mutex::new(log)));
        let router = VirtualRouter::new(stage, log.clone(), log.clone());
        Self { log, router, background: Background::new(&core, names), number: 0, lot }
    }

    fn add(&mut self, core: &Snapshot, names: &Names, key: Option<KeyIx>, within: bool, entry: Entry) {
        self.background.until(entry.at_ms, &mut self.router);
        self.router.until(entry.at_ms);
        // That the router ended says nothing about a policy.
        let ask = entry.ask.clone().filter(|_| within && entry.status != Status::Shutdown);
        let Some(ask) = ask else {
            if within {
                self.log.lock().tallies.skipped += 1;
            }
            return self.background.add(&entry, key, self.router.stage());
        };
        let pinned = entry.pinned.as_ref().and_then(|name| core.channel_by_name(name));
        let total = entry.attempts.last().is_some_and(|tried| tried.end == TriedEnd::Failed(FaultKind::TotalTimeout));
        let unfit = entry.unfit.iter().filter_map(|name| core.channel_by_name(name));
        let known = hindsight(core, names, &self.log.lock().partings, &entry).filter(|_| self.lot == 0);
        let request = Request {
            unfit: unfit.collect(),
            hindsight: known,
            at_ms: entry.at_ms,
            key,
            ask,
            seed: entry.seed,
            sequence: entry.sequence,
            total_ms: total.then_some(entry.took_ms),
            leaves_ms: (entry.status == Status::ClientClosed).then_some(entry.took_ms),
            pinned: pinned.map(|channel| Pinned { channel, key: pinned_key(core, names, &entry) }),
            label: 0,
        };
        let used = vec![false; entry.attempts.len()];
        let logged = Logged { entry, used, sources: Vec::new(), same_choice: false, parted: false, lot: self.lot };
        self.log.lock().running.insert(self.number, logged);
        self.number += 1;
        self.router.arrive(request);
    }

    fn finish(mut self) -> Tallies {
        self.background.until(u64::MAX, &mut self.router);
        self.router.until(u64::MAX);
        std::mem::take(&mut self.log.lock().tallies)
    }
}

impl Provider for Shared<'_> {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        let mut log = self.lock();
        let log = &mut *log;
        let Some(logged) = log.running.get_mut(&call.number) else { return Reply::silence() };
        let (reply, source) = logged.answer(call, log.observations);
        logged.sources.push(source);
        logged.parted |= source.is_some();
        if let Some((_, channel)) = call.core.model_and_channel(call.target.model) {
            log.partings.attempt(&channel.name, source.is_some(), call.now_ms);
        }
        reply
    }
}

impl Watch for Shared<'_> {
    fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        let mut log = self.lock();
        let log = &mut *log;
        match note {
            Note::Decided(decision) => {
                let core = Arc::clone(&log.core);
                let Some(logged) = log.running.get_mut(&number) else { return };
                let chosen = decision.chosen().and_then(|chosen| core.model_and_channel(chosen.model));
                let chosen = chosen.map(|(model, channel)| (&channel.name, &model.name));
                let recorded = logged.entry.chosen.as_ref().map(|(channel, model)| (channel, model));
                logged.same_choice = chosen == recorded;
            }
            Note::Finished(finished) => {
                let Some(logged) = log.running.remove(&number) else { return };
                let core = Arc::clone(&log.core);
                let unused = logged.entry.attempts.iter().zip(&logged.used).filter(|(_, used)| !**used);
                let unused: Vec<_> = unused.map(|(tried, _)| &tried.channel).collect();
                unused.iter().for_each(|channel| log.partings.attempt(channel, true, now_ms));
                log.partings.session(&logged.entry, logged.parted || !unused.is_empty());
                let predicted =
                    Predicted { finished: &finished, sources: &logged.sources, same_choice: logged.same_choice };
                log.tallies.add(&core, &logged.entry, &predicted);
            }
            _ => {}
        }
    }
}

impl Logged {
    /// As the log holds it, or as was observed; then with where that comes from.
    fn answer(&mut self, call: &Call<'_>, observations: &Observations) -> (Reply, Option<Source>) {
        let model = call.target.model;
        let Some((named, channel)) = call.core.model_and_channel(model) else { return (Reply::silence(), None) };
        let mut tried = self.entry.attempts.iter().zip(&mut self.used);
        let same = tried.find(|(tried, used)| {
            self.lot == 0 && !**used && tried.channel == channel.name && tried.upstream_model == named.upstream_name
        });
        if let Some((tried, used)) = same {
            *used = true;
            let end = match tried.end {
                TriedEnd::Completed => Some(Ending::Whole),
                TriedEnd::Failed(FaultKind::TotalTimeout) | TriedEnd::Cancelled => None,
                TriedEnd::Failed(kind) => Some(Ending::Failed(tried.fault(kind))),
            };
            let usage = Usage { reported_cost: Some(tried.cost), ..tried.usage };
            let end = end.map(|end| (tried.took_ms, end));
            return (Reply { first_ms: tried.first_ms, last_ms: tried.took_ms, end, usage }, None);
        }
        let usage = self.usage(call, observations, model);
        let seed = mix(call.request.seed ^ mix(u64::from(call.attempt)) ^ self.lot);
        let (reply, source) = observations.draw(
            call.core,
            model,
            call.now_ms,
            usage,
            Draw { shape: call.request.ask.shape(), seed, lot: self.lot },
        );
        (reply, Some(source))
    }

    /// What an answer of another would consume: the same tokens; where nobody answered, as many as answers to that name have.
    fn usage(&self, call: &Call<'_>, observations: &Observations, model: ModelIx) -> Usage {
        let ask = &call.request.ask;
        let cached_input = ask.held.filter(|held| held.model == model).map_or(0, |held| held.cached_tokens);
        let answered = self.entry.attempts.iter().rev().find(|tried| tried.end == TriedEnd::Completed);
        if let Some(tried) = answered {
            return Usage { cached_input, cache_write: 0, cache_write_1h: 0, reported_cost: None, ..tried.usage };
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of counts")]
        let usual = observations.usual_output(&ask.model).map(|mean| mean as u64);
        let output = usual.unwrap_or(crate::routing::USUAL_OUTPUT_TOKENS).min(call.core.output_bound(model, ask));
        Usage { input: ask.input_tokens, output, cached_input, ..Usage::default() }
    }
}

/// The place of the provider key that keeps the state which a request builds on: the one that it was sent with.
fn pinned_key(core: &Snapshot, names: &Names, entry: &Entry) -> u16 {
    let sent = entry.attempts.first();
    let at = sent.and_then(|tried| Some((tried, names.upstream(&tried.channel, &tried.upstream_model)?)));
    at.and_then(|(tried, model)| key_place(core, model, tried.provider_key.as_ref())).unwrap_or(0)
}
