//! Gemini's own schema (a subset of OpenAPI, types in capitals) as JSON Schema.

use serde_json::{Map, Value};

/// Deepest nesting that is rewritten; what lies below stays as it is. (A body nests no deeper anyway.)
const DEPTH: usize = 64;

/// `{"type":"STRING","nullable":true}` → `{"type":["string","null"]}`, at every level. Fields that Gemini's schema shares with
/// JSON Schema stay; `propertyOrdering` and `nullable` go.
pub(super) fn to_json_schema(schema: &Value) -> Value {
    rewrite(schema, 0)
}

fn rewrite(schema: &Value, depth: usize) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    if depth >= DEPTH {
        return schema.clone();
    }
    let nullable = members.get("nullable") == Some(&Value::Bool(true));
    let mut out = Map::new();
    for (key, value) in members {
        let value = match key.as_str() {
            "nullable" | "propertyOrdering" | "property_ordering" => continue,
            "type" => kind(value, nullable),
            "properties" | "$defs" | "defs" => match value {
                Value::Object(inner) => {
                    inner.iter().map(|(name, schema)| (name.clone(), rewrite(schema, depth + 1))).collect()
                }
                other => other.clone(),
            },
            "anyOf" | "any_of" | "oneOf" | "allOf" | "prefixItems" | "prefix_items" => match value {
                Value::Array(list) => list.iter().map(|schema| rewrite(schema, depth + 1)).collect(),
                other => other.clone(),
            },
            "items" | "additionalProperties" | "additional_properties" => rewrite(value, depth + 1),
            // int64 in Google's JSON: a string.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" | "min_items"
            | "max_items" | "min_length" | "max_length" | "min_properties" | "max_properties" => {
                value.as_str().and_then(|text| text.parse::<u64>().ok()).map_or_else(|| value.clone(), Value::from)
            }
            _ => value.clone(),
        };
        out.insert(super::names::camel(key), value);
    }
    Value::Object(out)
}

fn kind(value: &Value, nullable: bool) -> Value {
    match value {
        Value::String(name) if nullable => Value::from(vec![name.to_ascii_lowercase(), "null".to_owned()]),
        Value::String(name) => Value::from(name.to_ascii_lowercase()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn capitals_and_nullable_become_json_schema() {
        let schema = json!({
            "type": "OBJECT",
            "properties": {
                "type": {"type": "STRING", "nullable": true, "enum": ["A"]},
                "list": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "1"},
                "any_of": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]}
            },
            "required": ["list"],
            "propertyOrdering": ["list", "type"]
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "type": {"type": ["string", "null"], "enum": ["A"]},
                "list": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                "any_of": {"anyOf": [{"type": "number"}, {"type": "boolean"}]}
            },
            "required": ["list"]
        });
        assert_eq!(to_json_schema(&schema), expected);
    }
}
