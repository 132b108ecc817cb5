//! The schemas of the OpenAPI document. A test holds the rows that the admin API gives against them.

mod discovery;
mod jobs;

use serde_json::{Value, json};

use super::openapi::error_codes;

/// All schemas by name.
pub(super) fn all() -> Value {
    json!({
        "Problem": object(&[("type", text()), ("title", text()), ("status", int()), ("code", json!({ "type": "string", "enum": error_codes() })), ("detail", text()), ("field", text()), ("error_class", described("string", "What went wrong with a provider, as in the request log."))], &["type", "title", "status", "code", "detail"]),
        "ClientError": json!({ "type": "object", "properties": { "error": object(&[("message", text()), ("type", text()), ("param", nullable("string")), ("code", nullable("string"))], &["message", "type"]) } }),
        "KeyInput": object(&key_fields(), &[]),
        "Key": strict(&key_row()),
        "NewKey": strict(&with(key_row(), &[("key", described("string", "The key itself. It is shown this once."))])),
        "Request": strict(&request_row()),
        "Channel": strict(&channel_row()),
        "ChannelTest": strict(&[("channel", text()), ("result", words(&super::actions::RESULTS))]),
        "Discovery": discovery::schema(),
        "Job": jobs::job(),
        "JobRun": jobs::run(),
        "ModelGroup": strict(&group_row()),
        "Provider": strict(&[("id", text()), ("name", text()), ("kind", text()), ("managed_by", text()), ("enabled", flag()), ("channels", texts()), ("channels_ok", int()), ("models", int()), ("in_flight", int())]),
        "ConfigVersion": strict(&[("id", text()), ("number", int()), ("hash", text()), ("source", text()), ("created_at", moment()), ("serving", flag())]),
        "ReloadReport": strict(&[("version", int()), ("hash", text()), ("changed", flag())]),
        "Question": question(),
        "Explanation": explanation(),
        "BacktestQuestion": super::backtest::question_schema(),
        "Backtest": super::backtest::answer_schema(),
        "PlanQuestion": super::plan::question_schema(),
        "Plan": super::plan::answer_schema(),
        "WhatIf": what_if(),
        "WhatIfAnswer": what_if_answer(),
        "ChatRequest": open(&[("model", text()), ("messages", json!({ "type": "array", "items": { "type": "object" } })), ("stream", flag()), ("max_completion_tokens", int())], &["model", "messages"]),
        "CompletionRequest": open(&[("model", text()), ("prompt", json!({})), ("stream", flag()), ("max_tokens", int())], &["model", "prompt"]),
        "EmbeddingRequest": open(&[("model", text()), ("input", json!({}))], &["model", "input"]),
        "ChatAnswer": described("object", "As the provider sent it, in the OpenAI dialect."),
        "Model": open(&[("id", text()), ("object", text()), ("type", text()), ("created", int()), ("created_at", moment()), ("owned_by", text()), ("display_name", text()), ("context_length", int())], &["id", "object", "owned_by"]),
        "ModelList": open(&[("object", text()), ("data", json!({ "type": "array", "items": { "$ref": "#/components/schemas/Model" } })), ("has_more", flag())], &["object", "data"]),
    })
}

