//! A channel's keys: a refused key is set aside, the next one answers, and the client hears nothing of it.

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{MODEL, ORDERED, TestRouter};

#[tokio::test]
async fn a_refused_key_is_not_used_again() {
    for (refusal, class) in [(Script::unauthorized(), "key_invalid"), (Script::status(402), "key_billing")] {
        for stream in [false, true] {
            let provider = SimProvider::start().await.on_key("sk-first", refusal.clone());
            let keys =
                json!({"api_keys": [{"value": "sk-first", "weight": 1000}, {"value": "sk-second", "weight": 0.001}]});
            let router = TestRouter::setup().channel("only", &provider).and(keys).start().await;

            let first = router.chat().stream_if(stream).send().await;
            assert_eq!(first.status(), 200, "{}", first.text());
            assert_eq!(first.header("x-router-attempts"), "2");
            let second = router.chat().stream_if(stream).send().await;
            assert_eq!((second.status(), second.header("x-router-attempts")), (200, "1"));

            let used: Vec<_> = provider.requests().iter().filter_map(|r| r.bearer().map(str::to_owned)).collect();
            assert_eq!(used, ["sk-first", "sk-second", "sk-second"]);
            let rows = router.rows(2).await;
            assert_eq!(rows[0].outcomes(), [("only", class), ("only", "completed")]);
            assert_ne!(rows[0].attempts[0].provider_key, rows[0].attempts[1].provider_key);
            assert_eq!(rows[1].outcomes(), [("only", "completed")]);
        }
    }
}

#[tokio::test]
async fn with_every_key_refused_the_client_sees_no_401() {
    for status in [401, 403, 402] {
        let provider = SimProvider::start().await.on_any(Script::status(status));
        let keys = json!({"api_keys": ["sk-first", "sk-second"]});
        let router = TestRouter::setup().channel("only", &provider).and(keys).start().await;
        for _ in 0..2 {
            let reply = router.chat().send().await;
            assert_eq!(reply.status(), 503, "upstream {status}: {}", reply.text());
            reply.error(503, "no_channel_available");
        }
    }
}

/// The keys that the provider has seen, in order.
fn used(provider: &SimProvider) -> Vec<String> {
    provider.requests().iter().filter_map(|request| request.bearer().map(str::to_owned)).collect()
}

async fn key_of(router: &TestRouter, place: usize) -> Value {
    router.admin("/admin/v1/channels/only").await.json()["keys"][place].clone()
}

#[tokio::test]
async fn a_full_key_is_passed_over_and_the_last_sends_the_client_away_until_there_is_room() {
    let provider = SimProvider::start().await;
    let keys = json!({"api_keys": [
        {"value": "sk-first", "weight": 1000, "limits": {"requests_per_minute": 2}},
        {"value": "sk-second", "weight": 0.001, "limits": {"requests_per_minute": 1}},
    ]});
    let router = TestRouter::setup().channel("only", &provider).and(keys).start().await;
    for _ in 0..3 {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, "1"), "{}", reply.text());
    }
    assert_eq!(used(&provider), ["sk-first", "sk-first", "sk-second"]);
    let reply = router.chat().send().await;
    reply.error(429, "rate_limit_exceeded");
    let wait: u64 = reply.header("retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(provider.stats().requests, 3);
    for place in 0..2 {
        let key = key_of(&router, place).await;
        assert_eq!((&key["status"], &key["reason"]), (&json!("full"), &json!("requests per minute")), "{key:#}");
        assert!(key["until"].is_string(), "{key:#}");
    }
}

#[tokio::test]
async fn requests_at_a_time_go_to_the_next_key_and_then_to_the_next_channel() {
    let (first, second) = (SimProvider::start().await.on_any(Script::hang()), SimProvider::start().await);
    let one = json!({"max_in_flight": 1});
    let keys = json!({"key_rotation": "least_used", "api_keys": [
        {"value": "sk-a", "limits": one}, {"value": "sk-b", "limits": one},
    ]});
    let setup = TestRouter::setup().channel("first", &first).and(keys).channel("second", &second);
    let router = setup.start().await;
    let mut waiting = Vec::new();
    for running in 1..=2 {
        waiting.push(router.chat().model(ORDERED).send_only().await);
        first.wait_until(|stats| stats.in_flight == running).await.expect("under way");
    }
    assert_eq!(used(&first), ["sk-a", "sk-b"]);
    let reply = router.chat().model(ORDERED).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "second"), "{}", reply.text());
    drop(waiting);
}

