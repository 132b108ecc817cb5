//! `GET /v1/models`: one object that OpenAI and Anthropic clients both read, with the extras that tools look for.

use router_core::catalog::{KeyIx, Listed, Snapshot};
use serde::Serialize;

use super::GROUP_PREFIX;

/// The time that every entry names: the catalogue has none, and clients only want a number.
const CREATED: i64 = 1_735_689_600;
const CREATED_AT: &str = "2025-01-01T00:00:00Z";

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    r#type: &'static str,
    created: i64,
    created_at: &'static str,
    owned_by: &'a str,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn of(listed: &Listed<'a>) -> Self {
        Self {
            id: listed.name,
            object: "model",
            r#type: "model",
            created: CREATED,
            created_at: CREATED_AT,
            owned_by: listed.owned_by,
            display_name: listed.display_name,
            context_length: listed.context_length,
            max_input_tokens: listed.context_length,
            max_tokens: listed.max_output_tokens,
        }
    }
}

/// Everything that the key may call. `prefixed`: groups also under [`GROUP_PREFIX`].
#[must_use]
pub fn list(snapshot: &Snapshot, key: Option<KeyIx>, prefixed: bool) -> String {
    let listed: Vec<Listed<'_>> = snapshot.listing(key).collect();
    let groups = listed.iter().filter(|listed| prefixed && listed.name.starts_with("auto:"));
    let names: Vec<String> = groups.clone().map(|listed| format!("{GROUP_PREFIX}{}", listed.name)).collect();
    let groups = groups.zip(&names).map(|(listed, name)| Entry { id: name, ..Entry::of(listed) });
    let data: Vec<Entry<'_>> = listed.iter().map(Entry::of).chain(groups).collect();
    let list = List {
        object: "list",
        has_more: false,
        first_id: data.first().map(|entry| entry.id),
        last_id: data.last().map(|entry| entry.id),
        data,
    };
    serde_json::to_string(&list).unwrap_or_default()
}

/// One of them; `None` if it does not exist or the key may not use it.
#[must_use]
pub fn one(snapshot: &Snapshot, key: Option<KeyIx>, id: &str) -> Option<String> {
    let plain = id.strip_prefix(GROUP_PREFIX).filter(|rest| rest.starts_with("auto:")).unwrap_or(id);
    let listed = snapshot.listing(key).find(|listed| &**listed.name == plain)?;
    serde_json::to_string(&Entry { id, ..Entry::of(&listed) }).ok()
}

/// An entry in Gemini's shape.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiEntry<'a> {
    name: String,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    supported_generation_methods: &'static [&'static str],
}

impl<'a> GeminiEntry<'a> {
    fn of(listed: &Listed<'a>) -> Self {
        Self {
            name: format!("models/{}", listed.name),
            display_name: listed.display_name,
            input_token_limit: listed.context_length,
            output_token_limit: listed.max_output_tokens,
            supported_generation_methods: &["generateContent", "streamGenerateContent", "countTokens", "embedContent"],
        }
    }
}

/// `GET /v1beta/models`
#[must_use]
pub fn gemini_list(snapshot: &Snapshot, key: Option<KeyIx>) -> String {
    #[derive(Serialize)]
    struct Models<'a> {
        models: Vec<GeminiEntry<'a>>,
    }
    let models = snapshot.listing(key).map(|listed| GeminiEntry::of(&listed)).collect();
    serde_json::to_string(&Models { models }).unwrap_or_default()
}

/// `GET /v1beta/models/{id}`
#[must_use]
pub fn gemini_one(snapshot: &Snapshot, key: Option<KeyIx>, id: &str) -> Option<String> {
    let listed = snapshot.listing(key).find(|listed| &**listed.name == id)?;
    serde_json::to_string(&GeminiEntry::of(&listed)).ok()
}

/// Decodes `%3A` and kin in a path; an id that is not UTF-8 after that stays as it was.
#[must_use]
pub fn decode_id(raw: &str) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| (high * 16 + low, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| raw.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_decoded_once_and_only_where_they_are_escaped() {
        for (raw, id) in [
            ("auto:fast", "auto:fast"),
            ("auto%3Afast", "auto:fast"),
            ("a%2Fb:c", "a/b:c"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%253A", "%3A"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(decode_id(raw), id, "{raw}");
        }
    }
}
