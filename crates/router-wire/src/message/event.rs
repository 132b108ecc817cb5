//! A stream in the neutral form.

use bytes::Bytes;
use router_core::usage::Usage;
use serde_json::Value;

use super::answer::{Answer, Stop};
use super::part::{Content, Part, Reasoning};
use super::signature::Signature;
use super::tool::ToolCall;

/// Something that a stream says. Text and reasoning belong to the piece in progress; an event of another kind ends it.
/// Deltas of several tool calls may interleave; their index tells them apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The stream begins. At most once, first.
    Start {
        /// The provider's id.
        id: Option<String>,
        /// The provider's model.
        model: Option<String>,
    },
    /// More text.
    Text(String),
    /// A citation on the text in progress.
    Citation(Value),
    /// More of a refusal.
    Refusal(String),
    /// More reasoning.
    Reasoning(String),
    /// The reasoning in progress ends with this proof; without reasoning in progress, reasoning that is all proof.
    ReasoningSignature {
        /// The proof.
        signature: Signature,
        /// The provider keeps the text to itself.
        redacted: bool,
    },
    /// A call of a tool begins.
    ToolStart {
        /// Ordinal of the call in the answer, from 0.
        index: usize,
        /// Id that the result will refer to.
        id: String,
        /// Name of the tool.
        name: String,
        /// A `custom` tool of OpenAI's, with free text as its input.
        custom: bool,
        /// Gemini's signature.
        signature: Option<Signature>,
    },
    /// More of a call's arguments.
    ToolArguments {
        /// The call.
        index: usize,
        /// JSON text, or free text of a custom tool.
        delta: String,
    },
    /// A call is complete. Not every dialect says so; at the latest the end of the stream does.
    ToolEnd {
        /// The call.
        index: usize,
    },
    /// A whole piece at once: an image that the model made, audio.
    Whole(Part),
    /// What was consumed so far; the last one counts.
    Usage(Usage),
    /// The service tier that was used.
    ServiceTier(String),
    /// Why the model stopped. Usage may still follow.
    Stop(Stop),
    /// The provider says that it is still there.
    Ping,
    /// An error object inside the stream, as the provider wrote it, for its adapter to classify.
    Error(Bytes),
}

impl Event {
    /// Whether it carries something that a client can show, so that the answer is committed to this provider.
    #[must_use]
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) => !text.is_empty(),
            Self::ReasoningSignature { .. } | Self::ToolStart { .. } | Self::Whole(_) => true,
            Self::ToolArguments { delta, .. } => !delta.is_empty(),
            _ => false,
        }
    }
}

impl Answer {
    /// The answer as the stream that would have brought it.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        let mut events = vec![Event::Start { id: self.id, model: self.model }];
        let mut calls = 0;
        for part in self.parts {
            match part.content {
                Content::Text { text, citations } => {
                    events.push(Event::Text(text));
                    events.extend(citations.into_iter().map(Event::Citation));
                }
                Content::Refusal(text) => events.push(Event::Refusal(text)),
                Content::Reasoning(Reasoning { text, signature, redacted }) => {
                    if !text.is_empty() {
                        events.push(Event::Reasoning(text));
                    }
                    events.extend(signature.map(|signature| Event::ReasoningSignature { signature, redacted }));
                }
                Content::ToolCall(ToolCall { id, name, arguments, custom, signature }) => {
                    events.push(Event::ToolStart { index: calls, id, name, custom, signature });
                    events.push(Event::ToolArguments { index: calls, delta: arguments });
                    events.push(Event::ToolEnd { index: calls });
                    calls += 1;
                }
                content => events.push(Event::Whole(Part { content, cache: None })),
            }
        }
        events.extend(self.service_tier.map(Event::ServiceTier));
        events.push(Event::Stop(self.stop));
        events.extend(self.usage.map(Event::Usage));
        events
    }
}

