//! Usage as OpenAI-shaped answers report it, in its variants, checked before anyone pays by it.
//!
//! `prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning. Known variants: DeepSeek's
//! `prompt_cache_hit_tokens`; `cache_creation_input_tokens` of gateways before Anthropic; reasoning that is counted
//! beside the completion, which shows in `total_tokens` (xAI, Gemini's compatible endpoint); `input_token_details` of transcriptions.

use router_core::money::Nano;
use router_core::usage::Usage;
use serde_json::Value;

use super::{ABSURD, count, reported_cost};
use crate::scan::members;

/// Reads a `usage` object. `None` if it is no object, holds negative, fractional or absurd numbers, or counts nothing
/// at all: then the tokens have to be counted or estimated.
#[must_use]
pub fn from_openai(raw: &[u8]) -> Option<Usage> {
    match Plain::read(raw) {
        Some(plain) => read(|path| Some(plain.get(path)), None),
        None => from_openai_value(&serde_json::from_slice(raw).ok()?),
    }
}

/// What most usage objects are: whole numbers, some of them one level deeper. Read without a tree; anything else has one.
struct Plain<'a> {
    /// Path and number.
    found: [([&'a [u8]; 2], u64); 16],
    count: usize,
}

impl<'a> Plain<'a> {
    fn read(raw: &'a [u8]) -> Option<Self> {
        let mut found = [([&b""[..], &b""[..]], 0); 16];
        let mut count = 0;
        let whole = members(raw, |key, value| {
            let before = count;
            let known = found.iter().take(count).any(|([parent, name], _)| [*parent, *name].contains(&key));
            let mut keep = |path: [&'a [u8]; 2], value: &[u8]| {
                let place = found.get_mut(count).zip(plain_count(value)).filter(|_| !path[1].contains(&b'\\'));
                count += 1;
                place.map(|(place, number)| *place = (path, number)).is_some()
            };
            let read = match value.first() {
                // Nothing else holds counts; a count that is an object is not sane.
                Some(b'{') => key.ends_with(b"_details") && members(value, |inner, value| keep([key, inner], value)),
                _ => keep([b"", key], value),
            };
            // Of money, of what comes twice and of what is empty, the tree knows the meaning.
            read && !known && !key.is_empty() && key != b"cost" && count > before
        });
        whole.then_some(Self { found, count })
    }

    /// The number at that path; of several the last, as everywhere.
    fn get(&self, path: &[&str]) -> Option<u64> {
        let (last, parents) = path.split_last()?;
        let at = [parents.first().map_or(&b""[..], |parent| parent.as_bytes()), last.as_bytes()];
        self.found.iter().take(self.count).rev().find(|(path, _)| *path == at).map(|(_, number)| *number)
    }
}

/// The `usage` of Responses: the same counts under other names.
#[must_use]
pub fn from_responses(usage: &Value) -> Option<Usage> {
    from_openai_value(usage)
}

/// As [`from_openai`], of a parsed object.
#[must_use]
pub fn from_openai_value(value: &Value) -> Option<Usage> {
    let usage = value.as_object()?;
    let number = |path: &[&str]| -> Option<Option<u64>> {
        let (last, parents) = path.split_last()?;
        let Some(object) = parents.iter().try_fold(usage, |object, key| object.get(*key)?.as_object()) else {
            return Some(None);
        };
        count(object.get(*last))
    };
    read(number, reported_cost(value))
}

/// A whole number in digits.
fn plain_count(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_digit()))?;
    let number = text.parse().ok().filter(|number| *number <= ABSURD)?;
    (text.len() == 1 || !text.starts_with('0')).then_some(number)
}

