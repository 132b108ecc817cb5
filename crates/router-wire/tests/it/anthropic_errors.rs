//! Anthropic's error bodies, as it writes them: what each means, and for how long.

use http::{HeaderMap, HeaderName, HeaderValue};
use router_core::fault::FaultKind::{self, *};
use router_wire::adapters::{Auth, by_name};
use serde_json::json;

/// 2026-01-10T00:00:00Z
const NOW: u64 = 1_768_003_200_000;

#[test]
fn every_error_body_has_its_class() {
    #[rustfmt::skip]
    let table: &[(u16, &str, &str, FaultKind)] = &[
        (401, "authentication_error", "invalid x-api-key", KeyInvalid),
        (402, "billing_error", "Payment is required.", KeyBilling),
        (403, "permission_error", "Your API key does not have permission to use the specified resource.", ModelUnavailable),
        (404, "not_found_error", "model: claude-nothing", ModelUnavailable),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", KeyBilling),
        (400, "invalid_request_error", "You have reached your specified API usage limits. You will regain access on 2026-02-01 at 00:00 UTC.", RateLimited),
        (400, "invalid_request_error", "This organization has been disabled.", KeyInvalid),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextLength),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000", ContextLength),
        (400, "invalid_request_error", "This model does not support assistant message prefill.", Unsupported),
        (400, "invalid_request_error", "`temperature` may only be set to 1 when thinking is enabled.", Unsupported),
        (400, "invalid_request_error", "Thinking may not be enabled when tool_choice forces tool use.", Unsupported),
        (400, "invalid_request_error", "context_management: Extra inputs are not permitted", Unsupported),
        (400, "invalid_request_error", "Unexpected value(s) `x` for the `anthropic-beta` header.", Unsupported),
        (400, "invalid_request_error", "Output blocked by content filtering policy", ContentPolicy),
        (400, "invalid_request_error", "messages.0.content: Field required", InvalidRequest),
        (400, "invalid_request_error", "max_tokens: must be greater than thinking.budget_tokens", InvalidRequest),
        (409, "invalid_request_error", "conflict", Temporary),
        (413, "request_too_large", "Request exceeds the maximum size", TooLargeForLimit),
        (429, "rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit", RateLimited),
        (500, "api_error", "Internal server error", Temporary),
        (504, "timeout_error", "The request timed out", Temporary),
        (529, "overloaded_error", "Overloaded", Overloaded),
        (200, "overloaded_error", "Overloaded", Overloaded),
        (200, "api_error", "Internal server error", Temporary),
        (200, "brand_new_error", "?", Temporary),
    ];
    for (status, kind, message, expected) in table {
        let body = json!({"type":"error","error":{"type":kind,"message":message},"request_id":"req_1"});
        let fault = by_name("anthropic").classify(*status, &HeaderMap::new(), body.to_string().as_bytes(), NOW);
        assert_eq!(fault.kind, *expected, "{status} {kind}: {message}");
    }
}

#[test]
fn codes_in_the_details_decide() {
    for (status, code, expected) in [
        (429, "enforced_spend_limit_reached", KeyBilling),
        (429, "contract_spend_limit_reached", KeyBilling),
        (429, "ramp_limit_exceeded", RateLimited),
        (400, "organization_on_hold", KeyInvalid),
        (400, "image_dimensions_too_large", InvalidRequest),
        (403, "sandbox_egress_restricted", InvalidRequest),
        (503, "cmek_key_disabled", ModelUnavailable),
    ] {
        let body = json!({"type":"error","error":{"type":"x","message":"is not supported for this model",
            "details":{"error_code":code}}});
        let fault = by_name("anthropic").classify(status, &HeaderMap::new(), body.to_string().as_bytes(), NOW);
        assert_eq!(fault.kind, expected, "{code}");
    }
}

#[test]
fn waits_are_read_from_headers_messages_and_the_calendar() {
    let classify = |status, headers: &[(&'static str, &str)], body: serde_json::Value| {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        by_name("anthropic").classify(status, &headers, body.to_string().as_bytes(), NOW)
    };
    let limited = json!({"type":"error","error":{"type":"rate_limit_error","message":"slow"}});
    let fault = classify(429, &[("retry-after", "7")], limited.clone());
    assert_eq!((fault.retry_after_ms, fault.until_ms), (Some(7_000), None));
    let reset = [
        ("anthropic-ratelimit-requests-remaining", "5"),
        ("anthropic-ratelimit-requests-reset", "2026-01-10T01:00:00Z"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-01-10T00:00:30Z"),
    ];
    assert_eq!(classify(429, &reset, limited).until_ms, Some(NOW + 30_000));
    let until = json!({"type":"error","error":{"type":"invalid_request_error",
        "message":"You have reached your specified API usage limits. You will regain access on 2026-01-11 at 00:00 UTC."}});
    assert_eq!(classify(400, &[], until).until_ms, Some(NOW + 86_400_000));
    let month = json!({"type":"error","error":{"type":"rate_limit_error","message":"limit",
        "details":{"error_code":"enforced_spend_limit_reached"}}});
    assert_eq!(classify(429, &[], month).until_ms, Some(NOW + 22 * 86_400_000));
}

#[test]
fn the_preset_speaks_as_anthropic_wants_it() {
    let preset = (by_name("anthropic").preset)();
    assert_eq!((preset.dialect.as_str(), preset.auth), ("anthropic", Auth::XApiKey));
    assert!(preset.headers.iter().any(|(name, value)| name == "anthropic-version" && value == "2023-06-01"));
}
