//! The virtual router itself: the loop of the server, with a calendar instead of sockets and a clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Request;
use super::calendar::{Calendar, Due};
use super::hindsight::{Recalled, Went};
use super::provider::{Call, Ending, Provider, Reply};
use super::standing::{changes, standing};
use super::watch::{Finished, Note, Watch};
use crate::admission::{Admission, AdmissionConfig, Entry, Place};
use crate::catalog::spec::HedgeAfter;
use crate::catalog::{ChannelIx, Snapshot};
use crate::fault::{ErrorCode, Fault, FaultKind};
use crate::limits::Ticket;
use crate::request::{
    AttemptRecord, Command, Event, Metered, Plan, RequestMachine, RetryBudget, RetryBudgetConfig, Status,
};
use crate::routing::{Moment, decide, resolve};
use crate::session::Sessions;
use crate::usage::{Usage, UsageSource};
use crate::world::{
    Account, Draw, Ended, Holding, MOST_CANDIDATES, Session, Target, Turns, World, attempted, is_unsent, recall,
    short_of_money,
};

/// What a rehearsal is played on.
#[derive(Debug)]
pub struct Stage {
    /// The catalogue.
    pub core: Arc<Snapshot>,
    /// Its live side; may know something already.
    pub world: World,
    /// `failover.retry_budget`
    pub retries: RetryBudgetConfig,
    /// `failover.hedge_budget`
    pub hedges: RetryBudgetConfig,
    /// `limits` of the router.
    pub admission: AdmissionConfig,
    /// `limits.queue_timeout`, milliseconds.
    pub patience_ms: u64,
}

impl Stage {
    /// The same stage, of which nothing is known yet.
    #[must_use]
    pub fn anew(&self) -> Self {
        let (core, world) = (Arc::clone(&self.core), self.world.anew(&self.core));
        let Self { retries, hedges, admission, patience_ms, .. } = *self;
        Self { core, world, retries, hedges, admission, patience_ms }
    }

    /// Whether budgets have no room for the request there.
    fn is_short(&self, request: &Request, target: &Target, channel: Option<ChannelIx>) -> bool {
        match request.hindsight.as_ref().filter(|known| known.attempts.is_some()) {
            Some(known) => channel.is_some_and(|channel| known.no_budget.contains(&channel)),
            None => {
                let ask = &request.ask;
                self.world.no_room(&self.core, request.key, target, ask, request.at_ms).is_some()
            }
        }
    }
}

/// A router on a virtual clock.
#[derive(Debug)]
pub struct VirtualRouter<P, W> {
    /// What providers do.
    pub provider: P,
    /// Who is told.
    pub watch: W,
    pub(super) stage: Stage,
    sessions: Sessions,
    turns: Turns,
    pub(super) retries: RetryBudget,
    pub(super) hedges: RetryBudget,
    /// A waiter's waker is its number.
    gate: Admission<u64>,
    pub(super) calendar: Calendar,
    pub(super) running: BTreeMap<u64, Box<Running>>,
    next: u64,
    pub(super) now_ms: u64,
}

/// A request that has come and not ended.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) number: u64,
    pub(super) request: Request,
    session: Option<Session>,
    /// In the gate's queue.
    waiting: Option<Place>,
    pub(super) machine: RequestMachine,
    targets: Vec<Target>,
    keys: Vec<Vec<u16>>,
    /// Where each attempt went.
    pub(super) tried: Vec<Target>,
    pub(super) account: Account,
    ticket: Option<Ticket>,
    /// Nobody is left but whom only our guess keeps away.
    last_resort: bool,
    /// The attempts that are out: one, or two before either has anything for the client.
    pub(super) out: Vec<Attempt>,
}

/// An attempt that is out.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) number: u32,
    holding: Holding,
    reply: Reply,
    began_ms: u64,
}

impl Attempt {
    /// Its place among the attempts of its request.
    pub(super) const fn place(&self) -> usize {
        self.number.saturating_sub(1) as usize
    }
}

