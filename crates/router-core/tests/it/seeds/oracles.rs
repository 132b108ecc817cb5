//! What must hold whatever happens, judged from what is told alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use router_core::budget::{Ledger, ScopeKind};
use router_core::catalog::spec::HedgeAfter;
use router_core::catalog::{ChannelIx, KeyIx, ModelIx, Snapshot};
use router_core::fault::{Blame, Cell, RULES};
use router_core::health::BreakerState;
use router_core::limits::Limits;
use router_core::money::Nano;
use router_core::rehearsal::{Change, Finished, Note, Stage, Watch};
use router_core::request::{RetryBudgetConfig, Status};
use router_core::world::{Rules, Target};

use super::world::Caps;

/// Which of the things to be watched happened at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    retries: u64,
    probes: u64,
    keys_refused: u64,
    queued: u64,
    turned_away: u64,
    over_budget: u64,
    unsent: u64,
    left: u64,
    cut: u64,
    closed: u64,
    hedges: u64,
    outrun: u64,
    limited_keys: u64,
    full_keys: u64,
}

impl Seen {
    pub(super) fn add(&mut self, mut other: Self) {
        for (to, from) in self.all_mut().into_iter().zip(other.all_mut()) {
            *to += *from;
        }
    }

    fn all_mut(&mut self) -> [&mut u64; 14] {
        let Self { retries, probes, keys_refused, queued, turned_away, over_budget, unsent, left, .. } = self;
        let Self { cut, closed, hedges, outrun, limited_keys, full_keys, .. } = self;
        [
            retries,
            probes,
            keys_refused,
            queued,
            turned_away,
            over_budget,
            unsent,
            left,
            cut,
            closed,
            hedges,
            outrun,
            limited_keys,
            full_keys,
        ]
    }

    pub(super) fn all(mut self) -> bool {
        self.all_mut().into_iter().all(|count| *count > 0)
    }
}

/// Bytes. Bodies up to this size are not counted.
const SMALL_BODY: u64 = 4_096;

/// A request that has come and not ended.
#[derive(Default)]
struct Life {
    key: Option<KeyIx>,
    decided: bool,
    /// Its group may start a second attempt beside a silent one.
    hedges: bool,
    /// The attempts that are out, by number.
    out: BTreeMap<u32, Target>,
    attempts: u32,
    streams: bool,
    refused: BTreeSet<(ChannelIx, usize)>,
    targets: BTreeSet<(ModelIx, usize)>,
    body_bytes: u64,
}

pub(super) struct Oracles {
    core: Arc<Snapshot>,
    rules: Rules,
    retry_budget: RetryBudgetConfig,
    most_running: usize,
    lives: BTreeMap<u64, Life>,
    ended: BTreeSet<u64>,
    /// Probes out since the breaker opened last: whose, by breaker.
    probes: BTreeMap<(bool, u32), BTreeSet<(u64, u32)>>,
    opened: BTreeSet<(bool, u32)>,
    /// When each channel was sent to.
    sent: BTreeMap<ChannelIx, Vec<u64>>,
    /// When each provider key was sent to.
    sent_with: BTreeMap<(ChannelIx, usize), Vec<u64>>,
    cost: Nano,
    first_ms: Option<u64>,
    decided: u64,
    retries: u64,
    /// Requests that might have a second attempt beside a silent one, and such attempts.
    hedging: u64,
    hedges: u64,
    hedge_budget: RetryBudgetConfig,
    broken: Vec<String>,
    pub(super) seen: Seen,
}

impl Oracles {
    pub(super) fn new(stage: &Stage, retry_budget: RetryBudgetConfig) -> Self {
        Self {
            core: Arc::clone(&stage.core),
            rules: stage.world.rules,
            retry_budget,
            most_running: stage.admission.max_in_flight,
            lives: BTreeMap::new(),
            ended: BTreeSet::new(),
            probes: BTreeMap::new(),
            opened: BTreeSet::new(),
            sent: BTreeMap::new(),
            sent_with: BTreeMap::new(),
            cost: Nano::ZERO,
            first_ms: None,
            decided: 0,
            retries: 0,
            hedging: 0,
            hedges: 0,
            hedge_budget: stage.hedges,
            broken: Vec::new(),
            seen: Seen::default(),
        }
    }

