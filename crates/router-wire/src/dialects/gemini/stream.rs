//! Streams both ways. Every event is a whole answer object; the end of the bytes is the end of the stream.

use bytes::Bytes;
use router_core::usage::Usage;
use serde_json::Value;

use super::answer::{End, Frame, grounding, push_part, redacted, stop, thought};
use super::names::{Object, get, list, object, text};
use super::read_parts::{arguments, media, of_kind, plain, signature};
use super::usage::from_gemini;
use super::write_parts::{function_call, push_thought, word};
use crate::dialects::{Echo, StreamDecoder, StreamEncoder};
use crate::message::{Content, Event, Part, Stop, ToolCall};

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    /// For the ids of calls that have none.
    answer_id: String,
    calls: usize,
    /// The last finish reason; some models repeat it in every event.
    finish: Option<String>,
    blocked: bool,
    cited: Vec<String>,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if let Ok(value) = serde_json::from_slice::<Value>(data) {
            self.take(&value, out);
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        match (&self.finish, self.blocked) {
            (Some(reason), _) => out.push(Event::Stop(stop(reason, self.calls > 0))),
            (None, true) => out.push(Event::Stop(Stop::Refusal)),
            (None, false) => return false,
        }
        true
    }

    /// Usage may follow the finish reason in an event of its own, so only the end of the bytes tells.
    fn done(&self) -> bool {
        false
    }
}

impl Decoder {
    /// Takes an answer object, or a list of them.
    pub(super) fn take(&mut self, value: &Value, out: &mut Vec<Event>) {
        match value {
            Value::Array(list) => list.iter().filter(|value| value.is_object()).for_each(|value| self.take(value, out)),
            Value::Object(object) => self.object(object, value, out),
            _ => {}
        }
    }

    fn object(&mut self, answer: &Object, value: &Value, out: &mut Vec<Event>) {
        if answer.get("error").is_some_and(|error| !error.is_null()) {
            return out.push(Event::Error(Bytes::from(value.to_string())));
        }
        if !self.started {
            self.started = true;
            let id = text(answer, "responseId").map(str::to_owned);
            self.answer_id = id.clone().unwrap_or_default();
            out.push(Event::Start { id, model: text(answer, "modelVersion").map(str::to_owned) });
        }
        let reason = object(answer, "promptFeedback").and_then(|feedback| text(feedback, "blockReason"));
        self.blocked |= reason.is_some_and(|reason| reason != "BLOCK_REASON_UNSPECIFIED");
        let first = |candidate: &&Object| get(candidate, "index").is_none_or(|index| index == 0);
        if let Some(candidate) = list(answer, "candidates").iter().filter_map(Value::as_object).find(first) {
            self.candidate(candidate, out);
        }
        if let Some(metadata) = get(answer, "usageMetadata") {
            out.extend(from_gemini(metadata).map(Event::Usage));
            let tier = metadata.as_object().and_then(|metadata| text(metadata, "serviceTier"));
            out.extend(tier.map(|tier| Event::ServiceTier(tier.to_ascii_lowercase())));
        }
    }

    fn candidate(&mut self, candidate: &Object, out: &mut Vec<Event>) {
        if let Some(content) = object(candidate, "content") {
            for part in list(content, "parts").iter().filter_map(Value::as_object) {
                self.part(part, out);
            }
        }
        self.citations(candidate, out);
        if let Some(reason) = text(candidate, "finishReason")
            && !matches!(reason, "" | "FINISH_REASON_UNSPECIFIED")
        {
            self.finish = Some(reason.to_owned());
        }
    }

    fn part(&mut self, part: &Object, out: &mut Vec<Event>) {
        if let Some(call) = object(part, "functionCall") {
            let index = self.calls;
            let (name, arguments) = (text(call, "name").unwrap_or_default().to_owned(), arguments(call));
            let given = text(call, "id").filter(|id| !id.is_empty()).map(str::to_owned);
            let id = given.unwrap_or_else(|| self.call_id(&name, &arguments));
            self.calls += 1;
            out.push(Event::ToolStart { index, id, name, custom: false, signature: signature(part) });
            out.push(Event::ToolArguments { index, delta: arguments });
            return out.push(Event::ToolEnd { index });
        }
        if let Some(media) = media(part) {
            return out.push(Event::Whole(Part::new(of_kind(media))));
        }
        let mut parts = Vec::new();
        plain(part, &mut parts);
        for part in parts {
            match part.content {
                Content::Text { text, .. } => out.push(Event::Text(text)),
                Content::Reasoning(reasoning) => {
                    if !reasoning.text.is_empty() {
                        out.push(Event::Reasoning(reasoning.text));
                    }
                    let redacted = reasoning.redacted;
                    out.extend(reasoning.signature.map(|signature| Event::ReasoningSignature { signature, redacted }));
                }
                _ => {}
            }
        }
    }