impl Running {
    /// Milliseconds since it came: the machine's clock.
    pub(super) const fn ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.request.at_ms)
    }

    /// What a request that was sent has consumed at least: its input.
    pub(super) fn input_only(&self) -> Metered {
        let usage = Usage { input: self.request.ask.input_tokens, ..Usage::default() };
        Metered { usage, source: UsageSource::Estimated }
    }

    /// What an attempt that is out has consumed, as far as anybody can tell.
    fn passed(&self, attempt: &Attempt, now_ms: u64) -> Option<Metered> {
        let passed = || attempt.reply.passed(self.ms(now_ms).saturating_sub(attempt.began_ms));
        self.request.ask.stream.then(passed).flatten()
    }

    /// Takes the attempt of that number from those that are out.
    pub(super) fn take(&mut self, number: u32) -> Option<Attempt> {
        let place = self.out.iter().position(|attempt| attempt.number == number)?;
        Some(self.out.remove(place))
    }
}

impl<P: Provider, W: Watch> VirtualRouter<P, W> {
    /// A router at the beginning of time.
    #[must_use]
    pub fn new(stage: Stage, provider: P, watch: W) -> Self {
        Self {
            provider,
            watch,
            sessions: Sessions::default(),
            turns: Turns::default(),
            retries: RetryBudget::new(stage.retries),
            hedges: RetryBudget::new(stage.hedges),
            gate: Admission::new(stage.admission),
            calendar: Calendar::default(),
            running: BTreeMap::new(),
            next: 0,
            now_ms: 0,
            stage,
        }
    }

    /// The stage, with all that its live side has learned.
    #[must_use]
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Requests that have come and not ended.
    #[must_use]
    pub fn open(&self) -> usize {
        self.running.len()
    }

    /// Takes all requests, in the order of their times, through the router until the last has ended.
    pub fn run(&mut self, requests: impl IntoIterator<Item = Request>) {
        for request in requests {
            self.until(request.at_ms);
            self.arrive(request);
        }
        self.until(u64::MAX);
    }

    /// Lets everything happen that is due no later than then. What is due at the time of an arrival happens before it.
    pub fn until(&mut self, until_ms: u64) {
        while let Some((at_ms, number, due)) = self.calendar.pop(until_ms) {
            self.now_ms = self.now_ms.max(at_ms);
            if let Some(running) = self.running.remove(&number) {
                self.happens(running, due);
            }
        }
    }

    /// A request comes.
    pub fn arrive(&mut self, mut request: Request) {
        // Time does not go back.
        request.at_ms = request.at_ms.max(self.now_ms);
        self.now_ms = request.at_ms;
        let number = self.next;
        self.next += 1;
        self.watch.note(self.now_ms, number, Note::Arrived(&request));
        let session = recall(&self.sessions, &self.stage.core, request.key, &mut request.ask, self.now_ms);
        if let Some(held) = request.hindsight.as_ref().and_then(|hindsight| hindsight.held) {
            request.ask.held = held;
        }
        let turn = request.key.map_or(0, |key| u64::from(key.0) + 1);
        if let Some(after) = request.leaves_ms {
            self.calendar.add(self.now_ms.saturating_add(after), number, Due::Leaves);
        }
        let mut running = Box::new(Running {
            number,
            machine: RequestMachine::new(Plan { candidates: Vec::new(), max_attempts: 1, total_ms: 0 }, 0),
            request,
            session,
            waiting: None,
            targets: Vec::new(),
            keys: Vec::new(),
            tried: Vec::new(),
            account: Account::default(),
            ticket: None,
            last_resort: false,
            out: Vec::new(),
        });
        match self.gate.enter(turn, || number) {
            Entry::Run => self.judge(running),
            Entry::Shed => self.finish(running, Status::Error, Some(ErrorCode::Overloaded), false),
            Entry::Wait(place) => {
                self.watch.note(self.now_ms, number, Note::Queued);
                running.waiting = Some(place);
                let over_ms = self.now_ms.saturating_add(self.stage.patience_ms);
                self.calendar.add(over_ms, number, Due::QueueTimeout);
                self.running.insert(number, running);
            }
        }
    }