    fn holds(&mut self, what: bool, else_say: impl FnOnce() -> String) {
        if !what {
            self.broken.push(else_say());
        }
    }

    fn channel(&self, target: &Target) -> ChannelIx {
        self.core.model(target.model).expect("a target is in the catalogue").channel
    }

    /// The breaker of the channel (`true`) or of the channel model.
    fn breaker(&self, target: &Target, cell: Cell) -> (bool, u32) {
        match cell {
            Cell::Channel => (true, self.channel(target).0),
            _ => (false, target.model.0),
        }
    }

    fn tried(&mut self, number: u64, attempt: u32) {
        let most = self.rules.max_attempts;
        let Some(life) = self.lives.get_mut(&number) else {
            return self.broken.push(format!("#{number} is tried and does not live"));
        };
        life.attempts += 1;
        let (made, streams, out, hedges) = (life.attempts, life.streams, life.out.len(), life.hedges);
        self.holds(made == attempt && made <= most, || {
            format!("#{number}: attempt {attempt} is number {made} of {most}")
        });
        self.holds(!streams, || format!("#{number}: another attempt after content"));
        self.holds(out == 0 || out == 1 && hedges, || format!("#{number}: {out} attempts run beside a new one"));
        if out == 1 {
            self.hedges += 1;
            self.seen.hedges += 1;
            let (made, most) = (self.hedges * 1_000, self.hedging * u64::from(self.hedge_budget.per_mille));
            self.holds(made <= most, || format!("{made} thousandths of second attempts, the budget is {most}"));
        }
    }

    /// A request is sent again. (To look elsewhere after an attempt that was never sent is no retry.)
    fn retried(&mut self, now_ms: u64) {
        self.retries += 1;
        let seconds = (now_ms - self.first_ms.unwrap_or(now_ms)) as f64 / 1_000.0;
        let floor = f64::from(self.retry_budget.floor_per_second);
        let most = floor * (1.0 + seconds) + f64::from(self.retry_budget.per_mille) * self.decided as f64 / 1_000.0;
        let made = self.retries;
        self.holds(made as f64 <= most + 1e-6, || format!("{made} retries, the budget is {most}"));
    }

    fn sent(&mut self, now_ms: u64, number: u64, attempt: u32, target: &Target, probes: [bool; 2]) {
        self.tried(number, attempt);
        let channel = self.channel(target);
        if self.lives.get(&number).is_some_and(|life| !life.targets.is_empty()) {
            self.retried(now_ms);
        }
        if let Some(life) = self.lives.get_mut(&number) {
            let fresh = life.targets.insert((target.model, target.key));
            let refused = life.refused.contains(&(channel, target.key));
            let others: Vec<ModelIx> = life.out.values().map(|target| target.model).collect();
            life.out.insert(attempt, target.clone());
            let elsewhere =
                others.iter().all(|other| self.core.model(*other).map(|model| model.channel) != Some(channel));
            self.holds(elsewhere, || format!("#{number}: two attempts on {channel:?}"));
            self.holds(fresh, || format!("#{number}: {target:?} is tried twice"));
            self.holds(!refused, || format!("#{number}: the key of {target:?} has failed before"));
        }
        self.sent.entry(channel).or_default().push(now_ms);
        self.limits(now_ms, channel);
        self.sent_with.entry((channel, target.key)).or_default().push(now_ms);
        self.key_limits(now_ms, channel, target.key);
        for (probe, cell) in probes.into_iter().zip([Cell::ChannelModel, Cell::Channel]) {
            if !probe {
                continue;
            }
            self.seen.probes += 1;
            let breaker = self.breaker(target, cell);
            let out = self.probes.entry(breaker).or_default();
            out.insert((number, attempt));
            let (out, most) = (out.len(), self.rules.breaker.half_open_probes as usize);
            self.holds(out <= most, || format!("{out} probes of {breaker:?}, allowed are {most}"));
            let opened = self.opened.contains(&breaker);
            self.holds(opened, || format!("a probe of {breaker:?}, which had not opened"));
        }
    }

