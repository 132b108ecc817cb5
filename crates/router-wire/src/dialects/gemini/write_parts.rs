//! Turns of the neutral form as Gemini's contents.
//!
//! What the API demands: roles alternate; every call is answered in the content behind it, by name and in order; answers of
//! functions are objects; Gemini 3 wants a signature on the first call of a step.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::model::Model;
use super::names::obj;
use super::read_parts::is_stored;
use crate::message::{
    Content, Media, MediaSource, Names, Part, Reasoning, Request, Role, Signature, SignatureFormat, ToolCall,
    ToolResult, Unsupported,
};

/// What Google documents for history of other models: the check of signatures is skipped.
pub(super) const PLACEHOLDER: &str = "skip_thought_signature_validator";

/// Writes the conversation.
pub(super) fn contents(request: &Request, model: Model<'_>, names: &Names) -> Result<Value, Unsupported> {
    let mut contents: Vec<Value> = Vec::new();
    let mut pending: Vec<&ToolCall> = Vec::new();
    let mut turns = request.turns.iter().peekable();
    while let Some(turn) = turns.next() {
        let model_speaks = turn.role == Role::Assistant;
        let mut parts: Vec<&Part> = turn.parts.iter().collect();
        while let Some(next) = turns.next_if(|next| (next.role == Role::Assistant) == model_speaks) {
            parts.extend(&next.parts);
        }
        let written = if model_speaks {
            let calls = parts.iter().filter_map(|part| match &part.content {
                Content::ToolCall(call) => Some(call),
                _ => None,
            });
            pending = calls.collect();
            assistant(&parts, model, names)?
        } else {
            user(&parts, &std::mem::take(&mut pending), model, names)?
        };
        if written.is_empty() {
            continue;
        }
        // A call must follow something that the user said.
        if model_speaks && contents.is_empty() && !pending.is_empty() {
            contents.push(content("user", vec![text(".")]));
        }
        contents.push(content(if model_speaks { "model" } else { "user" }, written));
    }
    if contents.is_empty() {
        contents.push(content("user", vec![text(".")]));
    }
    Ok(contents.into())
}

fn content(role: &str, parts: Vec<Value>) -> Value {
    obj([("role", role.into()), ("parts", parts.into())])
}

fn text(text: &str) -> Value {
    obj([("text", text.into())])
}

fn assistant(parts: &[&Part], model: Model<'_>, names: &Names) -> Result<Vec<Value>, Unsupported> {
    let mut out: Vec<Value> = Vec::new();
    let mut first_call = true;
    for part in parts {
        match &part.content {
            Content::Reasoning(reasoning) => thought(reasoning, &mut out),
            Content::ToolCall(call) => {
                let native = call.signature.as_ref().filter(|signature| signature.format == SignatureFormat::Gemini);
                let signature = native.map(|signature| signature.data.as_str());
                let signature = signature.or_else(|| (first_call && model.is_level()).then_some(PLACEHOLDER));
                first_call = false;
                out.push(function_call(call, names.up(&call.name), model.is_level(), signature));
            }
            _ => out.extend(plain(part)?),
        }
    }
    Ok(out)
}

/// Thoughts go back only with Gemini's own signature. One that stood on a piece of text returns onto it.
fn thought(reasoning: &Reasoning, out: &mut Vec<Value>) {
    let Some(signature) = &reasoning.signature else { return };
    if signature.format != SignatureFormat::Gemini {
        return;
    }
    push_thought(&reasoning.text, &signature.data, out);
}

/// A thought with its signature, or a signature alone, which belongs to the text before it.
pub(super) fn push_thought(thought: &str, signature: &str, out: &mut Vec<Value>) {
    if !thought.is_empty() {
        let members = [("text", thought.into()), ("thought", true.into()), ("thoughtSignature", signature.into())];
        return out.push(obj(members));
    }
    let last = out.last_mut().and_then(Value::as_object_mut);
    if let Some(last) = last.filter(|last| last.contains_key("text") && !last.contains_key("thoughtSignature")) {
        last.insert("thoughtSignature".into(), signature.into());
    } else {
        out.push(obj([("text", "".into()), ("thoughtSignature", signature.into())]));
    }
}

/// A `functionCall` part.
pub(super) fn function_call(call: &ToolCall, name: &str, with_id: bool, signature: Option<&str>) -> Value {
    let mut function = Map::new();
    if with_id && !call.id.is_empty() {
        function.insert("id".into(), call.id.as_str().into());
    }
    function.insert("name".into(), name.into());
    function.insert("args".into(), call.input());
    let mut part = Map::new();
    part.insert("functionCall".into(), Value::Object(function));
    if let Some(signature) = signature {
        part.insert("thoughtSignature".into(), signature.into());
    }
    Value::Object(part)
}

