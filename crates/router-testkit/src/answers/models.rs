//! `GET /models` and `GET /models/{id}`.

use super::{Refusal, Voice};
use serde_json::{Value, json};

/// The model list.
pub(super) fn list(voice: &Voice) -> Value {
    let data: Vec<Value> = voice.models.iter().map(|id| object(id, voice)).collect();
    json!({"object": "list", "data": data})
}

/// One model; the id is the rest of the path and may contain slashes, also as `%2F`.
pub(super) fn one(path: &str, voice: &Voice) -> Result<Value, Refusal> {
    let id = path.split_once("/models/").map(|(_, id)| id).unwrap_or_default();
    let id = id.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":");
    if voice.models.contains(&id) {
        return Ok(object(&id, voice));
    }
    Err(Refusal::not_found("model_not_found", &format!("The model `{id}` does not exist")))
}

fn object(id: &str, voice: &Voice) -> Value {
    json!({"id": id, "object": "model", "created": voice.created, "owned_by": "simulated"})
}
