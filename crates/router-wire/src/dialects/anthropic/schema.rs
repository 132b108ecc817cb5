//! JSON Schemas as the API takes them.

use serde_json::{Map, Value, json};

/// Deepest nesting that is looked into.
const DEPTH: usize = 64;

/// The schema of a tool without parameters.
pub(super) fn empty() -> Value {
    json!({ "type": "object", "properties": {} })
}

/// A tool's schema: an object, whose type is said.
pub(super) fn parameters(schema: Option<&Value>) -> Value {
    let Some(Value::Object(found)) = schema else { return empty() };
    let mut schema = found.clone();
    if !schema.contains_key("type") {
        schema.insert("type".into(), "object".into());
    }
    schema.into()
}

/// Keywords that constrained output refuses.
const REFUSED: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "$schema",
];

/// A schema for `output_config.format`: closed objects, no bounds, `anyOf` for `oneOf`.
pub(super) fn constrained(schema: &Value) -> Value {
    clean(schema, 0)
}

fn clean(schema: &Value, depth: usize) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    if depth > DEPTH {
        return Value::Object(schema.clone());
    }
    let mut out = Map::new();
    for (key, value) in schema {
        let value = match (key.as_str(), value) {
            (refused, _) if REFUSED.contains(&refused) => continue,
            // The members are names of the client's, not keywords.
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                Value::Object(named.iter().map(|(name, inner)| (name.clone(), clean(inner, depth + 1))).collect())
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                list.iter().map(|inner| clean(inner, depth + 1)).collect()
            }
            ("items" | "not", inner) => clean(inner, depth + 1),
            (_, other) => other.clone(),
        };
        out.insert(if key == "oneOf" { "anyOf".into() } else { key.clone() }, value);
    }
    let object = match out.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => out.contains_key("properties"),
    };
    if object {
        out.insert("additionalProperties".into(), false.into());
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constrained_schemas_are_closed_and_without_bounds() {
        let schema = json!({"type":"object","properties":{"minimum":{"type":"integer","minimum":1},
            "list":{"type":"array","items":{"type":"object","properties":{}},"maxItems":3}},"oneOf":[{"type":"null"}]});
        let expected = json!({"type":"object","properties":{"minimum":{"type":"integer"},
            "list":{"type":"array","items":{"type":"object","properties":{},"additionalProperties":false}}},
            "anyOf":[{"type":"null"}],"additionalProperties":false});
        assert_eq!(constrained(&schema), expected);
        assert_eq!(parameters(Some(&json!({"properties":{}})))["type"], "object");
        assert_eq!(parameters(None), empty());
    }
}