/// Puts the counts together. `number` gives the one at a path: `Some(None)` where there is none, `None` where it is not sane.
fn read(number: impl Fn(&[&str]) -> Option<Option<u64>>, reported_cost: Option<Nano>) -> Option<Usage> {
    let first = |paths: &[&[&str]]| -> Option<u64> {
        for path in paths {
            if let Some(found) = number(path)? {
                return Some(found);
            }
        }
        Some(0)
    };
    let input = first(&[&["prompt_tokens"], &["input_tokens"]])?;
    let completion = first(&[&["completion_tokens"], &["output_tokens"]])?;
    let reasoning = first(&[
        &["completion_tokens_details", "reasoning_tokens"],
        &["output_tokens_details", "reasoning_tokens"],
        &["reasoning_tokens"],
    ])?;
    let total = first(&[&["total_tokens"]])?;
    let beside = reasoning > completion || (reasoning > 0 && total == input + completion + reasoning);
    let output = if beside { completion + reasoning } else { completion };
    if input == 0 && output == 0 {
        return None;
    }
    let part = |paths: &[&[&str]], whole: u64| first(paths).map(|found| if found > whole { 0 } else { found });
    let cached_input = part(
        &[
            &["prompt_tokens_details", "cached_tokens"],
            &["input_tokens_details", "cached_tokens"],
            &["prompt_cache_hit_tokens"],
            &["cached_tokens"],
        ],
        input,
    )?;
    let written: &[&[&str]] = &[
        &["prompt_tokens_details", "cache_write_tokens"],
        &["input_tokens_details", "cache_write_tokens"],
        &["cache_creation_input_tokens"],
    ];
    // Sound that does not fit beside what was cached was cached itself.
    let sound = |paths: &[&[&str]], rest: u64| first(paths).map(|found| found.min(rest));
    let cache_write = part(written, input - cached_input)?;
    Some(Usage {
        input,
        cached_input,
        cache_write,
        audio_input: sound(
            &[
                &["prompt_tokens_details", "audio_tokens"],
                &["input_tokens_details", "audio_tokens"],
                &["input_token_details", "audio_tokens"],
            ],
            input - cached_input - cache_write,
        )?,
        output,
        reasoning,
        audio_output: sound(
            &[&["completion_tokens_details", "audio_tokens"], &["output_tokens_details", "audio_tokens"]],
            output - reasoning,
        )?,
        reported_cost,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Option<(u64, u64, u64, u64, u64)> {
        from_openai(raw.as_bytes()).map(|u| (u.input, u.cached_input, u.cache_write, u.output, u.reasoning))
    }

    #[test]
    fn every_variant_is_read_into_one_shape() {
        for (raw, expected) in [
            (r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#, Some((10, 0, 0, 5, 0))),
            (
                r#"{"prompt_tokens":1110,"completion_tokens":50,"total_tokens":1160,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":100},
                "completion_tokens_details":{"reasoning_tokens":40}}"#,
                Some((1110, 1000, 100, 50, 40)),
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}"#,
                Some((10, 8, 0, 5, 0)),
            ),
            (r#"{"prompt_tokens":8,"total_tokens":8}"#, Some((8, 0, 0, 0, 0))),
            (r#"{"prompt_tokens":8.0,"completion_tokens":null}"#, Some((8, 0, 0, 0, 0))),
            (
                r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
                Some((10, 0, 0, 25, 20)),
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":25,"total_tokens":41,"completion_tokens_details":{"reasoning_tokens":6}}"#,
                Some((10, 0, 0, 31, 6)),
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":11}}"#,
                Some((10, 0, 0, 5, 0)),
            ),
            (r#"{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":null}"#, Some((10, 0, 0, 5, 0))),
            (r#"{"input_tokens":3,"output_tokens":4}"#, Some((3, 0, 0, 4, 0))),
            (r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#, None),
            (r#"{"prompt_tokens":-1,"completion_tokens":5}"#, None),
            (r#"{"prompt_tokens":10,"completion_tokens":1e300}"#, None),
            (r#"{"prompt_tokens":1.5,"completion_tokens":5}"#, None),
            (r#"{"prompt_tokens":"10","completion_tokens":5}"#, None),
            (r#"{"prompt_tokens":99999999999,"completion_tokens":5}"#, None),
            ("null", None),
            ("{}", None),
            ("[1]", None),
            ("{", None),
        ] {
            assert_eq!(read(raw), expected, "{raw}");
            // With and without a tree alike.
            let tree = serde_json::from_str(raw).ok().and_then(|value| from_openai_value(&value));
            assert_eq!(from_openai(raw.as_bytes()), tree, "{raw}");
        }
    }

    /// However members are named, nested and repeated, the quick reading says what the tree says.
    #[test]
    fn the_quick_reading_is_the_reading() {
        use proptest::prelude::*;
        const NAMES: &[&str] = &["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "cost", ""];
        const PARENTS: &[&str] = &["prompt_tokens_details", "completion_tokens_details", "prompt_tokens", ""];
        let value = prop_oneof![
            20 => (0_u64..40).prop_map(|n| n.to_string()),
            1 => Just("100000001".to_owned()),
            1 => Just("007".to_owned()),
            1 => Just("1.0".to_owned()),
            1 => Just("-1".to_owned()),
            1 => Just("null".to_owned()),
            1 => Just("\"7\"".to_owned()),
            1 => Just("[1]".to_owned()),
        ];
        let member = (proptest::sample::select(NAMES), value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        let inner =
            proptest::collection::vec(member.clone(), 0..4).prop_map(|inner| format!("{{{}}}", inner.join(",")));
        let nested = (proptest::sample::select(PARENTS), inner).prop_map(|(name, inner)| format!("\"{name}\":{inner}"));
        let usage = proptest::collection::vec(prop_oneof![3 => member, 1 => nested], 0..9);
        proptest!(|(usage in usage)| {
            let raw = format!("{{{}}}", usage.join(","));
            let tree = serde_json::from_str(&raw).ok().and_then(|value| from_openai_value(&value));
            prop_assert_eq!(from_openai(raw.as_bytes()), tree, "{}", raw);
        });
    }

    #[test]
    fn parts_never_exceed_the_whole() {
        let raw = br#"{"prompt_tokens":10,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":9},
            "completion_tokens_details":{"reasoning_tokens":8,"audio_tokens":9}}"#;
        let usage = from_openai(raw).unwrap();
        assert_eq!((usage.audio_input, usage.audio_output), (2, 2));
    }
}
