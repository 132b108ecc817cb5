//! Whole answers, both ways, and reasons to stop.

use serde_json::{Map, Value, json};

use super::blocks::{self, text};
use super::write_request::JSON_TOOL;
use super::{call_id, signed, tier_in, tier_out, usage};
use crate::answer::NotAnAnswer;
use crate::dialects::Echo;
use crate::message::{Answer, Content, Part, Reasoning, Stop, ToolCall};
use crate::usage::from_anthropic;

/// Reads an answer.
///
/// # Errors
/// [`NotAnAnswer`], as for answers that pass unread.
pub(super) fn read_answer(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match body.first() {
        None => return Err(NotAnAnswer::Empty),
        Some(b'{') => {}
        Some(b'<') => return Err(NotAnAnswer::Bad("the answer is a web page")),
        Some(b'e' | b'd' | b':')
            if body.starts_with(b"event:") || body.starts_with(b"data:") || body.starts_with(b":") =>
        {
            return Err(NotAnAnswer::Stream);
        }
        Some(b'"') => return Err(NotAnAnswer::Error),
        Some(_) => return Err(NotAnAnswer::Bad("the answer is not a JSON object")),
    }
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Err(NotAnAnswer::Bad("the answer is broken JSON"));
    };
    if text(&body, "type") == Some("error") || body.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotAnAnswer::Error);
    }
    let Some(content) = body.get("content") else {
        return Err(if body.is_empty() { NotAnAnswer::Empty } else { NotAnAnswer::Bad("the answer has no content") });
    };
    let mut parts = blocks::parts(content, &mut Vec::new());
    parts.retain(|part| !part.as_text().is_some_and(str::is_empty));
    let unwrapped = unwrap_json(&mut parts);
    let mut stop = read_stop(text(&body, "stop_reason"), text(&body, "stop_sequence"));
    if unwrapped && !parts.iter().any(|part| matches!(part.content, Content::ToolCall(_))) {
        stop = Stop::End;
    }
    let used = body.get("usage");
    let answer = Answer {
        id: text(&body, "id").map(str::to_owned),
        model: text(&body, "model").map(str::to_owned),
        parts,
        usage: used.and_then(from_anthropic),
        service_tier: used.and_then(|used| used.get("service_tier")?.as_str()).map(|tier| tier_in(tier).to_owned()),
        stop,
    };
    if answer.has_content() || matches!(answer.stop, Stop::Length | Stop::Refusal | Stop::Pause) {
        Ok(answer)
    } else {
        Err(NotAnAnswer::Empty)
    }
}

/// The tool that stands for structured output becomes the text that it is.
fn unwrap_json(parts: &mut [Part]) -> bool {
    let mut found = false;
    for part in parts {
        if let Content::ToolCall(call) = &mut part.content
            && call.name == JSON_TOOL
        {
            found = true;
            part.content = Content::Text { text: std::mem::take(&mut call.arguments), citations: Vec::new() };
        }
    }
    found
}

/// Unknown reasons are the end of the turn.
pub(super) fn read_stop(reason: Option<&str>, sequence: Option<&str>) -> Stop {
    match reason {
        Some("stop_sequence") => Stop::Sequence(sequence.map(str::to_owned)),
        Some("max_tokens" | "model_context_window_exceeded" | "compaction") => Stop::Length,
        Some("tool_use") => Stop::ToolUse,
        Some("refusal") => Stop::Refusal,
        Some("pause_turn") => Stop::Pause,
        _ => Stop::End,
    }
}

/// `stop_reason` and `stop_sequence`. An answer that calls tools waits for them, whatever its provider called that.
pub(super) fn write_stop(stop: &Stop, calls: bool) -> (&'static str, Value) {
    let reason = match stop {
        Stop::End | Stop::Sequence(_) if calls => "tool_use",
        Stop::Sequence(Some(sequence)) => return ("stop_sequence", sequence.as_str().into()),
        Stop::End | Stop::Sequence(None) => "end_turn",
        Stop::Length => "max_tokens",
        Stop::ToolUse => {
            if calls {
                "tool_use"
            } else {
                "end_turn"
            }
        }
        Stop::Refusal => "refusal",
        Stop::Pause => "pause_turn",
    };
    (reason, Value::Null)
}

