//! Writes a whole answer for a client: `chat.completion`.

use serde_json::{Map, Value, json};

use super::{reasoning, words};
use crate::dialects::Echo;
use crate::message::{Answer, Content, Media, Part, Signature, SignatureFormat, ToolCall};

/// Neutral → a whole answer.
pub(super) fn write_answer(answer: &Answer, echo: &Echo<'_>) -> Vec<u8> {
    let message = message(&answer.parts);
    let calls = message.contains_key("tool_calls");
    let finish_reason = words::finish_reason(&answer.stop, calls);
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason});
    let mut root = json!({
        "id": format!("chatcmpl-{}", echo.id),
        "object": "chat.completion",
        "created": echo.created,
        "model": echo.model,
        "choices": [choice],
    });
    if let Some(root) = root.as_object_mut() {
        root.extend(answer.usage.as_ref().map(|usage| ("usage".to_owned(), words::usage(usage))));
        root.extend(answer.service_tier.as_deref().map(|tier| ("service_tier".to_owned(), tier.into())));
    }
    // A tree of values always serialises.
    serde_json::to_vec(&root).unwrap_or_default()
}

fn message(parts: &[Part]) -> Map<String, Value> {
    let (mut text, mut refusal, mut thoughts) = (None::<String>, None::<String>, Vec::new());
    let (mut calls, mut annotations, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::Text { text: more, citations } => {
                text.get_or_insert_default().push_str(more);
                annotations.extend(citations.iter().filter_map(annotation));
            }
            Content::Refusal(more) => refusal.get_or_insert_default().push_str(more),
            Content::Reasoning(reasoning) => thoughts.push(reasoning),
            Content::ToolCall(one) => calls.push(call(one)),
            Content::Image(media) => images.extend(image(media)),
            Content::Audio(_) | Content::File(_) | Content::ToolResult(_) => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    message.insert("content".to_owned(), text.into());
    message.insert("refusal".to_owned(), refusal.into());
    let said: String = thoughts.iter().map(|one| one.text.as_str()).collect();
    if !said.is_empty() {
        message.insert("reasoning_content".to_owned(), said.into());
    }
    if thoughts.iter().any(|one| one.signature.is_some()) {
        let details = thoughts.iter().enumerate().flat_map(|(index, one)| reasoning::write(one, index));
        message.insert("reasoning_details".to_owned(), details.collect());
    }
    for (name, list) in [("annotations", annotations), ("images", images), ("tool_calls", calls)] {
        if !list.is_empty() {
            message.insert(name.to_owned(), list.into());
        }
    }
    message
}

fn call(call: &ToolCall) -> Value {
    let (kind, argument) = if call.custom { ("custom", "input") } else { ("function", "arguments") };
    let empty = call.arguments.is_empty() && !call.custom;
    let arguments = if empty { "{}" } else { call.arguments.as_str() };
    let mut written = json!({"id": call.id, "type": kind, kind: {"name": call.name, argument: arguments}});
    sign(&mut written, call.signature.as_ref());
    written
}

/// Puts Gemini's signature on a call, where clients of Gemini's compatible endpoint look for it.
pub(super) fn sign(call: &mut Value, signature: Option<&Signature>) {
    if let (Some(call), Some(signature)) = (call.as_object_mut(), signature) {
        let native = signature.format == SignatureFormat::Gemini && signature.id.is_none();
        let proof = if native { signature.data.clone() } else { signature.pack() };
        call.insert("extra_content".to_owned(), json!({"google": {"thought_signature": proof}}));
    }
}

/// A citation as an annotation; those without an address have no place in the dialect.
pub(super) fn annotation(citation: &Value) -> Option<Value> {
    let mut inner = citation.as_object()?.clone();
    inner.get("url").and_then(Value::as_str)?;
    inner.shift_remove("type");
    for place in ["start_index", "end_index"] {
        inner.entry(place).or_insert_with(|| 0.into());
    }
    inner.entry("title").or_insert_with(|| "".into());
    Some(json!({"type": "url_citation", "url_citation": inner}))
}

/// An image of an answer, in OpenRouter's shape, which chat clients know.
pub(super) fn image(media: &Media) -> Option<Value> {
    media.to_address().map(|url| json!({"type": "image_url", "image_url": {"url": url}}))
}