    /// Name, limits, decision; then the first attempt.
    fn judge(&mut self, mut running: Box<Running>) {
        let (stage, request) = (&self.stage, &running.request);
        let (ask, now_ms) = (&request.ask, request.at_ms);
        let Ok(target) = resolve(&stage.core, request.key, &ask.model) else {
            return self.finish(running, Status::Error, Some(ErrorCode::ModelNotFound), true);
        };
        match stage.world.enter(&stage.core, request.key, ask.tokens(), now_ms) {
            Ok(ticket) => running.ticket = ticket,
            Err(_) if request.hindsight.as_ref().is_some_and(|hindsight| hindsight.admitted) => {}
            Err(_) => return self.finish(running, Status::Error, Some(ErrorCode::RateLimitExceeded), true),
        }
        let request = &running.request;
        let present = stage.world.view(&stage.core, now_ms, ask.tokens()).pinned_to(request.pinned);
        let view = Recalled { present, hindsight: request.hindsight.as_deref() };
        let sequence = request.sequence.unwrap_or_else(|| self.turns.next(&request.ask.model));
        let moment = Moment { now_ms, seed: request.seed, sequence };
        let decision = decide(&stage.core, &target, &request.ask, &view, moment);
        stage.world.learn(&decision);
        self.watch.note(self.now_ms, running.number, Note::Decided(&decision));
        if let Some(none) = decision.none() {
            return self.finish(running, Status::Error, Some(none.kind.code()), true);
        }
        self.retries.request();
        running.last_resort = decision.last_resort;
        let draw = Draw { seed: request.seed, now_ms, pinned: request.pinned, session: running.session };
        let hedge = stage.world.hedge_after(&stage.core, &decision);
        if hedge != HedgeAfter::Never {
            self.hedges.request();
        }
        let mut candidates = Vec::with_capacity(decision.eligible().min(MOST_CANDIDATES));
        let mut short = false;
        for candidate in decision.ranked().take(MOST_CANDIDATES) {
            let target = Target { model: candidate.model, group: decision.group_of(candidate), key: 0 };
            let channel = stage.core.model(candidate.model).map(|model| model.channel);
            if channel.is_some_and(|channel| request.unfit.contains(&channel)) {
                continue;
            }
            if stage.is_short(request, &target, channel) {
                short = true;
                continue;
            }
            let order = stage.world.key_order(&stage.core, candidate.model, &draw);
            candidates.push(stage.world.candidate(&stage.core, candidate.model, order.len(), hedge));
            running.targets.push(target);
            running.keys.push(order);
        }
        if short && running.targets.is_empty() {
            return self.finish(running, Status::Error, Some(ErrorCode::BudgetExceeded), true);
        }
        let rules = &stage.world.rules;
        let total_ms = running.request.total_ms.map_or(rules.total_ms, |total| total.min(rules.total_ms));
        let plan = Plan { candidates, max_attempts: rules.max_attempts.max(1), total_ms };
        running.machine = RequestMachine::new(plan, 0);
        self.goes_on(running, Event::Start);
    }

