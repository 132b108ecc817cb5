//! Requests that never reach a provider, each with its status, shape and headers.

use router_testkit::{SimProvider, dead_address};
use serde_json::json;

use crate::support::{Call, KEY, MODEL, ORDERED, TestRouter};

#[tokio::test]
async fn each_refusal_has_its_code_and_costs_no_call() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().system(json!({"server": {"max_request_bytes": "64KiB"}}));
    let price = json!({"input": 1.0, "output": 2.0});
    let models = json!([{"name": MODEL, "price": price}, {"name": "sim-short", "price": price, "context_length": 500}]);
    let router = setup.channel("only", &provider).models(models).start().await;
    let chat = || router.chat();
    let long = json!([{"role": "user", "content": "word ".repeat(5_000)}]);
    let nested = |depth: usize| {
        format!(r#"{{"model":"{MODEL}","messages":[],"x":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    let message = r#""messages":[{"role":"user","content":"x"}]"#;
    let table: Vec<(&str, Call, u16, &str)> = vec![
        ("no JSON", chat().raw("hello"), 400, "invalid_json"),
        ("nothing", chat().raw(""), 400, "invalid_json"),
        ("half", chat().raw(r#"{"model":"#), 400, "invalid_json"),
        ("a list", chat().raw("[]"), 400, "invalid_json"),
        ("two bodies", chat().raw(format!(r#"{{"model":"{MODEL}",{message}}} {{}}"#)), 400, "invalid_json"),
        ("not UTF-8", chat().raw(b"{\"model\":\"\xff\"}".to_vec()), 400, "invalid_json"),
        ("no model", chat().raw(format!("{{{message}}}")), 400, "missing_required_parameter"),
        ("no messages", chat().raw(format!(r#"{{"model":"{MODEL}"}}"#)), 400, "missing_required_parameter"),
        ("a model that is none", chat().with(json!({"model": 7})), 400, "invalid_value"),
        ("an empty model", chat().with(json!({"model": ""})), 400, "invalid_value"),
        ("odd stream", chat().with(json!({"stream": "yes"})), 400, "invalid_value"),
        ("a model twice", chat().raw(format!(r#"{{"model":"{MODEL}",{message},"model":"x"}}"#)), 400, "duplicate_key"),
        (
            "twice, escaped",
            chat().raw(format!(r#"{{"model":"{MODEL}",{message},"mo\u0064el":"x"}}"#)),
            400,
            "duplicate_key",
        ),
        ("too deep", chat().raw(nested(5_000)), 400, "json_too_deep"),
        ("unknown model", chat().model("no-such-model"), 404, "model_not_found"),
        ("unknown group", chat().model("auto:nothing"), 404, "model_not_found"),
        ("unknown strategy", chat().header("x-router-strategy", "luck"), 400, "invalid_value"),
        ("odd cost", chat().header("x-router-max-cost", "cheap"), 400, "invalid_value"),
        ("negative cost", chat().header("x-router-max-cost", "-1"), 400, "invalid_value"),
        ("odd timeout", chat().header("x-router-timeout-ms", "soon"), 400, "invalid_value"),
        ("no time", chat().header("x-router-timeout-ms", "0"), 400, "invalid_value"),
        ("too dear", chat().header("x-router-max-cost", "0.000000001"), 402, "budget_exceeded"),
        (
            "not JSON",
            chat().without("content-type").header("content-type", "text/plain"),
            415,
            "unsupported_media_type",
        ),
        ("no type", chat().without("content-type"), 415, "unsupported_media_type"),
        ("packed", chat().header("content-encoding", "gzip"), 415, "unsupported_media_type"),
        ("too large", chat().with(json!({"user": "x".repeat(70_000)})), 413, "request_too_large"),
        ("a long header", chat().header("x-note", &"x".repeat(17_000)), 431, "headers_too_large"),
        ("many headers", (0..101).fold(chat(), |call, n| call.header(&format!("x-{n}"), "")), 431, "headers_too_large"),
        ("too long", chat().with(json!({"model": "sim-short", "messages": long})), 400, "context_length_exceeded"),
        ("another method", router.call("GET", "/v1/chat/completions").bearer(KEY), 405, "method_not_allowed"),
        ("another method", router.call("DELETE", "/v1/models").bearer(KEY), 405, "method_not_allowed"),
        ("no such path", router.call("POST", "/v1/nothing").bearer(KEY), 404, "not_found"),
        ("twice v1", router.call("POST", "/v1/v1/chat/completions").bearer(KEY), 404, "not_found"),
    ];
    for (what, call, status, code) in table {
        let reply = call.send().await;
        assert_eq!((reply.status(), reply.header("x-router-error")), (status, code), "{what}: {}", reply.text());
        let error = reply.error(status, code);
        assert!(reply.has_header("x-request-id"), "{what}");
        let said = if code == "budget_exceeded" { "insufficient_quota" } else { code };
        assert_eq!(error["code"], said, "{what}");
        // What was not read of the request would be taken for the next one.
        assert_eq!(reply.header("connection") == "close", status == 413, "{what}");
    }
    assert_eq!(provider.stats().requests, 0);
}

#[tokio::test]
async fn refusals_help() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let near = router.chat().model("sim-modle").send().await.error(404, "model_not_found");
    assert!(near["message"].as_str().is_some_and(|text| text.contains(MODEL)), "{near}");
    assert_eq!(near["param"], "model");
    let twice = router.call("POST", "/v1/v1/chat/completions").send().await.error(404, "not_found");
    assert!(twice["message"].as_str().is_some_and(|text| text.contains("twice")), "{twice}");
    let missing = router.chat().raw(format!(r#"{{"model":"{MODEL}"}}"#)).send().await;
    assert_eq!(missing.error(400, "missing_required_parameter")["param"], "messages");
    let allowed = router.call("GET", "/v1/chat/completions").send().await;
    assert!(allowed.header("allow").contains("POST"));
    // A request id that could not be written into a log is replaced.
    let odd = router.chat().header("x-request-id", "a b\"c").send().await;
    assert!(!odd.header("x-request-id").is_empty() && odd.header("x-request-id") != "a b\"c");
}

#[tokio::test]
async fn a_request_that_is_its_own_echo_ends() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let first = router.chat().send().await;
    assert_eq!(first.status(), 200);
    let sent = provider.last_request().expect("a request");
    let hop = sent.head.headers.iter().find(|(name, _)| name.to_ascii_lowercase().contains("hop"));
    let (name, value) = hop.expect("a header that names this router").clone();
    router.chat().header(&name, &value).send().await.error(508, "loop_detected");
    assert_eq!(provider.stats().requests, 1);
}

#[tokio::test]
async fn a_channel_that_leads_back_is_a_508_or_passed_over() {
    let provider = SimProvider::start().await;
    let port = dead_address().expect("a free port").port();
    let setup = TestRouter::setup().channel_at("back", &format!("http://127.0.0.1:{port}/v1"));
    let setup = setup.env("SMART_AI_ROUTER__SERVER__PORT", &port.to_string());
    let router = setup.clone().start().await;
    for _ in 0..2 {
        let error = router.chat().send().await.error(508, "loop_detected");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("points back")), "{error}");
    }
    let row = router.rows(2).await.remove(0);
    assert_eq!(
        (row.error_code.as_deref(), row.outcomes(), row.cost),
        (Some("loop_detected"), vec![("back", "loop")], 0)
    );
    drop(router);

    let router = setup.channel("good", &provider).start().await;
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!(router.row().await.outcomes(), [("back", "loop"), ("good", "completed")]);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_a_408() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider).system(json!({"server": {"body_timeout": "200ms"}}));
    let router = setup.start().await;
    // The head promises one byte more than comes.
    let length = Call::hello().to_string().len() + 1;
    let reply = router.chat().header("content-length", &length.to_string()).send().await;
    reply.error(408, "request_timeout");
    assert_eq!((reply.header("x-should-retry"), reply.header("connection")), ("true", "close"));
    assert_eq!(provider.stats().requests, 0);
}

#[tokio::test]
async fn without_any_channel_there_is_nothing_to_wait_for() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider).and(json!({"enabled": false}));
    let router = setup.start().await;
    let reply = router.chat().model(ORDERED).send().await;
    assert_eq!(reply.status(), 503, "{}", reply.text());
    reply.error(503, "no_channel_available");
    assert_eq!(reply.header("x-should-retry"), "false");
    let health = router.get("/health").await.json();
    assert_eq!((&health["status"], &health["active_channels"]), (&json!("degraded"), &json!(0)));
}
