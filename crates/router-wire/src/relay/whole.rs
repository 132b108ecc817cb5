//! Whole answers that change their dialect, and streams that must become whole or the other way round.

use bytes::Bytes;
use router_core::usage::{ServiceTier, Usage};

use super::cutter::Cutter;
use super::watch::{Watch, explains_silence};
use crate::answer::NotAnAnswer;
use crate::dialects::{ClientCodec, Echo, ProviderCodec};
use crate::message::{Answer, Collector, Content, Event, Names};
use crate::tokens::TextCount;

/// A proper answer, in the neutral form.
#[derive(Debug)]
pub struct Neutral {
    /// What it says, with the names of tools as the client knows them.
    pub answer: Answer,
    /// Characters of it, for counting where usage is missing.
    pub text: TextCount,
}

impl Neutral {
    /// Reads a provider's whole answer; also one that came as a stream though none was asked for.
    ///
    /// # Errors
    /// [`NotAnAnswer`] if the client should not get it.
    pub fn read(codec: &ProviderCodec, names: &Names, body: &[u8]) -> Result<Self, NotAnAnswer> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        let answer = match body.first() {
            None => return Err(NotAnAnswer::Empty),
            Some(b'<') => return Err(NotAnAnswer::Bad("the answer is a web page")),
            Some(b'{' | b'[' | b'"') => match (codec.read_answer)(body) {
                Err(NotAnAnswer::Stream) => collect(codec, body)?,
                read => read?,
            },
            Some(_) => collect(codec, body)?,
        };
        Self::of(answer, names)
    }

    fn of(mut answer: Answer, names: &Names) -> Result<Self, NotAnAnswer> {
        if !answer.has_content() && !explains_silence(&answer.stop) {
            return Err(NotAnAnswer::Empty);
        }
        if let (Some(usage), Some(tier)) = (&mut answer.usage, &answer.service_tier) {
            usage.service = ServiceTier::named(tier);
        }
        let mut text = TextCount::default();
        for part in &mut answer.parts {
            match &mut part.content {
                Content::Text { text: words, .. } | Content::Refusal(words) => text.add(words.as_bytes()),
                Content::Reasoning(reasoning) => text.add(reasoning.text.as_bytes()),
                Content::ToolCall(call) => {
                    if !names.is_empty() {
                        call.name = names.down(&call.name).to_owned();
                    }
                    text.add(call.name.as_bytes());
                    text.add(call.arguments.as_bytes());
                }
                _ => {}
            }
        }
        Ok(Self { answer, text })
    }

    /// The answer in the client's dialect. `usage` is what will be booked, for an answer whose provider told none.
    #[must_use]
    pub fn write(mut self, client: &ClientCodec, echo: &Echo<'_>, usage: &Usage) -> Bytes {
        self.answer.usage.get_or_insert(*usage);
        (client.write_answer)(&self.answer, echo).into()
    }

    /// The answer as a stream in the client's dialect: all but its end, and the end.
    #[must_use]
    pub fn stream(mut self, client: &ClientCodec, echo: &Echo<'_>, usage: &Usage) -> (Bytes, Bytes) {
        self.answer.usage.get_or_insert(*usage);
        let mut encoder = (client.encoder)(echo);
        let (mut body, mut end) = (Vec::new(), Vec::new());
        for event in self.answer.into_events() {
            encoder.event(&event, &mut body);
        }
        encoder.end(Some(usage), &mut end);
        (body.into(), end.into())
    }
}

/// Puts a provider's whole stream together.
fn collect(codec: &ProviderCodec, body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let (mut decoder, mut watch, mut collector) = ((codec.decoder)(), Watch::default(), Collector::default());
    let mut events: Vec<Event> = Vec::new();
    let mut cutter = Cutter::new(codec.framing, body.len());
    let mut frames = cutter.cut(Bytes::copy_from_slice(body)).unwrap_or_default();
    frames.append(&mut cutter.rest());
    for frame in &frames {
        cutter.read(frame, |data| decoder.event(data, &mut events));
    }
    let proper = decoder.end(&mut events);
    for event in events {
        watch.see(&event);
        collector.take(event);
    }
    if watch.error.is_some() {
        return Err(NotAnAnswer::Error);
    }
    if proper {
        Ok(collector.finish())
    } else {
        Err(NotAnAnswer::Bad("a stream where none was asked for, and not a whole one"))
    }
}
