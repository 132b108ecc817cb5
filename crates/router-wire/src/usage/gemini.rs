//! Gemini's `usageMetadata`: cumulative in every chunk of a stream, so the last one counts.

use router_core::usage::Usage;
use serde_json::{Map, Value};

use super::{count, count_or_zero};

/// Reads a `usageMetadata`. `promptTokenCount` includes the cached tokens; what tools put into the prompt is beside it.
///
/// Thoughts are beside `candidatesTokenCount`, unless the total shows that they are in it: then prompt, tools and candidates
/// make it up alone.
#[must_use]
pub fn from_gemini(usage: &Value) -> Option<Usage> {
    let usage = usage.as_object()?;
    let number = |key: &str| count_or_zero(usage.get(key));
    let input = number("promptTokenCount")? + number("toolUsePromptTokenCount")?;
    let candidates = number("candidatesTokenCount")?;
    let thoughts = number("thoughtsTokenCount")?;
    let total = count(usage.get("totalTokenCount"))?;
    let inside = thoughts <= candidates && total == Some(input + candidates);
    let output = if inside { candidates } else { candidates + thoughts };
    if input == 0 && output == 0 {
        return None;
    }
    let cached_input = Some(number("cachedContentTokenCount")?).filter(|cached| *cached <= input).unwrap_or(0);
    // Cached sound has the price of cached text at Google, so only what was not cached is sound.
    let heard = of_modality(usage, "promptTokensDetails", "AUDIO")?.saturating_sub(of_modality(
        usage,
        "cacheTokensDetails",
        "AUDIO",
    )?);
    let spoken = of_modality(usage, "candidatesTokensDetails", "AUDIO")?;
    Some(Usage {
        input,
        cached_input,
        audio_input: heard.min(input - cached_input),
        output,
        reasoning: thoughts,
        audio_output: spoken.min(output - thoughts),
        ..Usage::default()
    })
}

/// Tokens of a modality in a list of `{modality, tokenCount}`.
fn of_modality(usage: &Map<String, Value>, key: &str, modality: &str) -> Option<u64> {
    let list = usage.get(key).and_then(Value::as_array).into_iter().flatten();
    let mut sum = 0;
    for entry in list.filter(|entry| entry.get("modality").and_then(Value::as_str) == Some(modality)) {
        sum += count_or_zero(entry.get("tokenCount"))?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn thoughts_and_sound_are_counted_once() {
        for (usage, expected) in [
            (
                json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}),
                Some((10, 0, 0, 5, 0, 0)),
            ),
            (
                json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 22}),
                Some((10, 0, 0, 12, 7, 0)),
            ),
            (
                json!({"promptTokenCount": 10, "candidatesTokenCount": 12, "thoughtsTokenCount": 7, "totalTokenCount": 22}),
                Some((10, 0, 0, 12, 7, 0)),
            ),
            (json!({"promptTokenCount": 10, "thoughtsTokenCount": 7}), Some((10, 0, 0, 7, 7, 0))),
            (
                json!({"promptTokenCount": 10, "toolUsePromptTokenCount": 4, "cachedContentTokenCount": 8, "candidatesTokenCount": 1}),
                Some((14, 8, 0, 1, 0, 0)),
            ),
            (
                json!({"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 9,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}, {"modality": "AUDIO", "tokenCount": 80}],
                    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
                    "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}]}),
                Some((100, 40, 50, 9, 0, 9)),
            ),
            (json!({"promptTokenCount": 10, "cachedContentTokenCount": 11}), Some((10, 0, 0, 0, 0, 0))),
            (json!({"promptTokenCount": 1.5}), None),
            (json!({"trafficType": "ON_DEMAND"}), None),
            (json!([]), None),
        ] {
            let found = from_gemini(&usage)
                .map(|u| (u.input, u.cached_input, u.audio_input, u.output, u.reasoning, u.audio_output));
            assert_eq!(found, expected, "{usage}");
        }
    }
}
