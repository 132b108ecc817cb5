//! The words of the dialect for efforts and ends, and its usage object.

use router_core::usage::Usage;
use serde_json::{Value, json};

use crate::message::{Effort, Stop};

/// Efforts by name.
pub(super) const EFFORTS: [(Effort, &str); 7] = [
    (Effort::None, "none"),
    (Effort::Minimal, "minimal"),
    (Effort::Low, "low"),
    (Effort::Medium, "medium"),
    (Effort::High, "high"),
    (Effort::XHigh, "xhigh"),
    (Effort::Max, "max"),
];

/// The word of an effort.
pub(super) fn effort(effort: Effort) -> &'static str {
    EFFORTS.iter().find(|(one, _)| *one == effort).map_or("medium", |(_, word)| *word)
}

/// The meaning of a finish reason, known or not. Providers say `stop` although they call tools, and the reverse.
pub(super) fn stop(reason: &str, calls: bool) -> Stop {
    match reason {
        "length" | "max_tokens" => Stop::Length,
        "content_filter" => Stop::Refusal,
        _ if calls => Stop::ToolUse,
        _ => Stop::End,
    }
}

/// Whether a finish reason says that the provider failed (OpenRouter, DeepSeek).
pub(super) fn is_failure(reason: &str) -> bool {
    matches!(reason, "error" | "insufficient_system_resource")
}

/// The finish reason of a stop.
pub(super) const fn finish_reason(stop: &Stop, calls: bool) -> &'static str {
    match stop {
        Stop::ToolUse => "tool_calls",
        Stop::End if calls => "tool_calls",
        Stop::End | Stop::Sequence(_) => "stop",
        Stop::Length | Stop::Pause => "length",
        Stop::Refusal => "content_filter",
    }
}

/// `usage`. Written tokens of both lifetimes are one number here, as at OpenAI.
pub(super) fn usage(usage: &Usage) -> Value {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let mut input = json!({"cached_tokens": usage.cached_input});
    let mut output = json!({"reasoning_tokens": usage.reasoning});
    let more = [(&mut input, "cache_write_tokens", written), (&mut output, "audio_tokens", usage.audio_output)];
    for (details, name, count) in more {
        if let (Some(details), true) = (details.as_object_mut(), count > 0) {
            details.insert(name.to_owned(), count.into());
        }
    }
    if let (Some(details), true) = (input.as_object_mut(), usage.audio_input > 0) {
        details.insert("audio_tokens".to_owned(), usage.audio_input.into());
    }
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total(),
        "prompt_tokens_details": input,
        "completion_tokens_details": output,
    })
}