/// Writes an answer for a client.
pub(super) fn write_answer(answer: &Answer, echo: &Echo<'_>) -> Vec<u8> {
    let calls = answer.parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    let mut content = Vec::with_capacity(answer.parts.len());
    let mut count = 0;
    for part in &answer.parts {
        match &part.content {
            Content::ToolCall(found) => {
                call(found, &call_id(&found.id, echo.id, count), &mut content);
                count += 1;
            }
            other => content.extend(block(other)),
        }
    }
    drop_afterthought(&mut content);
    let (stop_reason, stop_sequence) = write_stop(&answer.stop, calls);
    let mut used = usage::write(&answer.usage.unwrap_or_default());
    if let (Some(tier), Some(object)) = (&answer.service_tier, used.as_object_mut()) {
        object.insert("service_tier".into(), tier_out(tier).into());
    }
    let body = json!({
        "id": format!("msg_{}", echo.id),
        "type": "message",
        "role": "assistant",
        "model": echo.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": used,
    });
    body.to_string().into_bytes()
}

/// Another family's proof behind the last text does not go: clients (Claude Code) take the last block for the answer, and of
/// proofs behind text no family demands them back.
fn drop_afterthought(content: &mut Vec<Value>) {
    let mut from_the_end = content.iter().rev();
    let proof = from_the_end.next().and_then(|last| last.get("data")).and_then(Value::as_str);
    let behind_text = from_the_end.next().is_some_and(|block| block.get("text").is_some());
    if behind_text && proof.is_some_and(|word| word.starts_with(signed::PACKED)) {
        content.pop();
    }
}

/// A block of an answer; `None` for what the dialect has no block for.
fn block(content: &Content) -> Option<Value> {
    Some(match content {
        Content::Text { text, .. } | Content::Refusal(text) if text.is_empty() => return None,
        Content::Text { text, citations } => {
            let citations: Vec<&Value> = citations.iter().filter(|citation| is_ours(citation)).collect();
            let mut block = json!({ "type": "text", "text": text });
            if let (false, Some(object)) = (citations.is_empty(), block.as_object_mut()) {
                object.insert("citations".into(), json!(citations));
            }
            block
        }
        Content::Refusal(text) => json!({ "type": "text", "text": text }),
        Content::Reasoning(reasoning) => return thought(reasoning),
        Content::ToolCall(_) | Content::ToolResult(_) => return None,
        Content::Image(_) | Content::Audio(_) | Content::File(_) => return None,
    })
}

/// A call, behind its proof where it has one.
fn call(call: &ToolCall, id: &str, content: &mut Vec<Value>) {
    if let Some(signature) = &call.signature {
        content.push(json!({ "type": "redacted_thinking", "data": signed::of_call(signature, id) }));
    }
    let mut block = call_head(id, &call.name);
    if let Some(object) = block.as_object_mut() {
        object.insert("input".into(), call.input());
    }
    content.push(block);
}

/// Whether a citation is in the words of this dialect.
pub(super) fn is_ours(citation: &Value) -> bool {
    let kind = citation.get("type").and_then(Value::as_str).unwrap_or_default();
    matches!(
        kind,
        "char_location"
            | "page_location"
            | "content_block_location"
            | "web_search_result_location"
            | "search_result_location"
    )
}

fn thought(reasoning: &Reasoning) -> Option<Value> {
    let signature = reasoning.signature.as_ref();
    if reasoning.redacted || reasoning.text.is_empty() {
        return Some(json!({ "type": "redacted_thinking", "data": signed::to_word(Some(signature?)) }));
    }
    Some(json!({ "type": "thinking", "thinking": reasoning.text, "signature": signed::to_word(signature) }))
}

/// The beginning of a `tool_use` block, with an empty input.
pub(super) fn call_head(id: &str, name: &str) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": {} })
}
