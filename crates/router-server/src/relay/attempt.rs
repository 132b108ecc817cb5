//! One attempt: reserve, send, read the head, hand the body to whoever reads it, and tell health what happened.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use router_core::ask::Endpoint;
use router_core::budget::{Exceeded, Period, ScopeKind, Window};
use router_core::fault::{Cell, ErrorCode, Fault, FaultKind};
use router_core::health::{Health, InFlight, Pass};
use router_core::limits::Ticket;
use router_core::money::Nano;
use router_core::pricing::upper_bound_as;
use router_core::request::{Event, Metered};
use router_wire::dialects::AccountBound;

use super::book::{NotHeld, Target};
use super::run::{Run, Step};
use super::tongue::Tongue;
use crate::http::error::ApiError;
use crate::snapshot::{ChannelSide, ServerSnapshot};
use crate::telemetry::metrics::AttemptLabels;
use crate::upstream::{UpstreamBody, UpstreamRequest, collect};

/// Largest body of an error answer that is read.
pub(super) const MAX_ERROR_BODY: usize = 64 * 1024;

/// Details of attempts that were never made, since no room or probe was to be had for them.
pub(crate) const UNSENT: [&str; 3] = [NO_PROBE, CHANNEL_FULL, MEMBER_FULL];
const NO_PROBE: &str = "the circuit breaker lets no more probes through";
const CHANNEL_FULL: &str = "our own limit for this channel is reached";
const MEMBER_FULL: &str = "the group's daily limit for this member is reached";

/// What a running attempt holds and whom it reports to.
pub(super) struct Holding {
    snapshot: Arc<ServerSnapshot>,
    pub(super) target: Target,
    model: Arc<Health>,
    channel: Arc<Health>,
    key: Arc<Health>,
    passes: [Option<Pass>; 2],
    ticket: Option<Ticket>,
    /// Of the group's member, where it has a daily limit.
    _member: Option<Ticket>,
    _running: [InFlight; 2],
}

impl Run {
    /// Makes an attempt and gives the event that it ended with.
    pub(super) async fn attempt(&mut self, candidate: usize, key: Option<u16>) -> Step {
        let snapshot = Arc::clone(&self.job.snapshot);
        let Some((target, channel)) = self.target(&snapshot, candidate, key) else {
            return Step::Event(Event::Failed(Fault::new(FaultKind::Internal, "no such candidate"), None));
        };
        let holding = match self.take(&snapshot, channel, target.clone()) {
            Ok(holding) => holding,
            Err(fault) => {
                self.job.book.pass_over(target);
                return Step::Event(Event::Failed(fault, None));
            }
        };
        match self.reserve(&snapshot, &target).await {
            Ok(()) => {}
            Err(Held::Refuse(error)) => return Step::Refused(error),
            Err(Held::Skip(fault)) => {
                self.job.book.pass_over(target);
                return Step::Event(Event::Failed(fault, None));
            }
        }
        self.job.book.synced().await;
        let began_ms = self.ms();
        let event = self.exchange(&snapshot, channel, &holding).await;
        let consumed = match &event {
            Event::Failed(_, metered) | Event::Deadline(metered) => metered.is_some(),
            _ => true,
        };
        if !consumed {
            self.job.book.release_last();
        }
        self.report(holding, channel, &event, began_ms);
        Step::Event(event)
    }

