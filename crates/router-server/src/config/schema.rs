//! The JSON Schema of a whole configuration, for editors.

use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::assertions::{Expectations, Given, RequestEntry};
use super::scenario::Scenario;
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

/// The schema of a scenario, for `simulate`.
#[must_use]
pub fn scenario_schema() -> Value {
    of_file("Smart AI Router scenario", SchemaGenerator::default().into_root_schema_for::<Scenario>())
}

/// The schema of a file of routing assertions, for `test`.
#[must_use]
pub fn assertions_schema() -> Value {
    let mut generator = SchemaGenerator::default();
    let given = Given::json_schema(&mut generator);
    let of = |schema: Schema| schema.to_value();
    let test = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "description": "For people." },
            "given": of(given.clone()),
            "request": of(RequestEntry::json_schema(&mut generator)),
            "expect": of(Expectations::json_schema(&mut generator)),
        },
        "required": ["name", "request", "expect"],
        "additionalProperties": false,
    });
    let schema = Schema::try_from(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "given": of(given),
            "tests": { "type": "array", "items": test, "minItems": 1 },
        },
        "required": ["tests"],
        "additionalProperties": false,
        "$defs": generator.take_definitions(true),
    }));
    of_file("Smart AI Router routing assertions", schema.unwrap_or_default())
}

fn of_file(title: &str, mut schema: Schema) -> Value {
    schema.insert("title".to_owned(), title.into());
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
