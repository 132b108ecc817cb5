//! Gemini as client dialect and as provider: intake, pass-through, error bodies.

use http::HeaderMap;
use router_core::ask::Endpoint;
use router_core::catalog::Capability;
use router_core::fault::FaultKind as F;
use router_wire::adapters;
use router_wire::dialects::{Passing, by_path};

const TEXT: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}], "generationConfig" : {"temperature":0.10,"maxOutputTokens":null},"router":{},"new":[1e2]}"#;

#[test]
fn a_body_is_read_and_passes_with_only_what_must_change() {
    let (dialect, route) = by_path("/v1beta/models/auto:fast:streamGenerateContent", "").unwrap();
    let intake = (dialect.read)(&route, TEXT.as_bytes()).unwrap();
    assert_eq!((intake.ask.model.as_str(), intake.ask.stream, intake.array), ("auto:fast", true, true));
    assert!(intake.ask.needs.has(Capability::Chat) && intake.ask.needs.has(Capability::Streaming));
    assert!(intake.ask.input_tokens > 0 && intake.ask.input_tokens_bound >= intake.ask.input_tokens);
    let preset = (adapters::by_name("gemini").preset)();
    let pass = |output_cap| {
        let passing =
            Passing { body: TEXT.as_bytes(), intake: &intake, model: "gemini-3-pro", output_cap, preset: &preset };
        String::from_utf8((dialect.splice)(&passing)).unwrap()
    };
    let contents = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":"#;
    assert_eq!(pass(None), format!(r#"{contents}{{"temperature":0.10,"maxOutputTokens":null}},"new":[1e2]}}"#));
    assert_eq!(pass(Some(7)), format!(r#"{contents}{{"temperature":0.10,"maxOutputTokens":7}},"new":[1e2]}}"#));
}

#[test]
fn every_kind_of_work_needs_its_field() {
    for (method, body, missing) in [
        ("generateContent", "{}", Some("contents")),
        ("countTokens", r#"{"generateContentRequest":{"contents":[]}}"#, None),
        ("embedContent", "{}", Some("content")),
        ("batchEmbedContents", r#"{"requests":[{"content":{"parts":[{"text":"a"}]}}]}"#, None),
    ] {
        let (dialect, route) = by_path(&format!("/v1beta/models/m:{method}"), "").unwrap();
        let found = (dialect.read)(&route, body.as_bytes());
        assert_eq!(found.err().and_then(|error| error.param).as_deref(), missing, "{method}");
    }
    let (dialect, route) = by_path("/v1beta/models/m:batchEmbedContents", "").unwrap();
    assert_eq!(route.endpoint, Endpoint::Embeddings);
    let body = br#"{"requests":[{"model":"models/m","content":{}}]}"#;
    let intake = (dialect.read)(&route, body).unwrap();
    let preset = (adapters::by_name("gemini").preset)();
    let passing = Passing { body, intake: &intake, model: "e-1", output_cap: Some(9), preset: &preset };
    assert_eq!((dialect.splice)(&passing), br#"{"requests":[{"model":"models/e-1","content":{}}]}"#);
}

#[test]
fn images_do_not_count_as_text() {
    let data = "A".repeat(300_000);
    let body = format!(
        r#"{{"contents":[{{"parts":[{{"inline_data":{{"mime_type":"image/png","data":"{data}"}}}}]}}],"tools":[{{"functionDeclarations":[{{"name":"f"}}]}}]}}"#
    );
    let (dialect, route) = by_path("/v1beta/models/m:generateContent", "").unwrap();
    let ask = (dialect.read)(&route, body.as_bytes()).unwrap().ask;
    assert!(ask.needs.has(Capability::Vision) && ask.needs.has(Capability::FunctionCalling));
    assert!(ask.input_tokens < 2_000 && ask.input_tokens_bound < 60_000, "{ask:?}");
}

#[test]
fn errors_are_classified_by_their_details() {
    let info =
        |reason: &str| format!(r#"[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}"}}]"#);
    let retry = r#"[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"36.5s"}]"#.to_owned();
    for (status, word, message, details, kind, wait) in [
        (
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            info("API_KEY_INVALID"),
            F::KeyInvalid,
            None,
        ),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", "[]".into(), F::KeyInvalid, None),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            "[]".into(),
            F::ModelUnavailable,
            None,
        ),
        (400, "FAILED_PRECONDITION", "Please enable billing on your project.", "[]".into(), F::KeyBilling, None),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            "[]".into(),
            F::ContextLength,
            None,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "Function call is missing a thought_signature in functionCall parts.",
            "[]".into(),
            F::Unsupported,
            None,
        ),
        (400, "INVALID_ARGUMENT", "Unknown name \"x\": Cannot find field.", "[]".into(), F::InvalidRequest, None),
        (402, "RESOURCE_EXHAUSTED", "Your prepay credits are depleted.", "[]".into(), F::KeyBilling, None),
        (403, "PERMISSION_DENIED", "Your API key was reported as leaked.", "[]".into(), F::KeyInvalid, None),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", "[]".into(), F::ModelUnavailable, None),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", retry.clone(), F::RateLimited, Some(36_500)),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota. Please retry in 7.5s.",
            "[]".into(),
            F::RateLimited,
            Some(7_500),
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for metric: x, limit: 0, model: y",
            retry,
            F::ModelUnavailable,
            None,
        ),
        (429, "RESOURCE_EXHAUSTED", "No capacity.", info("MODEL_CAPACITY_EXHAUSTED"), F::Overloaded, None),
        (503, "UNAVAILABLE", "The model is overloaded.", "[]".into(), F::Overloaded, None),
        (500, "INTERNAL", "An internal error has occurred.", "[]".into(), F::Temporary, None),
        (504, "DEADLINE_EXCEEDED", "Deadline expired.", "[]".into(), F::Temporary, None),
    ] {
        let error = serde_json::json!({"code": status, "message": message, "status": word});
        let body = error.to_string().replacen('{', &format!(r#"{{"details":{details},"#), 1);
        for body in [format!(r#"{{"error":{body}}}"#), format!(r#"[{{"error":{body}}}]"#)] {
            let fault = adapters::by_name("gemini").classify(status, &HeaderMap::new(), body.as_bytes(), 0);
            assert_eq!((fault.kind, fault.retry_after_ms), (kind, wait), "{body}");
        }
    }
}

#[test]
fn a_quota_of_the_day_lasts_until_midnight_in_california() {
    let body = br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota.","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"31s"}]}}"#;
    // 2026-11-24T01:00Z is 17:00 of the 23rd there; midnight is at 08:00Z.
    let now = 1_795_482_000_000;
    let fault = adapters::by_name("gemini").classify(429, &HeaderMap::new(), body, now);
    assert_eq!((fault.kind, fault.until_ms, fault.retry_after_ms), (F::RateLimited, Some(now + 7 * 3_600_000), None));
}
