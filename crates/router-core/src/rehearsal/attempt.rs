//! Attempts of the virtual router: sent, or said why not; and booked when they end.

use super::calendar::Due;
use super::hindsight::Went;
use super::provider::{Call, Provider};
use super::router::VirtualRouter;
use super::running::{Attempt, Running};
use super::standing::{changes, standing};
use super::watch::{Note, Watch};
use crate::fault::{Fault, FaultKind, NotSent};
use crate::request::Event;
use crate::world::{Account, Ended, attempted};

impl<P: Provider, W: Watch> VirtualRouter<P, W> {
    /// Sends an attempt, or says why it cannot go out.
    pub(super) fn attempt(
        &mut self,
        running: &mut Running,
        number: u32,
        candidate: usize,
        key: Option<u16>,
    ) -> Result<(), Unsent> {
        let (now_ms, stage) = (self.now_ms, &self.stage);
        let target = attempted(&running.targets, candidate, key);
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
                return Err(unsent(&mut self.watch, &mut running.account, NotSent::NoMoney.fault()));
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
            shape: Some(running.request.ask.shape()),
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
}

/// Why an attempt did not go out.
pub(super) enum Unsent {
    Fault(Fault),
    /// A budget that counts every candidate is used up.
    Refused,
}
