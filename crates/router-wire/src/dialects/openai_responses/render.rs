//! Errors in OpenAI's shape, with the codes that agents of this dialect know.

use serde_json::{Value, json};

use super::response;
use crate::dialects::ErrorView;

/// Above every number that a stream reaches. A stream that its provider numbered is ended by us without our having counted.
const LAST_NUMBER: u64 = 1_000_000_000;

/// `{"error":{"message","type","param","code"}}`
pub(super) fn error_body(error: &ErrorView<'_>) -> Vec<u8> {
    let code = error.code.map(|_| response::code(error));
    json!({"error": {"message": error.message, "type": error.kind, "param": error.param, "code": code}})
        .to_string()
        .into_bytes()
}

/// `response.failed` for a stream whose encoder is not at hand.
pub(super) fn error_event(error: &ErrorView<'_>) -> Vec<u8> {
    let mut response = match json!({
        "id": format!("resp_{}", error.request_id.unwrap_or("failed")),
        "object": "response",
        "created_at": 0,
        "model": "",
        "output": [],
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
        "incomplete_details": null,
        "usage": null,
    }) {
        Value::Object(response) => response,
        _ => return Vec::new(),
    };
    response::failed(&mut response, error);
    let event = json!({"type": "response.failed", "sequence_number": LAST_NUMBER, "response": response});
    format!("event: response.failed\ndata: {event}\n\n").into_bytes()
}

/// The answer of `/v1/responses/input_tokens`.
pub(super) fn count_tokens_body(input_tokens: u64) -> Vec<u8> {
    format!(r#"{{"object":"response.input_tokens","input_tokens":{input_tokens}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use router_core::fault::{ERROR_CODES, ErrorCode};

    fn view(code: Option<&'static str>) -> ErrorView<'static> {
        let (message, kind, error) = ("no", "server_error", ErrorCode::Overloaded);
        ErrorView { message, kind, param: None, code, status: 503, error, request_id: Some("7") }
    }

    #[test]
    fn codes_are_those_that_agents_know() {
        let code = |code| {
            let body: Value = serde_json::from_slice(&error_body(&view(code))).unwrap();
            body["error"]["code"].clone()
        };
        for passing in ERROR_CODES.iter().filter(|rule| rule.status == 503) {
            assert_eq!(code(Some(passing.openai_code)), "server_is_overloaded");
        }
        assert_eq!(code(Some("insufficient_quota")), "insufficient_quota");
        assert_eq!(code(None), Value::Null);
    }

    #[test]
    fn an_error_in_a_stream_is_a_response_that_failed() {
        let event = String::from_utf8(error_event(&view(Some("rate_limit_exceeded")))).unwrap();
        let data = event.strip_prefix("event: response.failed\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["response"]["error"], json!({"code": "rate_limit_exceeded", "message": "no"}));
        assert_eq!((&event["response"]["status"], &event["response"]["id"]), (&json!("failed"), &json!("resp_7")));
    }
}
