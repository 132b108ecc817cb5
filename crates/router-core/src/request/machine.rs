//! The state machine: waiting for an answer, relaying it, done.
//!
//! Its user keeps one loop: carry the command out, wait for whatever comes first (the upstream, the client, the
//! time of [`RequestMachine::next_deadline`], shutdown), tell it as an event, take the next command. Chunks of a
//! stream are not events: [`RequestMachine::touch`] is one store. Where a second attempt runs beside the first, `race` says
//! what its user tells beyond that.

use super::Plan;
use super::choice::{Ruled, Target};
use super::outcome::{AttemptRecord, FinalError, Metered, Outcome, Status, Terminal, final_error};
use super::race::Rival;
use crate::catalog::spec::Timeouts;
use crate::fault::{ErrorCode, Fault, FaultKind};

/// What happened. Events that end an attempt carry what it consumed so far, where somebody counted.
#[derive(Clone, Debug)]
pub enum Event {
    /// Begin.
    Start,
    /// The first content came in, but nothing goes to the client yet (an answer that is read as a whole). From
    /// here the idle deadline counts.
    FirstByte,
    /// Content is there and ready to go to the client. The first one commits the request to this attempt.
    Content,
    /// The answer ended properly.
    Ended(Option<Metered>),
    /// The attempt failed.
    Failed(Fault, Option<Metered>),
    /// The client left.
    ClientGone(Option<Metered>),
    /// The time of [`RequestMachine::next_deadline`] has come; too early an alarm changes nothing.
    Deadline(Option<Metered>),
    /// The router ends and its grace is over.
    Shutdown(Option<Metered>),
    /// The attempt beside this one answered first ([`RequestMachine::outrun`] has been told): nothing new to the machine.
    Outrun(Option<Metered>),
}

/// What to do now. Every command but `Wait` and `Relay` ends the attempt before it: drop its connection.
#[derive(Clone, Debug)]
pub enum Command {
    /// Nothing new: wait for the next event.
    Wait,
    /// Send the request to this candidate.
    Attempt {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Place in the plan.
        candidate: usize,
        /// Place of the provider key in the channel's order.
        key: Option<u16>,
    },
    /// Send head and content to the client, and whatever follows.
    Relay,
    /// The answer is whole: send what is left, and the normal end.
    Complete(Terminal),
    /// Nothing has gone to the client: answer with this error.
    Answer(Terminal),
    /// Content has gone to the client: send an error event, and not the normal end.
    FailStream(Terminal),
    /// The client has gone: send nothing.
    Stop(Terminal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing sent yet.
    New,
    /// An attempt runs, nothing of it has gone to the client.
    Waiting,
    /// Content goes to the client.
    Relaying,
    /// The terminal command was given.
    Done,
}

/// One request. Times are milliseconds of any one clock; a monotonic one in production.
#[derive(Debug)]
pub struct RequestMachine {
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) ruled: Ruled,
    pub(super) attempts: Vec<AttemptRecord>,
    pub(super) total_deadline_ms: u64,
    /// Place of the attempt that runs or ran last; while two run, of the elder.
    pub(super) current: usize,
    /// Its deadline: first byte, later idle.
    pub(super) attempt_deadline_ms: u64,
    first_byte_ms: u64,
    idle_ms: u64,
    /// The attempt that runs beside it.
    pub(super) rival: Option<Rival>,
    /// When one may be started.
    pub(super) hedge_at_ms: Option<u64>,
}

impl RequestMachine {
    /// A request that came in at `now_ms`; its whole time counts from here.
    #[must_use]
    pub fn new(plan: Plan, now_ms: u64) -> Self {
        let total_deadline_ms = now_ms.saturating_add(plan.total_ms);
        Self {
            plan,
            state: State::New,
            ruled: Ruled::default(),
            attempts: Vec::new(),
            total_deadline_ms,
            current: 0,
            attempt_deadline_ms: u64::MAX,
            first_byte_ms: u64::MAX,
            idle_ms: u64::MAX,
            rival: None,
            hedge_at_ms: None,
        }
    }

