//! Streams: passed through as they come while a meter looks on. Nothing goes to the client before the first content,
//! so that another candidate may still answer.

use std::pin::pin;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http_body_util::BodyExt;
use router_core::fault::{Fault, FaultKind};
use router_core::request::{Event, Metered};
use router_core::usage::UsageSource;
use router_wire::relay::{Neutral, Passage, StreamEnd, synthesize_stream};

use super::run::{Client, Interrupt, Run};
use crate::http::body::Body;
use crate::snapshot::ChannelSide;
use crate::upstream::{UpstreamBody, body_fault};

/// Frames between the provider's and the client's connection. One that is larger than [`LARGE_FRAME`] waits until none is left before
/// it, so that a client that does not read costs this many small ones or a large one.
pub(super) const BUFFERED_FRAMES: usize = 8;
/// Bytes.
pub(super) const LARGE_FRAME: usize = 16 * 1024;

/// A stream of which something may have been read.
pub(super) struct BegunStream {
    pub(super) head: Parts,
    pub(super) body: UpstreamBody,
    pub(super) passage: Passage,
    /// What the passage let through.
    pub(super) out: Vec<Bytes>,
    pub(super) end: Option<StreamEnd>,
}

/// A frame of a body, its end, or the end of its connection.
pub(super) type Read = Option<Result<http_body::Frame<Bytes>, hyper::Error>>;

/// Feeds a frame to the passage. The end of the stream, if this was it.
pub(super) fn take_in(
    frame: Read,
    passage: &mut Passage,
    out: &mut Vec<Bytes>,
) -> Result<Option<StreamEnd>, Box<Fault>> {
    match frame {
        None => Ok(Some(passage.finish(out))),
        // A connection that breaks behind the proper end has broken nothing.
        Some(Err(error)) => match passage.finish(out) {
            StreamEnd::Complete => Ok(Some(StreamEnd::Complete)),
            _ => Err(Box::new(body_fault(&error, FaultKind::Cut))),
        },
        Some(Ok(frame)) => {
            let Ok(data) = frame.into_data() else { return Ok(None) };
            match passage.feed(data, out) {
                Ok(()) => Ok((passage.done() || passage.error().is_some()).then(|| passage.finish(out))),
                Err(fault) => Err(Box::new(Fault::new(fault.kind, fault.what))),
            }
        }
    }
}

impl Run {
    /// Relays a stream. From here to its end the time counts as the provider's, but for what precedes the head.
    pub(super) async fn read_stream(&mut self, channel: &ChannelSide, response: Response<UpstreamBody>) -> Event {
        let (head, body) = response.into_parts();
        let passage = self.job.passage(&self.tongue);
        let out = Vec::with_capacity(4);
        self.read_begun(channel, BegunStream { head, body, passage, out, end: None }).await
    }

    /// As [`Self::read_stream`], of a stream of which something may have been read.
    pub(super) async fn read_begun(&mut self, channel: &ChannelSide, begun: BegunStream) -> Event {
        self.waiting_since = Some(Instant::now());
        let BegunStream { head, body, mut passage, out, end } = begun;
        let event = self.relay_stream(channel, head, body, &mut passage, out, end).await;
        self.passage = Some(passage);
        self.count_waiting();
        self.waiting_since = None;
        event
    }

