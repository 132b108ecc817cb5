//! Budgets are exact: under concurrency, over restarts, and to the last nano-dollar.

use std::sync::Arc;

use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{MODEL, TestRouter};

const POOR: &str = "sk-router-poor-0123456789abcdef";

/// One cent a request, whatever it holds.
fn cent() -> serde_json::Value {
    json!([{"name": MODEL, "price": {"input": 0.0, "output": 0.0, "per_request": 0.01}}])
}

#[tokio::test]
async fn of_a_thousand_cents_at_once_exactly_a_hundred_are_spent() {
    let provider = SimProvider::start().await.on_any(Script::ok().delay(std::time::Duration::from_millis(5)));
    let setup = TestRouter::setup().channel("only", &provider).models(cent()).key("poor", POOR);
    let setup = setup.and(json!({"daily_budget": 1.0}));
    let mut router = setup.system(json!({"logging": {"level": "warn"}})).env("RUST_LOG", "warn").start().await;
    // As many at once as file handles allow.
    let at_once = Arc::new(Semaphore::new(400));
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let (call, at_once) = (router.chat().bearer(POOR), Arc::clone(&at_once));
        calls.spawn(async move {
            let _turn = at_once.acquire_owned().await.expect("open");
            let reply = call.send().await;
            if reply.status() != 200 {
                let error = reply.error(402, "budget_exceeded");
                assert_eq!(
                    (&error["code"], &error["type"]),
                    (&json!("insufficient_quota"), &json!("insufficient_quota"))
                );
            }
            (reply.status(), reply.header("x-router-cost").to_owned())
        });
    }
    let replies = calls.join_all().await;
    let answered: Vec<_> = replies.iter().filter(|(status, _)| *status == 200).collect();
    assert_eq!((answered.len(), provider.stats().requests), (100, 100));
    assert!(answered.iter().all(|(_, cost)| cost == "0.010000000"), "{answered:?}");

    let rows = router.rows(1_000).await;
    assert_eq!(rows.iter().map(|row| row.cost).sum::<i64>(), 1_000_000_000);
    assert_eq!(rows.iter().filter(|row| row.status == "completed" && row.cost == 10_000_000).count(), 100);
    let refused = rows.iter().filter(|row| row.error_code.as_deref() == Some("budget_exceeded") && row.cost == 0);
    assert_eq!(refused.count(), 900);
    let metrics = router.metrics().await;
    let cost = metrics[&format!(r#"router_cost_usd_total{{channel="only",model="{MODEL}"}}"#)];
    assert!((cost - 1.0).abs() < 1e-9, "{cost}");
    let used = router.metric(r#"router_budget_used_ratio{scope="#).await;
    assert!((used - 1.0).abs() < 1e-9, "{used}");

    // The books are closed after a crash, too.
    router.restart().await;
    router.chat().bearer(POOR).send().await.error(402, "budget_exceeded");
    assert_eq!(provider.stats().requests, 100);
}

#[tokio::test]
async fn agents_that_speak_responses_are_told_as_they_know_it() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider).models(cent()).key("poor", POOR);
    let router = setup.and(json!({"daily_budget": 0.005})).start().await;
    for (path, content, status) in [
        ("/v1/responses", json!({"model": MODEL, "input": "Hello"}), 429),
        ("/v1/chat/completions", json!({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}), 402),
    ] {
        let reply = router.call("POST", path).bearer(POOR).json(&content).send().await;
        assert_eq!(reply.error(status, "budget_exceeded")["code"], "insufficient_quota", "{path}");
    }
    assert_eq!(provider.stats().requests, 0);
}

#[tokio::test]
async fn every_scope_has_its_budget() {
    let cents = json!({"daily_budget": 0.02});
    let setups = [
        ("This key's", TestRouter::setup().key("poor", POOR).and(cents.clone())),
        (
            "The group",
            TestRouter::setup().group(
                "auto:poor",
                json!({"strategy": "priority", "select": {"models": [MODEL]}, "budget_limits": cents}),
            ),
        ),
        ("The router's", TestRouter::setup().system(json!({"budgets": {"daily": 0.02}}))),
    ];
    for (whose, setup) in setups {
        let provider = SimProvider::start().await;
        let router = setup.channel("only", &provider).models(cent()).start().await;
        let call = || match whose {
            "This key's" => router.chat().bearer(POOR),
            "The group" => router.chat().model("auto:poor"),
            _ => router.chat(),
        };
        for _ in 0..2 {
            let reply = call().send().await;
            assert_eq!(reply.status(), 200, "{whose}: {}", reply.text());
        }
        let error = call().send().await.error(402, "budget_exceeded");
        let said = error["message"].as_str().expect("a message");
        assert!(said.contains(whose) && said.contains("0.02"), "{said}");
        assert_eq!(provider.stats().requests, 2, "{whose}");
    }
}

