//! Hedging: a second attempt beside a silent first one, until one of them has something for the client. Only before the first
//! content, only once at a time, never on the same channel and so never with the same key.
//!
//! [`RequestMachine::on`] goes on to speak of the elder of two; what happens to one of two in particular is told by its place
//! among [`RequestMachine::attempts`]: [`RequestMachine::dropped_out`] or, before its answer goes on, [`RequestMachine::outrun`].

use super::machine::{Command, RequestMachine, State};
use super::outcome::{Metered, Outcome};
use crate::fault::{Fault, FaultKind};

/// The attempt beside the current one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    pub(super) place: usize,
    pub(super) deadline_ms: u64,
}

impl RequestMachine {
    /// When to ask [`Self::hedge`] for a second attempt; `None`: not now.
    #[must_use]
    pub fn next_hedge(&self) -> Option<u64> {
        self.hedge_at_ms.filter(|_| self.state == State::Waiting && self.rival.is_none() && !self.idle_counts())
    }

    /// Starts a second attempt beside the silent one, if the time has come, somebody else is left and `leave` gives leave (asked
    /// only then, and books it). The first goes on.
    pub fn hedge(&mut self, now_ms: u64, leave: impl FnOnce() -> bool) -> Option<Command> {
        self.next_hedge().filter(|at_ms| *at_ms <= now_ms)?;
        // Asked once for an attempt, whatever the answer.
        self.hedge_at_ms = None;
        if self.made() >= self.plan.max_attempts || now_ms >= self.total_deadline_ms {
            return None;
        }
        let target = self.ruled.beside(&self.plan, self.target(self.current)?)?;
        if !leave() {
            return None;
        }
        let deadline_ms = now_ms.saturating_add(self.timeouts(target.candidate).first_byte_ms);
        self.rival = Some(Rival { place: self.attempts.len(), deadline_ms });
        Some(self.begin(target, now_ms))
    }

    /// The place of the attempt that runs beside the current one.
    #[must_use]
    pub fn rival(&self) -> Option<usize> {
        self.rival.map(|rival| rival.place)
    }

    /// The place of the current attempt.
    #[must_use]
    pub const fn current_place(&self) -> usize {
        self.current
    }

    /// One of two attempts failed: the other goes on alone. Changes nothing if that one does not run beside another.
    pub fn dropped_out(&mut self, place: usize, fault: Fault, metered: Option<Metered>, now_ms: u64) {
        let Some(other) = self.other(place) else { return };
        if let Some(target) = self.target(place) {
            self.ruled.note(&self.plan, target, &fault);
        }
        self.end(place, Outcome::Failed(fault), metered, now_ms);
        self.alone(other);
    }

    /// One of two attempts is about to answer: the other, which has consumed so much, ends. Changes nothing if they are not two.
    pub fn outrun(&mut self, winner: usize, loser: Option<Metered>, now_ms: u64) {
        let Some(other) = self.other(winner) else { return };
        self.end(other, Outcome::Outrun, loser, now_ms);
        self.alone(winner);
    }

    /// The one that runs beside that one.
    fn other(&self, place: usize) -> Option<usize> {
        let rival = self.rival?.place;
        match place {
            place if place == rival => Some(self.current),
            place if place == self.current => Some(rival),
            _ => None,
        }
    }

    fn alone(&mut self, place: usize) {
        self.rival = None;
        if place != self.current {
            self.follow(place);
        }
    }

    /// Ends whichever of two has been silent for too long, as long as one is left.
    pub fn race_deadlines(&mut self, now_ms: u64) {
        let Some(rival) = self.rival else { return };
        let late = if now_ms >= rival.deadline_ms {
            rival.place
        } else if now_ms >= self.attempt_deadline_ms {
            self.current
        } else {
            return;
        };
        self.dropped_out(late, Fault::new(FaultKind::FirstByteTimeout, ""), None, now_ms);
    }
}
