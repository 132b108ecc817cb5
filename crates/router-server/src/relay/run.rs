//! The request's own task: carries out the commands of the core's state machine until the request has ended.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderMap, Response};
use router_core::ask::Endpoint;
use router_core::budget::Exceeded;
use router_core::catalog::ModelIx;
use router_core::fault::ErrorCode;
use router_core::request::{Command, Event, Metered, Plan, RequestMachine};
use router_core::settle::Settlement;
use router_core::usage::{Usage, UsageSource};
use router_core::world::{Draw, MOST_CANDIDATES, Target};
use router_wire::message::Unsupported;
use router_wire::relay::Passage;
use tokio::sync::{mpsc, oneshot};

use super::admit::Job;
use super::attempt::budget_exceeded;
use super::fit::Fits;
use super::headers::{Way, overhead_us, stamp_dropped, stamp_rates};
use super::stream::LARGE_FRAME;
use super::tongue::{Tongue, unsupported_words};
use crate::http::body::{Body, Frames};
use crate::http::error::ApiError;
use crate::telemetry::metrics::ReasonLabel;

/// Headers of an answer beside those of limits: room is made for them at once.
pub(super) const OUR_HEADERS: usize = 10;

/// Runs a request to its end.
pub(super) async fn run(job: Box<Job>, head: oneshot::Sender<Response<Body>>) {
    let (mut run, unfit) = Run::new(job, head);
    if run.job.endpoint == Endpoint::CountTokens && run.targets.is_empty() {
        return run.count_tokens().await;
    }
    if let Some(unfit) = unfit.filter(|_| run.targets.is_empty()) {
        return run.refuse(unfit.error()).await;
    }
    let mut event = Event::Start;
    loop {
        let now_ms = run.ms();
        let retries = &run.job.worker.app.retries;
        let unix_ms = run.job.now.unix_ms.saturating_add(now_ms);
        // What was never sent was no attempt, and another one is no retry.
        let unsent = matches!(&event, Event::Failed(fault, _) if fault.not_sent.is_some());
        let command = run.machine.on(event, now_ms, || unsent || retries.take(unix_ms));
        event = match command {
            Command::Attempt { attempt, candidate, key } => {
                run.note_failover(attempt);
                let step = match run.machine.next_hedge() {
                    None => run.attempt(candidate, key).await,
                    Some(_) => Box::pin(run.race(candidate, key)).await,
                };
                match step {
                    Step::Event(event) => event,
                    Step::Refused(error) => return run.refuse(error).await,
                }
            }
            Command::Complete(terminal) => return run.complete(&terminal).await,
            Command::Answer(terminal) if run.may_count(&terminal) => return run.count_tokens().await,
            Command::Answer(terminal) => return run.answer_error(&terminal).await,
            Command::FailStream(terminal) => return run.fail_stream(&terminal).await,
            Command::Stop(terminal) => return run.stop(&terminal).await,
            // Both are consumed where the answer is read; here they would mean that nothing is going on.
            Command::Wait | Command::Relay => Event::Deadline(None),
        };
    }
}

/// Why a candidate is passed over before any attempt.
enum Unusable {
    /// Its dialect cannot hold the request.
    Unfit(Unsupported),
    /// A budget has no room for what it may cost. Whoever could do it otherwise counts for more than who cannot.
    Short(Box<Exceeded>),
}

impl Unusable {
    /// What the client is told where nobody else is left.
    fn error(&self) -> ApiError {
        match self {
            Self::Unfit(why) => unsupported(why),
            Self::Short(exceeded) => budget_exceeded(exceeded),
        }
    }
}

/// What an attempt comes to.
pub(super) enum Step {
    /// For the machine.
    Event(Event),
    /// A budget or the books stand in the way; nothing was sent.
    Refused(ApiError),
}

/// What ended a wait early.
pub(super) enum Interrupt {
    Gone,
    Deadline,
    Shutdown,
}

