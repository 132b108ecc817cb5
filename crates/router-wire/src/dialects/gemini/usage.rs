//! `usageMetadata` both ways.

use router_core::usage::{ABSURD, Usage};
use serde_json::{Map, Value};

use super::names::{Object, get, integer, list, text};

/// Reads a `usageMetadata` object, which is cumulative in every chunk of a stream. `promptTokenCount` includes what was cached;
/// prompts of hosted tools are counted beside it; thoughts are counted beside the candidates, unless the total shows that they
/// lie within. Cached sound has the price of cached text, so only what was not cached is sound. `None` if it counts nothing or
/// holds negative or absurd numbers.
#[must_use]
pub fn from_gemini(metadata: &Value) -> Option<Usage> {
    let metadata = metadata.as_object()?;
    let count = |name: &str| -> Option<u64> {
        match get(metadata, name) {
            None => Some(0),
            Some(_) => u64::try_from(integer(metadata, name)?).ok().filter(|count| *count <= ABSURD),
        }
    };
    let (prompt, tools) = (count("promptTokenCount")?, count("toolUsePromptTokenCount")?);
    let (candidates, thoughts) = (count("candidatesTokenCount")?, count("thoughtsTokenCount")?);
    let within = thoughts > 0 && thoughts <= candidates && prompt + tools + candidates == count("totalTokenCount")?;
    let output = if within { candidates } else { candidates + thoughts };
    let input = prompt + tools;
    let cached = count("cachedContentTokenCount")?;
    let usage = Usage {
        input,
        cached_input: if cached > input { 0 } else { cached },
        audio_input: of_modality(metadata, "promptTokensDetails", "AUDIO").saturating_sub(of_modality(
            metadata,
            "cacheTokensDetails",
            "AUDIO",
        )),
        output,
        reasoning: thoughts,
        audio_output: of_modality(metadata, "candidatesTokensDetails", "AUDIO"),
        ..Usage::default()
    };
    (input + output > 0).then(|| usage.sanitized().0)
}

fn of_modality(metadata: &Object, details: &str, modality: &str) -> u64 {
    let details = list(metadata, details).iter().filter_map(Value::as_object);
    let found = details.filter(|detail| text(detail, "modality") == Some(modality));
    found.filter_map(|detail| u64::try_from(integer(detail, "tokenCount")?).ok()).fold(0, u64::saturating_add)
}

/// The `usageMetadata` of that usage; details that nobody reported are left out.
pub(super) fn to_gemini(usage: &Usage) -> Value {
    let mut metadata = Map::new();
    let mut put = |name: &str, count: u64| metadata.insert(name.to_owned(), count.into());
    let reasoning = usage.reasoning.min(usage.output);
    put("promptTokenCount", usage.input);
    put("candidatesTokenCount", usage.output - reasoning);
    if usage.cached_input > 0 {
        put("cachedContentTokenCount", usage.cached_input);
    }
    if reasoning > 0 {
        put("thoughtsTokenCount", reasoning);
    }
    put("totalTokenCount", usage.total());
    for (name, audio, whole) in [
        ("promptTokensDetails", usage.audio_input, usage.input),
        ("candidatesTokensDetails", usage.audio_output, usage.output - reasoning),
    ] {
        if audio > 0 {
            let details = serde_json::json!([
                {"modality": "TEXT", "tokenCount": whole.saturating_sub(audio)},
                {"modality": "AUDIO", "tokenCount": audio}
            ]);
            metadata.insert(name.to_owned(), details);
        }
    }
    Value::Object(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_count_once_and_tool_prompts_belong_to_the_input() {
        for (raw, expected) in [
            (r#"{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15}"#, Some((10, 0, 5, 0))),
            (
                r#"{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":22}"#,
                Some((10, 0, 12, 7)),
            ),
            (
                r#"{"promptTokenCount":10,"candidatesTokenCount":12,"thoughtsTokenCount":7,"totalTokenCount":22}"#,
                Some((10, 0, 12, 7)),
            ),
            (
                r#"{"promptTokenCount":10,"toolUsePromptTokenCount":3,"candidatesTokenCount":12,"thoughtsTokenCount":7,"totalTokenCount":25}"#,
                Some((13, 0, 12, 7)),
            ),
            (
                r#"{"prompt_token_count":"100","cached_content_token_count":80,"total_token_count":100}"#,
                Some((100, 80, 0, 0)),
            ),
            (r#"{"promptTokenCount":10,"cachedContentTokenCount":11}"#, Some((10, 0, 0, 0))),
            (r#"{"promptTokenCount":10,"thoughtsTokenCount":9,"totalTokenCount":19}"#, Some((10, 0, 9, 9))),
            (r#"{"promptTokenCount":-1,"candidatesTokenCount":5}"#, None),
            (r#"{"promptTokenCount":99999999999}"#, None),
            (r#"{"promptTokenCount":1.5}"#, None),
            (r#"{"trafficType":"ON_DEMAND"}"#, None),
            ("[]", None),
        ] {
            let usage = from_gemini(&serde_json::from_str(raw).unwrap());
            assert_eq!(usage.map(|u| (u.input, u.cached_input, u.output, u.reasoning)), expected, "{raw}");
        }
    }

    #[test]
    fn cached_sound_is_no_sound() {
        let metadata = serde_json::json!({"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 9,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}, {"modality": "AUDIO", "tokenCount": 80}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}]});
        let usage = from_gemini(&metadata).map(|u| (u.input, u.cached_input, u.audio_input, u.output, u.audio_output));
        assert_eq!(usage, Some((100, 40, 50, 9, 9)));
    }

    #[test]
    fn usage_comes_back_as_it_went() {
        let usage = Usage { input: 20, cached_input: 5, output: 9, reasoning: 4, audio_input: 3, ..Usage::default() };
        assert_eq!(from_gemini(&to_gemini(&usage)), Some(usage));
    }
}
