//! Faithful answers in the OpenAI dialect, deterministic: the same request gets the same answer.
//!
//! **The answer**: plain text echoes the last user message. With `tools` whose last message is not a tool result, the
//! tools named in the last user message are called (else the first one; with the word "parallel", several), arguments
//! made from their schema. With a JSON schema the content is the smallest plausible document for it.
//!
//! **Usage**: one token per four characters, rounded up, per text; 4 per message; 85 per image; tool and schema
//! definitions by the length of their JSON. So a test can compute what must be booked.

mod chat;
mod completions;
mod embeddings;
mod models;
mod schema;
mod text;
mod tools;
mod usage;

pub use schema::example;
pub use usage::{Usage, tokens_of};

use serde_json::{Value, json};

/// What can be asked of a provider, told apart by the end of the path, whatever stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST …/chat/completions`
    Chat,
    /// `POST …/completions`
    Completions,
    /// `POST …/embeddings`
    Embeddings,
    /// `GET …/models`
    Models,
    /// `GET …/models/{id}`
    Model,
    /// Anything else.
    Unknown,
}

impl Endpoint {
    /// The endpoint of a request.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Self {
        match method {
            "POST" if path.ends_with("/chat/completions") => Self::Chat,
            "POST" if path.ends_with("/completions") => Self::Completions,
            "POST" if path.ends_with("/embeddings") => Self::Embeddings,
            "GET" if path.ends_with("/models") => Self::Models,
            "GET" if path.contains("/models/") => Self::Model,
            _ => Self::Unknown,
        }
    }
}

/// Who speaks: what differs between the providers of a test or the demo.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Put before the echo of the user's message.
    pub greeting: String,
    /// The models of the list.
    pub models: Vec<String>,
    /// Whether a model outside the list is refused with 404.
    pub strict_models: bool,
    /// `created`, Unix seconds; a constant keeps answers deterministic.
    pub created: u64,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            greeting: "Simulated answer to: ".to_owned(),
            models: ["gpt-4o-mini", "gpt-4o", "text-embedding-3-small"].map(str::to_owned).to_vec(),
            strict_models: false,
            created: 1_790_000_000,
        }
    }
}

/// What a script changes about the content.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The text instead of the echo.
    pub text: Option<String>,
    /// The number of content events of a stream.
    pub pieces: Option<usize>,
    /// The finish reason.
    pub finish: Option<String>,
    /// What is said about usage.
    pub usage: UsageMode,
}

/// What is said about usage.
#[derive(Clone, Debug, Default)]
pub enum UsageMode {
    /// By the rule of this module.
    #[default]
    Counted,
    /// Nothing.
    Missing,
    /// Exactly this.
    Exactly(Value),
}

impl UsageMode {
    fn of(&self, counted: Usage) -> Option<Value> {
        match self {
            Self::Counted => Some(counted.to_json()),
            Self::Missing => None,
            Self::Exactly(value) => Some(value.clone()),
        }
    }
}

/// One event of a stream, without SSE framing.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it carries; cuts and delays count by this.
    pub kind: FrameKind,
    /// The JSON text of its `data`.
    pub data: String,
}

/// What an event of a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The role only.
    Role,
    /// Text or a piece of a tool call.
    Content,
    /// The finish reason.
    Finish,
    /// The extra usage chunk.
    Usage,
}

/// A refusal: status and OpenAI error body.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Refusal {
    /// 400 `invalid_request_error`.
    #[must_use]
    pub fn invalid(code: &str, param: Option<&str>, message: &str) -> Self {
        Self { status: 400, body: error_body("invalid_request_error", Some(code), param, message) }
    }

    /// 404 for a path or model that does not exist.
    #[must_use]
    pub fn not_found(code: &str, message: &str) -> Self {
        Self { status: 404, body: error_body("invalid_request_error", Some(code), None, message) }
    }
}

/// The OpenAI error envelope; `param` and `code` are there even when null.
#[must_use]
pub fn error_body(kind: &str, code: Option<&str>, param: Option<&str>, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The whole JSON answer.
///
/// # Errors
/// A [`Refusal`] for what a provider would refuse: missing fields, an unknown model, an unknown path.
pub fn whole(endpoint: Endpoint, path: &str, body: &Value, voice: &Voice, shape: &Shape) -> Result<Value, Refusal> {
    match endpoint {
        Endpoint::Chat => chat::compose(body, voice, shape).map(|answer| answer.whole()),
        Endpoint::Completions => completions::compose(body, voice, shape).map(|answer| answer.whole()),
        Endpoint::Embeddings => embeddings::answer(body, voice, shape),
        Endpoint::Models => Ok(models::list(voice)),
        Endpoint::Model => models::one(path, voice),
        Endpoint::Unknown => Err(Refusal::not_found("unknown_url", &format!("Unknown request URL: {path}"))),
    }
}

/// The events of a streamed answer, without `[DONE]`.
///
/// # Errors
/// As [`whole`]; also for endpoints that do not stream.
pub fn frames(
    endpoint: Endpoint,
    path: &str,
    body: &Value,
    voice: &Voice,
    shape: &Shape,
) -> Result<Vec<Frame>, Refusal> {
    match endpoint {
        Endpoint::Chat => chat::compose(body, voice, shape).map(|answer| answer.frames()),
        Endpoint::Completions => completions::compose(body, voice, shape).map(|answer| answer.frames()),
        _ => Err(Refusal::not_found("unknown_url", &format!("No stream at {path}"))),
    }
}

/// The requested model, checked.
fn model_of(body: &Value, voice: &Voice) -> Result<String, Refusal> {
    let model = body.get("model").and_then(Value::as_str).ok_or_else(|| {
        Refusal::invalid("missing_required_parameter", Some("model"), "you must provide a model parameter")
    })?;
    if voice.strict_models && !voice.models.iter().any(|known| known == model) {
        return Err(Refusal::not_found("model_not_found", &format!("The model `{model}` does not exist")));
    }
    Ok(model.to_owned())
}

/// Whether the request asks that usage be streamed.
fn wants_usage(body: &Value) -> bool {
    body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false)
}

/// An id made from the request, the same each time (FNV-1a, 64 bit).
fn id_of(prefix: &str, body: &Value) -> String {
    format!("{prefix}{:016x}", fingerprint(body.to_string().as_bytes()))
}

/// FNV-1a, 64 bit.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