/// How the client hears from us.
pub(super) enum Client {
    /// Nothing has been sent.
    Waiting(oneshot::Sender<Response<Body>>),
    /// The head has been sent, and bytes may follow.
    Streaming(Frames),
    /// All has been said, or nobody listens.
    Done,
}

impl Client {
    pub(super) async fn gone(&mut self) {
        match self {
            Self::Waiting(head) => head.closed().await,
            Self::Streaming(frames) => frames.sender.closed().await,
            Self::Done => std::future::pending().await,
        }
    }
}

/// A whole answer that waits to be sent.
pub(super) struct WholeAnswer {
    pub(super) body: Bytes,
    pub(super) content_type: HeaderValue,
}

/// A running request.
pub(super) struct Run {
    pub(super) job: Box<Job>,
    pub(super) machine: RequestMachine,
    pub(super) client: Client,
    /// The candidates of the plan.
    pub(super) targets: Vec<Target>,
    pub(super) whole: Option<WholeAnswer>,
    /// Ids under which the provider keeps the answer.
    pub(super) kept_ids: Vec<String>,
    /// Microseconds spent waiting for providers and for the client's reading.
    pub(super) upstream_us: u64,
    pub(super) bytes_out: usize,
    /// How the running attempt speaks with its provider.
    pub(super) tongue: Tongue,
    /// What its provider did not get.
    pub(super) dropped: Vec<String>,
    /// Until when nothing is left of its limits, as the provider of the running attempt says.
    pub(super) spent_until_ms: Option<u64>,
    /// Headers of the provider's answer that are the client's.
    pub(super) returned: HeaderMap,
    /// Of the provider's stream, which is the client's where it is sound.
    pub(super) content_type: Option<HeaderValue>,
    /// What ends the client's stream once the books are written.
    pub(super) ending: Option<Bytes>,
    /// The stream on its way, for the form of an error event.
    pub(super) passage: Option<Passage>,
    /// While a stream is relayed: since when the time counts as the provider's.
    pub(super) waiting_since: Option<Instant>,
}

/// The task panicked: that is counted, and a client that already reads a stream is told. (The books close themselves; who still waits
/// for a head gets the answer of whoever waits for this task.)
impl Drop for Run {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.job.worker.app.metrics.panics.inc();
        if let Client::Streaming(frames) = &self.client {
            let error = ApiError::new(ErrorCode::InternalError, "The router failed at this request.");
            let view = error.view(self.job.dialect, Some(&self.job.shown_id));
            frames.break_off((self.job.dialect.error_event)(&view).into());
        }
    }
}

impl Run {
    /// The run of a job, and why a candidate cannot take the request, if one cannot.
    fn new(mut job: Box<Job>, head: oneshot::Sender<Response<Body>>) -> (Self, Option<Unusable>) {
        job.worker.app.retries.request();
        // Only the best candidate may count tokens: where it cannot, our own estimate is as good as another's count.
        let most = if job.endpoint == Endpoint::CountTokens { 1 } else { MOST_CANDIDATES };
        let ranked: Vec<_> = job.decision.ranked().take(most).copied().collect();
        let mut candidates = Vec::with_capacity(ranked.len());
        let mut targets = Vec::with_capacity(ranked.len());
        let mut unfit = None;
        let snapshot = job.snapshot.clone();
        let mut fits = Fits::default();
        let draw = Draw { seed: job.seed, now_ms: job.now.unix_ms, pinned: job.pinned, session: job.session };
        let hedge = job.hedge_after();
        for candidate in &ranked {
            let target = Target { model: candidate.model, group: job.decision.group_of(candidate), key: 0 };
            if let Some(why) = job.unfit(&snapshot, &target, &mut fits) {
                job.book.passed_over(candidate.model, &why);
                unfit.get_or_insert(Unusable::Unfit(why));
                continue;
            }
            let (key, ask, now_ms) = (job.book.key(), &job.intake.ask, job.now.unix_ms);
            if let Some(exceeded) = snapshot.world.no_room(&snapshot.core, key, &target, ask, now_ms) {
                job.book.no_budget(candidate.model);
                match &unfit {
                    Some(Unusable::Short(_)) => {}
                    _ => unfit = Some(Unusable::Short(exceeded)),
                }
                continue;
            }
            let keys = snapshot.world.key_order(&snapshot.core, ask, candidate.model, &draw);
            candidates.push(snapshot.world.candidate(&snapshot.core, candidate.model, keys, (hedge, ask.shape())));
            targets.push(target);
        }
        let max_attempts = job.snapshot.world.rules.max_attempts.max(1);
        let machine = RequestMachine::new(Plan { candidates, max_attempts, total_ms: job.controls.total_ms }, 0);
        let run = Self {
            job,
            machine,
            client: Client::Waiting(head),
            targets,
            whole: None,
            kept_ids: Vec::new(),
            upstream_us: 0,
            bytes_out: 0,
            tongue: Tongue::Same,
            dropped: Vec::new(),
            spent_until_ms: None,
            returned: HeaderMap::new(),
            content_type: None,
            ending: None,
            passage: None,
            waiting_since: None,
        };
        (run, unfit)
    }

