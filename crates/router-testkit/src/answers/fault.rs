//! Failures in the form of the dialect that was spoken: one failure, every vendor's envelope.

use super::chat::Flavor;
use super::endpoint::Dialect;
use serde_json::{Value, json};

/// A failure before it has a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status; for a failure inside a stream, the status that it would have had.
    pub status: u16,
    /// OpenAI's `type`; the other dialects have a word of their own for each status.
    pub kind: String,
    /// OpenAI's `code`.
    pub code: Option<String>,
    /// The field at fault.
    pub param: Option<String>,
    /// The sentence.
    pub message: String,
}

impl Failure {
    /// A failure with the type and code that OpenAI uses with the status.
    #[must_use]
    pub fn with_status(status: u16, message: &str) -> Self {
        let (kind, code) = match status {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            400..=499 => ("invalid_request_error", None),
            503 => ("service_unavailable_error", None),
            _ => ("server_error", None),
        };
        Self::new(status, kind, code, message)
    }

    /// A failure with this type, code and message.
    #[must_use]
    pub fn new(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        Self { status, kind: kind.to_owned(), code: code.map(str::to_owned), param: None, message: message.to_owned() }
    }

    /// The same, about a field.
    #[must_use]
    pub fn about(mut self, param: Option<&str>) -> Self {
        self.param = param.map(str::to_owned);
        self
    }

    /// The body of an error answer.
    #[must_use]
    pub fn body(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::Chat(flavor) => self.chat(flavor),
            Dialect::Responses => self.openai(),
            Dialect::Messages => {
                let error = json!({"type": anthropic_kind(self.status), "message": self.message});
                json!({"type": "error", "error": error, "request_id": "req_simulated"})
            }
            Dialect::Gemini => self.gemini(),
            Dialect::Ollama => json!({"error": self.message}),
        }
    }

    fn openai(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }

    fn chat(&self, flavor: Flavor) -> Value {
        match flavor {
            Flavor::OpenAi | Flavor::Groq | Flavor::DeepSeek | Flavor::Ollama => self.openai(),
            Flavor::OpenRouter => json!({"error": {"code": self.status, "message": self.message}}),
            Flavor::SiliconFlow if self.status == 401 => json!("Invalid token"),
            Flavor::SiliconFlow if self.status == 429 => json!({"message": self.message, "data": null}),
            Flavor::SiliconFlow => {
                let code = if self.code.as_deref() == Some("model_not_found") { 20_012 } else { 20_015 };
                json!({"code": code, "message": self.message, "data": null})
            }
            Flavor::Azure => {
                let code = self.code.clone().filter(|_| self.status == 400).unwrap_or_else(|| self.status.to_string());
                json!({"error": {"code": code, "message": self.message, "param": self.param, "type": self.kind}})
            }
            Flavor::Vllm => json!({
                "object": "error", "message": self.message, "type": vllm_kind(self.status), "param": self.param, "code": self.status,
            }),
            Flavor::NewApi => json!({"error": {
                "message": format!("{} (request id: 20260101000000simulated)", self.message),
                "type": "new_api_error", "param": self.param.clone().unwrap_or_default(), "code": self.code.clone().unwrap_or_default(),
            }}),
        }
    }

    fn gemini(&self) -> Value {
        let details = match self.status {
            429 => json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]),
            400 if self.code.as_deref() == Some("invalid_api_key") => {
                json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}])
            }
            _ => json!([]),
        };
        json!({"error": {"code": self.status, "message": self.message, "status": gemini_status(self.status), "details": details}})
    }
}

/// Anthropic's `error.type` for a status.
fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    }
}

/// Google's canonical status for an HTTP status.
fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        402 | 429 => "RESOURCE_EXHAUSTED",
        400..=498 => "INVALID_ARGUMENT",
        499 => "CANCELLED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

fn vllm_kind(status: u16) -> &'static str {
    match status {
        401 => "AuthenticationError",
        404 => "NotFoundError",
        429 => "RateLimitError",
        400..=499 => "BadRequestError",
        _ => "InternalServerError",
    }
}
