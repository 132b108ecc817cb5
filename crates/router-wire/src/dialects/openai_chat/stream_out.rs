//! Writes a client's stream: chunks of a `chat.completion.chunk`.

use router_core::usage::Usage;
use serde_json::{Map, Value, json};

use super::answer_out::{annotation, image, sign};
use super::{reasoning, words};
use crate::dialects::{Echo, StreamEncoder};
use crate::message::{Content, Event, Reasoning, Stop};

/// A chunk without a choice.
pub(super) fn late_chunk(echo: &Echo<'_>) -> Vec<u8> {
    let chunk = json!({
        "id": format!("chatcmpl-{}", echo.id), "object": "chat.completion.chunk", "created": echo.created, "model": echo.model,
        "choices": [],
    });
    format!("data: {chunk}\n\n").into_bytes()
}

/// Events → chunks. The finish chunk waits for the end, because usage and tier may still come.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    model: String,
    created: u64,
    usage_wanted: bool,
    begun: bool,
    stop: Stop,
    tier: Option<String>,
    usage: Option<Usage>,
    /// Text of the reasoning in progress, which goes with its proof.
    thought: String,
    /// Pieces of reasoning so far that had a proof.
    proofs: usize,
    /// Calls that have begun: index, custom.
    calls: Vec<(usize, bool)>,
}

/// An encoder for one stream.
pub(super) fn encoder(echo: &Echo<'_>) -> Box<dyn StreamEncoder> {
    Box::new(Encoder {
        id: format!("chatcmpl-{}", echo.id),
        model: echo.model.to_owned(),
        created: echo.created,
        usage_wanted: echo.usage_wanted,
        begun: false,
        stop: Stop::End,
        tier: None,
        usage: None,
        thought: String::new(),
        proofs: 0,
        calls: Vec::new(),
    })
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if !matches!(event, Event::Reasoning(_) | Event::ReasoningSignature { .. } | Event::Ping | Event::Usage(_)) {
            self.thought.clear();
        }
        let delta = match event {
            Event::Start { .. } => return self.begin(out),
            Event::Text(text) if !text.is_empty() => json!({"content": text}),
            Event::Refusal(text) if !text.is_empty() => json!({"refusal": text}),
            Event::Reasoning(text) if !text.is_empty() => {
                self.thought.push_str(text);
                json!({"reasoning_content": text})
            }
            Event::ReasoningSignature { signature, redacted } => {
                let text = std::mem::take(&mut self.thought);
                let text = if *redacted { String::new() } else { text };
                let whole = Reasoning { text, signature: Some(signature.clone()), redacted: *redacted };
                self.proofs += 1;
                json!({"reasoning_details": reasoning::write(&whole, self.proofs - 1)})
            }
            Event::Citation(citation) => match annotation(citation) {
                Some(annotation) => json!({"annotations": [annotation]}),
                None => return,
            },
            Event::ToolStart { index, id, name, custom, signature } => {
                self.calls.push((*index, *custom));
                let (kind, argument) = words_of(*custom);
                let mut call = json!({"index": index, "id": id, "type": kind, kind: {"name": name, argument: ""}});
                sign(&mut call, signature.as_ref());
                json!({"tool_calls": [call]})
            }
            Event::ToolArguments { index, delta } if !delta.is_empty() => {
                let custom = self.calls.iter().any(|(call, custom)| call == index && *custom);
                let (kind, argument) = words_of(custom);
                json!({"tool_calls": [{"index": index, kind: {argument: delta}}]})
            }
            Event::Whole(part) => match &part.content {
                Content::Image(media) => match image(media) {
                    Some(image) => json!({"images": [image]}),
                    None => return,
                },
                _ => return,
            },
            Event::Usage(usage) => return self.usage = Some(*usage),
            Event::ServiceTier(tier) => return self.tier = Some(tier.clone()),
            Event::Stop(stop) => return self.stop = stop.clone(),
            _ => return,
        };
        self.begin(out);
        self.delta(delta, None, out);
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut Vec<u8>) {
        self.begin(out);
        let reason = words::finish_reason(&self.stop, !self.calls.is_empty());
        self.delta(Value::Object(Map::new()), Some(reason), out);
        if let (true, Some(usage)) = (self.usage_wanted, usage.copied().or(self.usage)) {
            self.frame(Value::Array(Vec::new()), Some(words::usage(&usage)), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl Encoder {
    /// The first chunk has the role.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.delta(json!({"role": "assistant", "content": ""}), None, out);
        }
    }

    fn delta(&self, delta: Value, finish: Option<&str>, out: &mut Vec<u8>) {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        self.frame(json!([choice]), None, out);
    }

    fn frame(&self, choices: Value, usage: Option<Value>, out: &mut Vec<u8>) {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let Some(chunk) = chunk.as_object_mut() {
            chunk.extend(self.tier.as_deref().map(|tier| ("service_tier".to_owned(), tier.into())));
            if self.usage_wanted {
                chunk.insert("usage".to_owned(), usage.into());
            }
        }
        out.extend_from_slice(b"data: ");
        // A tree of values always serialises.
        out.extend_from_slice(&serde_json::to_vec(&chunk).unwrap_or_default());
        out.extend_from_slice(b"\n\n");
    }
}

const fn words_of(custom: bool) -> (&'static str, &'static str) {
    if custom { ("custom", "input") } else { ("function", "arguments") }
}