    /// Something is due.
    fn happens(&mut self, mut running: Box<Running>, due: Due) {
        if let Some(place) = running.waiting {
            return self.happens_waiting(running, place, due);
        }
        let now_ms = self.now_ms;
        let of = match due {
            Due::First(of) | Due::End(of) | Due::Alarm(of) | Due::Hedge(of) => Some(of),
            Due::Leaves | Due::Admitted | Due::QueueTimeout => None,
        };
        if due == Due::Leaves && running.out.len() > 1 {
            return self.leaves_a_race(running);
        }
        if running.out.len() > 1 && of.is_some_and(|of| running.out.iter().any(|attempt| attempt.number == of)) {
            return self.happens_racing(running, due);
        }
        let Some(attempt) = running.out.first().filter(|attempt| of.is_none_or(|of| of == attempt.number)) else {
            // Of an attempt that is over.
            self.running.insert(running.number, running);
            return;
        };
        match due {
            Due::First(_) => self.goes_on(running, Event::Content),
            Due::End(_) => {
                let event = ending(&running, attempt, now_ms);
                self.attempt_ended(running, event);
            }
            Due::Alarm(number) => {
                let sign_ms = running.ms(now_ms).min(attempt.began_ms.saturating_add(attempt.reply.last_ms));
                let passed = running.passed(attempt, now_ms);
                running.machine.touch(sign_ms);
                if running.machine.next_deadline().is_some_and(|deadline| deadline > running.ms(now_ms)) {
                    self.set_alarm(&running, number);
                    self.running.insert(running.number, running);
                } else {
                    self.attempt_ended(running, Event::Deadline(passed));
                }
            }
            Due::Leaves => {
                let metered = running.passed(attempt, now_ms).unwrap_or_else(|| running.input_only());
                self.attempt_ended(running, Event::ClientGone(Some(metered)));
            }
            Due::Hedge(_) => self.hedge(running),
            Due::Admitted | Due::QueueTimeout => {
                self.running.insert(running.number, running);
            }
        }
    }

    /// Something is due of a request that waits at the gate.
    fn happens_waiting(&mut self, mut running: Box<Running>, place: Place, due: Due) {
        let (status, error) = match due {
            Due::QueueTimeout => (Status::Error, Some(ErrorCode::Overloaded)),
            Due::Leaves => (Status::ClientClosed, None),
            Due::Admitted => {
                running.waiting = None;
                return self.judge(running);
            }
            Due::First(_) | Due::End(_) | Due::Alarm(_) | Due::Hedge(_) => {
                self.running.insert(running.number, running);
                return;
            }
        };
        running.waiting = None;
        let has_permit = !self.gate.abandon(place);
        self.finish(running, status, error, has_permit);
    }

    /// Books the end of the attempt that is out, then goes on.
    pub(super) fn attempt_ended(&mut self, mut running: Box<Running>, event: Event) {
        if let Some(attempt) = running.out.pop() {
            self.book(&mut running, attempt, &event);
        }
        self.goes_on(running, event);
    }

    /// Books the end of an attempt.
    pub(super) fn book(&mut self, running: &mut Running, attempt: Attempt, event: &Event) {
        running.account.ended(attempt.place(), event);
        let (now_ms, ended_ms) = (self.now_ms, running.ms(self.now_ms));
        let target = attempt.holding.target().clone();
        let (world, core) = (&self.stage.world, &self.stage.core);
        if let (Event::Ended(Some(metered)), Some(session)) = (event, &running.session) {
            session.remember(&self.sessions, world, core, &target, metered, now_ms);
        }
        let ended = Ended {
            event,
            began_ms: attempt.began_ms,
            first_byte_ms: running.machine.attempts().get(attempt.place()).and_then(|attempt| attempt.first_byte_ms),
            ended_ms,
            total_ms: running.machine.plan().total_ms,
            now_ms,
            seed: running.request.seed,
            spent_until_ms: None,
        };
        let before = standing(world, core, &target, now_ms);
        let reported = attempt.holding.report(world, core, &ended);
        let after = standing(world, core, &target, now_ms);
        if let Some(reported) = reported {
            let note = Note::Ended {
                attempt: attempt.number,
                target: &target,
                outcome: reported.outcome,
                first_ms: reported.first_ms,
                whole_ms: ended_ms.saturating_sub(attempt.began_ms),
            };
            self.watch.note(now_ms, running.number, note);
        }
        for (cell, change) in changes(before, after) {
            self.watch.note(now_ms, running.number, Note::Changed { target: &target, cell, change });
        }
    }

