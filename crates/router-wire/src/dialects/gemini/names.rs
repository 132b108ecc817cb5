//! Fields of Gemini's JSON: found under their lower camel name and under the snake name that the API takes as well.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// `thinkingBudget` → `thinking_budget`.
pub(super) fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// `thinking_budget` → `thinkingBudget`; camel names stay.
pub(super) fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut up = false;
    for c in name.chars() {
        if c == '_' && !camel.is_empty() {
            up = true;
            continue;
        }
        camel.push(if up { c.to_ascii_uppercase() } else { c });
        up = false;
    }
    camel
}

/// The value of that (camel) name; null counts as absent.
pub(super) fn get<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.get(&snake(name))).filter(|value| !value.is_null())
}

/// The text under that name.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    get(object, name)?.as_str()
}

/// The object under that name.
pub(super) fn object<'a>(parent: &'a Object, name: &str) -> Option<&'a Object> {
    get(parent, name)?.as_object()
}

/// The elements of the list under that name. A single object stands for a list of one, as in the API.
pub(super) fn list<'a>(parent: &'a Object, name: &str) -> &'a [Value] {
    match get(parent, name) {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    }
}

/// The whole number under that name, which Google's JSON also writes as a string (int64).
pub(super) fn integer(object: &Object, name: &str) -> Option<i64> {
    match get(object, name)? {
        Value::Number(number) => number.as_i64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// An object of those members.
pub(super) fn obj<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_one_field() {
        for (camel_name, snake_name) in
            [("thinkingBudget", "thinking_budget"), ("topP", "top_p"), ("contents", "contents")]
        {
            assert_eq!(snake(camel_name), snake_name);
            assert_eq!(camel(snake_name), camel_name);
            assert_eq!(camel(camel_name), camel_name);
        }
        let value: Value = serde_json::json!({"top_k": "40", "seed": null});
        let object = value.as_object().unwrap();
        assert_eq!(integer(object, "topK"), Some(40));
        assert_eq!(integer(object, "seed"), None);
    }
}