    fn target<'a>(
        &self,
        snapshot: &'a ServerSnapshot,
        candidate: usize,
        key: Option<u16>,
    ) -> Option<(Target, &'a ChannelSide)> {
        let target = self.attempted(candidate, key)?;
        let channel = snapshot.channel(snapshot.core.model(target.model)?.channel)?;
        Some((target, channel))
    }

    /// The candidate with the key of that place in its order.
    pub(super) fn attempted(&self, candidate: usize, key: Option<u16>) -> Option<Target> {
        let place = usize::from(key.unwrap_or(0));
        let key = usize::from(self.keys.get(candidate)?.get(place).copied().unwrap_or(0));
        Some(Target { key, ..self.targets.get(candidate)?.clone() })
    }

    /// Takes what an attempt needs of the channel: breaker passes, its limits, its counters.
    fn take(&self, snapshot: &Arc<ServerSnapshot>, channel: &ChannelSide, target: Target) -> Result<Holding, Fault> {
        let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
        let model = snapshot.model(target.model).ok_or_else(|| Fault::new(FaultKind::Internal, "no such model"))?;
        let (model, key) = (&model.state.health, channel.keys.get(target.key));
        let key = key.ok_or_else(|| Fault::new(FaultKind::Internal, "no such key"))?;
        let breaker = &snapshot.settings.breaker;
        let closed = || Fault::new(FaultKind::Overloaded, NO_PROBE);
        let passes = [
            Some(model.breaker.pass(breaker, now_ms).ok_or_else(closed)?),
            Some(channel.state.health.breaker.pass(breaker, now_ms).ok_or_else(closed)?),
        ];
        let ticket = if channel.has_limits() {
            let ask = &self.job.intake.ask;
            let tokens = ask.input_tokens.saturating_add(ask.max_output_tokens.unwrap_or(0));
            let day = Window::at(Period::Day, &snapshot.zone, now_ms);
            let taken = channel.state.limiter.acquire(&channel.limits, tokens, &day, now_ms, now_ms);
            Some(taken.map_err(|refusal| Fault {
                retry_after_ms: refusal.retry_after_ms,
                ..Fault::new(FaultKind::RateLimited, CHANNEL_FULL)
            })?)
        } else {
            None
        };
        let member = target.group.and_then(|group| snapshot.group(group)?.members.get(&target.model));
        let member = member.map(|member| {
            let day = Window::at(Period::Day, &snapshot.zone, now_ms);
            member.limiter.acquire(&member.limits, 0, &day, now_ms, now_ms)
        });
        let member = member.transpose().map_err(|refusal| Fault {
            retry_after_ms: refusal.retry_after_ms,
            ..Fault::new(FaultKind::RateLimited, MEMBER_FULL)
        })?;
        Ok(Holding {
            model: Arc::clone(model),
            channel: Arc::clone(&channel.state.health),
            key: Arc::clone(&key.health),
            passes,
            ticket,
            _member: member,
            _running: [model.enter(), channel.state.health.enter()],
            snapshot: Arc::clone(snapshot),
            target,
        })
    }

    /// Reserves the most that the attempt may cost.
    async fn reserve(&mut self, snapshot: &ServerSnapshot, target: &Target) -> Result<(), Held> {
        let amount = self.most(snapshot, target);
        self.job.book.hold(target.clone(), amount).await.map_err(|refused| match refused {
            NotHeld::Exceeded(exceeded) => match exceeded.kind {
                // Another channel or key has a budget of its own.
                ScopeKind::Channel | ScopeKind::ProviderKey if self.has_other_channel(target) => {
                    Held::Skip(Fault::new(FaultKind::TooLargeForLimit, exceeded.to_string()))
                }
                _ => Held::Refuse(budget_exceeded(&exceeded)),
            },
            NotHeld::Spool(error) => {
                if self.job.worker.app.status.may_complain(self.job.now.unix_ms) {
                    tracing::error!(error = %error, "the spool cannot be written; requests are refused until it can");
                }
                let message = "The router cannot write its books at the moment. Try again in a moment.";
                Held::Refuse(ApiError::new(ErrorCode::AccountingUnavailable, message).retry_after_ms(Some(1_000)))
            }
        })
    }

    fn has_other_channel(&self, target: &Target) -> bool {
        let channel_of = |target: &Target| self.job.snapshot.core.model(target.model).map(|model| model.channel);
        self.targets.iter().any(|other| channel_of(other) != channel_of(target))
    }

    fn most(&self, snapshot: &ServerSnapshot, target: &Target) -> Nano {
        let ask = &self.job.intake.ask;
        if self.job.endpoint == Endpoint::CountTokens {
            return Nano::ZERO;
        }
        let price = snapshot.core.price(target.model);
        price.map_or(Nano::ZERO, |price| {
            let output = self.job.output_bound(target);
            upper_bound_as(price, ask.service, ask.input_tokens_bound, output, ask.answers)
        })
    }

    /// Sends, and reads what comes.
    async fn exchange(&mut self, snapshot: &ServerSnapshot, channel: &ChannelSide, holding: &Holding) -> Event {
        let target = &holding.target;
        let Some((model, key)) = snapshot.core.model(target.model).zip(channel.keys.get(target.key)) else {
            return Event::Failed(Fault::new(FaultKind::Internal, "no such candidate"), None);
        };
        let Some(side) = snapshot.model(target.model) else {
            return Event::Failed(Fault::new(FaultKind::Internal, "no such model"), None);
        };
        let prepared = match self.job.prepare(channel, model, side, target) {
            Ok(prepared) => prepared,
            Err(fault) => return Event::Failed(fault, None),
        };
        let mut headers = key.headers.to_map(self.job.intake.ask.stream);
        if matches!(prepared.tongue, Tongue::Same) {
            headers.extend(self.job.forwarded.clone());
        }
        headers.insert(crate::http::HOP_HEADER, snapshot.settings.instance.clone());
        (self.tongue, self.dropped) = (prepared.tongue, prepared.dropped);
        // Of an attempt before this one.
        self.passage = None;
        let mut request = UpstreamRequest { method: Method::POST, uri: prepared.uri, headers, body: prepared.body };
        let bound = prepared.bound.filter(|bound| (bound.holds)(&request.body));
        let mut again = None;
        match bound {
            Some(bound) if self.has_moved(target) => _ = self.unbind(bound, &mut request),
            bound => again = bound.map(|bound| (bound, request.clone())),
        }
        loop {
            let event = self.ask(channel, request).await;
            let foreign = matches!(&event, Event::Failed(fault, _) if fault.kind == FaultKind::ForeignState);
            let Some((bound, mut whole)) = again.take().filter(|_| foreign) else { return event };
            if !self.unbind(bound, &mut whole) {
                return event;
            }
            request = whole;
        }
    }

    /// Takes out what only another account can read, and notes it for the client. False if there was nothing.
    fn unbind(&mut self, bound: &AccountBound, request: &mut UpstreamRequest) -> bool {
        let Some(without) = (bound.without)(&request.body) else { return false };
        request.body = without.into();
        self.dropped.push(bound.param.to_owned());
        true
    }

    /// Whether this request was tried with another account before, and nothing says that this one has answered the session.
    fn has_moved(&self, target: &Target) -> bool {
        let channel = |model| self.job.snapshot.core.model(model).map(|model| model.channel);
        let first = self.machine.attempts().first().and_then(|first| self.attempted(first.candidate, first.key));
        let held = self.job.intake.ask.held.is_some_and(|held| channel(held.model) == channel(target.model));
        let here = |first: Target| channel(first.model) == channel(target.model) && first.key == target.key;
        !held && !first.is_none_or(here)
    }

    /// Sends, and hands the answer to whoever reads it.
    async fn ask(&mut self, channel: &ChannelSide, request: UpstreamRequest) -> Event {
        let upstream = self.job.worker.upstream.clone();
        let response = match self.until(pin!(upstream.send(request))).await {
            Ok(Ok(response)) => response,
            Ok(Err(fault)) => return Event::Failed(fault, None),
            Err(interrupt) => return self.cut_short(interrupt),
        };
        let status = response.status();
        if status.is_redirection() {
            let fault = Fault {
                status: Some(status.as_u16()),
                ..Fault::new(FaultKind::Redirect, "redirects are not followed")
            };
            return Event::Failed(fault, None);
        }
        if !status.is_success() {
            return self.read_error(channel, response).await;
        }
        self.returned = match self.tongue {
            Tongue::Same => router_wire::headers::returned(self.job.dialect, response.headers()),
            Tongue::Other { .. } | Tongue::Vectors(_) => HeaderMap::new(),
        };
        if self.job.intake.ask.stream || self.job.endpoint == Endpoint::Speech {
            self.read_stream(channel, response).await
        } else {
            self.read_whole(channel, response).await
        }
    }

    /// The event of a wait that ended before anything came: the request was sent, so its input counts.
    pub(super) fn cut_short(&self, interrupt: super::run::Interrupt) -> Event {
        let metered = match interrupt {
            super::run::Interrupt::Deadline => None,
            _ => Some(self.input_only()),
        };
        Self::interrupted(interrupt, metered)
    }

    async fn read_error(&mut self, channel: &ChannelSide, response: Response<UpstreamBody>) -> Event {
        let (head, body) = response.into_parts();
        let bytes = match self.until(pin!(collect(body, MAX_ERROR_BODY))).await {
            Ok(Ok(bytes)) => bytes,
            // The status says enough.
            Ok(Err(_)) => Bytes::new(),
            Err(interrupt) => return self.cut_short(interrupt),
        };
        let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
        Event::Failed(channel.adapter.classify(head.status.as_u16(), &head.headers, &bytes, now_ms), None)
    }

    /// Tells health, limits and metrics how the attempt went.
    fn report(&self, mut holding: Holding, channel: &ChannelSide, event: &Event, began_ms: u64) {
        let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
        match event {
            Event::Ended(metered) => holding.succeeded(self, metered.as_ref(), began_ms, now_ms),
            Event::Failed(fault, metered) => {
                holding.failed(fault, channel.keys.len(), self.job.seed, now_ms);
                self.count_outcome(channel, fault.kind.class());
                holding.correct(metered.as_ref(), now_ms);
            }
            Event::Deadline(metered) => {
                // The machine decides which deadline it was; the total is the client's affair and moves nothing.
                let total = self.ms() >= self.job.controls.total_ms;
                let began = self.machine.attempts().last().is_some_and(|attempt| attempt.first_byte_ms.is_some());
                let kind = match (total, began) {
                    (true, _) => FaultKind::TotalTimeout,
                    (false, true) => FaultKind::IdleTimeout,
                    (false, false) => FaultKind::FirstByteTimeout,
                };
                holding.failed(&Fault::new(kind, ""), channel.keys.len(), self.job.seed, now_ms);
                self.count_outcome(channel, kind.class());
                holding.correct(metered.as_ref(), now_ms);
            }
            Event::ClientGone(metered) | Event::Shutdown(metered) => {
                self.count_outcome(channel, "client_closed");
                holding.correct(metered.as_ref(), now_ms);
            }
            _ => {}
        }
    }

    fn count_outcome(&self, channel: &ChannelSide, outcome: &'static str) {
        let (provider, name) = (channel.provider.name.clone(), channel.name.name.clone());
        let labels = AttemptLabels { provider, channel: name, outcome };
        self.job.worker.app.metrics.attempts.get_or_create_owned(&labels).inc();
    }
}

