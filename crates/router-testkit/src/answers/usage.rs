//! Token counts by one simple rule (see the parent module), so that tests can compute them.

use serde_json::{Value, json};

/// Tokens of a request and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub prompt: u64,
    /// Of these, read from the cache.
    pub cached: u64,
    /// Completion tokens.
    pub completion: u64,
    /// Of these, spent on thinking.
    pub reasoning: u64,
}

impl Usage {
    /// The OpenAI usage object of chat and completions.
    #[must_use]
    pub fn to_json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning, "audio_tokens": 0},
        })
    }
}

/// One token per four characters, rounded up.
#[must_use]
pub fn tokens_of(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// Prompt tokens of a chat request.
pub(super) fn chat_prompt(body: &Value) -> u64 {
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let messages: u64 = messages.iter().map(message_tokens).sum();
    let definitions =
        ["tools", "response_format"].iter().filter_map(|field| body.get(*field)).filter(|value| !value.is_null());
    messages + definitions.map(|value| tokens_of(&value.to_string())).sum::<u64>()
}

pub(super) fn message_tokens(message: &Value) -> u64 {
    let content = match message.get("content") {
        Some(Value::String(text)) => tokens_of(text),
        Some(Value::Array(parts)) => parts.iter().map(part_tokens).sum(),
        _ => 0,
    };
    let calls =
        message.get("tool_calls").filter(|calls| !calls.is_null()).map_or(0, |calls| tokens_of(&calls.to_string()));
    4 + content + calls
}

fn part_tokens(part: &Value) -> u64 {
    match part.get("text").and_then(Value::as_str) {
        Some(text) => tokens_of(text),
        None => 85,
    }
}
