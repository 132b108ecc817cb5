//! One attempt: reserve, send, read the head, hand the body to whoever reads it, and tell health what happened.

use std::pin::pin;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use router_core::budget::{Exceeded, ScopeKind};
use router_core::fault::{ErrorCode, Fault, FaultKind, NotSent};
use router_core::health::Shape;
use router_core::request::Event;
use router_core::world::{Ended, Holding, Target, attempted};
use router_wire::classify::spent_until;
use router_wire::dialects::AccountBound;

use super::book::NotHeld;
use super::run::{Interrupt, Run, Step};
use super::tongue::Tongue;
use crate::http::error::ApiError;
use crate::snapshot::{ChannelSide, ServerSnapshot};
use crate::telemetry::metrics::AttemptLabels;
use crate::upstream::{Upload, UpstreamBody, UpstreamRequest, collect, is_events};

/// Largest body of an error answer that is read.
pub(super) const MAX_ERROR_BODY: usize = 64 * 1024;

impl Run {
    /// Makes an attempt and gives the event that it ended with.
    pub(super) async fn attempt(&mut self, candidate: usize, key: Option<u16>) -> Step {
        let snapshot = self.job.snapshot.clone();
        let secured = match self.secure(&snapshot, candidate, key).await {
            Ok(secured) => secured,
            Err(step) => return step,
        };
        match self.prepared(&snapshot, &secured) {
            Ok(prepared) => self.exchange(secured, prepared).await,
            Err(fault) => self.ended(secured, Event::Failed(fault, None)),
        }
    }

