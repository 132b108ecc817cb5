//! A provider's refusal: whose fault it is decides who hears of it, who is tried next, and whose health moves.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::TestRouter;

#[tokio::test]
async fn the_clients_own_fault_comes_back_in_the_providers_words() {
    let message =
        "Invalid 'temperature': see https://internal.example/x?key=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789";
    let script = Script::bad_request("decimal_above_max_value", Some("temperature"), message);
    for stream in [false, true] {
        let strict = SimProvider::start().await.on_any(script.clone());
        let other = SimProvider::start().await;
        let router = TestRouter::setup().channel("strict", &strict).channel("other", &other).start().await;
        for _ in 0..10 {
            let reply = router.chat().stream_if(stream).send().await;
            let error = reply.error(400, "invalid_value");
            assert_eq!((&error["code"], &error["param"]), (&json!("decimal_above_max_value"), &json!("temperature")));
            let said = error["message"].as_str().expect("a message");
            assert!(said.starts_with("Invalid 'temperature'"), "{said}");
            assert!(!said.contains("abcdefghijklmnop"), "{said}");
            assert_eq!(reply.header("x-router-attempts"), "1");
        }
        // Ten of the client's faults in a row move no breaker and no cooldown.
        strict.set(Script::ok());
        let reply = router.chat().stream_if(stream).send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "strict"));
        assert_eq!((strict.stats().requests, other.stats().requests), (11, 0));
        let metrics = router.metrics().await;
        assert_eq!(metrics[r#"router_channel_state{channel="strict"}"#], 2.0);
        let row = &router.rows(11).await[0];
        assert_eq!(row.outcomes(), [("strict", "invalid_request")]);
        assert_eq!((row.status.as_str(), row.cost), ("error", 0));
    }
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let script = Script::bad_request("odd", None, &"word ".repeat(4_000));
    let provider = SimProvider::start().await.on_any(script);
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let error = router.chat().send().await.error(400, "invalid_value");
    assert!(error["message"].as_str().is_some_and(|text| text.len() <= 2_048 && text.starts_with("word word")));
}

#[tokio::test]
async fn a_longer_context_is_tried_for_a_request_that_is_too_long() {
    let script = Script::bad_request(
        "context_length_exceeded",
        Some("messages"),
        "This model's maximum context length is 10 tokens.",
    );
    let short = SimProvider::start().await.on_any(script.clone());
    let long = SimProvider::start().await;
    let models = |context: u64| json!([{"name": "sim-model", "price": {"input": 1.0, "output": 2.0}, "context_length": context}]);
    let setup = TestRouter::setup().channel("short", &short).models(models(50_000));
    let router = setup.channel("long", &long).models(models(100_000)).start().await;
    let reply = router.chat().send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "long"));
    assert_eq!(router.row().await.outcomes(), [("short", "context_length"), ("long", "completed")]);
    long.set(script);
    router.chat().send().await.error(400, "context_length_exceeded");
}

#[tokio::test]
async fn a_broken_channel_is_left_alone_until_its_breaker_lets_probes_through() {
    let bad = SimProvider::start().await.on_any(Script::status(500));
    let good = SimProvider::start().await;
    let setup = TestRouter::setup().system(json!({"cooldown": {"temporary": "30s"}}));
    let router = setup.channel("bad", &bad).channel("good", &good).start().await;
    for _ in 0..5 {
        assert_eq!(router.chat().send().await.status(), 200);
    }
    assert_eq!((bad.stats().requests, good.stats().requests), (1, 5));
}

#[tokio::test]
async fn a_request_has_its_own_time() {
    let slow = SimProvider::start().await.on_any(Script::hang());
    let next = SimProvider::start().await;
    let router = TestRouter::setup().channel("slow", &slow).channel("next", &next).start().await;
    for stream in [false, true] {
        let reply = router.chat().stream_if(stream).header("x-router-timeout-ms", "150").send().await;
        reply.error(504, "upstream_timeout");
        assert_eq!(reply.header("x-should-retry"), "true");
    }
    slow.wait_until(|stats| stats.cancelled == 2).await.expect("both calls are cancelled");
    assert_eq!(next.stats().requests, 0);
    let rows = router.rows(2).await;
    assert!(
        rows.iter().all(|row| row.status == "timeout" && row.outcomes() == [("slow", "total_timeout")]),
        "{rows:#?}"
    );
}
