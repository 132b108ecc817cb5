//! Error bodies of the real shapes, and what each must become.

use http::{HeaderMap, HeaderValue};
use router_core::fault::{Fault, FaultKind::*};
use router_wire::adapters::by_name;
use router_wire::classify::ErrorBody;

/// 2026-11-23T12:00:00Z
const NOW: u64 = 1_795_435_200_000;

fn classify(adapter: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect();
    by_name(adapter).classify(status, &headers, body.as_bytes(), NOW)
}

/// One line of `golden/errors.jsonl`: an error of a provider, in its real shape, and what it must become.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Name of the adapter.
    adapter: String,
    status: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    /// Text stands for itself, anything else for its JSON.
    body: serde_json::Value,
    /// The stable word of the class.
    class: String,
    /// Whose fault it is: key, channel_model, channel, provider, client.
    scope: String,
    /// How long the provider asks to be left alone; absent where it does not say.
    wait_ms: Option<u64>,
    /// Until when, where it names a date.
    until_ms: Option<u64>,
}

#[test]
fn every_known_error_gets_its_class_its_scope_and_its_wait() {
    let (mut wrong, mut rows) = (Vec::new(), 0);
    for line in include_str!("../golden/errors.jsonl").lines() {
        let row: Row = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        rows += 1;
        let body = row.body.as_str().map_or_else(|| row.body.to_string(), str::to_owned);
        let headers: HeaderMap =
            row.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let fault = by_name(&row.adapter).classify(row.status, &headers, body.as_bytes(), NOW);
        assert_eq!(fault.status, Some(row.status));
        let rule = fault.rule();
        let found = (rule.class, rule.blame.as_str(), fault.retry_after_ms, fault.until_ms);
        if found != (row.class.as_str(), row.scope.as_str(), row.wait_ms, row.until_ms) {
            wrong.push(format!("{found:?}\n  {line}"));
        }
        let client = matches!(fault.kind, InvalidRequest | ContextLength | ContentPolicy | Unsupported | ForeignState);
        assert_eq!(fault.client_error.is_some(), client, "{line}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= 150, "{rows}");
}

#[test]
fn a_prompt_that_is_echoed_decides_nothing() {
    let body = r#"{"error":{"message":"Invalid value","type":"invalid_request_error","param":"messages","code":"invalid_value"},
        "request":{"messages":[{"content":"maximum context length is, insufficient_quota"}]}}"#;
    assert_eq!(classify("openai", 400, &[], body).kind, InvalidRequest);
}

#[test]
fn waits_come_from_the_best_source() {
    let rate = r#"{"error":{"message":"Rate limit reached. Please try again in 1m2.5s.","type":"requests","code":"rate_limit_exceeded"}}"#;
    let plain = r#"{"error":{"message":"Too many requests","code":"rate_limit_exceeded"}}"#;
    let until = r#"{"error":{"message":"m","code":429,"metadata":{"resets_at":1795437000}}}"#;
    let delay = r#"{"error":{"message":"m","code":429,"details":[{"@type":"x"},{"retryDelay":"36s"}]}}"#;
    let body_seconds = r#"{"error":{"message":"m","code":429,"resets_in_seconds":90}}"#;
    let date = r#"{"error":{"message":"m","code":429,"resets_at":"2026-11-23T12:30:00Z"}}"#;
    let silicon = r#"{"message":"Request was rejected due to rate limiting. Details: TPM limit reached.","data":null}"#;
    type Row = (&'static [(&'static str, &'static str)], &'static str, Option<u64>, Option<u64>);
    let rows: &[Row] = &[
        (&[("retry-after-ms", "1500"), ("retry-after", "7")], rate, Some(1_500), None),
        (&[("retry-after", "7")], rate, Some(7_000), None),
        (&[("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT")], rate, Some(30_000), None),
        (&[("retry-after", "nonsense")], rate, Some(62_500), None),
        (
            &[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "2m59.56s"),
                ("x-ratelimit-remaining-tokens", "10"),
                ("x-ratelimit-reset-tokens", "1s"),
            ],
            plain,
            Some(179_560),
            None,
        ),
        (
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795437000000")],
            plain,
            None,
            Some(1_795_437_000_000),
        ),
        (&[], until, None, Some(1_795_437_000_000)),
        (&[], date, None, Some(1_795_437_000_000)),
        (&[], delay, Some(36_000), None),
        (&[], body_seconds, Some(90_000), None),
        (&[], silicon, Some(60_000), None),
        (&[], plain, None, None),
    ];
    for (headers, body, span, moment) in rows {
        let fault = classify("openai", 429, headers, body);
        assert_eq!(
            (fault.kind, fault.retry_after_ms, fault.until_ms),
            (RateLimited, *span, *moment),
            "{headers:?} {body}"
        );
    }
    let wrong =
        classify("openai", 400, &[("retry-after", "7")], r#"{"error":{"message":"bad","code":"invalid_type"}}"#);
    assert_eq!(wrong.retry_after_ms, None, "waiting does not help a wrong request");
}

#[test]
fn what_the_client_sees_is_redacted_and_bounded() {
    let long = format!(
        r#"{{"error":{{"message":"Bad at http://10.0.0.1/v1 with sk-proj-abcdef123456: {}","param":"x","code":"invalid_value"}}}}"#,
        "y".repeat(10_000)
    );
    let fault = classify("openai", 400, &[], &long);
    let client = fault.client_error.unwrap();
    assert!(client.message.starts_with("Bad at [redacted] with [redacted]: yyy"));
    assert!(client.message.len() <= 2_048 && fault.detail.len() <= 2_048);
    assert!(fault.detail.starts_with("status 400 code=invalid_value: Bad at [redacted]"), "{}", fault.detail);
    assert_eq!((client.param.as_deref(), client.code.as_deref()), (Some("x"), Some("invalid_value")));
}

#[test]
fn bodies_of_every_shape_give_their_message() {
    for (body, message, code) in [
        (r#"{"error":{"message":"m","code":7}}"#, "m", Some("7")),
        (r#"{"error":"m"}"#, "m", None),
        (r#"{"error":"m","code":"c"}"#, "m", Some("c")),
        (r#"{"message":"m","code":20012,"data":null}"#, "m", Some("20012")),
        (r#"{"msg":"m"}"#, "m", None),
        (r#"{"err":"m"}"#, "m", None),
        (r#"{"error_msg":"m","error_code":17}"#, "m", Some("17")),
        (r#"{"errors":[{"message":"m"},{"message":"n"}]}"#, "m", None),
        (r#"{"errors":["m"]}"#, "m", None),
        (r#"{"header":{"message":"m","code":1}}"#, "m", Some("1")),
        (r#"{"response":{"error":{"message":"m"}}}"#, "m", None),
        (r#"{"detail":"m"}"#, "m", None),
        (r#"{"detail":[{"loc":["body",0,"x"],"msg":"m"}]}"#, "body.0.x: m", None),
        (r#"{"detail":{"message":"m"}}"#, "m", None),
        (r#"[{"error":{"message":"m"}}]"#, "m", None),
        (r#""m""#, "m", None),
        ("m", "m", None),
        ("<html><title> T </title>", "a web page: T", None),
        ("<html>", "a web page: no title", None),
        ("", "", None),
        ("17", "", None),
        (r#"{"error":null,"message":"m"}"#, "m", None),
        (&format!("{}1{}", "[".repeat(100), "]".repeat(100)), "", None),
    ] {
        let read = ErrorBody::read(body.as_bytes());
        assert_eq!((read.message.as_str(), read.code.as_deref()), (message, code), "{body}");
    }
}
