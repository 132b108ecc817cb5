//! Errors in OpenAI's shape.

use serde::Serialize;

use crate::dialects::ErrorView;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

/// `param` and `code` are present even when null: SDKs read them.
#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

fn envelope<'a>(error: &ErrorView<'a>) -> Envelope<'a> {
    Envelope { error: Body { message: error.message, r#type: error.kind, param: error.param, code: error.code } }
}

/// `{"error":{"message","type","param","code"}}`
#[must_use]
pub fn error_body(error: &ErrorView<'_>) -> Vec<u8> {
    // Strings and options always serialise.
    serde_json::to_vec(&envelope(error)).unwrap_or_default()
}

/// The same as an event: `data: {"error":…}` and a blank line.
#[must_use]
pub fn error_event(error: &ErrorView<'_>) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.extend_from_slice(&error_body(error));
    event.extend_from_slice(b"\n\n");
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_fields_are_there_even_when_null() {
        let error = ErrorView {
            message: "no \"x\"\n",
            kind: "server_error",
            param: None,
            code: Some("overloaded"),
            status: 503,
            error: router_core::fault::ErrorCode::Overloaded,
            request_id: None,
        };
        let body = String::from_utf8(error_body(&error)).unwrap();
        assert_eq!(
            body,
            r#"{"error":{"message":"no \"x\"\n","type":"server_error","param":null,"code":"overloaded"}}"#
        );
        assert_eq!(error_event(&error), format!("data: {body}\n\n").into_bytes());
    }
}
