//! Anthropic's usage: `input_tokens` excludes what was read from or written to the cache, `output_tokens` includes thinking.

use router_core::usage::Usage;
use serde_json::{Map, Value};

use super::count_or_zero;

/// Reads the `usage` of a message, or of `message_start` and `message_delta` put together (last value of each field wins).
///
/// `iterations`: the tokens of `compaction` and `advisor_message` stand in no other count and are added; those of
/// `message` and `fallback_message` are in the counts above already. Without the split by lifetime all writes are of five
/// minutes.
#[must_use]
pub fn from_anthropic(usage: &Value) -> Option<Usage> {
    let usage = usage.as_object()?;
    let mut sum = one(usage)?;
    for iteration in usage.get("iterations").and_then(Value::as_array).into_iter().flatten() {
        if matches!(iteration.get("type").and_then(Value::as_str), Some("compaction" | "advisor_message")) {
            let own = one(iteration.get("usage").unwrap_or(iteration).as_object()?)?;
            sum.input += own.input;
            sum.cached_input += own.cached_input;
            sum.cache_write += own.cache_write;
            sum.cache_write_1h += own.cache_write_1h;
            sum.output += own.output;
            sum.reasoning += own.reasoning;
        }
    }
    (sum.input > 0 || sum.output > 0).then_some(sum)
}

fn one(usage: &Map<String, Value>) -> Option<Usage> {
    let number = |key: &str| count_or_zero(usage.get(key));
    let plain = number("input_tokens")?;
    let cached_input = number("cache_read_input_tokens")?;
    let written = number("cache_creation_input_tokens")?;
    let split = usage.get("cache_creation").and_then(Value::as_object);
    let life = |key: &str| split.map_or(Some(0), |split| count_or_zero(split.get(key)));
    let (short, long) = (life("ephemeral_5m_input_tokens")?, life("ephemeral_1h_input_tokens")?);
    // Where the sum and its split disagree, the larger is booked; what has no lifetime is of the shorter one.
    let written = written.max(short + long);
    let output = number("output_tokens")?;
    let details = usage.get("output_tokens_details").and_then(Value::as_object);
    let reasoning = details.map_or(Some(0), |details| count_or_zero(details.get("thinking_tokens")))?;
    Some(Usage {
        input: plain + cached_input + written,
        cached_input,
        cache_write: written - long,
        cache_write_1h: long,
        output,
        reasoning: if reasoning > output { 0 } else { reasoning },
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cache_and_iterations_are_added_once() {
        for (usage, expected) in [
            (json!({"input_tokens": 10, "output_tokens": 5}), Some((10, 0, 0, 0, 5))),
            (
                json!({"input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 5}),
                Some((1110, 1000, 100, 0, 5)),
            ),
            (
                json!({"input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 5,
                    "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40}}),
                Some((110, 0, 60, 40, 5)),
            ),
            (
                json!({"input_tokens": 10, "output_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 40}}),
                Some((50, 0, 0, 40, 5)),
            ),
            (
                json!({"input_tokens": 10, "output_tokens": 5, "iterations": [
                    {"type": "compaction", "input_tokens": 300, "output_tokens": 20},
                    {"type": "fallback_message", "input_tokens": 10, "output_tokens": 5},
                    {"type": "message", "input_tokens": 10, "output_tokens": 5}]}),
                Some((310, 0, 0, 0, 25)),
            ),
            (json!({"input_tokens": null, "output_tokens": 5}), Some((0, 0, 0, 0, 5))),
            (json!({"input_tokens": -1, "output_tokens": 5}), None),
            (json!({"input_tokens": 0, "output_tokens": 0}), None),
            (json!(null), None),
        ] {
            let found =
                from_anthropic(&usage).map(|u| (u.input, u.cached_input, u.cache_write, u.cache_write_1h, u.output));
            assert_eq!(found, expected, "{usage}");
        }
    }
}