    /// Takes an event and says what to do. `retry` is asked only if another attempt would be made, and books it
    /// ([`super::RetryBudget::take`]). Events after the end, or that make no sense in a state, change nothing.
    pub fn on(&mut self, event: Event, now_ms: u64, retry: impl FnOnce() -> bool) -> Command {
        match (self.state, event) {
            (State::New, Event::Start) => self.start(now_ms),
            (State::New | State::Waiting | State::Relaying, Event::ClientGone(metered)) => {
                self.end_all(Outcome::ClientClosed, metered, now_ms);
                self.state = State::Done;
                Command::Stop(Terminal { status: Status::ClientClosed, error: None })
            }
            (State::New | State::Waiting | State::Relaying, Event::Shutdown(metered)) => {
                self.end_all(Outcome::Shutdown, metered, now_ms);
                self.fail(Status::Shutdown, plain(ErrorCode::ShuttingDown))
            }
            (State::Waiting, Event::FirstByte) => {
                self.first_byte(now_ms);
                Command::Wait
            }
            (State::Waiting, Event::Content) => self.relay(now_ms),
            (State::Waiting | State::Relaying, Event::Ended(metered)) => {
                self.end(self.current, Outcome::Completed, metered, now_ms);
                self.end_all(Outcome::Outrun, None, now_ms);
                self.state = State::Done;
                Command::Complete(Terminal { status: Status::Completed, error: None })
            }
            (State::Waiting | State::Relaying, Event::Failed(fault, metered)) => {
                self.failed(fault, metered, now_ms, retry)
            }
            (State::Waiting | State::Relaying, Event::Deadline(metered)) => self.deadline(metered, now_ms, retry),
            _ => Command::Wait,
        }
    }

    /// Notes that bytes of the running answer came: moves the idle deadline. For every chunk; costs nothing.
    #[inline]
    pub fn touch(&mut self, now_ms: u64) {
        if self.state == State::Relaying || self.idle_counts() {
            self.attempt_deadline_ms = now_ms.saturating_add(self.idle_ms);
        }
    }

    /// Notes that the request itself is still on its way to the provider: the time to the first byte counts from here.
    pub fn sending(&mut self, now_ms: u64) {
        if self.state == State::Waiting && !self.idle_counts() {
            self.attempt_deadline_ms = now_ms.saturating_add(self.first_byte_ms);
        }
    }

    /// Makes the running attempt the last one: what it sent cannot be sent again.
    pub fn last_attempt(&mut self) {
        self.plan.max_attempts = self.made();
    }