    /// Tells the state machine.
    pub(super) fn tell(&self, running: &mut Running, event: Event) -> Command {
        let (now_ms, retries) = (self.now_ms, &self.retries);
        let ms = running.ms(now_ms);
        let unsent = matches!(&event, Event::Failed(fault, _) if is_unsent(fault));
        let goes_on = running.request.hindsight.as_ref().and_then(|known| known.goes_on(&running.tried));
        // Taken in any case, for those that come after.
        let retry = || unsent || (goes_on != Some(false) && (retries.take(now_ms) || goes_on == Some(true)));
        running.machine.on(event, ms, retry)
    }

    /// Tells the state machine, and carries out what it says.
    pub(super) fn goes_on(&mut self, mut running: Box<Running>, event: Event) {
        let command = self.tell(&mut running, event);
        self.obey(running, command);
    }

    /// Carries out what the state machine says, until it waits or has ended.
    pub(super) fn obey(&mut self, mut running: Box<Running>, mut command: Command) {
        loop {
            let now_ms = self.now_ms;
            let terminal = match command {
                Command::Attempt { attempt, candidate, key } => {
                    match self.attempt(&mut running, attempt, candidate, key) {
                        Ok(()) => {
                            self.running.insert(running.number, running);
                            return;
                        }
                        Err(Unsent::Fault(fault)) => {
                            command = self.tell(&mut running, Event::Failed(fault, None));
                            continue;
                        }
                        Err(Unsent::Refused) => {
                            return self.finish(running, Status::Error, Some(ErrorCode::BudgetExceeded), true);
                        }
                    }
                }
                Command::Relay => {
                    if let Some((attempt, target)) =
                        running.out.first().map(|attempt| (attempt.number, attempt.holding.target()))
                    {
                        self.watch.note(now_ms, running.number, Note::FirstByte { attempt, target });
                    }
                    self.running.insert(running.number, running);
                    return;
                }
                Command::Wait => {
                    self.running.insert(running.number, running);
                    return;
                }
                Command::Complete(terminal)
                | Command::Answer(terminal)
                | Command::FailStream(terminal)
                | Command::Stop(terminal) => terminal,
            };
            return self.finish(running, terminal.status, terminal.error.map(|error| error.code), true);
        }
    }

    /// Sends an attempt, or says why it cannot go out.
    pub(super) fn attempt(
        &mut self,
        running: &mut Running,
        number: u32,
        candidate: usize,
        key: Option<u16>,
    ) -> Result<(), Unsent> {
        let (now_ms, stage) = (self.now_ms, &self.stage);
        let target = attempted(&running.targets, &running.keys, candidate, key);
        let target = target.ok_or_else(|| Unsent::Fault(Fault::new(FaultKind::Internal, "no such candidate")))?;
        let went = running.request.hindsight.as_ref().and_then(|known| known.went(&target, &running.tried).cloned());
        running.tried.push(target.clone());
        let request = &running.request;
        let unsent = |watch: &mut W, account: &mut Account, fault: Fault| {
            watch.note(now_ms, running.number, Note::Unsent { attempt: number, target: &target, fault: &fault });
            account.pass_over(target.clone());
            Unsent::Fault(fault)
        };
        let last_resort = running.last_resort;
        let taken = match &went {
            None => stage.world.take(&stage.core, &request.ask, &target, last_resort, now_ms),
            Some(Went::Sent) => stage.world.take_as_known(&stage.core, &request.ask, &target, last_resort, now_ms),
            Some(Went::Unsent(fault)) => Err(fault.clone()),
        };
        let holding = match taken {
            Ok(holding) => holding,
            Err(fault) => return Err(unsent(&mut self.watch, &mut running.account, fault)),
        };
        let most = stage.core.reserved_cost(target.model, &request.ask);
        let held = running.account.hold(&stage.world, &stage.core, request.key, target.clone(), most, request.at_ms);
        if held.is_err() && matches!(went, Some(Went::Sent)) {
            // There was room, whatever the order in which running requests ended.
            running.account.pass_over(target.clone());
        } else if held.is_err() {
            let others = (&target, running.targets.as_slice());
            if stage.world.fits_elsewhere(&stage.core, request.key, others, &request.ask, request.at_ms) {
                return Err(unsent(&mut self.watch, &mut running.account, short_of_money()));
            }
            return Err(Unsent::Refused);
        }
        let note = Note::Sent { attempt: number, target: &target, probes: holding.probes() };
        self.watch.note(now_ms, running.number, note);
        let core = &stage.core;
        let capped = running.account.attempts().last().is_some_and(|held| !held.scopes.is_empty());
        let output_cap =
            request.ask.max_output_tokens.or_else(|| capped.then(|| core.reserved_output(target.model, &request.ask)));
        let (target, at) = (&target, running.number);
        let call = Call { core, target, request, number: at, attempt: number, now_ms, output_cap };
        let reply = self.provider.call(&call);
        if let Some(first_ms) = reply.first_ms.filter(|_| request.ask.stream) {
            self.calendar.add(now_ms.saturating_add(first_ms), running.number, Due::First(number));
        }
        if let Some((end_ms, _)) = &reply.end {
            self.calendar.add(now_ms.saturating_add(*end_ms), running.number, Due::End(number));
        }
        let began_ms = running.ms(now_ms);
        running.out.push(Attempt { number, holding, reply, began_ms });
        self.set_alarm(running, number);
        if let Some(hedge_ms) = running.machine.next_hedge() {
            self.calendar.add(running.request.at_ms.saturating_add(hedge_ms), running.number, Due::Hedge(number));
        }
        Ok(())
    }

