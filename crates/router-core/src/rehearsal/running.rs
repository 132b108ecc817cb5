//! A request on its way through the virtual router, and its attempts that are out.

use super::Request;
use super::provider::{Ending, Reply};
use crate::admission::Place;
use crate::limits::Ticket;
use crate::request::{Event, Metered, RequestMachine};
use crate::usage::{Usage, UsageSource};
use crate::world::{Account, Holding, Session, Target};

/// A request that has come and not ended.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) number: u64,
    pub(super) request: Request,
    pub(super) session: Option<Session>,
    /// In the gate's queue.
    pub(super) waiting: Option<Place>,
    pub(super) machine: RequestMachine,
    pub(super) targets: Vec<Target>,
    /// Where each attempt went.
    pub(super) tried: Vec<Target>,
    pub(super) account: Account,
    pub(super) ticket: Option<Ticket>,
    /// Nobody is left but whom only our guess keeps away.
    pub(super) last_resort: bool,
    /// The attempts that are out: one, or two before either has anything for the client.
    pub(super) out: Vec<Attempt>,
}

/// An attempt that is out.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) holding: Holding,
    pub(super) reply: Reply,
    pub(super) began_ms: u64,
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
    pub(super) fn passed(&self, attempt: &Attempt, now_ms: u64) -> Option<Metered> {
        let passed = || attempt.reply.passed(self.ms(now_ms).saturating_sub(attempt.began_ms));
        self.request.ask.stream.then(passed).flatten()
    }

    /// Takes the attempt of that number from those that are out.
    pub(super) fn take(&mut self, number: u32) -> Option<Attempt> {
        let place = self.out.iter().position(|attempt| attempt.number == number)?;
        Some(self.out.remove(place))
    }
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
