//! A client that leaves: the provider's call is cancelled, what was consumed is booked, nothing stays behind.

use std::time::Duration;

use router_testkit::http1::Link;
use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{KEY, TestRouter, eventually};

async fn nothing_is_in_flight(router: &TestRouter) {
    eventually("the end of all that runs", async || {
        let health = router.get("/health").await.json();
        let channels = router.metric("router_channel_in_flight").await;
        (health["in_flight"] == 0 && channels == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    let script = Script::ok().text("one two three four five six").gap(Duration::from_secs(600));
    // The first piece comes at once, the second never.
    let provider = SimProvider::start().await.on_any(script);
    let router = TestRouter::setup().channel("only", &provider).start().await;

    let mut answer = router.chat().streaming().open().await;
    assert_eq!(answer.head.status(), 200);
    answer.until("one").await;
    drop(answer);

    provider.wait_until(|stats| stats.cancelled == 1).await.expect("the call is cancelled");
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.error_code.as_deref()), ("client_closed", None));
    assert_eq!(row.outcomes(), [("only", "client_closed")]);
    assert_eq!(row.tokens_source, "counted");
    assert!((1..=4).contains(&row.output), "{row:#?}");
    assert_eq!(row.cost, row.input * 1_000 + row.output * 2_000);
    nothing_is_in_flight(&router).await;
}

#[tokio::test]
async fn while_waiting_for_the_first_byte() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let other = SimProvider::start().await;
    for stream in [false, true] {
        let router = TestRouter::setup().channel("only", &provider).channel("other", &other).start().await;
        let before = provider.stats().cancelled;
        let link = router.chat().stream_if(stream).send_only().await;
        provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
        drop(link);

        provider.wait_until(|stats| stats.cancelled == before + 1).await.expect("the call is cancelled");
        let row = router.row().await;
        assert_eq!(row.status, "client_closed");
        assert_eq!(row.outcomes(), [("only", "client_closed")]);
        // The provider has read the prompt.
        assert!(row.input > 0 && row.output == 0 && row.cost == row.input * 1_000, "{row:#?}");
        nothing_is_in_flight(&router).await;
    }
    assert_eq!(other.stats().requests, 0);
}

#[tokio::test]
async fn before_the_body_is_whole_nothing_is_asked() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let call = router.call("POST", "/v1/chat/completions").bearer(KEY).header("content-type", "application/json");
    // The head promises more than ever comes.
    let link = call.header("content-length", "1000").send_only().await;
    drop(link);
    nothing_is_in_flight(&router).await;
    assert_eq!(provider.stats().requests, 0);
}

