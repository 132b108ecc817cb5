//! The JSON Schema of a whole configuration, for editors.

use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{Objects, System};

/// The schema of one file with any of the top-level keys.
#[must_use]
pub fn json_schema() -> Value {
    let mut generator = SchemaGenerator::default();
    let system = System::json_schema(&mut generator);
    let objects = Objects::json_schema(&mut generator);
    let mut properties = serde_json::Map::new();
    for part in [system, objects] {
        if let Some(Value::Object(fields)) = part.get("properties") {
            properties.extend(fields.clone());
        }
    }
    let mut schema = Schema::try_from(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Smart AI Router configuration",
        "description": "Any of the files system.yaml, providers.yaml, channels.yaml, model_groups.yaml, pricing_policies.yaml, keys.yaml, or all of them in one.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": generator.take_definitions(true),
    }))
    .unwrap_or_default();
    AllowVariables.transform(&mut schema);
    schema.to_value()
}

/// Numbers and truth values may also be written as `${NAME}`.
struct AllowVariables;

impl Transform for AllowVariables {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let bare = |kind: &Value| matches!(kind.as_str(), Some("number" | "integer" | "boolean"));
        let affected = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(bare) && !kinds.iter().any(|kind| kind == "string"),
            Some(kind) => bare(kind),
            None => false,
        };
        if !affected {
            return;
        }
        let Some(object) = schema.as_object_mut() else { return };
        let mut outer = serde_json::Map::new();
        for key in ["description", "default"] {
            outer.extend(object.remove(key).map(|value| (key.to_owned(), value)));
        }
        let inner = std::mem::take(object);
        outer.insert("anyOf".to_owned(), json!([inner, { "type": "string", "pattern": "^\\$\\{" }]));
        *object = outer;
    }
}