type Field = (&'static str, Value);

fn text() -> Value {
    json!({ "type": "string" })
}

fn int() -> Value {
    json!({ "type": "integer" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn list(item: Value) -> Value {
    json!({ "type": "array", "items": item })
}

fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn usd() -> Value {
    described("string", "USD, exactly, nine digits behind the point.")
}

fn maybe(mut schema: Value) -> Value {
    let kind = schema.get("type").and_then(Value::as_str).map(str::to_owned);
    if let (Some(kind), Some(map)) = (kind, schema.as_object_mut()) {
        map.insert("type".to_owned(), json!([kind, "null"]));
    }
    schema
}

fn nullable(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn described(kind: &str, description: &str) -> Value {
    json!({ "type": kind, "description": description })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn properties(fields: &[Field]) -> Value {
    Value::Object(fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect())
}

/// These fields and no others.
fn object(fields: &[Field], required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties(fields), "additionalProperties": false });
    if let Some(map) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        map.insert("required".to_owned(), json!(required));
    }
    schema
}

/// Exactly these fields.
fn strict(fields: &[Field]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    object(fields, &names)
}

/// These fields and any others.
fn open(fields: &[Field], required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties(fields), "required": required })
}

fn with(mut fields: Vec<Field>, more: &[Field]) -> Vec<Field> {
    fields.extend_from_slice(more);
    fields
}

fn key_fields() -> Vec<Field> {
    let amount =
        || json!({ "type": ["string", "number", "null"], "description": "USD, at most nine digits behind the point." });
    vec![
        ("name", described("string", "Unique among keys that are not revoked; needed to make one.")),
        ("role", words(&["user", "viewer", "admin"])),
        (
            "groups",
            json!({ "type": "array", "items": { "type": "string" }, "description": "Patterns of groups and models; empty: all." }),
        ),
        ("daily_budget", amount()),
        ("monthly_budget", amount()),
        ("rate_limits", rate_limits()),
        ("ip_allow", texts()),
        ("expires_at", maybe(moment())),
    ]
}

fn rate_limits() -> Value {
    let limit = || maybe(int());
    object(&[("requests_per_minute", limit()), ("tokens_per_minute", limit()), ("max_in_flight", limit())], &[])
}

fn key_row() -> Vec<Field> {
    vec![
        ("id", text()),
        ("name", text()),
        ("role", words(&["user", "viewer", "admin"])),
        ("status", words(&["active", "expired", "revoked"])),
        ("groups", texts()),
        ("daily_budget", maybe(usd())),
        ("monthly_budget", maybe(usd())),
        ("rate_limits", rate_limits()),
        ("ip_allow", texts()),
        ("expires_at", maybe(moment())),
        ("prefix", text()),
        ("last4", text()),
        ("managed_by", words(&["api", "file"])),
        ("source", nullable("string")),
        ("created_at", moment()),
        ("revoked_at", maybe(moment())),
    ]
}

fn tokens() -> Value {
    let names = ["input", "cached_input", "cache_write", "output", "reasoning"];
    strict(&names.map(|name| (name, int())))
}

fn request_row() -> Vec<Field> {
    let attempt = object(
        &[
            ("n", int()),
            ("channel", text()),
            ("provider", text()),
            ("upstream_model", text()),
            ("outcome", text()),
            ("status", maybe(int())),
            ("started_at", moment()),
            ("first_byte_at", maybe(moment())),
            ("ended_at", moment()),
            ("tokens", tokens()),
            ("cost_usd", usd()),
            ("provider_key", nullable("string")),
            ("upstream_request_id", nullable("string")),
            ("retry_after_ms", maybe(int())),
            ("away_until", maybe(moment())),
            ("detail", nullable("string")),
        ],
        &["n", "channel", "provider", "upstream_model", "outcome", "started_at", "ended_at", "tokens", "cost_usd"],
    );
    let states = ["completed", "error", "client_closed", "timeout", "shutdown", "interrupted"];
    vec![
        ("id", text()),
        ("client_request_id", nullable("string")),
        ("key", described("string", "Name of the client key at that time.")),
        ("key_id", text()),
        ("endpoint", text()),
        ("dialect", text()),
        ("model", text()),
        ("group", nullable("string")),
        ("channel", nullable("string")),
        ("provider", nullable("string")),
        ("upstream_model", nullable("string")),
        ("strategy", nullable("string")),
        ("status", words(&states)),
        ("error_code", nullable("string")),
        ("error_class", nullable("string")),
        ("stream", flag()),
        ("attempts", list(attempt)),
        ("tokens", tokens()),
        ("tokens_source", words(&["reported", "counted", "estimated"])),
        ("cost_usd", usd()),
        ("reserved_usd", usd()),
        ("price_version", nullable("string")),
        ("latency_ms", int()),
        ("ttft_ms", maybe(int())),
        ("throughput_tps", maybe(number())),
        ("overhead_us", int()),
        ("config_version", int()),
        ("created_at", moment()),
        ("bytes_in", int()),
        ("bytes_out", int()),
        ("user_agent", nullable("string")),
        ("flags", texts()),
    ]
}

fn live() -> Value {
    strict(&[
        ("health", number()),
        ("breaker", words(&["closed", "open", "half_open"])),
        ("breaker_open_until", maybe(moment())),
        ("cooldown_until", maybe(moment())),
        ("in_flight", int()),
        ("ttft_ms", maybe(number())),
        ("tokens_per_second", maybe(number())),
    ])
}

fn channel_row() -> Vec<Field> {
    let limits = [
        ("requests_per_minute", maybe(int())),
        ("tokens_per_minute", maybe(int())),
        ("requests_per_day", maybe(int())),
        ("max_in_flight", maybe(int())),
        ("daily_budget", maybe(usd())),
    ];
    let cooling_model = strict(&[("model", text()), ("until", moment()), ("reason", nullable("string"))]);
    let key = strict(&[
        ("id", text()),
        ("configured", flag()),
        ("last4", nullable("string")),
        ("fingerprint", nullable("string")),
        ("weight", number()),
        ("daily_budget", maybe(usd())),
        ("spent_today", maybe(usd())),
        ("limits", strict(&limits[..4])),
        ("requests_today", maybe(int())),
        ("status", words(&["usable", "cooling", "full", "spent"])),
        ("until", maybe(moment())),
        ("reason", nullable("string")),
        ("cooldown_until", maybe(moment())),
        ("health", number()),
        ("in_flight", int()),
        ("cooling_models", list(cooling_model)),
    ]);
    let model = strict(&[
        ("name", text()),
        ("upstream_name", text()),
        ("aliases", texts()),
        ("context_length", maybe(int())),
        ("max_output_tokens", maybe(int())),
        ("capabilities", texts()),
        ("tags", texts()),
        ("priced", flag()),
        ("out", nullable("string")),
        ("live", live()),
    ]);
    vec![
        ("id", text()),
        ("name", text()),
        ("provider", text()),
        ("kind", text()),
        ("base_url", text()),
        ("region", nullable("string")),
        ("priority", int()),
        ("weight", number()),
        ("enabled", flag()),
        ("managed_by", text()),
        ("status", words(&["ok", "cooling", "open", "half_open", "disabled"])),
        ("live", live()),
        ("limits", strict(&limits)),
        ("key_rotation", words(&["weighted", "least_used"])),
        ("keys", list(key)),
        ("models", list(model)),
    ]
}

fn group_row() -> Vec<Field> {
    let member = strict(&[
        ("channel", text()),
        ("provider", text()),
        ("model", text()),
        ("priority", int()),
        ("weight", number()),
        ("daily_limit", maybe(int())),
        ("out", nullable("string")),
    ]);
    vec![
        ("id", text()),
        ("name", text()),
        ("display_name", text()),
        ("description", text()),
        ("managed_by", text()),
        ("built_in", flag()),
        ("strategy", text()),
        ("algorithm", text()),
        ("layers", list(layer())),
        ("daily_budget", maybe(usd())),
        ("max_cost_per_request", maybe(usd())),
        ("fallback", texts()),
        ("members", list(member)),
    ]
}

fn layer() -> Value {
    strict(&[("field", text()), ("order", words(&["asc", "desc"])), ("weight", number())])
}

fn question() -> Value {
    open(
        &[
            ("model", described("string", "Model, group or expression.")),
            ("body", described("object", "A request as a client would send it; or give its fields beside `model`.")),
            ("key", described("string", "Id or name of the client key whose permissions count.")),
            ("endpoint", words(&["chat_completions", "completions", "embeddings"])),
            ("strategy", text()),
            ("max_cost", json!({ "type": ["string", "number"] })),
            ("tags", json!({ "type": ["string", "array"] })),
            ("session", text()),
        ],
        &["model"],
    )
}

fn what_if() -> Value {
    let numbers = |words: &str| json!({ "type": "object", "additionalProperties": { "type": "number", "minimum": 0 }, "description": words });
    let mut schema = open(
        &[
            ("weights", numbers("New weights of recorded layers, by field.")),
            (
                "strategy",
                described(
                    "string",
                    "Another strategy, instead of weights. Values that were not stored are those of today.",
                ),
            ),
            ("prices", numbers("By CHANNEL or CHANNEL/MODEL: what the price that routing compares is multiplied by.")),
            ("without", described("array", "CHANNEL or CHANNEL/MODEL that are not there.")),
        ],
        &[],
    );
    if let Some(map) = schema.as_object_mut() {
        map.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

fn what_if_answer() -> Value {
    let candidate = open(
        &[("channel", text()), ("model", text()), ("score", number()), ("recorded_rank", int()), ("fallback", text())],
        &["channel", "model", "score", "recorded_rank"],
    );
    strict(&[
        ("id", text()),
        ("recorded", nullable("string")),
        ("chosen", nullable("string")),
        ("summary", text()),
        ("order", list(candidate)),
        ("of_today", texts()),
    ])
}

fn explanation() -> Value {
    let chosen = strict(&[("channel", text()), ("provider", text()), ("model", text()), ("upstream_model", text())]);
    let price = open(
        &[
            ("real_usd", number()),
            ("effective_usd", number()),
            ("multiplier", number()),
            ("policies", json!({ "type": "array", "items": { "type": "string" } })),
            ("shadow_usd", number()),
            ("cached_tokens", int()),
        ],
        &["real_usd", "effective_usd", "multiplier"],
    );
    let candidate = open(
        &[
            ("rank", maybe(int())),
            ("channel", text()),
            ("provider", text()),
            ("model", text()),
            ("upstream_model", text()),
            ("fallback", text()),
            ("verdict", words(&["eligible", "out"])),
            ("reason", text()),
            ("reason_text", text()),
            ("until_ms", int()),
            ("score", maybe(number())),
            ("price", maybe(price)),
            ("factors", described("object", "Raw and normalised value of each layer.")),
        ],
        &["rank", "channel", "model", "verdict", "score", "factors"],
    );
    strict(&[
        ("group", nullable("string")),
        ("strategy", text()),
        ("algorithm", text()),
        ("layers", list(layer())),
        ("summary", text()),
        ("chosen", maybe(chosen)),
        ("candidates", list(candidate)),
    ])
}