    async fn relay_stream(
        &mut self,
        channel: &ChannelSide,
        head: Parts,
        mut body: UpstreamBody,
        passage: &mut Passage,
        mut out: Vec<Bytes>,
        end: Option<StreamEnd>,
    ) -> Event {
        self.content_type = head.headers.get(CONTENT_TYPE).cloned();
        // Made once for the stream: to watch anew for each of its events would cost more than to relay it.
        let abort = self.job.worker.abort.clone();
        let mut shutdown = pin!(abort.cancelled());
        let mut alarm = pin!(tokio::time::sleep_until(self.alarm_at()));
        if !out.is_empty()
            && let Err(interrupt) = self.pass(passage, &mut out).await
        {
            return self.stream_interrupted(interrupt, passage);
        }
        if let Some(end) = end {
            return self.judge_stream(channel, head.status.as_u16(), &head.headers, end, passage).await;
        }
        let end = loop {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => Ok(frame),
                () = self.client.gone() => Err(Interrupt::Gone),
                () = alarm.as_mut() => Err(Interrupt::Deadline),
                () = shutdown.as_mut() => Err(Interrupt::Shutdown),
            };
            let frame = match frame {
                Ok(frame) => frame,
                // Bytes have come since the alarm was set.
                Err(Interrupt::Deadline) if !self.is_due() => {
                    alarm.as_mut().reset(self.alarm_at());
                    continue;
                }
                Err(interrupt) => return self.stream_interrupted(interrupt, passage),
            };
            let mut end = match take_in(frame, passage, &mut out) {
                Ok(end) => end,
                Err(fault) => return Event::Failed(*fault, self.stream_metered(passage)),
            };
            // What arrives while the other tasks have their turn goes out in the same write.
            tokio::task::yield_now().await;
            for _ in 1..BUFFERED_FRAMES {
                if end.is_some() || out.iter().map(Bytes::len).sum::<usize>() > LARGE_FRAME {
                    break;
                }
                let Some(frame) = body.frame().now_or_never() else { break };
                match take_in(frame, passage, &mut out) {
                    Ok(now) => end = now,
                    Err(fault) => {
                        // What came before the fault is the client's.
                        let metered = self.stream_metered(passage);
                        return match self.pass(passage, &mut out).await {
                            Ok(()) => Event::Failed(*fault, metered),
                            Err(interrupt) => self.stream_interrupted(interrupt, passage),
                        };
                    }
                }
            }
            if let Err(interrupt) = self.pass(passage, &mut out).await {
                return self.stream_interrupted(interrupt, passage);
            }
            if let Some(end) = end {
                break end;
            }
            // Once bytes have come, silence may be shorter than the time that the first of them had.
            let due = self.alarm_at();
            if due < alarm.deadline() {
                alarm.as_mut().reset(due);
            }
        };
        self.judge_stream(channel, head.status.as_u16(), &head.headers, end, passage).await
    }

    /// Forwards what the passage let through; sends the head first.
    async fn pass(&mut self, passage: &Passage, out: &mut Vec<Bytes>) -> Result<(), Interrupt> {
        let now_ms = self.ms();
        if !passage.content_started() {
            return Ok(());
        }
        if !self.machine.has_relayed() {
            self.begin_stream(now_ms);
        }
        self.machine.touch(now_ms);
        for bytes in out.drain(..) {
            self.forward(bytes).await?;
        }
        Ok(())
    }

    fn begin_stream(&mut self, now_ms: u64) {
        self.count_waiting();
        let _ = self.machine.on(Event::Content, now_ms, || false);
        let (frames, body) = Body::relay(BUFFERED_FRAMES);
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let kind = if self.job.intake.array { "application/json" } else { self.job.dialect.stream_content_type };
        let raw = self.content_type.take().filter(|_| self.job.dialect.name == "openai");
        headers.insert(CONTENT_TYPE, raw.unwrap_or(HeaderValue::from_static(kind)));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // Tells a proxy in front of us (nginx) not to collect the stream.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        self.stamp_way(&mut response, None);
        self.send_head(response, Client::Streaming(frames));
    }

    pub(super) async fn judge_stream(
        &mut self,
        channel: &ChannelSide,
        status: u16,
        headers: &HeaderMap,
        end: StreamEnd,
        passage: &mut Passage,
    ) -> Event {
        match end {
            StreamEnd::Complete => Event::Ended(self.stream_metered(passage)),
            StreamEnd::Empty => Event::Failed(
                Fault::new(FaultKind::EmptyAnswer, "the stream held no content"),
                self.stream_metered(passage),
            ),
            StreamEnd::Cut => {
                let fault = Fault::new(FaultKind::Cut, "the stream ended before its proper end");
                Event::Failed(fault, self.stream_metered(passage))
            }
            StreamEnd::Failed => {
                let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
                let said = passage.error().cloned().unwrap_or_default();
                Event::Failed(channel.adapter.classify(status, headers, &said, now_ms), self.stream_metered(passage))
            }
            StreamEnd::Json(answer) => self.synthesize(channel, status, headers, answer, passage).await,
        }
    }

    /// The provider answered whole though a stream was asked for: make one of it.
    async fn synthesize(
        &mut self,
        channel: &ChannelSide,
        status: u16,
        headers: &HeaderMap,
        answer: Bytes,
        passage: &mut Passage,
    ) -> Event {
        let (event, body, ending) = match self.tongue.codecs(&self.job) {
            None => {
                let event = self.judge_whole(channel, status, headers, answer);
                if self.job.dialect.name == "openai" {
                    // No stream after all, which is as good.
                    return event;
                }
                let Some(whole) = self.whole.take() else { return event };
                let Some(stream) = synthesize_stream(&whole.body, self.job.intake.usage_wanted) else {
                    let fault = Fault::new(FaultKind::BadAnswer, "a whole answer that cannot be streamed");
                    return Event::Failed(fault, None);
                };
                let end = self.job.dialect.stream_end;
                let body = Bytes::from(stream);
                let body = if body.ends_with(end) { body.slice(..body.len() - end.len()) } else { body };
                (event, body, Bytes::from_static(end))
            }
            Some((provider, client, names)) => match Neutral::read(provider, &names, &answer) {
                Err(not) => return self.not_an_answer(channel, status, headers, &answer, not),
                Ok(neutral) => {
                    let metered = self.metered(neutral.answer.usage, &neutral.text);
                    let word = self.job.word();
                    let (body, end) = neutral.stream(client, &self.job.echo(&word), &metered.usage);
                    (Event::Ended(Some(metered)), passage.framed(body), passage.framed_end(end))
                }
            },
        };
        let now_ms = self.ms();
        self.begin_stream(now_ms);
        self.ending = Some(ending);
        match self.forward(body).await {
            Ok(()) => event,
            Err(interrupt) => self.cut_short(interrupt),
        }
    }

    fn stream_interrupted(&self, interrupt: Interrupt, passage: &Passage) -> Event {
        match self.stream_metered(passage) {
            None => self.cut_short(interrupt),
            metered => Self::interrupted(interrupt, metered),
        }
    }

    /// What a stream consumed: the larger of what was reported and what passed; `None` before any content.
    pub(super) fn stream_metered(&self, passage: &Passage) -> Option<Metered> {
        match passage.usage() {
            Some(usage) => Some(Metered { usage, source: UsageSource::Reported }),
            None => passage.content_started().then(|| self.counted(&passage.text())),
        }
    }
}
