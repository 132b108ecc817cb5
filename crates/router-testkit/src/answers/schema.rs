//! An example document for a JSON schema: the smallest plausible one, deterministic.

use serde_json::{Map, Value, json};

/// Deeper nesting answers `null`; recursive schemas end here.
const MAX_DEPTH: usize = 12;
/// Below this depth only required properties are filled in, so that recursive schemas stay small.
const OPTIONAL_DEPTH: usize = 4;

/// An example that matches `schema` as far as its keywords are known: `$ref` into the document, `const`, `enum`,
/// `default`, `anyOf`, `oneOf`, `allOf`, `type` (also a list), objects, arrays, numbers with bounds, string formats.
#[must_use]
pub fn example(schema: &Value) -> Value {
    at(schema, schema, "value", 0)
}

/// Why a schema is not one of OpenAI's strict ones, if it is not: every object closed, every property required.
pub(super) fn not_strict(schema: &Value) -> Option<String> {
    strictly(schema, "()", 0)
}

fn strictly(schema: &Value, context: &str, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    if schema.get("type") == Some(&json!("object")) || properties.is_some() {
        if schema.get("additionalProperties") != Some(&json!(false)) {
            return Some(format!(
                "In context={context}, 'additionalProperties' is required to be supplied and to be false."
            ));
        }
        let required = list(schema, "required");
        let names = properties.into_iter().flat_map(Map::keys);
        if let Some(missing) = names.clone().find(|name| !required.iter().any(|wanted| wanted == *name)) {
            return Some(format!(
                "In context={context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '{missing}'."
            ));
        }
    }
    let below = properties.into_iter().flat_map(Map::values).chain(schema.get("items"));
    below.into_iter().find_map(|part| strictly(part, "('properties', …)", depth + 1))
}

fn at(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(target) =
        schema.get("$ref").and_then(Value::as_str).and_then(|path| root.pointer(path.trim_start_matches('#')))
    {
        return at(target, root, name, depth + 1);
    }
    if let Some(fixed) = ["const", "default"].iter().find_map(|field| schema.get(*field)) {
        return fixed.clone();
    }
    if let Some(first) = list(schema, "enum").first() {
        return first.clone();
    }
    for field in ["anyOf", "oneOf"] {
        let options = list(schema, field);
        let plain = options.iter().find(|option| option.get("type") != Some(&json!("null"))).or(options.first());
        if let Some(option) = plain {
            return at(option, root, name, depth + 1);
        }
    }
    match kind(schema) {
        "object" => object(schema, root, depth),
        "array" => array(schema, root, name, depth),
        "integer" => json!(lowest(schema).ceil() as i64),
        "number" => json!(lowest(schema)),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => json!(string(schema, name)),
    }
}

/// The first type that is not `null`; without one, what the other keywords suggest.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() || schema.get("allOf").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    for part in list(schema, "allOf") {
        if let Value::Object(more) = at(part, root, "value", depth + 1) {
            fields.extend(more);
        }
    }
    let required = list(schema, "required");
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            if depth < OPTIONAL_DEPTH || required.iter().any(|wanted| wanted == name) {
                fields.insert(name.clone(), at(property, root, name, depth + 1));
            }
        }
    }
    Value::Object(fields)
}

fn array(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(16);
    let count = if depth < OPTIONAL_DEPTH { least.max(1) } else { least };
    let items = schema.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
    (0..count).map(|_| at(&items, root, name, depth + 1)).collect()
}

/// The smallest number allowed, at least 1 where bounds allow it.
fn lowest(schema: &Value) -> f64 {
    let bound = |field: &str| schema.get(field).and_then(Value::as_f64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|edge| edge + 1.0)).unwrap_or(1.0);
    bound("maximum").map_or(least, |most| least.min(most))
}

fn string(schema: &Value, name: &str) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-01T00:00:00Z".to_owned(),
        Some("date") => "2026-01-01".to_owned(),
        Some("time") => "00:00:00Z".to_owned(),
        Some("email") => "simulated@example.com".to_owned(),
        Some("uri") => "https://example.com/simulated".to_owned(),
        Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
        _ => format!("simulated {name}"),
    };
    let limit = |field: &str| schema.get(field).and_then(Value::as_u64).and_then(|value| usize::try_from(value).ok());
    let least = limit("minLength").unwrap_or(0).min(4096);
    let padded = if text.chars().count() < least { format!("{text:x<least$}") } else { text };
    padded.chars().take(limit("maxLength").unwrap_or(usize::MAX)).collect()
}

fn list<'s>(schema: &'s Value, field: &str) -> &'s [Value] {
    schema.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_has_its_example() {
        let table = [
            (json!({"type": "string"}), json!("simulated value")),
            (json!({"type": ["null", "integer"], "minimum": 3}), json!(3)),
            (json!({"type": "number", "maximum": 0.5}), json!(0.5)),
            (json!({"enum": ["b", "a"]}), json!("b")),
            (json!({"anyOf": [{"type": "null"}, {"type": "boolean"}]}), json!(true)),
            (json!({"type": "string", "minLength": 20}), json!("simulated valuexxxxx")),
            (json!({"type": "array", "items": {"const": 7}, "minItems": 2}), json!([7, 7])),
            (
                json!({"type": "object", "properties": {"who": {"$ref": "#/$defs/p"}}, "$defs": {"p": {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}}}}),
                json!({"who": {"mail": "simulated@example.com"}}),
            ),
            (
                json!({"allOf": [{"properties": {"a": {"type": "null"}}}], "properties": {"b": {"default": "x"}}}),
                json!({"a": null, "b": "x"}),
            ),
        ];
        for (schema, expected) in table {
            assert_eq!(example(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_recursive_schema_ends() {
        let schema = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/$defs/node"}}}}});
        assert!(example(&schema).to_string().len() < 400);
    }
}
