//! Whole answers: read to the end, examined, and only then the client's.

use std::pin::pin;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use router_core::fault::{Fault, FaultKind};
use router_core::request::{Event, Metered};
use router_core::usage::{Usage, UsageSource};
use router_wire::answer::{NotAnAnswer, examine};
use router_wire::dialects::{ClientCodec, ProviderCodec};
use router_wire::message::Names;
use router_wire::relay::{Neutral, StreamEnd, aggregate};
use router_wire::scan::last_member;
use router_wire::tokens::TextCount;

use super::run::{Run, WholeAnswer};
use super::tongue::{Tongue, Vectors};
use crate::snapshot::ChannelSide;
use crate::upstream::{UpstreamBody, collect};

/// Largest whole answer.
pub(super) const MAX_ANSWER: usize = 32 * 1024 * 1024;

impl Run {
    /// Reads a whole answer.
    pub(super) async fn read_whole(&mut self, channel: &ChannelSide, response: Response<UpstreamBody>) -> Event {
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
        if let Tongue::Vectors(between) = self.tongue {
            return self.judge_vectors(channel, status, headers, &bytes, between);
        }
        if let Some((provider, client, names)) = self.tongue.codecs(&self.job) {
            return self.judge_neutral(channel, status, headers, bytes, provider, client, &names);
        }
        let not = match examine(self.job.endpoint, &bytes) {
            Ok(answer) => {
                let metered = self.metered(answer.usage, &answer.text);
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
        self.not_an_answer(channel, status, headers, &bytes, not)
    }

    /// An answer that has to be read in its dialect: it passes as it came, or is written in the client's.
    #[expect(clippy::too_many_arguments, reason = "an answer, and the two dialects that it goes between")]
    fn judge_neutral(
        &mut self,
        channel: &ChannelSide,
        status: u16,
        headers: &HeaderMap,
        bytes: Bytes,
        provider: &'static ProviderCodec,
        client: &'static ClientCodec,
        names: &Names,
    ) -> Event {
        let neutral = match Neutral::read(provider, names, &bytes) {
            Ok(neutral) => neutral,
            Err(NotAnAnswer::Unfinished) if self.works_in_background() => {
                self.note_kept_of(provider, &bytes);
                let body = WholeAnswer { body: bytes, content_type: HeaderValue::from_static("application/json") };
                self.whole = Some(body);
                return Event::Ended(Some(self.at_most()));
            }
            Err(not) => return self.not_an_answer(channel, status, headers, &bytes, not),
        };
        let metered = self.metered(neutral.answer.usage, &neutral.text);
        let json = || HeaderValue::from_static("application/json");
        // What is no object is a stream, in one of its forms, which nobody asked for.
        let same = matches!(self.tongue, Tongue::Same) && bytes.trim_ascii_start().starts_with(b"{");
        if same {
            self.note_kept_of(provider, &bytes);
        }
        self.whole = Some(if same {
            WholeAnswer { content_type: headers.get(CONTENT_TYPE).cloned().unwrap_or_else(json), body: bytes }
        } else {
            let word = self.job.word();
            let body = neutral.write(client, &self.job.echo(&word), &metered.usage);
            WholeAnswer { body, content_type: json() }
        });
        Event::Ended(Some(metered))
    }

    /// Embeddings of a provider of another dialect: a vector for each text, written in the client's.
    fn judge_vectors(
        &mut self,
        channel: &ChannelSide,
        status: u16,
        headers: &HeaderMap,
        bytes: &[u8],
        between: Vectors,
    ) -> Event {
        let read = (between.provider.read_answer)(bytes);
        let whole = read.and_then(|vectors| match vectors.list.len() == between.count {
            true => Ok(vectors),
            false => Err(NotAnAnswer::Bad("the answer has not one vector for each text")),
        });
        match whole {
            Err(not) => self.not_an_answer(channel, status, headers, bytes, not),
            Ok(vectors) => {
                let metered = self.metered(vectors.usage, &TextCount::default());
                let model = &self.job.intake.ask.model;
                let body = (between.client.write_answer)(&vectors, between.form, model, &metered.usage).into();
                self.whole = Some(WholeAnswer { body, content_type: HeaderValue::from_static("application/json") });
                Event::Ended(Some(metered))
            }
        }
    }

    /// The client asked a provider of its own dialect to work on after it has left (`background`).
    fn works_in_background(&self) -> bool {
        matches!(self.tongue, Tongue::Same) && last_member(&self.job.body, "background") == Some(b"true")
    }

    /// The usage of an answer of which nobody will hear the end: what was reserved for it.
    fn at_most(&self) -> Metered {
        let last = self.machine.current();
        let target = last.and_then(|attempt| self.attempted(attempt.candidate, attempt.key));
        let output = target.map_or(0, |target| self.job.output_bound(&target));
        let usage = Usage { input: self.job.intake.ask.input_tokens, output, ..Usage::default() };
        Metered { usage, source: UsageSource::Estimated }
    }

    fn note_kept_of(&mut self, provider: &ProviderCodec, body: &[u8]) {
        if let Some(kept) = provider.kept {
            kept(body, &mut self.kept_ids);
        }
    }

    /// The fault of a body with status 200 that is no answer.
    pub(super) fn not_an_answer(
        &self,
        channel: &ChannelSide,
        status: u16,
        headers: &HeaderMap,
        bytes: &[u8],
        not: NotAnAnswer,
    ) -> Event {
        let fault = match not {
            NotAnAnswer::Error => {
                let now_ms = self.job.now.unix_ms.saturating_add(self.ms());
                channel.adapter.classify(status, headers, bytes, now_ms)
            }
            NotAnAnswer::Unfinished => {
                Fault { status: Some(status), ..Fault::new(not.kind(), "the answer is not finished") }
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

    /// What an answer consumed.
    pub(super) fn metered(&self, usage: Option<Usage>, text: &TextCount) -> Metered {
        match usage {
            Some(usage) => Metered { usage, source: UsageSource::Reported },
            None => self.counted(text),
        }
    }

    /// The usage of an answer whose provider did not tell: our estimate of the input, and what we counted.
    pub(super) fn counted(&self, text: &TextCount) -> Metered {
        let usage = Usage { input: self.job.intake.ask.input_tokens, output: text.tokens(), ..Usage::default() };
        Metered { usage, source: UsageSource::Counted }
    }
}