    /// Milliseconds since the request arrived: the machine's clock.
    pub(super) fn ms(&self) -> u64 {
        self.job.now.ms_until(Instant::now())
    }

    /// Waits for a step of the upstream, or for whatever ends the wait before it.
    pub(super) async fn until<T>(&mut self, mut step: Pin<&mut impl Future<Output = T>>) -> Result<T, Interrupt> {
        let began = Instant::now();
        let abort = self.job.worker.abort.clone();
        let mut shutdown = pin!(abort.cancelled());
        let out = loop {
            let alarm = tokio::time::sleep_until(self.alarm_at());
            tokio::select! {
                biased;
                out = step.as_mut() => break Ok(out),
                () = self.client.gone() => break Err(Interrupt::Gone),
                () = alarm => if self.is_due() { break Err(Interrupt::Deadline) },
                () = shutdown.as_mut() => break Err(Interrupt::Shutdown),
            }
        };
        let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream_us = self.upstream_us.saturating_add(waited);
        out
    }

    /// When the machine wants to be told that the time is over.
    pub(super) fn alarm_at(&self) -> tokio::time::Instant {
        self.at(self.machine.next_deadline().unwrap_or(0))
    }

    /// A time of the machine's clock.
    pub(super) fn at(&self, ms: u64) -> tokio::time::Instant {
        (self.job.now.instant + Duration::from_millis(ms)).into()
    }

    /// Whether that time has come.
    pub(super) fn is_due(&self) -> bool {
        self.machine.next_deadline().is_none_or(|deadline| self.ms() >= deadline)
    }

    /// Counts the time since the last look as the provider's.
    pub(super) fn count_waiting(&mut self) {
        let Some(since) = self.waiting_since else { return };
        self.waiting_since = Some(Instant::now());
        let waited = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream_us = self.upstream_us.saturating_add(waited);
    }

    /// The event behind an early end, with what was consumed so far.
    pub(super) fn interrupted(interrupt: Interrupt, metered: Option<Metered>) -> Event {
        match interrupt {
            Interrupt::Gone => Event::ClientGone(metered),
            Interrupt::Deadline => Event::Deadline(metered),
            Interrupt::Shutdown => Event::Shutdown(metered),
        }
    }

    /// What a request that was sent has consumed at least, when nobody tells: its input.
    pub(super) fn input_only(&self) -> Metered {
        let usage = Usage { input: self.job.intake.ask.input_tokens, ..Usage::default() };
        Metered { usage, source: UsageSource::Estimated }
    }

