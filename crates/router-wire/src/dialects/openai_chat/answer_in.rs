//! Reads a provider's whole answer into the neutral form.

use router_core::ask::Endpoint;
use router_core::usage::Usage;
use serde_json::{Map, Value};

use super::fields::{is_error, items, object, text, text_or_json, thought_signature};
use super::{content_in, reasoning, words};
use crate::answer::{NotAnAnswer, examine};
use crate::message::{Answer, Content, Part, Signature, SignatureFormat, ToolCall};
use crate::usage;

/// A whole answer → neutral.
///
/// # Errors
/// [`NotAnAnswer`] if the client should not get it.
pub(super) fn read_answer(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    examine(Endpoint::ChatCompletions, body)?;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let root: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| NotAnAnswer::Bad("the answer is broken JSON"))?;
    let choice = items(&root, "choices").next().and_then(Value::as_object);
    let choice = choice.ok_or(NotAnAnswer::Empty)?;
    if is_error(choice.get("error")) {
        return Err(NotAnAnswer::Error);
    }
    let message = object(choice, "message").or_else(|| object(choice, "delta"));
    let parts = message.map(parts).unwrap_or_default();
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    Ok(Answer {
        id: text(&root, "id").map(str::to_owned),
        model: text(&root, "model").map(str::to_owned),
        stop: words::stop(text(choice, "finish_reason").unwrap_or_default(), calls),
        parts,
        usage: find_usage(&root),
        service_tier: text(&root, "service_tier").map(str::to_owned),
    })
}

/// Usage wherever it stands: at the top, in `x_groq` (Groq), in a choice (Moonshot).
pub(super) fn find_usage(root: &Map<String, Value>) -> Option<Usage> {
    let groq = object(root, "x_groq");
    let choices = items(root, "choices").filter_map(Value::as_object);
    std::iter::once(root)
        .chain(groq)
        .chain(choices)
        .filter_map(|holder| holder.get("usage").filter(|usage| usage.is_object()))
        .find_map(|found| usage::from_openai(found.to_string().as_bytes()))
}

/// A citation of the answer in neutral words: the annotation's own fields, flat, with their `url`.
pub(super) fn citation(annotation: &Value) -> Option<Value> {
    let annotation = annotation.as_object()?;
    let inner = text(annotation, "type").and_then(|kind| object(annotation, kind)).unwrap_or(annotation);
    Some(Value::Object(inner.clone()))
}

fn parts(message: &Map<String, Value>) -> Vec<Part> {
    let mut calls = calls(message);
    let mut parts = Vec::new();
    for one in reasoning::read(message) {
        let tied = one.signature.as_ref().filter(|_| one.redacted).and_then(|signature| signature.id.as_deref());
        match calls.iter_mut().find(|call| Some(call.id.as_str()) == tied) {
            Some(call) => call.signature = one.signature.map(|signature| Signature { id: None, ..signature }),
            None => parts.push(Part::new(Content::Reasoning(one))),
        }
    }
    // Kinds of content that are new to us are left out of an answer; asking again would not bring others.
    let said = content_in::parts(message.get("content"), "content", &mut Vec::new());
    parts.extend(said.into_iter().filter(|part| part.as_text() != Some("")));
    let citations: Vec<Value> = items(message, "annotations").filter_map(citation).collect();
    if let Some(Part { content: Content::Text { citations: on_text, .. }, .. }) = parts.last_mut() {
        on_text.extend(citations);
    }
    let refusal = text(message, "refusal").filter(|refusal| !refusal.is_empty());
    parts.extend(refusal.map(|refusal| Part::new(Content::Refusal(refusal.to_owned()))));
    for image in items(message, "images") {
        parts.extend(content_in::parts(Some(image), "images", &mut Vec::new()));
    }
    parts.extend(calls.into_iter().map(|call| Part::new(Content::ToolCall(call))));
    parts
}

fn calls(message: &Map<String, Value>) -> Vec<ToolCall> {
    let mut found: Vec<ToolCall> = Vec::new();
    for call in items(message, "tool_calls").filter_map(Value::as_object) {
        let custom = object(call, "custom");
        let Some(function) = custom.or_else(|| object(call, "function")) else { continue };
        let id = text(call, "id").filter(|id| !id.is_empty());
        let proof = thought_signature(call);
        found.push(ToolCall {
            id: id.map_or_else(|| format!("call_{}", found.len()), str::to_owned),
            name: text(function, "name").unwrap_or_default().to_owned(),
            arguments: text_or_json(function, if custom.is_some() { "input" } else { "arguments" }).unwrap_or_default(),
            custom: custom.is_some(),
            signature: proof.map(|proof| Signature::unpack(proof, SignatureFormat::Gemini)),
        });
    }
    if let Some(function) = object(message, "function_call").filter(|_| found.is_empty()) {
        found.push(ToolCall {
            id: "call_0".to_owned(),
            name: text(function, "name").unwrap_or_default().to_owned(),
            arguments: text_or_json(function, "arguments").unwrap_or_default(),
            custom: false,
            signature: None,
        });
    }
    found
}