enum Held {
    Refuse(ApiError),
    Skip(Fault),
}

impl Holding {
    fn correct(&mut self, metered: Option<&Metered>, now_ms: u64) {
        let tokens = metered.map_or(0, |metered| metered.usage.input.saturating_add(metered.usage.output));
        if let Some(ticket) = self.ticket.as_mut() {
            ticket.correct(tokens, now_ms);
        }
    }

    fn succeeded(&mut self, run: &Run, metered: Option<&Metered>, began_ms: u64, now_ms: u64) {
        let first = run.machine.attempts().last().and_then(|attempt| attempt.first_byte_ms);
        let whole_ms = run.ms().saturating_sub(began_ms);
        let first_ms = first.map_or(whole_ms, |first| first.saturating_sub(began_ms));
        let output = metered.map_or(0, |metered| metered.usage.output);
        self.model.answered(first_ms, whole_ms, output, now_ms);
        self.channel.answered(first_ms, whole_ms, output, now_ms);
        self.key.cooldown.success(now_ms.saturating_sub(whole_ms));
        self.settle_passes(true, run.job.seed, now_ms);
        run.job.remember(&self.target, metered, now_ms);
        self.correct(metered, now_ms);
        if let Some(side) = self.snapshot.model(self.target.model) {
            side.state.metrics.completed.inc();
            #[expect(clippy::cast_precision_loss, reason = "a metric")]
            side.state.metrics.ttft.observe(first_ms as f64 / 1_000.0);
        }
    }

