//! The OpenAPI document: the checked-in copy, and that it says what the API does.

use serde_json::Value;
use smart_ai_router::admin::{openapi, table};

use crate::control::{OK, TestControl, VIEWER};

/// `UPDATE_GOLDEN=1 cargo test` writes the file anew.
#[test]
fn the_checked_in_document_is_the_programs_own() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let text = format!("{:#}\n", openapi::document());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).expect("writable");
    }
    let kept = std::fs::read_to_string(path).expect("docs/openapi.json");
    assert_eq!(text, kept, "stale: run with UPDATE_GOLDEN=1");
}

#[test]
fn it_names_every_route_and_every_reference_leads_somewhere() {
    let document = openapi::document();
    for route in table() {
        let verb = route.verb.as_str().to_lowercase();
        assert!(document["paths"][route.path][&verb].is_object(), "{verb} {}", route.path);
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let place = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(place).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

/// Whether a value has the shape that a schema describes, as far as these schemas go.
fn check(schema: &Value, value: &Value, place: &str) {
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let fits = kinds.iter().any(|kind| match *kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        _ => value.is_object(),
    });
    assert!(fits, "{place}: {value} is no {kinds:?}");
    if let (Some(words), Value::String(_)) = (schema["enum"].as_array(), value) {
        assert!(words.contains(value), "{place}: {value}");
    }
    if let Some(list) = value.as_array() {
        list.iter().for_each(|item| check(&schema["items"], item, &format!("{place}[]")));
    }
    if let (Some(map), Some(fields)) = (value.as_object(), schema["properties"].as_object()) {
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(map.contains_key(required), "{place} has no {required}");
        }
        for (name, field) in map {
            assert!(
                fields.contains_key(name) || schema["additionalProperties"] != false,
                "{place}.{name} is not described"
            );
            check(&fields.get(name).cloned().unwrap_or_default(), field, &format!("{place}.{name}"));
        }
    }
}

#[tokio::test]
async fn rows_are_as_their_schemas_say() {
    let control = TestControl::start().await;
    let document = openapi::document();
    for (path, schema) in [
        ("keys", "Key"),
        ("channels", "Channel"),
        ("model-groups", "ModelGroup"),
        ("providers", "Provider"),
        ("config/versions", "ConfigVersion"),
        ("jobs", "Job"),
    ] {
        let rows = control.get(&format!("/admin/v1/{path}"), VIEWER).await.data();
        assert!(!rows.is_empty(), "{path}");
        for row in rows {
            check(&document["components"]["schemas"][schema], &row, schema);
        }
    }
}

#[tokio::test]
async fn documents_are_public_and_hold_no_script() {
    let control = TestControl::start().await;
    let data = control.call("GET", "/openapi.json", None, &[], None).await;
    assert_eq!((data.status, data.json()), (OK, openapi::document()));
    let page = control.call("GET", "/docs", None, &[], None).await;
    assert_eq!((page.status, page.header("content-type")), (OK, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text.contains("/admin/v1/requests/{id}/decision") && page.text.contains("/v1/chat/completions"));
    for word in ["<script", "http://", "https://", "javascript:"] {
        assert!(!page.text.contains(word), "{word}");
    }
}