/// Answers of the pending calls first and in their order, then everything else.
fn user(parts: &[&Part], pending: &[&ToolCall], model: Model<'_>, names: &Names) -> Result<Vec<Value>, Unsupported> {
    let mut results: Vec<&ToolResult> = Vec::new();
    let mut rest: Vec<Value> = Vec::new();
    for part in parts {
        match &part.content {
            Content::ToolResult(result) => results.push(result),
            _ => rest.extend(plain(part)?),
        }
    }
    let mut out = Vec::new();
    let mut behind = Vec::new();
    for call in pending {
        let found = results.iter().position(|result| result.call_id == call.id);
        let result = found.map(|place| results.remove(place));
        out.push(function_response(call, result, model, names, &mut behind)?);
    }
    out.append(&mut behind);
    // Results without their call would be refused as such; what they say is kept.
    for result in results {
        out.push(text(&format!("Result of the tool {}: {}", result.name.as_deref().unwrap_or("call"), said(result))));
        for part in result.parts.iter().filter(|part| part.as_text().is_none()) {
            out.extend(plain(part)?);
        }
    }
    out.append(&mut rest);
    Ok(out)
}

fn said(result: &ToolResult) -> String {
    let texts: Vec<&str> = result.parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n")
}

fn function_response(
    call: &ToolCall,
    result: Option<&ToolResult>,
    model: Model<'_>,
    names: &Names,
    behind: &mut Vec<Value>,
) -> Result<Value, Unsupported> {
    let mut response = Map::new();
    if model.is_level() && !call.id.is_empty() {
        response.insert("id".into(), call.id.as_str().into());
    }
    response.insert("name".into(), names.up(&call.name).into());
    let Some(result) = result else {
        response.insert("response".into(), obj([("output", "(no result)".into())]));
        return Ok(obj([("functionResponse", Value::Object(response))]));
    };
    response.insert("response".into(), wrapped(result));
    let mut media = Vec::new();
    for part in result.parts.iter().filter(|part| part.as_text().is_none()) {
        media.extend(plain(part)?);
    }
    if model.is_level() && !media.is_empty() {
        response.insert("parts".into(), media.into());
    } else {
        behind.append(&mut media);
    }
    Ok(obj([("functionResponse", Value::Object(response))]))
}

/// A result as the object that the API wants. An object with `$ref` keys would be taken for a reference, so it goes as text.
fn wrapped(result: &ToolResult) -> Value {
    let said = said(result);
    let parsed = serde_json::from_str::<Value>(&said).ok().filter(|value| !refers(value));
    let key = if result.is_error { "error" } else { "output" };
    match parsed {
        Some(object @ Value::Object(_)) if !result.is_error => object,
        Some(list @ (Value::Array(_) | Value::Object(_))) => obj([(key, list)]),
        _ => obj([(key, said.into())]),
    }
}

/// Whether any key is `$ref`. Parsed JSON nests at most 128 deep.
fn refers(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(key, value)| key == "$ref" || refers(value)),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

/// Text, media and refusals; nothing for an empty text.
pub(super) fn plain(part: &Part) -> Result<Option<Value>, Unsupported> {
    match &part.content {
        Content::Text { text: words, .. } | Content::Refusal(words) => {
            Ok(Some(text(words)).filter(|_| !words.is_empty()))
        }
        Content::Image(found) => media(found, "image/png").map(Some),
        Content::Audio(found) => media(found, "audio/wav").map(Some),
        Content::File(found) => media(found, "application/pdf").map(Some),
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => Ok(None),
    }
}

fn media(media: &Media, default: &str) -> Result<Value, Unsupported> {
    let inline =
        |kind: &str, data: String| obj([("inlineData", obj([("mimeType", kind.into()), ("data", data.into())]))]);
    match &media.source {
        MediaSource::Base64(data) => {
            let kind = media.media_type.as_deref().or_else(|| sniffed(data)).unwrap_or(default);
            Ok(inline(kind, data.clone()))
        }
        MediaSource::Text(words) => Ok(inline("text/plain", STANDARD.encode(words))),
        MediaSource::Stored(uri) | MediaSource::Url(uri) if is_stored(uri) => {
            let mut data = obj([("fileUri", uri.as_str().into())]);
            if let (Some(data), Some(kind)) = (data.as_object_mut(), &media.media_type) {
                data.insert("mimeType".into(), kind.as_str().into());
            }
            Ok(obj([("fileData", data)]))
        }
        // Gemini fetches no address of images, and we fetch nothing for a client: it could name hosts of our network.
        MediaSource::Url(_) => {
            Err(Unsupported::new("messages", "Gemini needs images and files inside the request, not an address"))
        }
        MediaSource::Stored(_) => Err(Unsupported::new("messages", "the file is stored at another provider")),
    }
}

/// The type of an image by the first bytes of its base64.
fn sniffed(data: &str) -> Option<&'static str> {
    [
        ("iVBORw", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi", "application/pdf"),
    ]
    .iter()
    .find(|(start, _)| data.starts_with(start))
    .map(|(_, kind)| *kind)
}

/// A signature for a client of this dialect: Gemini's own as it is, others packed.
pub(super) fn word(signature: &Signature) -> String {
    match signature.format {
        SignatureFormat::Gemini => signature.data.clone(),
        _ => signature.pack(),
    }
}