    pub(super) fn set_alarm(&mut self, running: &Running, attempt: u32) {
        let deadline = running.machine.next_deadline().unwrap_or(u64::MAX);
        let at_ms = running.request.at_ms.saturating_add(deadline);
        self.calendar.add(at_ms, running.number, Due::Alarm(attempt));
    }

    /// Settles the request and lets the next one in.
    fn finish(&mut self, mut running: Box<Running>, status: Status, error: Option<ErrorCode>, has_permit: bool) {
        let (world, core) = (&self.stage.world, &self.stage.core);
        // An attempt that a budget stopped was never made.
        let made = running.account.attempts().len();
        let attempts: &[AttemptRecord] = running.machine.attempts();
        let attempts = attempts.get(..made).unwrap_or(attempts);
        let settlement = running.account.settlement(world, core, attempts);
        let _ = running.account.settle(&settlement.attempt_costs);
        if let Some(ticket) = running.ticket.as_mut() {
            ticket.correct(settlement.answer.usage.total(), self.now_ms);
        }
        let finished = Finished {
            request: &running.request,
            status,
            error,
            attempts,
            targets: running.tried.get(..made).unwrap_or(&running.tried),
            settlement: &settlement,
            latency_ms: running.ms(self.now_ms),
        };
        self.watch.note(self.now_ms, running.number, Note::Finished(finished));
        drop(running);
        if has_permit {
            self.let_in();
        }
    }

    /// A permit is free: whoever waits longest may run.
    fn let_in(&mut self) {
        if let Some(number) = self.gate.leave() {
            self.calendar.add(self.now_ms, number, Due::Admitted);
        }
    }
}

/// Why an attempt did not go out.
pub(super) enum Unsent {
    Fault(Fault),
    /// A budget that counts every candidate is used up.
    Refused,
}

/// The event that an answer ends with.
pub(super) fn ending(running: &Running, attempt: &Attempt, now_ms: u64) -> Event {
    match &attempt.reply.end {
        Some((_, Ending::Whole)) => {
            Event::Ended(Some(Metered { usage: attempt.reply.usage, source: UsageSource::Reported }))
        }
        Some((_, Ending::Failed(fault))) => Event::Failed(fault.clone(), running.passed(attempt, now_ms)),
        None => Event::Deadline(None),
    }
}
