//! Lists of models and single ones, in the form of the dialect that asks and with what its vendors say of them.

use super::{Call, Dialect, Flavor, Refusal};
use serde_json::{Value, json};

/// The model list, or the page of it that the query names.
pub(super) fn list(call: &Call<'_>) -> Value {
    let ids = &call.voice.models;
    let objects = |ids: &[String]| ids.iter().map(|id| object(id, call)).collect::<Vec<Value>>();
    match call.dialect {
        Dialect::Messages => {
            let after = asked(call, "after_id").and_then(|last| ids.iter().position(|id| *id == last));
            let (page, more) = page(call, after.map_or(0, |place| place + 1));
            json!({"data": objects(page), "has_more": more, "first_id": page.first(), "last_id": page.last()})
        }
        Dialect::Gemini => {
            let start = asked(call, "pageToken").and_then(|token| token.strip_prefix("page+")?.parse().ok());
            let start: usize = start.unwrap_or(0);
            let (page, more) = page(call, start);
            let next = format!("page+{}", start + page.len());
            let models = objects(page);
            if more { json!({"models": models, "nextPageToken": next}) } else { json!({"models": models}) }
        }
        Dialect::Chat(Flavor::SiliconFlow) => {
            let wanted = asked(call, "sub_type");
            let of_kind = |id: &&String| wanted.as_deref().is_none_or(|kind| kind == kind_of(id));
            json!({"object": "list", "data": objects(&ids.iter().filter(of_kind).cloned().collect::<Vec<_>>())})
        }
        _ => json!({"object": "list", "data": objects(ids)}),
    }
}

/// A page from that place on, and whether there is more.
fn page<'a>(call: &'a Call<'_>, start: usize) -> (&'a [String], bool) {
    let rest = call.voice.models.get(start..).unwrap_or_default();
    rest.split_at_checked(call.voice.page).map_or((rest, false), |(page, more)| (page, !more.is_empty()))
}

/// A parameter of the query.
fn asked(call: &Call<'_>, name: &str) -> Option<String> {
    let pairs = call.query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next()?;
    Some(value.replace("%2B", "+").replace("%2F", "/").replace("%3A", ":"))
}

/// SiliconFlow's word for what a model of that name does.
fn kind_of(id: &str) -> &'static str {
    if id.contains("embed") { "embedding" } else { "chat" }
}

/// One model; the id is the rest of the path and may contain slashes, also as `%2F`.
pub(super) fn one(call: &Call<'_>) -> Result<Value, Refusal> {
    let id = call.path.split_once("/models/").map(|(_, id)| id).unwrap_or_default();
    let id = id.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":");
    if call.voice.models.contains(&id) { Ok(object(&id, call)) } else { Err(call.no_model(&id)) }
}

/// What Ollama says of a model that is asked about.
pub(super) fn shown(call: &Call<'_>) -> Result<Value, Refusal> {
    let id = call.model()?;
    if !call.voice.models.contains(&id) {
        return Err(call.no_model(&id));
    }
    let can = if kind_of(&id) == "embedding" { json!(["embedding"]) } else { json!(["completion", "tools"]) };
    Ok(json!({
        "details": {"family": "llama"}, "capabilities": can,
        "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
    }))
}

/// The prices of a reseller: a ratio of 0.75 is 1.5 for a million tokens; models whose name begins with `per-call` have a price
/// for each call.
pub(super) fn pricing(call: &Call<'_>) -> Value {
    let entry = |id: &String| {
        let by_call = id.starts_with("per-call");
        json!({
            "model_name": id, "quota_type": u8::from(by_call), "model_ratio": if by_call { 0.0 } else { 0.75 },
            "model_price": if by_call { 0.02 } else { 0.0 }, "completion_ratio": 4, "cache_ratio": 0.1,
            "enable_groups": ["default", "vip"], "supported_endpoint_types": ["openai"],
        })
    };
    let data: Vec<Value> = call.voice.models.iter().map(entry).collect();
    json!({"success": true, "data": data, "group_ratio": {"default": 1, "vip": 0.8}})
}

fn object(id: &str, call: &Call<'_>) -> Value {
    let mut object = match call.dialect {
        Dialect::Messages => {
            return json!({
                "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
                "max_input_tokens": 200_000, "max_tokens": 64_000,
            });
        }
        Dialect::Gemini => {
            return json!({
                "name": format!("models/{id}"), "displayName": id, "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent", "countTokens"],
            });
        }
        _ => json!({"id": id, "object": "model", "created": call.voice.created, "owned_by": "simulated"}),
    };
    let habits = match call.dialect {
        Dialect::Chat(Flavor::Groq) => {
            json!({"active": true, "context_window": 131_072, "max_completion_tokens": 32_768})
        }
        Dialect::Chat(Flavor::OpenRouter) => openrouter(id),
        Dialect::Chat(Flavor::NewApi) => json!({"supported_endpoint_types": ["openai"]}),
        Dialect::Chat(Flavor::Azure) => json!({
            "status": "succeeded", "lifecycle_status": "generally-available",
            "capabilities": {"chat_completion": kind_of(id) == "chat", "embeddings": kind_of(id) != "chat", "inference": true},
        }),
        Dialect::Chat(Flavor::Vllm) => json!({"max_model_len": 32_768}),
        _ => json!({}),
    };
    if let (Some(object), Some(habits)) = (object.as_object_mut(), habits.as_object()) {
        object.extend(habits.clone());
    }
    object
}

/// OpenRouter's particulars: its own routers have no fixed price, `:free` costs nothing.
fn openrouter(id: &str) -> Value {
    let (prompt, completion) = match id {
        id if id.starts_with("openrouter/") => ("-1", "-1"),
        id if id.ends_with(":free") => ("0", "0"),
        _ => ("0.00000015", "0.0000006"),
    };
    json!({
        "canonical_slug": id, "name": format!("Simulated: {id}"), "context_length": 128_000,
        "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"], "tokenizer": "Other"},
        "pricing": {"prompt": prompt, "completion": completion, "request": "0", "image": "0", "internal_reasoning": "0"},
        "top_provider": {"context_length": 128_000, "max_completion_tokens": 16_384, "is_moderated": false},
        "supported_parameters": ["max_tokens", "temperature", "tools", "response_format"], "per_request_limits": null,
    })
}