#[tokio::test]
async fn a_channels_budget_sends_requests_elsewhere() {
    let [small, large] = [SimProvider::start().await, SimProvider::start().await];
    let setup = TestRouter::setup().channel("small", &small).models(cent());
    let setup = setup.and(json!({"limits": {"daily_budget": 0.02}}));
    let router = setup.channel("large", &large).models(cent()).start().await;
    for channel in ["small", "small", "large", "large"] {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, channel), "{}", reply.text());
    }
}

/// A cent for each that is asked.
fn cents(count: u32) -> serde_json::Value {
    json!([{"name": MODEL, "price": {"input": 0.0, "output": 0.0, "per_request": f64::from(count) / 100.0}}])
}

#[tokio::test]
async fn whoever_does_not_fit_is_passed_over_by_whoever_does() {
    let three = json!({"daily_budget": 0.03});
    let setups = [
        ("This key's", TestRouter::setup().key("poor", POOR).and(three.clone())),
        (
            "The group",
            TestRouter::setup().group(
                "auto:poor",
                json!({"strategy": "priority", "select": {"models": [MODEL]}, "budget_limits": three}),
            ),
        ),
        ("The router's", TestRouter::setup().system(json!({"budgets": {"daily": 0.03}}))),
    ];
    for (whose, setup) in setups {
        let [dear, cheap] = [SimProvider::start().await, SimProvider::start().await];
        let router =
            setup.channel("dear", &dear).models(cents(2)).channel("cheap", &cheap).models(cents(1)).start().await;
        let call = || match whose {
            "This key's" => router.chat().bearer(POOR),
            "The group" => router.chat().model("auto:poor"),
            _ => router.chat(),
        };
        for channel in ["dear", "cheap"] {
            let reply = call().send().await;
            assert_eq!((reply.status(), reply.header("x-router-channel")), (200, channel), "{whose}: {}", reply.text());
            assert_eq!(reply.header("x-router-attempts"), "1", "{whose}");
        }
        let error = call().send().await.error(402, "budget_exceeded");
        assert!(error["message"].as_str().is_some_and(|said| said.contains(whose)), "{error}");
        assert_eq!((dear.stats().requests, cheap.stats().requests), (1, 1), "{whose}");
        let rows = router.rows(3).await;
        assert_eq!(rows[1].flags, ["no_budget:dear"], "{whose}");
    }
}

#[tokio::test]
async fn nearly_spent_budgets_use_up_no_attempt_and_no_retry() {
    let providers = providers(6).await;
    let mut setup = TestRouter::setup().system(json!({"failover": {"retry_budget": 0.0, "max_attempts": 2}}));
    for (place, provider) in providers.iter().enumerate() {
        // Of all but the last half a cent is left after one request.
        let budget = if place < 5 { json!(0.015) } else { json!(null) };
        setup = setup.channel(&format!("c{place}"), provider).models(cents(1));
        setup = setup.and(json!({"limits": {"daily_budget": budget}}));
    }
    let router = setup.start().await;
    for channel in ["c0", "c1", "c2", "c3", "c4", "c5", "c5", "c5"] {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, channel), "{}", reply.text());
        assert_eq!(reply.header("x-router-attempts"), "1");
    }
}

async fn providers(count: usize) -> Vec<SimProvider> {
    let mut providers = Vec::with_capacity(count);
    for _ in 0..count {
        providers.push(SimProvider::start().await);
    }
    providers
}

#[tokio::test]
async fn failed_attempts_give_their_reservation_back() {
    let bad = SimProvider::start().await.on_any(Script::status(500));
    let good = SimProvider::start().await;
    let setup = TestRouter::setup().channel("bad", &bad).models(cent()).channel("good", &good).models(cent());
    let router = setup.key("poor", POOR).and(json!({"daily_budget": 0.02})).start().await;
    for _ in 0..2 {
        assert_eq!(router.chat().bearer(POOR).send().await.status(), 200);
    }
    router.chat().bearer(POOR).send().await.error(402, "budget_exceeded");
    let rows = router.rows(3).await;
    assert_eq!(rows.iter().map(|row| row.cost).sum::<i64>(), 20_000_000);
}
