//! Reading loose JSON: what is missing or of another type reads as empty, because a simulated provider must survive any body.

use serde_json::Value;

/// The string in a field, empty if there is none.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The list in a field, empty if there is none.
pub(super) fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a field is there and not null.
pub(super) fn given(value: &Value, field: &str) -> bool {
    value.get(field).is_some_and(|value| !value.is_null())
}

/// The first field of an object that is in none of the lists.
pub(super) fn stranger<'v>(value: &'v Value, known: &[&[&str]]) -> Option<&'v str> {
    let fields = value.as_object()?;
    fields.keys().map(String::as_str).find(|field| !known.iter().any(|list| list.contains(field)))
}

/// Whether `name` has 1 to `longest` characters, letters, digits and those of `more` only.
pub(super) fn is_word(name: &str, longest: usize, more: &str) -> bool {
    (1..=longest).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}