    /// Sends the head of an answer.
    pub(super) fn send_head(&mut self, mut response: Response<Body>, next: Client) {
        stamp_rates(response.headers_mut(), &self.job.rates);
        if let Client::Waiting(head) = std::mem::replace(&mut self.client, next) {
            // A client that has gone meanwhile is noticed at the next wait.
            let _ = head.send(response);
        }
    }

    /// Writes the routing headers of the running attempt.
    pub(super) fn stamp_way(&mut self, response: &mut Response<Body>, settlement: Option<&Settlement>) {
        let Some(model) = self.current_model() else { return };
        let snapshot = &self.job.snapshot;
        let Some(channel) = snapshot.core.model(model).and_then(|m| snapshot.channel(m.channel)) else { return };
        let Some(side) = snapshot.model(model) else { return };
        let group = self.job.decision.tiers.first().and_then(|tier| snapshot.group(tier.group?));
        let way = Way {
            channel,
            model: side,
            group,
            attempts: self.machine.attempts().len(),
            overhead_us: overhead_us(self.job.now, self.upstream_us),
            cost: settlement.map(|settlement| settlement.cost),
        };
        // Ours are written after the provider's, so that none of them can be taken for one of ours.
        response.headers_mut().extend(std::mem::take(&mut self.returned));
        way.stamp(response.headers_mut());
        stamp_dropped(response.headers_mut(), &self.dropped);
    }

    fn current_model(&self) -> Option<ModelIx> {
        let attempt = self.machine.current()?;
        self.targets.get(attempt.candidate).map(|target| target.model)
    }

    /// Hands bytes to the client's connection; waits while it is slow. After a large frame also until it was taken, before any more is
    /// read: a client that does not read holds one of them here and not a second one in waiting and a third one that has begun.
    pub(super) async fn forward(&mut self, bytes: Bytes) -> Result<(), Interrupt> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.bytes_out += bytes.len();
        let large = bytes.len() > LARGE_FRAME;
        let mut unsent = Some(bytes);
        while let Some(bytes) = unsent.take() {
            let Client::Streaming(Frames { sender, .. }) = &self.client else { return Ok(()) };
            let room = if large { sender.max_capacity() } else { 1 };
            if sender.capacity() < room {
                unsent = Some(bytes);
                self.until_room(room).await?;
                continue;
            }
            match sender.try_send(bytes) {
                Ok(()) if large => self.until_room(room).await?,
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Interrupt::Gone),
                Err(mpsc::error::TrySendError::Full(bytes)) => unsent = Some(bytes),
            }
        }
        Ok(())
    }

    /// Waits until there is room for so many frames.
    async fn until_room(&mut self, places: usize) -> Result<(), Interrupt> {
        let Client::Streaming(Frames { sender, .. }) = &self.client else { return Ok(()) };
        let began = Instant::now();
        let total = self.job.now.instant + Duration::from_millis(self.job.controls.total_ms);
        let room = tokio::select! {
            places = sender.reserve_many(places) => places.map(drop).map_err(|_| Interrupt::Gone),
            () = tokio::time::sleep_until(total.into()) => Err(Interrupt::Deadline),
            () = self.job.worker.abort.cancelled() => Err(Interrupt::Shutdown),
        };
        if self.waiting_since.is_none() {
            self.upstream_us += u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        }
        // A slow reader is not the provider's silence.
        let now_ms = self.ms();
        self.machine.touch(now_ms);
        room
    }

    fn note_failover(&self, attempt: u32) {
        let before = usize::try_from(attempt).unwrap_or(usize::MAX).checked_sub(2);
        let Some(failed) = before.and_then(|place| self.machine.attempts().get(place)) else { return };
        let reason = failed.outcome.as_str();
        self.job.worker.app.metrics.failovers.get_or_create_owned(&ReasonLabel { reason }).inc();
    }
}

/// No candidate's dialect can hold the request.
fn unsupported(why: &Unsupported) -> ApiError {
    ApiError::new(ErrorCode::UnsupportedParameter, unsupported_words(why)).param(why.param.clone())
}