    fn limits(&mut self, now_ms: u64, channel: ChannelIx) {
        let limits = self.core.channel(channel).expect("it is in the catalogue").limits;
        // Beside others, a channel without a limit of its own has the one that leaves room for them.
        let several = self.core.channels().len() > 1;
        let at_most = several.then_some(self.rules.per_channel);
        let limits = Limits { max_in_flight: limits.max_in_flight.or(at_most), ..limits.into() };
        let running = self.running_at(|target| self.channel(target) == channel);
        let sent = self.sent.get(&channel).cloned().unwrap_or_default();
        self.within(now_ms, &limits, running, &sent, || format!("{channel:?}"));
        let bodies = self.lives.values().flat_map(|life| life.out.values().map(|target| (target, life.body_bytes)));
        let bodies = bodies.filter(|(target, bytes)| self.channel(target) == channel && *bytes > SMALL_BODY);
        let held = bodies.map(|(_, bytes)| bytes).sum::<u64>();
        let most = self.rules.bodies_per_channel;
        self.holds(!several || held <= most, || format!("{held} bytes of bodies at a time at {channel:?}: {most}"));
    }

    fn key_limits(&mut self, now_ms: u64, channel: ChannelIx, key: usize) {
        let keys = &self.core.channel(channel).expect("it is in the catalogue").keys;
        let Some(limits) = keys.get(key).map(|key| key.limits) else { return };
        self.seen.limited_keys += u64::from(limits != Limits::default());
        let running = self.running_at(|target| self.channel(target) == channel && target.key == key);
        let sent = self.sent_with.get(&(channel, key)).cloned().unwrap_or_default();
        self.within(now_ms, &limits, running, &sent, || format!("key {key} of {channel:?}"));
    }

    fn running_at(&self, there: impl Fn(&Target) -> bool) -> u64 {
        self.lives.values().flat_map(|life| life.out.values()).filter(|target| there(target)).count() as u64
    }

    fn within(&mut self, now_ms: u64, limits: &Limits, running: u64, sent: &[u64], of: impl Fn() -> String) {
        let minute = sent.iter().filter(|at| **at + 60_000 > now_ms).count() as u64;
        for (what, was, limit) in [
            ("at a time", running, limits.max_in_flight),
            ("in a minute", minute, limits.requests_per_minute),
            ("in a day", sent.len() as u64, limits.requests_per_day),
        ] {
            self.holds(limit.is_none_or(|limit| was <= limit), || format!("{was} {what} at {}: {limit:?}", of()));
        }
    }

    fn ended(&mut self, number: u64, attempt: u32, target: &Target, outcome: &str) {
        for out in self.probes.values_mut() {
            out.remove(&(number, attempt));
        }
        let channel = self.channel(target);
        let at_fault = RULES.iter().any(|rule| rule.class == outcome && rule.blame == Blame::Key);
        let Some(life) = self.lives.get_mut(&number) else { return };
        let was_out = life.out.remove(&attempt).as_ref() == Some(target);
        if at_fault {
            life.refused.insert((channel, target.key));
            self.seen.keys_refused += 1;
        }
        self.holds(was_out, || format!("#{number}: {target:?} ended and was not out"));
    }

    fn finished(&mut self, number: u64, finished: &Finished<'_>) {
        let once = self.ended.insert(number);
        let life = self.lives.remove(&number);
        self.holds(once && life.is_some(), || format!("#{number} ended twice"));
        self.holds(life.is_none_or(|life| life.out.is_empty()), || format!("#{number} ended while an attempt is out"));
        self.cost += finished.settlement.cost;
        let parts: Nano = finished.settlement.attempt_costs.iter().copied().sum();
        self.holds(parts == finished.settlement.cost, || format!("#{number}: its attempts cost {parts}"));
        let fails = !matches!(finished.status, Status::Completed | Status::ClientClosed);
        self.holds(finished.error.is_some() == fails, || format!("#{number}: failed and nothing is told"));
        let code = finished.error.map_or("", |code| code.name());
        self.seen.turned_away += u64::from(code == "overloaded");
        self.seen.over_budget += u64::from(code == "budget_exceeded");
        self.seen.left += u64::from(finished.status == Status::ClientClosed);
    }

