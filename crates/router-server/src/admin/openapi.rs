//! The OpenAPI 3.1 document: the admin API from its table of routes, the client API from a list beside it.

use router_core::fault::ERROR_CODES;
use serde_json::{Map, Value, json};

use super::route::{Access, Answers, Route};
use super::{routes, schemas};

/// A path of the client API: method, path, summary, schema of the body, schema of the answer.
type ClientPath = (&'static str, &'static str, &'static str, Option<&'static str>, &'static str);

const CLIENT: &[ClientPath] = &[
    (
        "post",
        "/v1/chat/completions",
        "Chat, OpenAI dialect; a stream with `stream: true`",
        Some("ChatRequest"),
        "ChatAnswer",
    ),
    ("post", "/v1/completions", "Completion of a prompt, OpenAI dialect", Some("CompletionRequest"), "ChatAnswer"),
    ("post", "/v1/embeddings", "Embeddings, OpenAI dialect", Some("EmbeddingRequest"), "ChatAnswer"),
    ("get", "/v1/models", "Models and groups that the key may use", None, "ModelList"),
    ("get", "/v1/models/{id}", "One of them", None, "Model"),
];

/// Pages that need no key.
const PUBLIC: &[(&str, &str, &str)] = &[
    ("/health", "application/json", "How the router is, with everything that is wrong"),
    ("/health/live", "text/plain", "Whether the process answers"),
    ("/health/ready", "application/json", "Whether new requests should come here"),
    ("/metrics", "text/plain", "Metrics for Prometheus"),
];

/// Headers that a call to a model may carry.
const CLIENT_HEADERS: &[(&str, &str)] = &[
    ("x-request-id", "Kept if it matches [A-Za-z0-9._-]{1,64}, else made."),
    ("x-router-strategy", "Another strategy for this request."),
    ("x-router-max-cost", "The most that this request may cost, in USD."),
    ("x-router-session", "Requests with the same value go to the same channel, for the provider's prompt cache."),
    ("x-router-tags", "Tags that a channel model must have, or with `!` must not have; separated by commas."),
    ("x-router-timeout-ms", "The longest that this request may take."),
];

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (verb, path, summary, body, answer) in CLIENT {
        add(&mut paths, path, verb, client_operation(path, summary, *body, answer));
    }
    for (path, media, summary) in PUBLIC {
        let operation = json!({
            "tags": ["operation"],
            "summary": summary,
            "security": [],
            "responses": { "200": { "description": "OK", "content": { *media: {} } } },
        });
        add(&mut paths, path, "get", operation);
    }
    for route in routes() {
        add(&mut paths, route.path, &route.verb.as_str().to_lowercase(), admin_operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Smart AI Router",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One address for every LLM: the client API under /v1, the control plane under /admin/v1.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "A client key; also as x-api-key or api-key." },
            },
            "schemas": schemas::all(),
        },
    })
}

fn add(paths: &mut Map<String, Value>, path: &str, verb: &str, operation: Value) {
    let entry = paths.entry(path).or_insert_with(|| json!({}));
    if let Some(verbs) = entry.as_object_mut() {
        verbs.insert(verb.to_owned(), operation);
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn client_operation(path: &str, summary: &str, body: Option<&str>, answer: &str) -> Value {
    let mut parameters = path_parameters(path);
    if body.is_some() {
        let header = |(name, description): &(&str, &str)| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
        parameters.extend(CLIENT_HEADERS.iter().map(header));
    }
    let mut content = json!({ "application/json": { "schema": reference(answer) } });
    if let Some(map) = content.as_object_mut().filter(|_| matches!(body, Some("ChatRequest" | "CompletionRequest"))) {
        map.insert("text/event-stream".to_owned(), json!({}));
    }
    operation(
        "client",
        summary,
        "Any client key.",
        parameters,
        body,
        json!({
            "200": { "description": "OK", "content": content },
            "default": {
                "description": "An error; `x-router-error` holds its code",
                "content": { "application/json": { "schema": reference("ClientError") } },
            },
        }),
    )
}

fn admin_operation(route: &Route) -> Value {
    let mut parameters = path_parameters(route.path);
    let query = |param: &super::route::Param| json!({ "name": param.name, "in": "query", "description": param.description, "schema": { "type": "string" } });
    parameters.extend(route.query.iter().map(query));
    let (media, schema) = match route.answers {
        Answers::One(schema) => ("application/json", reference(schema)),
        Answers::Page(schema) => (
            "application/json",
            json!({
                "type": "object",
                "required": ["data", "next_cursor"],
                "properties": {
                    "data": { "type": "array", "items": reference(schema) },
                    "next_cursor": { "type": ["string", "null"] },
                },
            }),
        ),
        Answers::Object => ("application/json", json!({ "type": "object" })),
        Answers::Html => ("text/html", json!({ "type": "string" })),
    };
    let who = match route.access {
        Access::Public => "No key.",
        Access::Own => "Any role; `user` meets only what is its own.",
        Access::Read => "Role `viewer` or `admin`.",
        Access::Admin => "Role `admin`.",
    };
    let status = if matches!(route.answers, Answers::One("NewKey")) { "201" } else { "200" };
    let responses = json!({
        status: { "description": "OK", "content": { media: { "schema": schema } } },
        "default": {
            "description": "A problem (RFC 9457)",
            "content": { "application/problem+json": { "schema": reference("Problem") } },
        },
    });
    let mut operation = operation("admin", route.summary, who, parameters, route.body, responses);
    if let Some(map) = operation.as_object_mut().filter(|_| route.access == Access::Public) {
        map.insert("security".to_owned(), json!([]));
    }
    operation
}

fn operation(
    tag: &str,
    summary: &str,
    description: &str,
    parameters: Vec<Value>,
    body: Option<&str>,
    responses: Value,
) -> Value {
    let mut operation = json!({ "tags": [tag], "summary": summary, "description": description });
    if let Some(map) = operation.as_object_mut() {
        if !parameters.is_empty() {
            map.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(schema) = body {
            let content = json!({ "application/json": { "schema": reference(schema) } });
            map.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
        map.insert("responses".to_owned(), responses);
    }
    operation
}

/// The parameters that stand in a path in braces.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter =
        |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    names.map(parameter).collect()
}

/// Every code that an error may carry.
pub(super) fn error_codes() -> Vec<&'static str> {
    ERROR_CODES.iter().map(|rule| rule.name).chain(["precondition_failed"]).collect()
}
