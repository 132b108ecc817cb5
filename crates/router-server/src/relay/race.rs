//! Hedging: a second attempt beside a silent first one, until one of them has something for the client. That one goes on as if
//! it were alone, the other is cancelled; both are booked. Requests of groups without hedging never come here.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::response::Parts;
use http_body_util::BodyExt;
use router_core::catalog::spec::HedgeAfter;
use router_core::fault::{Fault, FaultKind};
use router_core::request::{Command, Event};
use router_wire::relay::{Passage, StreamEnd};

use super::admit::Job;
use super::answer::MAX_ANSWER;
use super::attempt::{MAX_ERROR_BODY, Secured, ToSend, redirected};
use super::run::{Interrupt, Run, Step};
use super::stream::{BegunStream, take_in};
use super::tongue::Tongue;
use crate::snapshot::ServerSnapshot;
use crate::upstream::{Upstream, UpstreamRequest, collect};

/// What an attempt has come to before anything of it goes on.
enum Opened {
    /// Nothing usable.
    Failed(Fault),
    /// A whole body, of an answer or of an error.
    Whole(Parts, Bytes),
    /// A stream that holds content or has ended.
    Stream(Box<BegunStream>),
    /// A stream that failed before any content.
    Broken(Fault, Box<Passage>),
}

/// One of at most two attempts that run.
struct Entrant<'a> {
    secured: Secured<'a>,
    tongue: Tongue,
    dropped: Vec<String>,
    opening: Pin<Box<dyn Future<Output = Opened> + Send>>,
}

/// What happens first.
enum Turn {
    Opened(usize, Opened),
    /// The first has been silent for long enough.
    Hedge,
}

impl Job {
    /// When a second attempt may start beside a silent first one: never, where what is sent cannot be sent twice, or where
    /// nobody is left but those that are out by our guess.
    pub(super) fn hedge_after(&self) -> HedgeAfter {
        let (world, core) = (&self.snapshot.world, &self.snapshot.core);
        let hedge = world.hedge_after(core, &self.decision);
        if hedge == HedgeAfter::Never || self.upload.is_some() || self.decision.last_resort {
            return HedgeAfter::Never;
        }
        self.worker.app.hedges.request();
        hedge
    }
}

impl Run {
    /// As [`Run::attempt`], with a second attempt beside it once it has been silent for long enough. The event is that of the
    /// attempt that was left in the end.
    pub(super) async fn race(&mut self, candidate: usize, key: Option<u16>) -> Step {
        let snapshot = self.job.snapshot.clone();
        let secured = match self.secure(&snapshot, candidate, key).await {
            Ok(secured) => secured,
            Err(step) => return step,
        };
        let first = match self.prepared(&snapshot, &secured) {
            // What only one account can read is not sent to two.
            Ok(prepared) if prepared.bound.is_some() => return self.exchange(secured, prepared).await,
            Ok(prepared) => self.entrant(secured, prepared),
            Err(fault) => return self.ended(secured, Event::Failed(fault, None)),
        };
        let mut running = vec![first];
        loop {
            match self.turn(&mut running).await {
                Ok(Turn::Hedge) => running.extend(self.second(&snapshot).await),
                Ok(Turn::Opened(which, opened)) => {
                    let entrant = running.swap_remove(which);
                    match self.judge(entrant, opened, &mut running).await {
                        Some(step) => return step,
                        // It failed, and the other goes on.
                        None => continue,
                    }
                }
                Err(Interrupt::Deadline) if running.len() > 1 && !self.is_over() => self.drop_late(&mut running),
                Err(interrupt) => return self.all_end(running, interrupt),
            }
        }
    }

    /// Waits for what happens first.
    async fn turn(&mut self, running: &mut [Entrant<'_>]) -> Result<Turn, Interrupt> {
        let hedge_at = self.machine.next_hedge().map(|ms| self.at(ms));
        let opened = poll_fn(|cx| {
            for (which, entrant) in running.iter_mut().enumerate() {
                if let Poll::Ready(opened) = entrant.opening.as_mut().poll(cx) {
                    return Poll::Ready(Turn::Opened(which, opened));
                }
            }
            Poll::Pending
        });
        let hedge = async {
            match hedge_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let step = async {
            tokio::select! {
                biased;
                turn = opened => turn,
                () = hedge => Turn::Hedge,
            }
        };
        self.until(pin!(step)).await
    }

    /// Sends what was prepared, beside whatever runs.
    fn entrant<'a>(&self, secured: Secured<'a>, prepared: ToSend) -> Entrant<'a> {
        let ToSend { mut request, tongue, mut dropped, bound } = prepared;
        if let Some((bound, without)) = bound.and_then(|bound| Some((bound, (bound.without)(&request.body)?))) {
            request.body = without.into();
            dropped.push(bound.param.to_owned());
        }
        let passage = self.streams().then(|| self.job.passage(&tongue));
        let opening = Box::pin(open(self.job.worker.upstream.clone(), request, passage));
        Entrant { secured, tongue, dropped, opening }
    }

