//! Text handling shared by chat and completions: reading messages, limits, and cutting text into stream pieces.

use super::usage::tokens_of;
use serde_json::Value;

/// The text of a message's content: the string, or its text parts joined by a blank.
pub(super) fn content_text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

/// The role of a message, empty if it has none.
pub(super) fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// Where a text was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    No,
    Length,
    /// By this stop sequence.
    At(String),
}

/// Applies stop sequences and the limit on tokens.
pub(super) fn limited(text: String, limit: Option<u64>, stops: &[String]) -> (String, Stopped) {
    let mut text = text;
    let mut stopped = Stopped::No;
    for stop in stops {
        if let Some((before, _)) = text.split_once(stop.as_str()) {
            stopped = Stopped::At(stop.clone());
            text = before.to_owned();
        }
    }
    match limit {
        Some(limit) if tokens_of(&text) > limit => {
            let characters = usize::try_from(limit).unwrap_or(usize::MAX).saturating_mul(4);
            (text.chars().take(characters).collect(), Stopped::Length)
        }
        _ => (text, stopped),
    }
}

/// `max_completion_tokens`, else `max_tokens`.
pub(super) fn token_limit(body: &Value) -> Option<u64> {
    ["max_completion_tokens", "max_tokens"].iter().find_map(|field| body.get(*field).and_then(Value::as_u64))
}

/// The stop sequences in a field: one string or a list.
pub(super) fn stops(body: &Value, field: &str) -> Vec<String> {
    match body.get(field) {
        Some(Value::String(stop)) if !stop.is_empty() => vec![stop.clone()],
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).filter(|stop| !stop.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The number of choices asked for: `n`, 1 to 128.
pub(super) fn choice_count(body: &Value) -> usize {
    let count = body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 128);
    usize::try_from(count).unwrap_or(1)
}

/// Cuts a text into stream pieces: words with the blank after them, or exactly `count` pieces of nearly equal length.
pub(super) fn pieces(text: &str, count: Option<usize>) -> Vec<String> {
    match count {
        None => text.split_inclusive(char::is_whitespace).map(str::to_owned).collect(),
        Some(count) => {
            let characters: Vec<char> = text.chars().collect();
            let total = characters.len();
            let mut rest = characters.into_iter();
            (0..count)
                .map(|number| {
                    let size = total * (number + 1) / count - total * number / count;
                    rest.by_ref().take(size).collect()
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_cut_and_say_so() {
        let at = |stop: &str| Stopped::At(stop.to_owned());
        let table = [
            (json!({}), "one two three", Stopped::No),
            (json!({"stop": "two"}), "one ", at("two")),
            (json!({"stop": ["x", " three"]}), "one two", at(" three")),
            (json!({"max_tokens": 2}), "one two ", Stopped::Length),
            (json!({"max_tokens": 1, "max_completion_tokens": 2}), "one two ", Stopped::Length),
            (json!({"max_tokens": 4, "stop": null}), "one two three", Stopped::No),
        ];
        for (body, text, stopped) in table {
            let cut = limited("one two three".to_owned(), token_limit(&body), &stops(&body, "stop"));
            assert_eq!(cut, (text.to_owned(), stopped), "{body}");
        }
    }

    #[test]
    fn pieces_always_join_to_the_text() {
        for count in [None, Some(1), Some(3), Some(7), Some(50)] {
            let cut = pieces("größere Wörter, 中文 too", count);
            assert_eq!(cut.concat(), "größere Wörter, 中文 too");
            assert!(count.is_none_or(|count| cut.len() == count), "{count:?}: {cut:?}");
        }
    }
}