    /// When to send [`Event::Deadline`]; `None` after the end.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        match self.state {
            State::New => Some(self.total_deadline_ms),
            State::Waiting | State::Relaying => {
                let rival_ms = self.rival.map_or(u64::MAX, |rival| rival.deadline_ms);
                Some(self.attempt_deadline_ms.min(rival_ms).min(self.total_deadline_ms))
            }
            State::Done => None,
        }
    }

    /// Whether content has gone to the client.
    #[must_use]
    pub fn has_relayed(&self) -> bool {
        self.current().is_some_and(|attempt| attempt.relayed)
    }

    /// The attempt that runs or ran last; while two run, the elder.
    #[must_use]
    pub fn current(&self) -> Option<&AttemptRecord> {
        self.attempts.get(self.current)
    }

    /// Whether the terminal command was given.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All attempts so far, in order.
    #[must_use]
    pub fn attempts(&self) -> &[AttemptRecord] {
        &self.attempts
    }

    /// All attempts, for the books.
    #[must_use]
    pub fn into_attempts(self) -> Vec<AttemptRecord> {
        self.attempts
    }

    fn start(&mut self, now_ms: u64) -> Command {
        match self.ruled.next(&self.plan) {
            Some(target) => self.attempt(target, now_ms),
            None => self.give_up(),
        }
    }

    fn attempt(&mut self, target: Target, now_ms: u64) -> Command {
        let candidate = self.plan.candidates.get(target.candidate);
        let hedge_after_ms = candidate.and_then(|candidate| candidate.hedge_after_ms);
        self.hedge_at_ms = hedge_after_ms.map(|after| now_ms.saturating_add(after));
        self.current = self.attempts.len();
        self.state = State::Waiting;
        let command = self.begin(target, now_ms);
        self.follow(self.current);
        command
    }

    /// Notes an attempt that begins.
    pub(super) fn begin(&mut self, target: Target, now_ms: u64) -> Command {
        self.ruled.begin(&self.plan, target);
        self.attempts.push(AttemptRecord {
            candidate: target.candidate,
            key: target.key,
            started_ms: now_ms,
            first_byte_ms: None,
            ended_ms: None,
            outcome: Outcome::Running,
            metered: None,
            relayed: false,
        });
        Command::Attempt { attempt: self.made(), candidate: target.candidate, key: target.key }
    }

    /// Makes the attempt at that place the current one, with its deadlines.
    pub(super) fn follow(&mut self, place: usize) {
        let Some(attempt) = self.attempts.get(place) else { return };
        let timeouts = self.timeouts(attempt.candidate);
        self.current = place;
        self.attempt_deadline_ms = attempt.started_ms.saturating_add(timeouts.first_byte_ms);
        (self.first_byte_ms, self.idle_ms) = (timeouts.first_byte_ms, timeouts.stream_idle_ms);
    }

    pub(super) fn timeouts(&self, candidate: usize) -> Timeouts {
        self.plan.candidates.get(candidate).map(|candidate| candidate.timeouts).unwrap_or_default()
    }

    fn first_byte(&mut self, now_ms: u64) {
        let Some(attempt) = self.attempts.get_mut(self.current) else { return };
        attempt.first_byte_ms.get_or_insert(now_ms);
        self.attempt_deadline_ms = now_ms.saturating_add(self.idle_ms);
    }

    fn relay(&mut self, now_ms: u64) -> Command {
        self.first_byte(now_ms);
        if self.rival.is_some() {
            self.outrun(self.current, None, now_ms);
        }
        if let Some(attempt) = self.attempts.get_mut(self.current) {
            attempt.relayed = true;
        }
        self.state = State::Relaying;
        Command::Relay
    }

    fn deadline(&mut self, metered: Option<Metered>, now_ms: u64, retry: impl FnOnce() -> bool) -> Command {
        if now_ms >= self.total_deadline_ms {
            let fault = Fault::new(FaultKind::TotalTimeout, "the request's whole time is over");
            let error = FinalError::of(&fault);
            self.end_all(Outcome::Failed(fault), metered, now_ms);
            return self.fail(Status::Timeout, error);
        }
        self.race_deadlines(now_ms);
        if now_ms < self.attempt_deadline_ms {
            return Command::Wait;
        }
        let kind = if self.idle_counts() { FaultKind::IdleTimeout } else { FaultKind::FirstByteTimeout };
        self.failed(Fault::new(kind, ""), metered, now_ms, retry)
    }

    fn failed(&mut self, fault: Fault, metered: Option<Metered>, now_ms: u64, retry: impl FnOnce() -> bool) -> Command {
        if self.state == State::Relaying {
            let error = FinalError::of(&fault);
            self.end(self.current, Outcome::Failed(fault), metered, now_ms);
            return self.fail(Status::Error, error);
        }
        if self.rival.is_some() {
            self.dropped_out(self.current, fault, metered, now_ms);
            return Command::Wait;
        }
        let next = self.target(self.current).and_then(|target| {
            self.ruled.note(&self.plan, target, &fault);
            self.ruled.after(&self.plan, target, &fault)
        });
        self.end(self.current, Outcome::Failed(fault), metered, now_ms);
        match next {
            Some(target) if self.made() < self.plan.max_attempts && now_ms < self.total_deadline_ms && retry() => {
                self.attempt(target, now_ms)
            }
            _ => self.give_up(),
        }
    }

    fn give_up(&mut self) -> Command {
        let faults = self.attempts.iter().filter_map(|attempt| match &attempt.outcome {
            Outcome::Failed(fault) => Some(fault),
            _ => None,
        });
        let error = final_error(faults);
        let status = if error.code == ErrorCode::UpstreamTimeout { Status::Timeout } else { Status::Error };
        self.fail(status, error)
    }

    fn fail(&mut self, status: Status, error: FinalError) -> Command {
        let relayed = self.state == State::Relaying;
        self.state = State::Done;
        let terminal = Terminal { status, error: Some(error) };
        if relayed { Command::FailStream(terminal) } else { Command::Answer(terminal) }
    }

    /// Ends all attempts that run: two at most.
    fn end_all(&mut self, outcome: Outcome, metered: Option<Metered>, now_ms: u64) {
        if let Some(rival) = self.rival.take() {
            self.end(rival.place, outcome.clone(), metered, now_ms);
        }
        self.end(self.current, outcome, metered, now_ms);
    }

    pub(super) fn end(&mut self, place: usize, outcome: Outcome, metered: Option<Metered>, now_ms: u64) {
        let attempt = self.attempts.get_mut(place).filter(|attempt| attempt.ended_ms.is_none());
        let Some(attempt) = attempt else { return };
        attempt.ended_ms = Some(now_ms);
        attempt.outcome = outcome;
        attempt.metered = metered;
    }

    pub(super) fn idle_counts(&self) -> bool {
        self.current().is_some_and(|attempt| attempt.first_byte_ms.is_some())
    }

    pub(super) fn target(&self, place: usize) -> Option<Target> {
        self.attempts.get(place).map(|attempt| Target { candidate: attempt.candidate, key: attempt.key })
    }

    pub(super) fn made(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }
}

fn plain(code: ErrorCode) -> FinalError {
    FinalError { code, class: "", client_error: None }
}