/// Puts a stream together again.
#[derive(Debug, Default)]
pub struct Collector {
    answer: Answer,
    /// Place among the parts of each call, by the call's index.
    calls: Vec<(usize, usize)>,
    /// The last part takes more of its kind.
    open: bool,
}

impl Collector {
    /// Takes the next event. Errors and pings change nothing.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Start { id, model } => (self.answer.id, self.answer.model) = (id, model),
            Event::Text(delta) => match self.last() {
                Some(Content::Text { text, .. }) => text.push_str(&delta),
                _ => self.push(Part::text(delta)),
            },
            Event::Citation(citation) => {
                if let Some(Content::Text { citations, .. }) = self.last() {
                    citations.push(citation);
                }
            }
            Event::Refusal(delta) => match self.last() {
                Some(Content::Refusal(text)) => text.push_str(&delta),
                _ => self.push(Part::new(Content::Refusal(delta))),
            },
            Event::Reasoning(delta) => match self.last() {
                Some(Content::Reasoning(reasoning)) => reasoning.text.push_str(&delta),
                _ => self.push(Part::new(Content::Reasoning(Reasoning { text: delta, ..Reasoning::default() }))),
            },
            Event::ReasoningSignature { signature, redacted } => {
                match self.last() {
                    Some(Content::Reasoning(reasoning)) if !redacted => reasoning.signature = Some(signature),
                    _ => self.push(Part::new(Content::Reasoning(Reasoning {
                        text: String::new(),
                        signature: Some(signature),
                        redacted,
                    }))),
                }
                self.open = false;
            }
            Event::ToolStart { index, id, name, custom, signature } => {
                self.calls.push((index, self.answer.parts.len()));
                let call = ToolCall { id, name, arguments: String::new(), custom, signature };
                self.push(Part::new(Content::ToolCall(call)));
                self.open = false;
            }
            Event::ToolArguments { index, delta } => {
                let place = self.calls.iter().find(|(call, _)| *call == index).map(|(_, place)| *place);
                let part = place.and_then(|place| self.answer.parts.get_mut(place));
                if let Some(Part { content: Content::ToolCall(call), .. }) = part {
                    call.arguments.push_str(&delta);
                }
            }
            Event::Whole(part) => {
                self.push(part);
                self.open = false;
            }
            Event::Usage(usage) => self.answer.usage = Some(usage),
            Event::ServiceTier(tier) => self.answer.service_tier = Some(tier),
            Event::Stop(stop) => self.answer.stop = stop,
            Event::ToolEnd { .. } | Event::Ping | Event::Error(_) => {}
        }
    }

    /// The answer.
    #[must_use]
    pub fn finish(self) -> Answer {
        self.answer
    }

    fn last(&mut self) -> Option<&mut Content> {
        if !self.open {
            return None;
        }
        self.answer.parts.last_mut().map(|part| &mut part.content)
    }

    fn push(&mut self, part: Part) {
        self.answer.parts.push(part);
        self.open = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SignatureFormat;

    #[test]
    fn an_answer_taken_apart_and_put_together_is_the_same() {
        let call = |id: &str| {
            let (id, name, arguments) = (id.into(), "f".into(), r#"{"a":1}"#.into());
            Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom: false, signature: None }))
        };
        let signature = Some(Signature::new(SignatureFormat::Anthropic, "s"));
        let reasoning = Reasoning { text: "hm".into(), signature: signature.clone(), redacted: false };
        let secret = Reasoning { text: String::new(), signature, redacted: true };
        let answer = Answer {
            id: Some("a".into()),
            model: Some("m".into()),
            parts: vec![
                Part::new(Content::Reasoning(reasoning)),
                Part::new(Content::Reasoning(secret)),
                Part::text("hello"),
                call("1"),
                call("2"),
            ],
            stop: Stop::ToolUse,
            usage: Some(Usage { input: 1, output: 2, ..Usage::default() }),
            service_tier: None,
        };
        let mut collector = Collector::default();
        for event in answer.clone().into_events() {
            collector.take(event);
        }
        assert_eq!(collector.finish(), answer);
    }
}