    /// Takes what the newest attempt needs of its channel, and reserves the most that it may cost.
    pub(super) async fn secure<'a>(
        &mut self,
        snapshot: &'a ServerSnapshot,
        candidate: usize,
        key: Option<u16>,
    ) -> Result<Secured<'a>, Step> {
        let Some((target, channel)) = self.target(snapshot, candidate, key) else {
            return Err(Step::Event(Event::Failed(Fault::new(FaultKind::Internal, "no such candidate"), None)));
        };
        let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
        let (ask, last_resort) = (&self.job.intake.ask, self.job.decision.last_resort);
        let holding = match snapshot.world.take(&snapshot.core, ask, &target, last_resort, now_ms) {
            Ok(holding) => holding,
            Err(fault) => {
                self.job.book.pass_over(target);
                return Err(Step::Event(Event::Failed(fault, None)));
            }
        };
        match self.reserve(snapshot, &target).await {
            Ok(()) => {}
            Err(Held::Refuse(error)) => return Err(Step::Refused(error)),
            Err(Held::Skip(fault)) => {
                self.job.book.pass_over(target);
                return Err(Step::Event(Event::Failed(fault, None)));
            }
        }
        self.job.book.synced().await;
        let place = self.machine.attempts().len().saturating_sub(1);
        Ok(Secured { place, holding, channel, began_ms: self.ms() })
    }

    /// Notes in books and health that an attempt has ended.
    pub(super) fn ended(&mut self, secured: Secured<'_>, event: Event) -> Step {
        self.job.book.ended(secured.place, &event);
        self.report(secured, &event);
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

    /// The candidate with that key of its channel.
    pub(super) fn attempted(&self, candidate: usize, key: Option<u16>) -> Option<Target> {
        attempted(&self.targets, candidate, key)
    }

    /// Reserves the most that the attempt may cost.
    async fn reserve(&mut self, snapshot: &ServerSnapshot, target: &Target) -> Result<(), Held> {
        let amount = snapshot.core.reserved_cost(target.model, &self.job.intake.ask);
        self.job.book.hold(target.clone(), amount).await.map_err(|refused| match refused {
            NotHeld::Exceeded(exceeded) => {
                let (others, ask) = ((target, self.targets.as_slice()), &self.job.intake.ask);
                let (key, now_ms) = (self.job.book.key(), self.job.now.unix_ms);
                if snapshot.world.fits_elsewhere(&snapshot.core, key, others, ask, now_ms) {
                    Held::Skip(NotSent::NoMoney.fault())
                } else {
                    Held::Refuse(budget_exceeded(&exceeded))
                }
            }
            NotHeld::Spool(error) => {
                if self.job.worker.app.status.may_complain(self.job.now.unix_ms) {
                    tracing::error!(error = %error, "the spool cannot be written; requests are refused until it can");
                }
                let message = "The router cannot write its books at the moment. Try again in a moment.";
                Held::Refuse(ApiError::new(ErrorCode::AccountingUnavailable, message).retry_after_ms(Some(1_000)))
            }
        })
    }

    /// What an attempt sends.
    pub(super) fn prepared(&mut self, snapshot: &ServerSnapshot, secured: &Secured<'_>) -> Result<ToSend, Fault> {
        let (target, channel) = (secured.holding.target(), secured.channel);
        let Some((model, key)) = snapshot.core.model(target.model).zip(channel.keys.get(target.key)) else {
            return Err(Fault::new(FaultKind::Internal, "no such candidate"));
        };
        let Some(side) = snapshot.model(target.model) else {
            return Err(Fault::new(FaultKind::Internal, "no such model"));
        };
        let prepared = self.job.prepare(channel, model, side, target)?;
        let mut headers = key.headers.to_map(self.job.intake.ask.stream);
        if matches!(prepared.tongue, Tongue::Same) {
            headers.extend(self.job.forwarded.clone());
        }
        headers.insert(crate::http::HOP_HEADER, snapshot.settings.instance.clone());
        let rest = self.job.upload.as_ref().map(Upload::send);
        let request = UpstreamRequest { method: Method::POST, uri: prepared.uri, headers, body: prepared.body, rest };
        let bound = prepared.bound.filter(|bound| (bound.holds)(&request.body));
        Ok(ToSend { request, tongue: prepared.tongue, dropped: prepared.dropped, bound })
    }

    /// Sends, and reads what comes, to the end of the attempt.
    pub(super) async fn exchange(&mut self, secured: Secured<'_>, prepared: ToSend) -> Step {
        let ToSend { mut request, tongue, dropped, bound } = prepared;
        (self.tongue, self.dropped) = (tongue, dropped);
        // Of an attempt before this one.
        self.passage = None;
        let mut again = None;
        match bound {
            Some(bound) if self.has_moved(secured.holding.target()) => _ = self.unbind(bound, &mut request),
            bound => again = bound.map(|bound| (bound, request.clone())),
        }
        let event = loop {
            let event = self.ask(secured.channel, request).await;
            let foreign = matches!(&event, Event::Failed(fault, _) if fault.kind == FaultKind::ForeignState);
            let Some((bound, mut whole)) = again.take().filter(|_| foreign) else { break event };
            if !self.unbind(bound, &mut whole) {
                break event;
            }
            request = whole;
        };
        match self.after_upload(event) {
            Step::Event(event) => self.ended(secured, event),
            refused @ Step::Refused(_) => refused,
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
        let (mut sent, mut seen) = (pin!(upstream.send(request)), 0);
        let response = loop {
            match self.until(sent.as_mut()).await {
                Ok(Ok(response)) => break response,
                Ok(Err(fault)) => return Event::Failed(fault, None),
                Err(Interrupt::Deadline) if self.is_sending(&mut seen) => {}
                Err(interrupt) => return self.cut_short(interrupt),
            }
        };
        self.measure_upload();
        let status = response.status();
        if status.is_redirection() {
            return Event::Failed(redirected(status), None);
        }
        if !status.is_success() {
            return self.read_error(channel, response).await;
        }
        self.note_returned(response.headers());
        // What of a form asks for a stream may have stood behind what was read of it.
        let events = self.job.upload.is_some() && is_events(response.headers());
        if self.streams() || events {
            self.read_stream(channel, response).await
        } else {
            self.read_whole(channel, response).await
        }
    }

    /// Whether the answer goes on as it comes.
    pub(super) fn streams(&self) -> bool {
        self.job.intake.ask.shape() == Shape::Stream
    }

    /// Keeps the headers of the provider's answer that are the client's, and what they say of its limits.
    pub(super) fn note_returned(&mut self, headers: &HeaderMap) {
        self.spent_until_ms = spent_until(headers, self.job.now.unix_ms.saturating_add(self.ms()));
        self.returned = match self.tongue {
            Tongue::Same => router_wire::headers::returned(self.job.dialect, headers),
            Tongue::Other { .. } | Tongue::Vectors(_) => HeaderMap::new(),
        };
    }

    /// The event of a wait that ended before anything came: the request was sent, so its input counts.
    pub(super) fn cut_short(&self, interrupt: Interrupt) -> Event {
        let metered = match interrupt {
            Interrupt::Deadline => None,
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
        Event::Failed(self.classify(channel, head.status, &head.headers, &bytes), None)
    }

    /// The fault that a provider's error answer tells of.
    pub(super) fn classify(
        &self,
        channel: &ChannelSide,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Fault {
        let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
        channel.adapter.classify(status.as_u16(), headers, body, now_ms)
    }

    /// Tells health, limits, sessions and metrics how the attempt went.
    fn report(&self, secured: Secured<'_>, event: &Event) {
        let Secured { place, holding, channel, began_ms } = secured;
        let (snapshot, ended_ms) = (&self.job.snapshot, self.ms());
        let now_ms = self.job.now.unix_ms.saturating_add(ended_ms);
        if let Event::Ended(Some(metered)) = event {
            self.job.remember(holding.target(), metered, now_ms);
        }
        let model = holding.target().model;
        // Questions of the router's own are too small to be compared with what clients ask.
        let shape = Some(self.job.intake.ask.shape()).filter(|_| !self.job.book.is_probe());
        let ended = Ended {
            event,
            shape,
            began_ms,
            first_byte_ms: self.machine.attempts().get(place).and_then(|attempt| attempt.first_byte_ms),
            ended_ms,
            total_ms: self.job.controls.total_ms,
            now_ms,
            seed: self.job.seed,
            spent_until_ms: self.spent_until_ms,
        };
        let Some(reported) = holding.report(&snapshot.world, &snapshot.core, &ended) else { return };
        match (reported.first_ms, snapshot.model(model)) {
            (Some(first_ms), Some(side)) => {
                side.metrics.completed.inc();
                #[expect(clippy::cast_precision_loss, reason = "a metric")]
                if shape.is_some() {
                    side.metrics.ttft.observe(first_ms as f64 / 1_000.0);
                }
            }
            _ => self.count_outcome(channel, reported.outcome),
        }
    }

    fn count_outcome(&self, channel: &ChannelSide, outcome: &'static str) {
        let (provider, name) = (channel.provider.name.clone(), channel.name.name.clone());
        let labels = AttemptLabels { provider, channel: name, outcome };
        self.job.worker.app.metrics.attempts.get_or_create_owned(&labels).inc();
    }
}

/// An attempt that may be sent: what it holds, and since when.
pub(super) struct Secured<'a> {
    /// Its place among the attempts of the request.
    pub(super) place: usize,
    pub(super) holding: Holding,
    pub(super) channel: &'a ChannelSide,
    pub(super) began_ms: u64,
}

/// What an attempt sends, and in which words.
pub(super) struct ToSend {
    pub(super) request: UpstreamRequest,
    pub(super) tongue: Tongue,
    /// What its provider does not get.
    pub(super) dropped: Vec<String>,
    /// What only the account that wrote it can read, if there is some.
    pub(super) bound: Option<&'static AccountBound>,
}

/// Redirects are not followed.
pub(super) fn redirected(status: StatusCode) -> Fault {
    Fault { status: Some(status.as_u16()), ..Fault::new(FaultKind::Redirect, "redirects are not followed") }
}

enum Held {
    Refuse(ApiError),
    Skip(Fault),
}

pub(super) fn budget_exceeded(exceeded: &Exceeded) -> ApiError {
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
