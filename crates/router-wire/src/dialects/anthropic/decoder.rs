//! A provider's stream → neutral events.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::read_stop;
use super::blocks::text;
use super::signed;
use super::usage::Tally;
use super::write_request::JSON_TOOL;
use crate::dialects::StreamDecoder;
use crate::message::{Event, Signature, SignatureFormat, Stop};

/// The decoder.
pub(super) fn decoder() -> Box<dyn StreamDecoder> {
    Box::<Decoder>::default()
}

#[derive(Debug, Default)]
struct Decoder {
    tally: Tally,
    /// Blocks are strictly sequential, so one is open at most.
    open: Open,
    /// Calls of tools so far.
    calls: usize,
    /// Structured output came as the input of a tool.
    json: bool,
    stop: Option<Stop>,
    done: bool,
    failed: bool,
}

#[derive(Debug, Default)]
enum Open {
    /// Nothing, or a block of a hosted tool, which says nothing to others.
    #[default]
    Nothing,
    Thinking {
        signature: String,
    },
    Call {
        index: usize,
        /// The input as the start of the block has it, for providers that send it whole.
        whole: String,
    },
    /// The tool that stands for structured output.
    Json {
        whole: String,
    },
    Text,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) {
        let Ok(event) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
        if self.done || self.failed {
            return;
        }
        match text(&event, "type") {
            Some("message_start") => self.start(&event, out),
            Some("content_block_start") => self.block_start(&event, out),
            Some("content_block_delta") => self.delta(&event, out),
            Some("content_block_stop") => self.block_stop(out),
            Some("message_delta") => self.message_delta(&event, out),
            Some("message_stop") => self.finish(out),
            Some("ping") => out.push(Event::Ping),
            kind => {
                if kind == Some("error") || event.get("error").is_some_and(Value::is_object) {
                    self.failed = true;
                    out.push(Event::Error(Bytes::copy_from_slice(data)));
                }
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        if !self.done && !self.failed && self.stop.is_some() {
            self.finish(out);
        }
        self.done
    }

    fn done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn start(&mut self, event: &Map<String, Value>, out: &mut Vec<Event>) {
        let message = event.get("message").and_then(Value::as_object);
        let word = |key: &str| message.and_then(|message| text(message, key)).map(str::to_owned);
        out.push(Event::Start { id: word("id"), model: word("model") });
        if let Some(usage) = message.and_then(|message| message.get("usage")?.as_object()) {
            self.usage(usage, out);
        }
    }

    fn usage(&mut self, usage: &Map<String, Value>, out: &mut Vec<Event>) {
        self.tally.take(usage);
        out.extend(self.tally.usage().map(Event::Usage));
        out.extend(text(usage, "service_tier").map(|tier| Event::ServiceTier(super::tier_in(tier).to_owned())));
    }

    fn block_start(&mut self, event: &Map<String, Value>, out: &mut Vec<Event>) {
        self.block_stop(out);
        let Some(block) = event.get("content_block").and_then(Value::as_object) else { return };
        let word = |key: &str| text(block, key).unwrap_or_default().to_owned();
        self.open = match text(block, "type").unwrap_or_default() {
            "text" => {
                push_text(word("text"), Event::Text, out);
                Open::Text
            }
            "thinking" => {
                push_text(word("thinking"), Event::Reasoning, out);
                Open::Thinking { signature: word("signature") }
            }
            "redacted_thinking" => {
                let signature = Signature::unpack(&word("data"), SignatureFormat::Anthropic);
                out.push(Event::ReasoningSignature { signature, redacted: true });
                Open::Nothing
            }
            "tool_use" => {
                let whole =
                    block.get("input").filter(|input| !input.is_null()).map_or_else(|| "{}".into(), Value::to_string);
                if word("name") == JSON_TOOL {
                    self.json = true;
                    Open::Json { whole }
                } else {
                    let index = self.calls;
                    self.calls += 1;
                    let (id, name) = (word("id"), word("name"));
                    out.push(Event::ToolStart { index, id, name, custom: false, signature: None });
                    Open::Call { index, whole }
                }
            }
            _ => Open::Nothing,
        };
    }

    fn delta(&mut self, event: &Map<String, Value>, out: &mut Vec<Event>) {
        let Some(delta) = event.get("delta").and_then(Value::as_object) else { return };
        let word = |key: &str| text(delta, key).unwrap_or_default().to_owned();
        match (text(delta, "type").unwrap_or_default(), &mut self.open) {
            ("text_delta", _) => push_text(word("text"), Event::Text, out),
            ("thinking_delta", _) => push_text(word("thinking"), Event::Reasoning, out),
            ("signature_delta", Open::Thinking { signature }) => signature.push_str(&word("signature")),
            ("citations_delta", Open::Text) => out.extend(delta.get("citation").cloned().map(Event::Citation)),
            ("input_json_delta", Open::Call { index, whole }) => {
                let delta = word("partial_json");
                if !delta.is_empty() {
                    whole.clear();
                    out.push(Event::ToolArguments { index: *index, delta });
                }
            }
            ("input_json_delta", Open::Json { whole }) => {
                let delta = word("partial_json");
                if !delta.is_empty() {
                    whole.clear();
                    out.push(Event::Text(delta));
                }
            }
            _ => {}
        }
    }

    fn block_stop(&mut self, out: &mut Vec<Event>) {
        match std::mem::take(&mut self.open) {
            Open::Thinking { signature } => {
                let signature = signed::from_word(&signature);
                out.extend(signature.map(|signature| Event::ReasoningSignature { signature, redacted: false }));
            }
            Open::Call { index, whole } => {
                if !whole.is_empty() {
                    out.push(Event::ToolArguments { index, delta: whole });
                }
                out.push(Event::ToolEnd { index });
            }
            Open::Json { whole } => push_text(whole, Event::Text, out),
            Open::Nothing | Open::Text => {}
        }
    }

    fn message_delta(&mut self, event: &Map<String, Value>, out: &mut Vec<Event>) {
        self.block_stop(out);
        if let Some(delta) = event.get("delta").and_then(Value::as_object)
            && let Some(reason) = text(delta, "stop_reason")
        {
            self.stop = Some(read_stop(Some(reason), text(delta, "stop_sequence")));
        }
        if let Some(usage) = event.get("usage").and_then(Value::as_object) {
            self.usage(usage, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.block_stop(out);
        self.done = true;
        let mut stop = self.stop.take().unwrap_or_default();
        if self.json && self.calls == 0 && stop == Stop::ToolUse {
            stop = Stop::End;
        }
        out.push(Event::Stop(stop));
    }
}

fn push_text(text: String, event: fn(String) -> Event, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(event(text));
    }
}
