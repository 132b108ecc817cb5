//! Reads a provider's stream.

use bytes::Bytes;
use router_core::usage::Usage;
use serde_json::{Map, Value};

use super::answer_in::{citation, find_usage};
use super::calls_in::Calls;
use super::fields::{is_error, items, object, text};
use super::reasoning::{details, plain, same};
use super::{content_in, words};
use crate::dialects::StreamDecoder;
use crate::message::{Content, Event, Part, SignatureFormat};

/// A decoder for one stream.
pub(super) fn decoder() -> Box<dyn StreamDecoder> {
    Box::<Decoder>::default()
}

/// Chunks → events. Only the first choice is read: requests for several never come here.
#[derive(Debug, Default)]
struct Decoder {
    started: bool,
    /// `[DONE]` has come.
    done: bool,
    failed: bool,
    /// The last finish reason that said anything.
    finish: Option<String>,
    closed: bool,
    usage: Option<Usage>,
    tier: Option<String>,
    calls: Calls,
    /// Text of the reasoning in progress: a detail that repeats it brings only its proof.
    thought: String,
    tie: (Option<String>, Option<u64>),
}

impl StreamDecoder for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if self.done || self.failed {
            return;
        }
        if data.trim_ascii().starts_with(b"[DONE]") {
            self.done = true;
            return self.close(out);
        }
        let Ok(chunk) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
        if failure(&chunk) {
            self.failed = true;
            out.push(Event::Error(Bytes::copy_from_slice(data)));
            return;
        }
        self.start(&chunk, out);
        if let Some(choice) = items(&chunk, "choices").filter_map(Value::as_object).find(|choice| is_first(choice)) {
            if let Some(delta) = object(choice, "delta").or_else(|| object(choice, "message")) {
                self.delta(delta, out);
            }
            let finish = text(choice, "finish_reason").filter(|finish| !finish.is_empty());
            self.finish = finish.map(str::to_owned).or(self.finish.take());
        }
        if let Some(tier) = text(&chunk, "service_tier").filter(|tier| self.tier.as_deref() != Some(tier)) {
            self.tier = Some(tier.to_owned());
            out.push(Event::ServiceTier(tier.to_owned()));
        }
        if let Some(usage) = find_usage(&chunk) {
            self.usage = Some(usage);
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        if self.failed {
            return false;
        }
        self.close(out);
        self.done || self.finish.is_some()
    }

    fn done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn start(&mut self, chunk: &Map<String, Value>, out: &mut Vec<Event>) {
        // Azure's first chunk has neither id nor model.
        let (id, model) = (text(chunk, "id"), text(chunk, "model"));
        let blank = |word: Option<&str>| word.unwrap_or_default().is_empty();
        if self.started || (blank(id) && blank(model) && items(chunk, "choices").next().is_none()) {
            return;
        }
        self.started = true;
        self.calls.of_stream(id.unwrap_or_default());
        out.push(Event::Start { id: id.map(str::to_owned), model: model.map(str::to_owned) });
    }

    fn delta(&mut self, delta: &Map<String, Value>, out: &mut Vec<Event>) {
        self.reasoning(delta, out);
        for part in content_in::parts(delta.get("content"), "content", &mut Vec::new()) {
            match part.content {
                Content::Text { text, .. } if !text.is_empty() => self.say(Event::Text(text), out),
                Content::Reasoning(reasoning) if !reasoning.text.is_empty() => {
                    self.think(&reasoning.text, out);
                }
                Content::Refusal(text) => self.say(Event::Refusal(text), out),
                content @ Content::Image(_) => self.say(Event::Whole(Part::new(content)), out),
                _ => {}
            }
        }
        out.extend(items(delta, "annotations").filter_map(citation).map(Event::Citation));
        if let Some(refusal) = text(delta, "refusal").filter(|refusal| !refusal.is_empty()) {
            self.say(Event::Refusal(refusal.to_owned()), out);
        }
        for image in items(delta, "images") {
            for part in content_in::parts(Some(image), "images", &mut Vec::new()) {
                self.say(Event::Whole(part), out);
            }
        }
        let before = out.len();
        self.calls.take(delta, out);
        if out.len() > before {
            self.thought.clear();
        }
    }

    fn say(&mut self, event: Event, out: &mut Vec<Event>) {
        self.thought.clear();
        out.push(event);
    }

    fn think(&mut self, text: &str, out: &mut Vec<Event>) {
        self.thought.push_str(text);
        out.push(Event::Reasoning(text.to_owned()));
    }

    fn reasoning(&mut self, delta: &Map<String, Value>, out: &mut Vec<Event>) {
        let details = details(delta);
        let said = plain(delta);
        if details.iter().all(|detail| detail.text.is_empty())
            && let Some(text) = said
        {
            self.think(text, out);
        }
        for detail in details {
            if !detail.text.is_empty() && detail.text != self.thought {
                self.think(&detail.text, out);
            }
            let tied = same(&self.tie, &detail.tie) && !self.thought.is_empty();
            self.tie = detail.tie;
            let Some(signature) = detail.signature else { continue };
            if detail.encrypted && signature.format == SignatureFormat::Gemini && signature.id.is_some() {
                // OpenRouter ties Gemini's signatures to calls by their ids; the call may come later.
                self.calls.hold(signature);
                continue;
            }
            let redacted = detail.encrypted && !tied;
            out.push(Event::ReasoningSignature { signature, redacted });
            self.thought.clear();
        }
    }

    /// Usage and stop come at the very end, once: providers repeat the one and put the other before it.
    fn close(&mut self, out: &mut Vec<Event>) {
        if self.closed || !self.started {
            return;
        }
        self.closed = true;
        self.calls.finish(out);
        if let Some(reason) = self.finish.as_deref() {
            out.push(Event::Stop(words::stop(reason, self.calls.any())));
        } else if self.done {
            out.push(Event::Stop(words::stop("", self.calls.any())));
        }
        out.extend(self.usage.map(Event::Usage));
    }
}

fn is_first(choice: &Map<String, Value>) -> bool {
    choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0
}

/// An error, wherever it stands.
fn failure(chunk: &Map<String, Value>) -> bool {
    let groq = object(chunk, "x_groq").is_some_and(|groq| is_error(groq.get("error")));
    let named = ["object", "type"].into_iter().any(|key| text(chunk, key) == Some("error"));
    let choice = items(chunk, "choices")
        .filter_map(Value::as_object)
        .any(|choice| is_error(choice.get("error")) || text(choice, "finish_reason").is_some_and(words::is_failure));
    groq || named || choice || is_error(chunk.get("error"))
}
