//! Limits of a client key: refused in time, with the time to wait and the headers that SDKs read.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{KEY, MODEL, ORDERED, TestRouter};

const SLOW: &str = "sk-router-slow-0123456789abcdef";

#[tokio::test]
async fn requests_per_minute_are_counted_and_told() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider).key("slow", SLOW);
    let router = setup.and(json!({"rate_limits": {"requests_per_minute": 3}})).start().await;
    for left in ["2", "1", "0"] {
        let reply = router.chat().bearer(SLOW).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_eq!(reply.header("x-ratelimit-limit-requests"), "3");
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), left);
        assert!(reply.header("x-ratelimit-reset-requests").ends_with('s'));
        assert!(!reply.has_header("x-ratelimit-limit-tokens"));
    }
    let reply = router.chat().bearer(SLOW).send().await;
    reply.error(429, "rate_limit_exceeded");
    assert_eq!(reply.header("x-should-retry"), "true");
    let wait: u64 = reply.header("retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(provider.stats().requests, 3);
    // Another key is not concerned.
    assert_eq!(router.chat().bearer(KEY).send().await.status(), 200);
}

#[tokio::test]
async fn tokens_per_minute_are_counted_by_what_was_used() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider).key("slow", SLOW);
    let router = setup.and(json!({"rate_limits": {"tokens_per_minute": 1000}})).start().await;
    let first = router.chat().bearer(SLOW).with(json!({"max_tokens": 900})).send().await;
    assert_eq!((first.status(), first.header("x-ratelimit-limit-tokens")), (200, "1000"));
    // The first used 13 of its 900, so the second fits.
    let second = router.chat().bearer(SLOW).with(json!({"max_tokens": 900})).send().await;
    assert_eq!(second.status(), 200, "{}", second.text());
    let never = router.chat().bearer(SLOW).with(json!({"max_tokens": 5000})).send().await;
    never.error(429, "rate_limit_exceeded");
    assert_eq!((never.header("x-should-retry"), never.has_header("retry-after")), ("false", false));
}

#[tokio::test]
async fn requests_at_once_are_bounded_and_come_free() {
    let provider = SimProvider::start().await.on_any(Script::hang()).then(Script::ok());
    let setup = TestRouter::setup().channel("only", &provider).key("slow", SLOW);
    let router = setup.and(json!({"rate_limits": {"max_in_flight": 1}})).start().await;
    let waiting = router.chat().bearer(SLOW).send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the first is under way");
    router.chat().bearer(SLOW).send().await.error(429, "rate_limit_exceeded");
    drop(waiting);
    provider.wait_until(|stats| stats.in_flight == 0).await.expect("the first is cancelled");
    assert_eq!(router.rows(2).await.len(), 2);
    assert_eq!(router.chat().bearer(SLOW).send().await.status(), 200);
}

#[tokio::test]
async fn a_channels_own_limit_sends_requests_elsewhere() {
    let [small, large] = [SimProvider::start().await, SimProvider::start().await];
    let setup = TestRouter::setup().channel("small", &small).and(json!({"limits": {"requests_per_minute": 2}}));
    let router = setup.channel("large", &large).start().await;
    for channel in ["small", "small", "large", "large"] {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, channel));
        assert_eq!(reply.header("x-router-attempts"), "1");
    }
}

#[tokio::test]
async fn the_router_sheds_what_it_cannot_hold() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let setup = TestRouter::setup().system(json!({"limits": {"max_in_flight": 1, "queue": 0}}));
    let router = setup.channel("only", &provider).start().await;
    let waiting = router.chat().send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the first is under way");
    let reply = router.chat().send().await;
    reply.error(503, "overloaded");
    assert_eq!((reply.header("x-should-retry"), reply.header("retry-after")), ("true", "1"));
    assert_eq!(router.metric("router_shed_total").await, 1.0);
    drop(waiting);
}

#[tokio::test]
async fn a_days_requests_of_a_channel_are_counted_over_a_restart() {
    let (small, large) = (SimProvider::start().await, SimProvider::start().await);
    // One that failed was a request to the provider, too.
    let small = small.on_any(Script::ok()).then(Script::status(500)).then(Script::ok());
    let setup = TestRouter::setup().channel("small", &small).and(json!({"limits": {"requests_per_day": 3}}));
    let mut router = setup.channel("large", &large).start().await;
    let served = async |router: &TestRouter| {
        let reply = router.chat().model(ORDERED).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.header("x-router-channel").to_owned()
    };
    assert_eq!([served(&router).await, served(&router).await], ["small", "large"]);
    router.restart().await;
    assert_eq!([served(&router).await, served(&router).await], ["small", "large"], "after kill -9");
    router.stop().await;
    router.restart_ended().await;
    assert_eq!(served(&router).await, "large", "after an orderly end");
    assert_eq!(small.stats().requests, 3);
}

#[tokio::test]
async fn a_days_requests_of_a_member_are_counted_over_a_restart_and_a_request_that_was_cut_off_is_one() {
    let (small, large) = (SimProvider::start().await, SimProvider::start().await);
    let small = small.on_any(Script::ok()).then(Script::hang()).then(Script::ok());
    let setup = TestRouter::setup().channel("small", &small).channel("large", &large);
    let first = json!({"strategy": "priority", "fallback": ["second"], "channels": [
        {"channel": "small", "model": MODEL, "daily_limit": 2}]});
    let second = json!({"strategy": "priority", "channels": [
        {"channel": "small", "model": MODEL, "daily_limit": 1}, {"channel": "large", "model": MODEL}]});
    let mut router = setup.group("first", first).group("second", second).start().await;
    let served = async |router: &TestRouter| {
        let reply = router.chat().model("first").send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.header("x-router-channel").to_owned()
    };
    assert_eq!(served(&router).await, "small");
    let cut_off = router.chat().model("first").send_only().await;
    small.wait_until(|stats| stats.in_flight == 1).await.expect("the second is under way");
    router.restart().await;
    drop(cut_off);
    // The group's own two are used up; its fallback has one of its own.
    assert_eq!([served(&router).await, served(&router).await], ["small", "large"]);
    router.restart().await;
    assert_eq!(served(&router).await, "large");
}
