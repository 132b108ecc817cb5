//! Whole answers: read to the end, examined, and only then the client's.

use std::pin::pin;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::body::Incoming;
use router_core::fault::{Fault, FaultKind};
use router_core::request::{Event, Metered};
use router_core::usage::{Usage, UsageSource};
use router_wire::answer::{Answer, NotAnAnswer, examine};
use router_wire::relay::{StreamEnd, aggregate};
use router_wire::tokens::TextCount;

use super::attempt::collect;
use super::run::{Run, WholeAnswer};
use crate::snapshot::ChannelSide;

/// Largest whole answer.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

impl Run {
    /// Reads a whole answer.
    pub(super) async fn read_whole(&mut self, channel: &ChannelSide, response: Response<Incoming>) -> Event {
        let (head, body) = response.into_parts();
        match self.until(pin!(collect(body, MAX_ANSWER))).await {
            Ok(Ok(bytes)) => self.judge_whole(channel, head.status.as_u16(), &head.headers, bytes),
            Ok(Err(fault)) => Event::Failed(fault, None),
            Err(interrupt) => self.cut_short(interrupt),
        }
    }

    /// Decides whether a whole answer is one that the client should get.
    pub(super) fn judge_whole(
        &mut self,
        channel: &ChannelSide,
        status: u16,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Event {
        let not = match examine(self.job.endpoint, &bytes) {
            Ok(answer) => {
                let metered = self.metered(&answer);
                let content_type = headers.get(CONTENT_TYPE).cloned();
                let json = HeaderValue::from_static("application/json");
                self.whole = Some(WholeAnswer { body: bytes, content_type: content_type.unwrap_or(json) });
                return Event::Ended(Some(metered));
            }
            Err(not) => not,
        };
        if not == NotAnAnswer::Stream {
            return self.rescue_stream(channel, status, headers, &bytes);
        }
        let fault = match not {
            NotAnAnswer::Error => {
                let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
                channel.adapter.classify(status, headers, &bytes, now_ms)
            }
            NotAnAnswer::Bad(what) => Fault { status: Some(status), ..Fault::new(not.kind(), what) },
            _ => Fault { status: Some(status), ..Fault::new(not.kind(), "the answer is empty") },
        };
        Event::Failed(fault, None)
    }

    /// The provider streamed though none was asked for: put the answer together.
    fn rescue_stream(&mut self, channel: &ChannelSide, status: u16, headers: &HeaderMap, bytes: &Bytes) -> Event {
        match aggregate(bytes) {
            Ok((StreamEnd::Complete, whole)) => {
                let mut plain = headers.clone();
                plain.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                self.judge_whole(channel, status, &plain, Bytes::from(whole))
            }
            _ => Event::Failed(
                Fault::new(FaultKind::Cut, "a stream where none was asked for, and not a whole one"),
                None,
            ),
        }
    }

    fn metered(&self, answer: &Answer) -> Metered {
        match answer.usage {
            Some(usage) => Metered { usage, source: UsageSource::Reported },
            None => self.counted(&answer.text),
        }
    }

    /// The usage of an answer whose provider did not tell: our estimate of the input, and what we counted.
    pub(super) fn counted(&self, text: &TextCount) -> Metered {
        let usage = Usage { input: self.job.intake.ask.input_tokens, output: text.tokens(), ..Usage::default() };
        Metered { usage, source: UsageSource::Counted }
    }
}