    /// The second attempt, if there may be one, somebody is left and it can be paid.
    async fn second<'a>(&mut self, snapshot: &'a ServerSnapshot) -> Option<Entrant<'a>> {
        let (now_ms, app) = (self.ms(), self.job.worker.app.clone());
        let unix_ms = self.job.now.unix_ms.saturating_add(now_ms);
        let leave = || app.hedges.take(unix_ms) && app.retries.take(unix_ms);
        let Some(Command::Attempt { candidate, key, .. }) = self.machine.hedge(now_ms, leave) else { return None };
        let place = self.machine.attempts().len().saturating_sub(1);
        let fault = match self.secure(snapshot, candidate, key).await {
            Ok(secured) => match self.prepared(snapshot, &secured) {
                Ok(prepared) => return Some(self.entrant(secured, prepared)),
                Err(fault) => {
                    let _ = self.ended(secured, Event::Failed(fault.clone(), None));
                    fault
                }
            },
            Err(Step::Event(Event::Failed(fault, _))) => fault,
            Err(_) => {
                if let Some(target) = self.attempted(candidate, key) {
                    self.job.book.pass_over(target);
                }
                Fault::new(FaultKind::TooLargeForLimit, "there is no money for a second attempt")
            }
        };
        let now_ms = self.ms();
        self.machine.dropped_out(place, fault, None, now_ms);
        None
    }

    /// What the one that has something comes to; `None`: it failed, and another runs.
    async fn judge(&mut self, mut entrant: Entrant<'_>, opened: Opened, others: &mut Vec<Entrant<'_>>) -> Option<Step> {
        let channel = entrant.secured.channel;
        self.passage = None;
        self.tongue = std::mem::replace(&mut entrant.tongue, Tongue::Same);
        self.dropped = std::mem::take(&mut entrant.dropped);
        let event = match opened {
            Opened::Failed(fault) => Event::Failed(fault, None),
            Opened::Broken(fault, passage) => Event::Failed(fault, self.stream_metered(&passage)),
            Opened::Whole(head, _) if head.status.is_redirection() => Event::Failed(redirected(head.status), None),
            Opened::Whole(head, body) if !head.status.is_success() => {
                Event::Failed(self.classify(channel, head.status, &head.headers, &body), None)
            }
            Opened::Whole(head, body) => {
                self.note_returned(&head.headers);
                self.judge_whole(channel, head.status.as_u16(), &head.headers, body)
            }
            Opened::Stream(begun) => {
                self.note_returned(&begun.head.headers);
                if begun.passage.content_started() || matches!(begun.end, Some(StreamEnd::Json(_))) {
                    self.wins(&entrant, others);
                    let event = self.read_begun(channel, *begun).await;
                    return Some(self.ended(entrant.secured, event));
                }
                let BegunStream { head, mut passage, end, .. } = *begun;
                let end = end.unwrap_or(StreamEnd::Empty);
                self.judge_stream(channel, head.status.as_u16(), &head.headers, end, &mut passage).await
            }
        };
        match event {
            Event::Failed(fault, metered) if !others.is_empty() => {
                let now_ms = self.ms();
                self.machine.dropped_out(entrant.secured.place, fault.clone(), metered, now_ms);
                let _ = self.ended(entrant.secured, Event::Failed(fault, metered));
                None
            }
            event => {
                self.wins(&entrant, others);
                Some(self.ended(entrant.secured, event))
            }
        }
    }

    /// That one has something for the client, so the others are cancelled. What they were sent was read.
    fn wins(&mut self, winner: &Entrant<'_>, others: &mut Vec<Entrant<'_>>) {
        for other in others.drain(..) {
            let metered = Some(self.input_only());
            let now_ms = self.ms();
            self.machine.outrun(winner.secured.place, metered, now_ms);
            drop(other.opening);
            let _ = self.ended(other.secured, Event::Outrun(metered));
        }
    }

    /// One of two has been silent for too long.
    fn drop_late(&mut self, running: &mut Vec<Entrant<'_>>) {
        let now_ms = self.ms();
        self.machine.race_deadlines(now_ms);
        let has_ended = |entrant: &mut Entrant<'_>| {
            self.machine.attempts().get(entrant.secured.place).is_none_or(|attempt| attempt.ended_ms.is_some())
        };
        let late: Vec<Entrant<'_>> = running.extract_if(.., has_ended).collect();
        for entrant in late {
            let _ = self.ended(entrant.secured, Event::Deadline(None));
        }
    }

    /// The request ends, and with it all that run.
    fn all_end(&mut self, running: Vec<Entrant<'_>>, interrupt: Interrupt) -> Step {
        let event = self.cut_short(interrupt);
        for entrant in running {
            let _ = self.ended(entrant.secured, event.clone());
        }
        Step::Event(event)
    }

    /// Whether the request's whole time is over.
    fn is_over(&self) -> bool {
        self.ms() >= self.machine.plan().total_ms
    }
}

/// Sends, and reads as far as nothing of it need go on: a whole body, or a stream up to its first content.
async fn open(upstream: Upstream, request: UpstreamRequest, passage: Option<Passage>) -> Opened {
    let (head, body) = match upstream.send(request).await {
        Ok(response) => response.into_parts(),
        Err(fault) => return Opened::Failed(fault),
    };
    let good = head.status.is_success();
    let Some(passage) = passage.filter(|_| good) else {
        let most = if good { MAX_ANSWER } else { MAX_ERROR_BODY };
        return match collect(body, most).await {
            Ok(bytes) => Opened::Whole(head, bytes),
            Err(fault) if good => Opened::Failed(fault),
            // The status says enough.
            Err(_) => Opened::Whole(head, Bytes::new()),
        };
    };
    let mut begun = BegunStream { head, body, passage, out: Vec::with_capacity(4), end: None };
    while !begun.passage.content_started() && begun.end.is_none() {
        let frame = begun.body.frame().await;
        match take_in(frame, &mut begun.passage, &mut begun.out) {
            Ok(end) => begun.end = end,
            Err(fault) => return Opened::Broken(*fault, Box::new(begun.passage)),
        }
    }
    Opened::Stream(Box::new(begun))
}
