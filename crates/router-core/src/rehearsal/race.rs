//! Two attempts at a time: what the server's `relay/race` does on sockets.

use super::attempt::Unsent;
use super::calendar::Due;
use super::provider::Provider;
use super::router::VirtualRouter;
use super::running::{Attempt, Running, ending};
use super::watch::{Note, Watch};
use crate::fault::{Fault, FaultKind};
use crate::request::{Command, Event};

impl<P: Provider, W: Watch> VirtualRouter<P, W> {
    /// The attempt that is out has been silent for long: another starts beside it, if that may be.
    pub(super) fn hedge(&mut self, mut running: Box<Running>) {
        let (now_ms, hedges, retries) = (self.now_ms, &self.hedges, &self.retries);
        let ms = running.ms(now_ms);
        let known = running.request.hindsight.as_ref().filter(|known| known.goes_on(&running.tried).is_some());
        let hedged = known.map(|known| known.hedged);
        // Taken in any case, for those that come after.
        let leave = || hedged != Some(false) && (hedges.take(now_ms) && retries.take(now_ms) || hedged == Some(true));
        let command = running.machine.hedge(ms, leave);
        if let Some(Command::Attempt { attempt, candidate, key }) = command {
            let place = attempt.saturating_sub(1) as usize;
            let fault = match self.attempt(&mut running, attempt, candidate, key) {
                Ok(()) => None,
                Err(Unsent::Fault(fault)) => Some(fault),
                Err(Unsent::Refused) => {
                    // There is no money for a second one: the first goes on.
                    let fault = Fault::new(FaultKind::TooLargeForLimit, "a budget is used up");
                    if let Some(target) = running.tried.last().cloned() {
                        let note = Note::Unsent { attempt, target: &target, fault: &fault };
                        self.watch.note(now_ms, running.number, note);
                        running.account.pass_over(target);
                    }
                    Some(fault)
                }
            };
            if let Some(fault) = fault {
                running.machine.dropped_out(place, fault, None, ms);
            }
        }
        self.running.insert(running.number, running);
    }

    /// Something is due of one of two attempts.
    pub(super) fn happens_racing(&mut self, mut running: Box<Running>, due: Due) {
        match due {
            Due::First(number) => {
                self.wins(&mut running, number);
                self.goes_on(running, Event::Content);
            }
            Due::End(number) => {
                let event = running.out.iter().find(|attempt| attempt.number == number);
                let event = event.map(|attempt| ending(&running, attempt, self.now_ms));
                match event {
                    Some(Event::Failed(fault, metered)) => {
                        let ms = running.ms(self.now_ms);
                        if let Some(attempt) = running.take(number) {
                            running.machine.dropped_out(attempt.place(), fault.clone(), metered, ms);
                            self.book(&mut running, attempt, &Event::Failed(fault, metered));
                        }
                        self.running.insert(running.number, running);
                    }
                    Some(event) => {
                        self.wins(&mut running, number);
                        self.attempt_ended(running, event);
                    }
                    None => _ = self.running.insert(running.number, running),
                }
            }
            Due::Alarm(number) if running.machine.next_deadline().is_some_and(|at| at > running.ms(self.now_ms)) => {
                self.set_alarm(&running, number);
                self.running.insert(running.number, running);
            }
            Due::Alarm(_) => {
                let command = self.tell(&mut running, Event::Deadline(None));
                self.book_ended(&mut running, &Event::Deadline(None));
                self.obey(running, command);
            }
            Due::Hedge(_) | Due::Leaves | Due::Admitted | Due::QueueTimeout => {
                self.running.insert(running.number, running);
            }
        }
    }

    /// The client leaves while two attempts are out.
    pub(super) fn leaves_a_race(&mut self, mut running: Box<Running>) {
        let event = Event::ClientGone(Some(running.input_only()));
        let command = self.tell(&mut running, event.clone());
        self.book_ended(&mut running, &event);
        self.obey(running, command);
    }

    /// One of two has something for the client: the other is cancelled.
    fn wins(&mut self, running: &mut Running, number: u32) {
        let loser = Event::Outrun(Some(running.input_only()));
        let ms = running.ms(self.now_ms);
        running.machine.outrun(number.saturating_sub(1) as usize, Some(running.input_only()), ms);
        self.book_ended(running, &loser);
    }

    /// Books all attempts that are out and have ended by the state machine's word.
    fn book_ended(&mut self, running: &mut Running, event: &Event) {
        let has_ended = |attempt: &Attempt, running: &Running| {
            running.machine.attempts().get(attempt.place()).is_none_or(|record| record.ended_ms.is_some())
        };
        while let Some(number) = running.out.iter().find(|attempt| has_ended(attempt, running)).map(|one| one.number) {
            if let Some(attempt) = running.take(number) {
                self.book(running, attempt, event);
            }
        }
    }
}