#[tokio::test]
async fn a_client_that_leaves_moves_no_breaker() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for left in 1..=8 {
        let link = router.chat().send_only().await;
        provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
        drop(link);
        provider.wait_until(|stats| stats.cancelled == left).await.expect("the call is cancelled");
    }
    provider.set(Script::ok());
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!(router.metrics().await[r#"router_channel_state{channel="only"}"#], 2.0);
}

#[tokio::test]
async fn while_waiting_for_its_turn() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let setup = TestRouter::setup().system(json!({"limits": {"max_in_flight": 1, "queue_timeout": "1h"}}));
    let router = setup.channel("only", &provider).start().await;
    let running = router.chat().header("x-request-id", "running").send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
    let waiting = router.chat().header("x-request-id", "waiting").send_only().await;
    eventually("one that waits", async || (router.get("/health").await.json()["queued"] == 1).then_some(())).await;
    drop(waiting);

    let row = router.row().await;
    assert_eq!(row.client_request_id.as_deref(), Some("waiting"));
    assert_eq!((row.status.as_str(), row.error_code.as_deref(), row.attempts.len()), ("client_closed", None, 0));
    assert_eq!(row.cost, 0);
    assert_eq!(
        router.metric(r#"router_requests_total{endpoint="chat_completions""#).await,
        1.0,
        "counters agree with the log"
    );
    drop(running);
    nothing_is_in_flight(&router).await;
    assert_eq!(provider.stats().requests, 1);
}

/// Clients that leave at each stage.
const LEAVERS: u64 = 200;

#[tokio::test]
async fn two_hundred_at_every_stage_leave_nothing_behind() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let bound = json!({"max_in_flight": LEAVERS, "queue": LEAVERS, "queue_timeout": "1h"});
    let setup = TestRouter::setup().and(json!({"daily_budget": 1_000.0})).system(json!({"limits": bound}));
    let mut router = setup.channel("only", &provider).start().await;
    let descriptors = || std::fs::read_dir(router.proc().join("fd")).expect("/proc").count();
    let (open, tasks) = (descriptors(), router.metric("router_tasks").await);

    // In the head and in the body: nothing was asked yet.
    for promised in ["", "1000"] {
        let mut leaving = Vec::new();
        for _ in 0..LEAVERS {
            let mut link = Link::connect(router.address()).await.expect("the router listens");
            let length =
                if promised.is_empty() { String::new() } else { format!("content-length: {promised}\r\n\r\n{{") };
            let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: router\r\nauthorization: Bearer {KEY}\r\n");
            link.send(format!("{head}content-type: application/json\r\n{length}").as_bytes()).await.expect("sent");
            leaving.push(link);
        }
        drop(leaving);
    }
    // While they wait for the first byte, and behind those for their turn.
    let mut running = Vec::new();
    for number in 1..=LEAVERS {
        running.push(router.chat().stream_if(number % 2 == 0).send_only().await);
    }
    provider.wait_until(|stats| stats.in_flight == LEAVERS).await.expect("the calls are under way");
    let mut waiting = Vec::new();
    for _ in 0..LEAVERS {
        waiting.push(router.chat().send_only().await);
    }
    eventually("those that wait", async || (router.metric("router_requests_waiting").await == 200.0).then_some(()))
        .await;
    drop(waiting);
    eventually("their end", async || (router.metric("router_requests_waiting").await == 0.0).then_some(())).await;
    assert_eq!(provider.stats().requests, LEAVERS, "whoever left the queue asked nobody");
    drop(running);
    provider.wait_until(|stats| stats.cancelled == LEAVERS).await.expect("the calls are cancelled");
    // In the middle of the answer.
    provider.set(Script::ok().text("one two three").gap(Duration::from_secs(600)));
    let mut answers = Vec::new();
    for _ in 0..LEAVERS {
        let mut answer = router.chat().streaming().open().await;
        answer.until("one").await;
        answers.push(answer);
    }
    drop(answers);
    provider.wait_until(|stats| stats.cancelled == 2 * LEAVERS).await.expect("the calls are cancelled");

    nothing_is_in_flight(&router).await;
    let rows = router.rows(3 * LEAVERS as usize).await;
    assert!(rows.iter().all(|row| row.status == "client_closed"), "{rows:#?}");
    let asked = rows.iter().filter(|row| !row.attempts.is_empty()).count();
    assert_eq!(asked, 2 * LEAVERS as usize);
    assert!(rows.iter().all(|row| row.attempts.is_empty() == (row.cost == 0)), "who asked pays for what was read");
    eventually("the descriptors of before", async || (descriptors() <= open + 2).then_some(())).await;
    eventually("the tasks of before", async || (router.metric("router_tasks").await <= tasks + 4.0).then_some(()))
        .await;
    assert_eq!(router.metric("router_panics_total").await, 0.0);
    // Nothing is reserved any more: the budget counts what the rows cost.
    let spent: i64 = rows.iter().map(|row| row.cost).sum();
    let used = router.metric("router_budget_used_ratio{scope=\"key\"").await;
    assert!((used - spent as f64 / 1e12).abs() < 1e-9, "{used} of the budget is used, {spent} was spent");
    assert_eq!(router.stop().await.code, Some(0));
}
