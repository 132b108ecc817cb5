//! Members of JSON objects, read leniently: what has another type is not there.

use serde_json::{Map, Value};

/// A string member.
pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// An object member.
pub(super) fn object<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    object.get(key).and_then(Value::as_object)
}

/// The items of a list member.
pub(super) fn items<'a>(object: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Text of a member that may be a string or, from lenient providers, JSON that should have been one.
pub(super) fn text_or_json(object: &Map<String, Value>, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// `extra_content.google.thought_signature`, of a call or a message (Gemini's compatible endpoint).
pub(super) fn thought_signature(carrier: &Map<String, Value>) -> Option<&str> {
    let google = object(object(carrier, "extra_content")?, "google")?;
    text(google, "thought_signature").filter(|signature| !signature.is_empty())
}

/// An error member that means something.
pub(super) fn is_error(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(object)) => !object.is_empty(),
        Some(_) => true,
    }
}
