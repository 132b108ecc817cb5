//! The virtual router itself: the loop of the server, with a calendar instead of sockets and a clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Request;
use super::attempt::Unsent;
use super::calendar::{Calendar, Due};
use super::provider::Provider;
use super::running::{Running, ending};
use super::watch::{Finished, Note, Watch};
use crate::admission::{Admission, AdmissionConfig, Entry, Place};
use crate::catalog::Snapshot;
use crate::fault::ErrorCode;
use crate::request::{AttemptRecord, Command, Event, Plan, RequestMachine, RetryBudget, RetryBudgetConfig, Status};
use crate::session::Sessions;
use crate::world::{Account, Turns, World, recall};

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
}

/// A router on a virtual clock.
#[derive(Debug)]
pub struct VirtualRouter<P, W> {
    /// What providers do.
    pub provider: P,
    /// Who is told.
    pub watch: W,
    pub(super) stage: Stage,
    pub(super) sessions: Sessions,
    pub(super) turns: Turns,
    pub(super) retries: RetryBudget,
    pub(super) hedges: RetryBudget,
    /// A waiter's waker is its number.
    gate: Admission<u64>,
    pub(super) calendar: Calendar,
    pub(super) running: BTreeMap<u64, Box<Running>>,
    next: u64,
    pub(super) now_ms: u64,
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

    /// Tells the state machine.
    pub(super) fn tell(&self, running: &mut Running, event: Event) -> Command {
        let (now_ms, retries) = (self.now_ms, &self.retries);
        let ms = running.ms(now_ms);
        let unsent = matches!(&event, Event::Failed(fault, _) if fault.not_sent.is_some());
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

    /// Settles the request and lets the next one in.
    pub(super) fn finish(
        &mut self,
        mut running: Box<Running>,
        status: Status,
        error: Option<ErrorCode>,
        has_permit: bool,
    ) {
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