    fn failed(&mut self, fault: &Fault, keys: usize, seed: u64, now_ms: u64) {
        let rule = fault.rule();
        let health = match rule.scope.cell(keys) {
            None => None,
            Some(Cell::Key) => Some(&self.key),
            Some(Cell::ChannelModel) => Some(&self.model),
            Some(Cell::Channel) => Some(&self.channel),
        };
        if let Some(health) = health {
            let _ = health.cooldown.fault(fault, &self.snapshot.settings.cooldown, now_ms, seed);
        }
        if rule.counts {
            self.model.failed(now_ms);
            self.channel.failed(now_ms);
            self.settle_passes(false, seed, now_ms);
        }
    }

    /// A pass that is only dropped says nothing: a client's own fault is neutral.
    fn settle_passes(&mut self, success: bool, seed: u64, now_ms: u64) {
        for pass in self.passes.iter_mut().filter_map(Option::take) {
            let _ = pass.record(success, &self.snapshot.settings.breaker, now_ms, seed);
        }
    }
}

fn budget_exceeded(exceeded: &Exceeded) -> ApiError {
    let whose = match exceeded.kind {
        ScopeKind::Router => "The router's".to_owned(),
        ScopeKind::Group => format!("The group `{}`'s", exceeded.id),
        ScopeKind::ClientKey => "This key's".to_owned(),
        ScopeKind::Channel | ScopeKind::ProviderKey => "The channel's".to_owned(),
    };
    let until = jiff::Timestamp::from_millisecond(i64::try_from(exceeded.resets_at_ms).unwrap_or(i64::MAX))
        .map_or_else(|_| "later".to_owned(), |at| at.to_string());
    let message = format!(
        "{whose} budget of {} USD for {} is used up: {} USD spent, {} USD held by running requests, {} USD needed. It starts anew at {until}.",
        exceeded.cap, exceeded.period, exceeded.spent, exceeded.reserved, exceeded.asked,
    );
    ApiError::new(ErrorCode::BudgetExceeded, message)
}
