//! Errors in Anthropic's shape: `{"type":"error","error":{"type","message"},"request_id"}`.

use router_core::fault::ErrorCode;
use serde_json::{Value, json};

use crate::dialects::ErrorView;

/// How messages about length begin; Claude Code makes its conversation shorter when it reads this.
const TOO_LONG: &str = "prompt is too long: ";

fn envelope(error: &ErrorView<'_>) -> Value {
    let long = error.error == ErrorCode::ContextLengthExceeded && !error.message.starts_with(TOO_LONG);
    let message = if long { format!("{TOO_LONG}{}", error.message) } else { error.message.to_owned() };
    let mut body = json!({ "type": "error", "error": { "type": kind(error), "message": message } });
    if let (Some(id), Some(object)) = (error.request_id, body.as_object_mut()) {
        object.insert("request_id".into(), id.into());
    }
    body
}

fn kind(error: &ErrorView<'_>) -> &'static str {
    match (error.error, error.status) {
        (ErrorCode::BudgetExceeded, _) | (_, 402) => "billing_error",
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 404) => "not_found_error",
        (_, 413) => "request_too_large",
        (_, 429) => "rate_limit_error",
        (_, 503 | 529) => "overloaded_error",
        (_, 408 | 504) => "timeout_error",
        (_, 400..=499) => "invalid_request_error",
        _ => "api_error",
    }
}

/// An error as the body of an answer.
pub(super) fn error_body(error: &ErrorView<'_>) -> Vec<u8> {
    envelope(error).to_string().into_bytes()
}

/// The same as an event.
pub(super) fn error_event(error: &ErrorView<'_>) -> Vec<u8> {
    format!("event: error\ndata: {}\n\n", envelope(error)).into_bytes()
}

/// The answer of `count_tokens`.
#[must_use]
pub(super) fn count_tokens_body(input_tokens: u64) -> Vec<u8> {
    json!({ "input_tokens": input_tokens }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use router_core::fault::ERROR_CODES;

    #[test]
    fn every_error_has_a_type_that_anthropics_clients_know() {
        for rule in ERROR_CODES {
            let view = ErrorView {
                message: "m",
                kind: rule.openai_type,
                param: None,
                code: Some(rule.openai_code),
                status: rule.status,
                error: rule.code,
                request_id: Some("r1"),
            };
            let body: Value = serde_json::from_slice(&error_body(&view)).unwrap();
            assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!("r1")));
            let kind = body["error"]["type"].as_str().unwrap();
            let expected = match rule.code {
                ErrorCode::BudgetExceeded => "billing_error",
                ErrorCode::InvalidApiKey | ErrorCode::MissingApiKey | ErrorCode::KeyExpired => "authentication_error",
                ErrorCode::ModelNotFound => "not_found_error",
                ErrorCode::RequestTooLarge => "request_too_large",
                ErrorCode::RateLimitExceeded => "rate_limit_error",
                ErrorCode::NoChannelAvailable => "overloaded_error",
                ErrorCode::UpstreamTimeout => "timeout_error",
                ErrorCode::UpstreamError => "api_error",
                ErrorCode::InvalidJson => "invalid_request_error",
                _ => kind,
            };
            assert_eq!(kind, expected, "{}", rule.name);
            let long = body["error"]["message"].as_str().unwrap().starts_with(TOO_LONG);
            assert_eq!(long, rule.code == ErrorCode::ContextLengthExceeded);
            assert!(error_event(&view).starts_with(b"event: error\ndata: {"));
        }
    }
}
