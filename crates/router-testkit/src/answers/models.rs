//! Lists of models and single ones, in the form of the dialect that asks.

use super::{Call, Dialect, Refusal};
use serde_json::{Value, json};

/// The model list.
pub(super) fn list(call: &Call<'_>) -> Value {
    let ids = &call.voice.models;
    let data: Vec<Value> = ids.iter().map(|id| object(id, call)).collect();
    match call.dialect {
        Dialect::Messages => json!({"data": data, "has_more": false, "first_id": ids.first(), "last_id": ids.last()}),
        Dialect::Gemini => json!({"models": data}),
        _ => json!({"object": "list", "data": data}),
    }
}

/// One model; the id is the rest of the path and may contain slashes, also as `%2F`.
pub(super) fn one(call: &Call<'_>) -> Result<Value, Refusal> {
    let id = call.path.split_once("/models/").map(|(_, id)| id).unwrap_or_default();
    let id = id.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":");
    if call.voice.models.contains(&id) { Ok(object(&id, call)) } else { Err(call.no_model(&id)) }
}

fn object(id: &str, call: &Call<'_>) -> Value {
    match call.dialect {
        Dialect::Messages => json!({
            "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
            "max_input_tokens": 200_000, "max_tokens": 64_000,
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{id}"), "displayName": id, "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }),
        _ => json!({"id": id, "object": "model", "created": call.voice.created, "owned_by": "simulated"}),
    }
}
