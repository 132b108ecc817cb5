//! Usage as providers report it, each dialect's shape read into the one of the core, checked before anyone pays by it.
//!
//! Every reader says `None` to what is no object, holds negative, fractional or absurd numbers, or counts nothing at all:
//! then the tokens have to be counted or estimated. Parts that exceed their whole are cut or left out, never added.

mod anthropic;
mod ollama;
mod openai;
mod reported;

pub use crate::dialects::gemini::from_gemini;
pub use anthropic::from_anthropic;
pub use ollama::from_ollama;
pub use openai::{from_openai, from_openai_value, from_responses};
pub use reported::reported_cost;

use serde_json::Value;

/// More tokens than any model takes or makes in one request: such a number is a fault, not a count.
const ABSURD: u64 = 100_000_000;

/// A count: absent and null are `Some(None)`; anything that is not a sane count is `None`. Whole floats count.
fn count(value: Option<&Value>) -> Option<Option<u64>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::Number(number)) => {
            let whole = number.as_u64().or_else(|| {
                let text = number.to_string();
                text.strip_suffix(".0")?.parse().ok()
            })?;
            (whole <= ABSURD).then_some(Some(whole))
        }
        Some(_) => None,
    }
}

/// A count that is 0 where it is absent; `None` if it is not sane.
fn count_or_zero(value: Option<&Value>) -> Option<u64> {
    Some(count(value)?.unwrap_or(0))
}
