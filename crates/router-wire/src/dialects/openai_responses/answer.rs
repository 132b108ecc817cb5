//! A provider's whole answer → neutral; what a stream's last event says too.

use serde_json::Value;

use super::{item, word};
use crate::answer::NotAnAnswer;
use crate::message::{Answer, Content, Part, Stop};
use crate::usage;

/// Reads a response object.
pub(super) fn read_answer(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    if body.is_empty() {
        return Err(NotAnAnswer::Empty);
    }
    if [&b"event:"[..], b"data:", b":"].iter().any(|start| body.starts_with(start)) {
        return Err(NotAnAnswer::Stream);
    }
    let response: Value =
        serde_json::from_slice(body).map_err(|_| NotAnAnswer::Bad("the answer is not a JSON object"))?;
    let failed = matches!(word(&response, "status"), Some("failed" | "cancelled"));
    if failed || response.get("error").is_some_and(|error| !error.is_null()) {
        return Err(NotAnAnswer::Error);
    }
    if matches!(word(&response, "status"), Some("queued" | "in_progress")) {
        return Err(NotAnAnswer::Unfinished);
    }
    let Some(output) = response.get("output").and_then(Value::as_array) else {
        return Err(NotAnAnswer::Bad("the answer has no output"));
    };
    let parts: Vec<Part> = output.iter().flat_map(item::parts).collect();
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    let answer = Answer {
        id: word(&response, "id").map(str::to_owned),
        model: word(&response, "model").map(str::to_owned),
        stop: stop(&response, calls),
        usage: response.get("usage").and_then(usage::from_responses),
        service_tier: word(&response, "service_tier").map(str::to_owned),
        parts,
    };
    if !answer.has_content() && answer.stop == Stop::End {
        return Err(NotAnAnswer::Empty);
    }
    Ok(answer)
}

/// Why a response ended. `calls`: it calls a tool.
pub(super) fn stop(response: &Value, calls: bool) -> Stop {
    let reason = response.get("incomplete_details").and_then(|details| word(details, "reason"));
    match (word(response, "status"), reason) {
        (_, Some("content_filter")) => Stop::Refusal,
        (Some("incomplete"), _) => Stop::Length,
        _ if calls => Stop::ToolUse,
        _ => Stop::End,
    }
}
