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

/// What is said about usage.
#[derive(Clone, Debug, Default)]
pub enum UsageMode {
    /// By the rule of the parent module.
    #[default]
    Counted,
    /// Nothing.
    Missing,
    /// Exactly this, in the dialect's own form.
    Exactly(Value),
    /// What would be counted, bent.
    Bent(Bend),
}

/// How counts are bent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// Below zero.
    Negative,
    /// 10^18.
    Huge,
    /// Words instead of numbers.
    Text,
    /// A half more.
    Fraction,
    /// Twice in the same object, first as it is and then ten times as high.
    Twice,
}

impl UsageMode {
    /// What is said where this would be counted.
    pub(super) fn or(&self, counted: Value) -> Option<Value> {
        match self {
            Self::Counted | Self::Bent(Bend::Twice) => Some(counted),
            Self::Missing => None,
            Self::Exactly(value) => Some(value.clone()),
            Self::Bent(bend) => Some(bent(counted, *bend)),
        }
    }
}

/// A usage object with each of its numbers bent.
fn bent(value: Value, bend: Bend) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, bent(value, bend))).collect(),
        Value::Array(items) => items.into_iter().map(|value| bent(value, bend)).collect(),
        Value::Number(number) => {
            let count = number.as_i64().unwrap_or_default();
            match bend {
                Bend::Negative => json!(-count - 1),
                Bend::Huge => json!(1_000_000_000_000_000_000_u64),
                Bend::Text => json!("many"),
                Bend::Fraction => serde_json::from_str(&format!("{count}.5")).unwrap_or_default(),
                Bend::Twice => json!(count.saturating_mul(10)),
            }
        }
        other => other,
    }
}

/// The names under which the dialects report usage.
const NAMES: [&str; 3] = ["usage", "usageMetadata", "eval_count"];

/// The JSON text of an answer or event with every report of usage in it given twice, the second time ten times as high. A text
/// that has none stays as it is.
pub(crate) fn said_twice(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let mut twice = text.to_owned();
    for name in NAMES {
        let Some(report) = found(&value, name) else { continue };
        let once = format!("\"{name}\":{report}");
        let again = format!("{once},\"{name}\":{}", bent(report.clone(), Bend::Twice));
        twice = twice.replacen(&once, &again, 1);
    }
    twice
}

/// The first member of that name that reports something, at any depth.
fn found<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let Value::Object(fields) = value else { return None };
    fields.get(name).filter(|report| !report.is_null()).or_else(|| fields.values().find_map(|value| found(value, name)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bent_and_said_twice() {
        let counted = json!({"prompt_tokens": 3, "details": {"cached": 1}});
        let bends = [
            (Bend::Negative, json!({"prompt_tokens": -4, "details": {"cached": -2}})),
            (Bend::Text, json!({"prompt_tokens": "many", "details": {"cached": "many"}})),
            (Bend::Fraction, json!({"prompt_tokens": 3.5, "details": {"cached": 1.5}})),
        ];
        for (bend, expected) in bends {
            assert_eq!(UsageMode::Bent(bend).or(counted.clone()), Some(expected));
        }
        let event = json!({"type": "x", "response": {"usage": {"input_tokens": 3}}}).to_string();
        assert!(said_twice(&event).contains(r#""usage":{"input_tokens":3},"usage":{"input_tokens":30}"#));
        assert_eq!(said_twice("[DONE]"), "[DONE]");
    }
}