    /// An id that no other answer's calls have.
    fn call_id(&self, name: &str, arguments: &str) -> String {
        ToolCall::made_id(&[&self.answer_id, name, arguments, &self.calls.to_string()])
    }

    fn citations(&mut self, candidate: &Object, out: &mut Vec<Event>) {
        let grounding = object(candidate, "groundingMetadata").map_or(&[][..], |found| list(found, "groundingChunks"));
        let webs = grounding.iter().filter_map(|chunk| object(chunk.as_object()?, "web"));
        let metadata = object(candidate, "citationMetadata");
        let sources = metadata.map_or(&[][..], |found| match list(found, "citations") {
            [] => list(found, "citationSources"),
            citations => citations,
        });
        for source in webs.chain(sources.iter().filter_map(Value::as_object)) {
            let Some(url) = text(source, "uri") else { continue };
            if self.cited.iter().any(|cited| cited == url) {
                continue;
            }
            self.cited.push(url.to_owned());
            let title = text(source, "title").unwrap_or(url);
            out.push(Event::Citation(serde_json::json!({"url": url, "title": title})));
        }
    }
}

/// Writes a client's stream: `data: ` with the space, for Google's SDK knows no other form.
#[derive(Debug)]
pub(super) struct Encoder {
    model: String,
    id: String,
    /// Calls whose arguments are still coming, by index.
    calls: Vec<(usize, ToolCall)>,
    /// The last piece of thought, held back so that a signature behind it can stand on it.
    held: Option<String>,
    stop: Stop,
    usage: Option<Usage>,
    citations: Vec<Value>,
    tier: Option<String>,
}

impl Encoder {
    pub(super) fn new(echo: &Echo<'_>) -> Self {
        Self {
            model: echo.model.to_owned(),
            id: echo.id.to_owned(),
            calls: Vec::new(),
            held: None,
            stop: Stop::End,
            usage: None,
            citations: Vec::new(),
            tier: None,
        }
    }

    fn part(&self, part: Value, out: &mut Vec<u8>) {
        let frame = Frame { model: &self.model, id: &self.id };
        write(&frame.middle(vec![part]), out);
    }

    fn call(&self, call: &ToolCall, out: &mut Vec<u8>) {
        let signature = call.signature.as_ref().map(word);
        self.part(function_call(call, &call.name, true, signature.as_deref()), out);
    }
}

fn write(object: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(object.to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

impl Encoder {
    /// Writes the thought that was held back, with the signature that came behind it.
    fn release(&mut self, signature: Option<&str>, out: &mut Vec<u8>) {
        let Some(text) = self.held.take() else { return };
        let mut parts = Vec::new();
        match signature {
            Some(signature) => push_thought(&text, signature, &mut parts),
            None => parts.push(thought(&text)),
        }
        parts.into_iter().for_each(|part| self.part(part, out));
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Ping => return,
            Event::ReasoningSignature { signature, redacted: false } if self.held.is_some() => {
                return self.release(Some(&word(signature)), out);
            }
            _ => self.release(None, out),
        }
        match event {
            Event::Text(text) | Event::Refusal(text) if !text.is_empty() => {
                self.part(super::names::obj([("text", text.as_str().into())]), out);
            }
            Event::Reasoning(text) if !text.is_empty() => self.held = Some(text.clone()),
            // Always a part of thought, since Google puts a signature of text on an empty text.
            Event::ReasoningSignature { signature, .. } => self.part(redacted(&word(signature)), out),
            Event::ToolStart { index, id, name, custom, signature } => {
                let (id, name, signature) = (id.clone(), name.clone(), signature.clone());
                let call = ToolCall { id, name, arguments: String::new(), custom: *custom, signature };
                self.calls.push((*index, call));
            }
            Event::ToolArguments { index, delta } => {
                if let Some((_, call)) = self.calls.iter_mut().find(|(open, _)| open == index) {
                    call.arguments.push_str(delta);
                }
            }
            Event::ToolEnd { index } => {
                if let Some(place) = self.calls.iter().position(|(open, _)| open == index) {
                    let (_, call) = self.calls.remove(place);
                    self.call(&call, out);
                }
            }
            Event::Whole(part) => {
                let mut parts = Vec::new();
                push_part(part, &mut parts);
                parts.into_iter().for_each(|part| self.part(part, out));
            }
            Event::Citation(citation) => self.citations.extend(grounding(citation)),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceTier(tier) => self.tier = Some(tier.clone()),
            Event::Stop(stop) => self.stop = stop.clone(),
            _ => {}
        }
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut Vec<u8>) {
        self.release(None, out);
        for (_, call) in std::mem::take(&mut self.calls) {
            self.call(&call, out);
        }
        let frame = Frame { model: &self.model, id: &self.id };
        let end = End {
            stop: &self.stop,
            usage: usage.or(self.usage.as_ref()),
            citations: std::mem::take(&mut self.citations),
            tier: self.tier.as_deref(),
        };
        write(&frame.last(vec![super::names::obj([("text", "".into())])], end), out);
    }
}