#[tokio::test]
async fn the_least_used_keys_of_the_day_have_their_shares_also_over_a_restart() {
    let provider = SimProvider::start().await;
    let keys = json!({"key_rotation": "least_used", "api_keys": [
        {"value": "sk-a", "weight": 2}, {"value": "sk-b", "weight": 1}, {"value": "sk-c", "limits": {"requests_per_day": 1}},
    ]});
    let mut router = TestRouter::setup().channel("only", &provider).and(keys).start().await;
    let ask = async |router: &TestRouter, times: usize| {
        for _ in 0..times {
            assert_eq!(router.chat().send().await.status(), 200);
        }
    };
    ask(&router, 4).await;
    assert_eq!(used(&provider), ["sk-a", "sk-a", "sk-b", "sk-c"]);
    router.restart().await;
    ask(&router, 3).await;
    assert_eq!(used(&provider)[4..], ["sk-a", "sk-a", "sk-b"], "after kill -9");
    let key = key_of(&router, 2).await;
    assert_eq!((&key["status"], &key["requests_today"]), (&json!("full"), &json!(1)), "{key:#}");
    assert_eq!(key_of(&router, 0).await["requests_today"], 4);
}

#[tokio::test]
async fn a_day_of_a_key_is_counted_over_a_restart_with_what_was_cut_off() {
    let provider = SimProvider::start().await.on_any(Script::status(500)).then(Script::hang()).then(Script::ok());
    let keys = json!({"api_keys": [
        {"value": "sk-first", "weight": 1000, "limits": {"requests_per_day": 2}}, {"value": "sk-second", "weight": 0.001},
    ]});
    let setup = TestRouter::setup().channel("only", &provider).and(keys);
    let mut router =
        setup.system(json!({"failover": {"max_attempts": 1}, "cooldown": {"temporary": "1ms"}})).start().await;
    assert_ne!(router.chat().send().await.status(), 200);
    router.rows(1).await;
    router.restart().await;
    let cut_off = router.chat().send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the second is under way");
    router.restart().await;
    drop(cut_off);
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!(used(&provider), ["sk-first", "sk-first", "sk-second"]);
}

#[tokio::test]
async fn too_many_requests_for_one_model_leave_the_key_to_the_others() {
    let busy = Script::status(429).header("retry-after", "60");
    let provider = SimProvider::start().await.on_key("sk-first", busy.clone());
    let setup = TestRouter::setup().channel("only", &provider).and(json!({
        "api_keys": [{"value": "sk-first", "weight": 1000}, {"value": "sk-second", "weight": 0.001}],
    }));
    let model = |name: &str| json!({"name": name, "price": {"input": 1, "output": 1}});
    let router = setup.models(json!([model(MODEL), model("other")])).start().await;
    for (model, attempts) in [(MODEL, "2"), (MODEL, "1"), ("other", "2"), ("other", "1")] {
        let reply = router.chat().model(model).send().await;
        assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, attempts), "{model}: {}", reply.text());
    }
    // The other model had its own go at the first key.
    assert_eq!(used(&provider), ["sk-first", "sk-second", "sk-second", "sk-first", "sk-second", "sk-second"]);
    let key = key_of(&router, 0).await;
    assert_eq!((&key["status"], &key["cooldown_until"]), (&json!("usable"), &Value::Null), "{key:#}");
    let models: Vec<_> = key["cooling_models"].as_array().expect("a list").iter().map(|at| &at["model"]).collect();
    assert_eq!(models, [MODEL, "other"]);
    assert_eq!(key["cooling_models"][0]["reason"], "rate_limited");
    assert!(key["health"].as_f64() < key_of(&router, 1).await["health"].as_f64());
}

#[tokio::test]
async fn what_a_key_cannot_do_is_told_with_the_reason() {
    let provider = SimProvider::start().await.on_key("sk-first", Script::unauthorized());
    let keys = json!({"api_keys": [
        {"name": "refused", "value": "sk-first", "weight": 1000},
        {"name": "poor", "value": "sk-second", "weight": 0.001, "daily_budget": 0.0},
        {"name": "good", "value": "sk-third", "weight": 0.000001},
    ]});
    let router = TestRouter::setup().channel("only", &provider).and(keys).start().await;
    let reply = router.chat().send().await;
    assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, "2"), "{}", reply.text());
    assert_eq!(used(&provider), ["sk-first", "sk-third"]);
    let keys = [key_of(&router, 0).await, key_of(&router, 1).await, key_of(&router, 2).await];
    let told: Vec<_> = keys.iter().map(|key| (key["status"].as_str(), key["reason"].as_str())).collect();
    assert_eq!(
        told,
        [(Some("cooling"), Some("key_invalid")), (Some("spent"), Some("daily budget")), (Some("usable"), None)]
    );
    assert!(!keys.iter().any(|key| key.to_string().contains("sk-")), "a secret: {keys:?}");
}