    fn running(&mut self, number: u64) {
        let running = self.lives.values().filter(|life| life.decided).count();
        let most = self.most_running;
        self.holds(running <= most, || format!("{running} requests run, allowed are {most}"));
        let key = self.lives.get(&number).and_then(|life| life.key);
        let of_key = self.lives.values().filter(|life| life.decided && life.key == key).count() as u64;
        let limit = key.and_then(|key| self.core.key(key)?.limits.max_in_flight);
        self.holds(limit.is_none_or(|limit| of_key <= limit), || format!("{of_key} of {key:?} run: {limit:?}"));
    }

    /// What broke a rule, after the end.
    pub(super) fn verdict(mut self, ledger: &Ledger, caps: &Caps) -> Vec<String> {
        for line in ledger.balances() {
            let cap = caps.iter().find(|(id, _)| **id == *line.id).map(|(_, cap)| *cap);
            self.holds(line.reserved == Nano::ZERO, || format!("{} is still reserved: {line:?}", line.reserved));
            self.holds(cap.is_some_and(|cap| line.spent <= cap), || format!("more than {cap:?}: {line:?}"));
        }
        let spent: Nano =
            ledger.balances().iter().filter(|line| line.kind == ScopeKind::Router).map(|line| line.spent).sum();
        let cost = self.cost;
        self.holds(spent == cost, || format!("the ledger says {spent}, the requests cost {cost}"));
        let orphans = ledger.take_orphans().1;
        self.holds(orphans == 0, || format!("{orphans} reservations were forgotten"));
        self.broken
    }
}

impl Watch for Oracles {
    fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        self.first_ms.get_or_insert(now_ms);
        match note {
            Note::Arrived(request) => {
                self.lives
                    .insert(number, Life { key: request.key, body_bytes: request.ask.body_bytes, ..Life::default() });
            }
            Note::Queued => self.seen.queued += 1,
            Note::Decided(decision) => {
                self.decided += u64::from(decision.none().is_none());
                let group = decision.tiers.first().and_then(|tier| self.core.group(tier.group?));
                let hedge = group.and_then(|group| group.hedge_after).unwrap_or(self.rules.hedge_after);
                let hedges = hedge != HedgeAfter::Never;
                self.hedging += u64::from(hedges && decision.none().is_none());
                if let Some(life) = self.lives.get_mut(&number) {
                    (life.decided, life.hedges) = (true, hedges);
                }
                self.running(number);
            }
            Note::Sent { attempt, target, probes } => {
                self.seen.retries += u64::from(attempt > 1);
                self.sent(now_ms, number, attempt, target, probes);
            }
            Note::Unsent { attempt, fault, .. } => {
                self.seen.unsent += 1;
                self.seen.full_keys += u64::from(fault.detail.contains("limit for this provider key"));
                self.tried(number, attempt);
            }
            Note::FirstByte { .. } => {
                let out = self.lives.get_mut(&number).map_or(0, |life| {
                    life.streams = true;
                    life.out.len()
                });
                self.holds(out == 1, || format!("#{number}: content while {out} attempts are out"));
            }
            Note::Ended { attempt, target, outcome, .. } => {
                self.seen.cut += u64::from(outcome == "cut");
                self.seen.outrun += u64::from(outcome == "outrun");
                self.ended(number, attempt, target, outcome);
            }
            Note::Changed { target, cell, change: Change::Breaker(state) } => {
                let breaker = self.breaker(target, cell);
                match state {
                    // A new recovery has probes of its own.
                    BreakerState::Open => {
                        self.opened.insert(breaker);
                        self.probes.remove(&breaker);
                    }
                    BreakerState::Closed => {
                        self.seen.closed += 1;
                        self.opened.remove(&breaker);
                        self.probes.remove(&breaker);
                    }
                    BreakerState::HalfOpen => {}
                }
            }
            Note::Changed { .. } => {}
            Note::Finished(finished) => self.finished(number, &finished),
        }
    }
}
