//! Whole answers both ways. Reading goes through the decoder of streams: an answer is a stream of one event.

use serde_json::{Map, Value};

use super::names::obj;
use super::stream::Decoder;
use super::usage::to_gemini;
use super::write_parts::{function_call, plain, push_thought, word};
use crate::answer::NotAnAnswer;
use crate::dialects::{Echo, StreamDecoder};
use crate::message::{Answer, Collector, Content, Event, Part, Stop};
use router_core::usage::Usage;

/// Reads an answer; a JSON array of answers (a stream without `alt=sse`) is read as one.
///
/// # Errors
/// [`NotAnAnswer`]; also where a call was malformed and nothing else was said.
pub(super) fn read_answer(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match body.first() {
        None => return Err(NotAnAnswer::Empty),
        Some(b'{' | b'[') => {}
        _ if body.starts_with(b"data:") || body.starts_with(b"event:") || body.starts_with(b":") => {
            return Err(NotAnAnswer::Stream);
        }
        Some(b'<') => return Err(NotAnAnswer::Bad("a web page")),
        Some(_) => return Err(NotAnAnswer::Bad("not JSON")),
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| NotAnAnswer::Bad("broken JSON"))?;
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    decoder.take(&value, &mut events);
    decoder.end(&mut events);
    if events.iter().any(|event| matches!(event, Event::Error(_))) {
        return Err(NotAnAnswer::Error);
    }
    let mut collector = Collector::default();
    for event in events {
        collector.take(event);
    }
    let answer = collector.finish();
    let explained = matches!(answer.stop, Stop::Length | Stop::Refusal);
    if answer.has_content() || explained { Ok(answer) } else { Err(NotAnAnswer::Empty) }
}

/// Writes an answer. Calls keep their ids, which the SDKs send back.
pub(super) fn write_answer(answer: &Answer, echo: &Echo<'_>) -> Vec<u8> {
    let mut parts: Vec<Value> = Vec::new();
    let mut chunks: Vec<Value> = Vec::new();
    for part in &answer.parts {
        if let Content::Text { citations, .. } = &part.content {
            chunks.extend(citations.iter().filter_map(grounding));
        }
        push_part(part, &mut parts);
    }
    if parts.is_empty() {
        parts.push(obj([("text", "".into())]));
    }
    let frame = Frame { model: echo.model, id: echo.id };
    let end = End {
        stop: &answer.stop,
        usage: answer.usage.as_ref(),
        citations: chunks,
        tier: answer.service_tier.as_deref(),
    };
    serde_json::to_vec(&frame.last(parts, end)).unwrap_or_default()
}

/// A piece of an answer as a part.
pub(super) fn push_part(part: &Part, out: &mut Vec<Value>) {
    match &part.content {
        Content::Reasoning(reasoning) => match &reasoning.signature {
            None => out.extend((!reasoning.text.is_empty()).then(|| thought(&reasoning.text))),
            Some(signature) if reasoning.redacted => out.push(redacted(&word(signature))),
            Some(signature) => push_thought(&reasoning.text, &word(signature), out),
        },
        Content::ToolCall(call) => {
            let signature = call.signature.as_ref().map(word);
            out.push(function_call(call, &call.name, true, signature.as_deref()));
        }
        // What has no place in an answer of this dialect (a file at another provider) is left out.
        _ => out.extend(plain(part).ok().flatten()),
    }
}

/// A part of thought.
pub(super) fn thought(text: &str) -> Value {
    obj([("text", text.into()), ("thought", true.into())])
}

/// Thoughts that only their signature shows.
pub(super) fn redacted(word: &str) -> Value {
    obj([("text", "".into()), ("thought", true.into()), ("thoughtSignature", word.into())])
}

/// A citation with an address as a `groundingChunks` entry.
pub(super) fn grounding(citation: &Value) -> Option<Value> {
    let uri = citation.get("url")?.as_str()?;
    let title = citation.get("title").and_then(Value::as_str).unwrap_or(uri);
    Some(obj([("web", obj([("uri", uri.into()), ("title", title.into())]))]))
}

/// What every object of an answer repeats.
pub(super) struct Frame<'a> {
    pub(super) model: &'a str,
    pub(super) id: &'a str,
}

/// What the last object of an answer says.
pub(super) struct End<'a> {
    pub(super) stop: &'a Stop,
    pub(super) usage: Option<&'a Usage>,
    pub(super) citations: Vec<Value>,
    pub(super) tier: Option<&'a str>,
}

impl Frame<'_> {
    /// An object in the middle of a stream.
    pub(super) fn middle(&self, parts: Vec<Value>) -> Value {
        let candidate = self.candidate(parts);
        self.object(Value::Object(candidate), None)
    }

    /// The last one, or a whole answer.
    pub(super) fn last(&self, parts: Vec<Value>, end: End<'_>) -> Value {
        let mut candidate = self.candidate(parts);
        candidate.insert("finishReason".into(), reason(end.stop).into());
        if !end.citations.is_empty() {
            candidate.insert("groundingMetadata".into(), obj([("groundingChunks", end.citations.into())]));
        }
        let mut usage = end.usage.map(to_gemini);
        if let (Some(Value::Object(usage)), Some(tier)) = (&mut usage, end.tier) {
            usage.insert("serviceTier".into(), tier.into());
        }
        self.object(Value::Object(candidate), usage)
    }

    fn candidate(&self, parts: Vec<Value>) -> Map<String, Value> {
        let mut candidate = Map::new();
        candidate.insert("content".into(), obj([("parts", parts.into()), ("role", "model".into())]));
        candidate.insert("index".into(), 0.into());
        candidate
    }

    fn object(&self, candidate: Value, usage: Option<Value>) -> Value {
        let mut object = Map::new();
        object.insert("candidates".into(), Value::from(vec![candidate]));
        if let Some(usage) = usage {
            object.insert("usageMetadata".into(), usage);
        }
        object.insert("modelVersion".into(), self.model.into());
        object.insert("responseId".into(), self.id.into());
        Value::Object(object)
    }
}

const fn reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::ToolUse => "STOP",
        Stop::Length | Stop::Pause => "MAX_TOKENS",
        Stop::Refusal => "SAFETY",
    }
}

/// What a `finishReason` means; unknown ones are a plain end.
pub(super) fn stop(reason: &str, called: bool) -> Stop {
    match reason {
        "MAX_TOKENS" | "CONTINUATION" => Stop::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "LANGUAGE"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Stop::Refusal,
        _ if called => Stop::ToolUse,
        _ => Stop::End,
    }
}
