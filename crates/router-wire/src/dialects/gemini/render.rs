//! Errors in Google's shape: `{"error":{"code","message","status","details"}}`.

use serde_json::{Value, json};

use crate::dialects::ErrorView;

fn envelope(error: &ErrorView<'_>) -> Value {
    let mut details = Vec::new();
    if let Some(code) = error.code {
        details.push(json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.to_ascii_uppercase()}));
    }
    if let Some(param) = error.param {
        let violation = json!({"field": param, "description": error.message});
        details.push(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}));
    }
    let word = word(error.status);
    json!({"error": {"code": error.status, "message": error.message, "status": word, "details": details}})
}

/// Google's word for a status.
const fn word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        499 => "CANCELLED",
        502 | 503 | 529 => "UNAVAILABLE",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// The body of an answer.
pub(super) fn error_body(error: &ErrorView<'_>) -> Vec<u8> {
    envelope(error).to_string().into_bytes()
}

/// An event of a stream; an array stream takes it as its last element.
pub(super) fn error_event(error: &ErrorView<'_>) -> Vec<u8> {
    format!("data: {}\r\n\r\n", envelope(error)).into_bytes()
}

/// The answer of `countTokens`.
#[must_use]
pub(super) fn count_tokens_body(tokens: u64) -> Vec<u8> {
    json!({"totalTokens": tokens}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use router_core::fault::ErrorCode;

    #[test]
    fn errors_name_googles_status() {
        let view = |status| ErrorView {
            message: "no",
            kind: "server_error",
            param: Some("contents"),
            code: Some("overloaded"),
            status,
            error: ErrorCode::Overloaded,
            request_id: None,
        };
        for (status, word) in
            [(400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (402, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE")]
        {
            let body: Value = serde_json::from_slice(&error_body(&view(status))).unwrap();
            assert_eq!((&body["error"]["status"], &body["error"]["code"]), (&json!(word), &json!(status)));
            assert_eq!(body["error"]["details"][0]["reason"], "OVERLOADED");
        }
        assert!(error_event(&view(503)).starts_with(b"data: {"));
    }
}
