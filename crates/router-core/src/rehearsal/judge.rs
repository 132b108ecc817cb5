//! From a request that may run to its plan: name, limits, decision, candidates with their keys.

use super::Request;
use super::hindsight::Recalled;
use super::provider::Provider;
use super::router::{Stage, VirtualRouter};
use super::running::Running;
use super::watch::{Note, Watch};
use crate::catalog::ChannelIx;
use crate::catalog::spec::HedgeAfter;
use crate::fault::ErrorCode;
use crate::request::{Event, Plan, RequestMachine, Status};
use crate::routing::{Moment, decide, resolve};
use crate::world::{Draw, MOST_CANDIDATES, Target};

impl Stage {
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

impl<P: Provider, W: Watch> VirtualRouter<P, W> {
    /// Name, limits, decision; then the first attempt.
    pub(super) fn judge(&mut self, mut running: Box<Running>) {
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
            let known = request.hindsight.as_ref().and_then(|known| known.keys(candidate.model));
            let drawn = || stage.world.key_order(&stage.core, &request.ask, candidate.model, &draw);
            let keys = known.unwrap_or_else(drawn);
            let wait = (hedge, request.ask.shape());
            candidates.push(stage.world.candidate(&stage.core, candidate.model, keys, wait));
            running.targets.push(target);
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
}
