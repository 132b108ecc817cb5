//! Circuit breakers over sockets: who probes, who is spared, and that a client cannot open one.

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{TestRouter, eventually};

/// Breakers that open soon and probe soon, and cooldowns too short to matter.
fn quick(breaker: Value) -> Value {
    json!({"breaker": breaker, "cooldown": {"temporary": "1ms"}})
}

#[tokio::test]
async fn half_open_lets_exactly_the_configured_probes_through_under_two_hundred_requests() {
    const REQUESTS: u64 = 200;
    const PROBES: u64 = 2;
    let provider = SimProvider::start().await.on_any(Script::status(500));
    let setup = TestRouter::setup().channel("only", &provider);
    let breaker = json!({"failure_threshold": 3, "open_for": "300ms", "half_open_probes": PROBES});
    let router = setup.system(quick(breaker)).start().await;
    for _ in 0..3 {
        router.chat().send().await.error(502, "upstream_error");
    }
    assert_eq!(router.metrics().await[r#"router_channel_state{channel="only"}"#], 0.0, "it is open");
    provider.set(Script::hang());
    eventually("the end of its time", async || {
        (router.metrics().await[r#"router_channel_state{channel="only"}"#] == 1.0).then_some(())
    })
    .await;
    let mut crowd = JoinSet::new();
    for _ in 0..REQUESTS {
        crowd.spawn(router.chat().send());
    }
    for _ in 0..REQUESTS - PROBES {
        let reply = crowd.join_next().await.expect("more of them").expect("an answer");
        reply.error(503, "no_channel_available");
        assert_eq!(reply.header("x-should-retry"), "true", "it is being probed: that is a recovery in sight");
        assert!(reply.has_header("retry-after"));
    }
    provider.wait_until(|stats| stats.in_flight == PROBES).await.expect("the probes hang");
    assert_eq!(provider.stats().requests, 3 + PROBES);
    assert_eq!(router.metrics().await[r#"router_channel_state{channel="only"}"#], 1.0, "it is half-open");
}

#[tokio::test]
async fn a_channel_that_fails_half_of_its_calls_is_spared_and_comes_back_by_itself() {
    const REQUESTS: u64 = 400;
    let bad = SimProvider::start().await.on_any(Script::status(500)).then(Script::ok()).cycle();
    let good = SimProvider::start().await;
    let setup = TestRouter::setup().channel("bad", &bad).channel("good", &good);
    let router = setup.system(quick(json!({"min_requests": 4, "open_for": "1s"}))).start().await;
    for number in 0..REQUESTS {
        let reply = router.chat().stream_if(number % 2 == 0).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
    let asked = bad.stats().requests;
    assert!(asked >= 4 && asked * 5 < REQUESTS, "{asked} of {REQUESTS} went to it");
    let rows = router.rows(REQUESTS as usize).await;
    let failed = rows.iter().flat_map(|row| &row.attempts).filter(|attempt| attempt.outcome == "temporary").count();
    assert!(failed >= 2 && rows.iter().all(|row| row.status == "completed"), "{failed}");
    // It heals: nobody does anything, and it is the first again.
    bad.set(Script::ok());
    let mut in_a_row = 0;
    eventually("twenty answers of the healed channel in a row", async || {
        let reply = router.chat().send().await;
        in_a_row = if reply.header("x-router-channel") == "bad" { in_a_row + 1 } else { 0 };
        (in_a_row == 20).then_some(())
    })
    .await;
    assert_eq!(router.metrics().await[r#"router_channel_state{channel="bad"}"#], 2.0);
}

/// The last channel of a group is probed, not abandoned: its breaker would stay open for an hour.
#[tokio::test]
async fn the_last_channel_is_back_within_seconds_of_its_recovery() {
    let provider = SimProvider::start().await.on_any(Script::status(503));
    let setup = TestRouter::setup().channel("only", &provider);
    let router = setup.system(quick(json!({"failure_threshold": 2, "open_for": "1h"}))).start().await;
    for _ in 0..2 {
        router.chat().send().await.error(502, "upstream_error");
    }
    for _ in 0..20 {
        assert_ne!(router.chat().send().await.status(), 200);
    }
    let asked = provider.stats().requests;
    assert!(asked < 20, "{asked} of 22 requests were sent to it");
    provider.set(Script::ok());
    eventually("an answer", async || (router.chat().send().await.status() == 200).then_some(())).await;
    eventually("a closed breaker", async || {
        router.chat().send().await;
        (router.metrics().await[r#"router_channel_state{channel="only"}"#] == 2.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_can_never_disable_a_channel_with_bad_requests() {
    let wrong = |code: &str| Script::bad_request(code, Some("messages"), "this is the request's own fault");
    let stories: Vec<(&str, Script, u16, Value)> = vec![
        ("an invalid request", wrong("invalid_value"), 400, json!({})),
        ("too long", wrong("context_length_exceeded"), 400, json!({})),
        ("against the policy", wrong("content_filter"), 400, json!({})),
        ("too large", Script::status(413), 400, json!({})),
        ("not processable", Script::status(422), 400, json!({})),
        ("no room to answer", Script::ok().text("").finish("length"), 200, json!({"max_tokens": 1})),
        ("a short time of its own", Script::hang(), 504, json!({})),
    ];
    for (what, script, status, fields) in stories {
        for stream in [false, true] {
            let provider = SimProvider::start().await.on_any(script.clone());
            let other = SimProvider::start().await;
            let setup = TestRouter::setup().channel("only", &provider).channel("other", &other);
            let router = setup.system(json!({"breaker": {"failure_threshold": 2, "min_requests": 2}})).start().await;
            for _ in 0..12 {
                let call = router.chat().with(json!({"model": "channel:only/sim-model"})).with(fields.clone());
                let call = if status == 504 { call.header("x-router-timeout-ms", "30") } else { call };
                let reply = call.stream_if(stream).send().await;
                assert_eq!(reply.status(), status, "{what}, stream {stream}: {}", reply.text());
            }
            provider.set(Script::ok());
            let reply = router.chat().send().await;
            let way = (reply.status(), reply.header("x-router-channel"), reply.header("x-router-attempts"));
            assert_eq!(way, (200, "only", "1"), "{what}, stream {stream}");
            assert_eq!(router.metrics().await[r#"router_channel_state{channel="only"}"#], 2.0, "{what}");
        }
    }
}
