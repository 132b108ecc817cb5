//! Error bodies of the real shapes, and what each must become.

use http::{HeaderMap, HeaderValue};
use router_core::fault::{Fault, FaultKind, FaultKind::*};
use router_wire::adapters::by_name;
use router_wire::classify::ErrorBody;

/// 2026-11-23T12:00:00Z
const NOW: u64 = 1_795_435_200_000;

fn classify(adapter: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect();
    by_name(adapter).classify(status, &headers, body.as_bytes(), NOW)
}

const OPENAI: &[(u16, &str, FaultKind)] = &[
    (403, r#"{"error":{"message":"Forbidden","type":"invalid_request_error","param":null,"code":null}}"#, KeyInvalid),
    (403, "<html><body>Attention required</body></html>", Temporary),
    (
        401,
        r#"{"error":{"message":"Incorrect API key provided: sk-abcd***wxyz. You can find your API key at https://platform.openai.com/account/api-keys.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        KeyInvalid,
    ),
    (
        401,
        r#"{"error":{"message":"You must be a member of an organization to use the API.","type":"invalid_request_error","param":null,"code":null}}"#,
        KeyInvalid,
    ),
    (
        401,
        r#"{"error":{"message":"Your IP is not authorized.","type":"invalid_request_error","param":null,"code":"ip_not_authorized"}}"#,
        ModelUnavailable,
    ),
    (
        401,
        r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#,
        KeyInvalid,
    ),
    (
        403,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","param":null,"type":"request_forbidden"}}"#,
        ModelUnavailable,
    ),
    (
        404,
        r#"{"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
        ModelUnavailable,
    ),
    (
        404,
        r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
        ModelUnavailable,
    ),
    (
        400,
        r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        ContextLength,
    ),
    (
        400,
        r#"{"error":{"message":"Input tokens exceed the configured limit of 272000 tokens.","type":"invalid_request_error","param":"messages","code":null}}"#,
        ContextLength,
    ),
    (
        400,
        r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
        Unsupported,
    ),
    (
        400,
        r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.2 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#,
        Unsupported,
    ),
    (
        400,
        r#"{"error":{"message":"max_tokens is too large: 9000. This model supports at most 8192 completion tokens","type":"invalid_request_error","param":"max_tokens","code":"invalid_value"}}"#,
        Unsupported,
    ),
    (
        400,
        r#"{"error":{"message":"Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576.","type":"invalid_request_error","param":"messages[0].content","code":"string_above_max_length"}}"#,
        InvalidRequest,
    ),
    (
        400,
        r#"{"error":{"message":"Invalid type for 'temperature': expected a decimal, but got a string instead.","type":"invalid_request_error","param":"temperature","code":"invalid_type"}}"#,
        InvalidRequest,
    ),
    (
        400,
        r#"{"error":{"message":"you must provide a model parameter","type":"invalid_request_error","param":null,"code":null}}"#,
        InvalidRequest,
    ),
    (
        400,
        r#"{"error":{"message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error","param":null,"code":"content_policy_violation"}}"#,
        ContentPolicy,
    ),
    (
        400,
        r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        ContentPolicy,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        RateLimited,
    ),
    (
        429,
        r#"{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 40500.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
        TooLargeForLimit,
    ),
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        KeyBilling,
    ),
    (
        429,
        r#"{"error":{"message":"Your account is not active, please check your billing details on our website.","type":"billing_not_active","param":null,"code":"billing_not_active"}}"#,
        KeyBilling,
    ),
    (
        429,
        r#"{"error":{"message":"Spend limit.","type":"insufficient_quota","param":null,"code":"project_spend_limit_exceeded"}}"#,
        KeyBilling,
    ),
    (429, r#"{"error":{"message":"Slow down.","type":"server_error","param":null,"code":"slow_down"}}"#, Overloaded),
    (
        429,
        r#"{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded call rate limit. Please retry after 6 seconds."}}"#,
        RateLimited,
    ),
    (
        500,
        r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#,
        Temporary,
    ),
    (
        503,
        r#"{"error":{"message":"The engine is currently overloaded, please try again later","type":"server_error","param":null,"code":null}}"#,
        Overloaded,
    ),
    (
        503,
        r#"{"error":{"message":"busy","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}"#,
        Overloaded,
    ),
];

const GROQ: &[(u16, &str, FaultKind)] = &[
    (
        401,
        r#"{"error":{"message":"Invalid API Key","type":"invalid_request_error","code":"invalid_api_key"}}"#,
        KeyInvalid,
    ),
    (
        400,
        r#"{"error":{"message":"Organization has been restricted. Please reach out to support if you believe this was in error.","type":"invalid_request_error","code":"organization_restricted"}}"#,
        KeyInvalid,
    ),
    (
        413,
        r#"{"error":{"message":"Request too large for model `llama-3.1-8b-instant` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9032, please reduce your message size and try again.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        TooLargeForLimit,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_x` on tokens per day (TPD): Limit 100000, Used 99800, Requested 500. Please try again in 4m19.2s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        RateLimited,
    ),
    (
        498,
        r#"{"error":{"message":"Flex tier capacity exceeded, please try again later","type":"internal_server_error","code":"capacity_exceeded"}}"#,
        Overloaded,
    ),
    (
        400,
        r#"{"error":{"message":"Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<function=x>"}}"#,
        ModelOutput,
    ),
    (
        400,
        r#"{"error":{"message":"Failed to generate JSON. Please adjust your prompt.","type":"invalid_request_error","code":"json_validate_failed","failed_generation":""}}"#,
        ModelOutput,
    ),
    (
        404,
        r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","code":"model_not_found"}}"#,
        ModelUnavailable,
    ),
    (
        400,
        r#"{"error":{"message":"The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.","type":"invalid_request_error","code":"model_decommissioned"}}"#,
        ModelUnavailable,
    ),
    (
        400,
        r#"{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        ContextLength,
    ),
    (
        413,
        r#"{"error":{"message":"Request Entity Too Large","type":"invalid_request_error","code":"request_too_large"}}"#,
        ContextLength,
    ),
    (400, r#"{"error":{"message":"'n' : number must be at most 1","type":"invalid_request_error"}}"#, Unsupported),
    (400, r#"{"error":{"message":"property 'logprobs' is unsupported","type":"invalid_request_error"}}"#, Unsupported),
    (
        400,
        r#"{"error":{"message":"'messages' : minimum number of items is 1","type":"invalid_request_error"}}"#,
        InvalidRequest,
    ),
    (503, r#"{"error":{"message":"Service Unavailable","type":"internal_server_error"}}"#, Overloaded),
];

const OTHERS: &[(u16, &str, FaultKind)] = &[
    // vLLM and kin
    (
        400,
        r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","param":null,"code":400}"#,
        ContextLength,
    ),
    (
        400,
        r#"{"error":{"message":"The decoder prompt (length 9000) is longer than the maximum model length of 8192.","type":"BadRequestError","param":null,"code":400}}"#,
        ContextLength,
    ),
    (
        404,
        r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
        ModelUnavailable,
    ),
    (401, r#"{"error":"Unauthorized"}"#, KeyInvalid),
    (
        400,
        r#"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","param":null,"code":400}"#,
        Unsupported,
    ),
    (
        400,
        r#"{"error":{"message":"model is not a multimodal model","type":"BadRequestError","param":null,"code":400}}"#,
        Unsupported,
    ),
    (
        500,
        r#"{"object":"error","message":"EngineCore encountered an issue","type":"InternalServerError","param":null,"code":500}"#,
        Temporary,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size","type":"exceed_context_size_error","n_ctx":4096}}"#,
        ContextLength,
    ),
    (503, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#, Overloaded),
    (404, r#"{"error":"model \"llama3\" not found, try pulling it first"}"#, ModelUnavailable),
    (400, r#"{"error":"registry.ollama.ai/library/gemma does not support tools"}"#, Unsupported),
    (500, r#"{"error":"model requires more system memory (9.0 GiB) than is available"}"#, Temporary),
    (
        422,
        r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required","input":{}}]}"#,
        InvalidRequest,
    ),
    (422, r#"{"detail":"Input too long"}"#, ContextLength),
    // SiliconFlow
    (401, r#""Invalid token""#, KeyInvalid),
    (401, r#""Api key is invalid""#, KeyInvalid),
    (403, r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#, KeyBilling),
    (
        400,
        r#"{"code":20012,"message":"Model does not exist. Please check it carefully.","data":null}"#,
        ModelUnavailable,
    ),
    (
        400,
        r#"{"code":20015,"message":"length of prompt_tokens (40000) must be less than max_seq_len (32768).","data":null}"#,
        ContextLength,
    ),
    (400, r#"{"code":20015,"message":"The parameter is invalid. Please check again.","data":null}"#, InvalidRequest),
    (
        429,
        r#"{"message":"Request was rejected due to rate limiting. Details: TPM limit reached.","data":null}"#,
        RateLimited,
    ),
    (503, r#"{"code":50505,"message":"Model service overloaded. Please try again later.","data":null}"#, Overloaded),
    // DeepSeek, Moonshot, Mistral
    (
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
        KeyBilling,
    ),
    (
        429,
        r#"{"error":{"message":"Your account is suspended due to insufficient balance","type":"exceeded_current_quota_error"}}"#,
        KeyBilling,
    ),
    (
        429,
        r#"{"error":{"message":"The engine is currently overloaded, please try again later","type":"engine_overloaded_error"}}"#,
        Overloaded,
    ),
    (429, r#"{"error":{"message":"Your account reached max request","type":"rate_limit_reached_error"}}"#, RateLimited),
    // OpenRouter
    (
        402,
        r#"{"error":{"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits","code":402}}"#,
        KeyBilling,
    ),
    (
        402,
        r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 8192 tokens, but can only afford 100.","code":402}}"#,
        TooLargeForLimit,
    ),
    (
        403,
        r#"{"error":{"message":"Your chosen model requires moderation and your input was flagged","code":403,"metadata":{"reasons":["violence"]}}}"#,
        ContentPolicy,
    ),
    (404, r#"{"error":{"message":"No endpoints found that support tool use.","code":404}}"#, Unsupported),
    (502, r#"{"error":{"message":"Provider returned error","code":502,"metadata":{"provider_name":"X"}}}"#, Temporary),
    (524, r#"error code: 524"#, Temporary),
    // new-api family
    (
        401,
        r#"{"error":{"message":"无效的令牌 (request id: 2026)","type":"new_api_error","param":"","code":""}}"#,
        KeyInvalid,
    ),
    (401, r#"{"error":{"message":"bad key","type":"upstream_error","param":"","code":""}}"#, Temporary),
    (
        403,
        r#"{"error":{"message":"预扣费额度失败, 用户剩余额度: ＄0.01","type":"new_api_error","param":"","code":"pre_consume_token_quota_failed"}}"#,
        KeyBilling,
    ),
    (
        503,
        r#"{"error":{"message":"分组 default 下模型 gpt-x 无可用渠道（distributor）","type":"new_api_error","param":"","code":"model_not_found"}}"#,
        ModelUnavailable,
    ),
    (
        500,
        r#"{"error":{"message":"upstream gone","type":"new_api_error","param":"","code":"do_request_failed"}}"#,
        Temporary,
    ),
    (500, r#"{"success":false,"message":"sensitive words","code":"sensitive_words_detected"}"#, ContentPolicy),
    (500, r#"{"response":{"error":{"message":"deep"}}}"#, Temporary),
    // an error inside a 200, or a stream event
    (200, r#"{"error":{"message":"Rate limited upstream","code":429,"metadata":{"raw":"x"}}}"#, RateLimited),
    (200, r#"{"error":{"message":"bad","type":"invalid_request_error","param":null,"code":null}}"#, InvalidRequest),
    (200, r#"{"error":{"message":"The server had an error","type":"server_error"}}"#, Temporary),
    (
        200,
        r#"{"id":"x","choices":[{"index":0,"error":{"code":502,"message":"Upstream died"},"finish_reason":"error"}]}"#,
        Temporary,
    ),
    (200, r#"{"x_groq":{"error":"over capacity"},"choices":[]}"#, Temporary),
    (200, r#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#, Overloaded),
    (200, r#"{"foo":1}"#, Temporary),
    // not the provider's API at all
    (502, "<html><head><title>502 Bad Gateway</title></head></html>", Temporary),
    (404, "<!DOCTYPE html><title>Not Found</title>", ModelUnavailable),
    (400, "<html><title>nginx</title></html>", Temporary),
    (302, "", Redirect),
    (500, "", Temporary),
    (418, "teapot", Temporary),
    (413, "<html><title>413 Request Entity Too Large</title></html>", TooLargeForLimit),
    (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, Overloaded),
    (999, "odd", Temporary),
];

#[test]
fn every_known_error_gets_its_class() {
    let mut wrong = Vec::new();
    for (adapter, table) in [("openai", OPENAI), ("groq", GROQ), ("openai_compatible", OTHERS)] {
        for (status, body, expected) in table {
            let fault = classify(adapter, *status, &[], body);
            assert_eq!(fault.status, Some(*status));
            let client = matches!(expected, InvalidRequest | ContextLength | ContentPolicy | Unsupported);
            if fault.kind != *expected || fault.client_error.is_some() != client {
                wrong.push(format!("{adapter} {status}: {:?} instead of {expected:?}: {body}", fault.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(OPENAI.len() + GROQ.len() + OTHERS.len() >= 90);
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
