//! A second attempt beside a silent first one, over sockets: who answers, who is cancelled, what is booked.

use std::time::Duration;

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{Setup, TestRouter};

/// Never ends by itself within a test.
const LONG: Duration = Duration::from_secs(600);

/// Second attempts after so long a silence, one for every request.
fn hedged(after: &str) -> Setup {
    TestRouter::setup().system(json!({"failover": {"hedge_after": after, "hedge_budget": 1.0}}))
}

/// What a message of one word costs to read by our estimate, and an answer to it, nano-USD: see
/// `failover::the_answer_and_the_books_name_the_way`.
const READ: i64 = 9_000;
const ANSWERED: i64 = 20_000;

/// Ways to be silent: nothing at all, or a head (and a role) without content.
fn silences() -> [Script; 2] {
    [Script::hang(), Script::ok().delay_first(LONG)]
}

#[tokio::test]
async fn the_second_answers_the_first_is_cancelled_and_both_are_booked() {
    for script in silences() {
        for stream in [false, true] {
            let slow = SimProvider::start().await.on_any(script.clone());
            let quick = SimProvider::start().await;
            let router = hedged("50ms").channel("slow", &slow).channel("quick", &quick).start().await;

            let reply = router.chat().stream_if(stream).send().await;

            assert_eq!((reply.status(), reply.said().as_str()), (200, "Simulated answer to: Hello"));
            assert!(reply.is_complete());
            assert_eq!((reply.header("x-router-channel"), reply.header("x-router-attempts")), ("quick", "2"));
            slow.wait_until(|stats| stats.cancelled == 1).await.expect("the first is cancelled");
            let row = router.row().await;
            assert_eq!(row.outcomes(), [("slow", "outrun"), ("quick", "completed")]);
            assert_eq!((row.channel.as_deref(), row.status.as_str()), (Some("quick"), "completed"));
            assert_eq!((row.input, row.output), (6, 7), "the row tells of the answer");
            assert_eq!(row.cost, READ + ANSWERED, "what the first has read, and the answer");
            assert!(row.reserved >= row.cost);
            assert_eq!((slow.stats().requests, quick.stats().requests), (1, 1));
            assert_eq!(router.metric("router_channel_in_flight").await, 0.0);
        }
    }
}

#[tokio::test]
async fn the_first_answers_after_all_and_the_second_is_cancelled() {
    for stream in [false, true] {
        let first = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_secs(1)));
        let second = SimProvider::start().await.on_any(Script::hang());
        let router = hedged("30ms").channel("first", &first).channel("second", &second).start().await;
        let reply = router.chat().stream_if(stream).send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "first"), "{}", reply.text());
        second.wait_until(|stats| stats.cancelled == 1).await.expect("the second is cancelled");
        let row = router.row().await;
        assert_eq!(row.outcomes(), [("first", "completed"), ("second", "outrun")]);
        assert_eq!((row.channel.as_deref(), row.cost), (Some("first"), READ + ANSWERED));
    }
}

#[tokio::test]
async fn whichever_fails_leaves_the_other_alone() {
    let broken = || Script::status(500).delay(Duration::from_millis(200));
    let late = || Script::ok().delay(Duration::from_secs(1));
    for stream in [false, true] {
        for (one, two, outcomes) in [
            (broken(), late(), [("one", "temporary"), ("two", "completed")]),
            (late(), Script::status(500), [("one", "completed"), ("two", "temporary")]),
            (late(), Script::cut_before_head(), [("one", "completed"), ("two", "closed_early")]),
            (late(), Script::html(), [("one", "completed"), ("two", "bad_answer")]),
        ] {
            let [first, second] = [SimProvider::start().await.on_any(one), SimProvider::start().await.on_any(two)];
            let router = hedged("20ms").channel("one", &first).channel("two", &second).start().await;
            let reply = router.chat().stream_if(stream).send().await;
            assert_eq!(reply.status(), 200, "{outcomes:?}: {}", reply.text());
            let row = router.row().await;
            assert_eq!((row.outcomes(), row.cost), (outcomes.to_vec(), ANSWERED), "stream {stream}");
            assert_eq!((first.stats().requests, second.stats().requests), (1, 1), "{outcomes:?}");
        }
    }
}

#[tokio::test]
async fn when_both_are_silent_each_ends_at_its_deadline() {
    for stream in [false, true] {
        let [one, two] =
            [SimProvider::start().await.on_any(Script::hang()), SimProvider::start().await.on_any(Script::hang())];
        let third = SimProvider::start().await;
        let setup = hedged("30ms").system(json!({"timeouts": {"first_byte": "1s"}}));
        let setup = setup.channel("one", &one).channel("two", &two).channel("third", &third);
        let router = setup.start().await;
        let reply = router.chat().stream_if(stream).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let row = router.row().await;
        let late = "first_byte_timeout";
        assert_eq!(row.outcomes(), [("one", late), ("two", late), ("third", "completed")]);
    }
}

/// A setup, what its first channel does, and how often the other is asked for one request.
async fn asked(setup: Setup, first: Script, call: Value) -> u64 {
    let first = SimProvider::start().await.on_any(first);
    let other = SimProvider::start().await;
    let router = setup.channel("first", &first).channel("other", &other).start().await;
    let reply = router.chat().with(call).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "first"), "{}", reply.text());
    assert_eq!(router.row().await.attempts.len(), 1);
    other.stats().requests
}

#[tokio::test]
async fn it_starts_only_where_it_may() {
    let slow = || Script::ok().delay(Duration::from_millis(300));
    let none = json!({});
    // Content has come: whatever follows, the request stays where it is.
    let gaps = Script::ok().text("one two three").gap(Duration::from_millis(1_500));
    assert_eq!(asked(hedged("1s"), gaps, json!({"stream": true})).await, 0, "after content");
    assert_eq!(asked(TestRouter::setup(), slow(), none.clone()).await, 0, "nobody asked for it");
    assert_eq!(asked(hedged("10s"), slow(), none.clone()).await, 0, "it was not silent for long");
    let without = TestRouter::setup().system(json!({"failover": {"hedge_after": "20ms", "hedge_budget": 0.0}}));
    assert_eq!(asked(without, slow(), none.clone()).await, 0, "no budget for it");
    let fresh = TestRouter::setup().system(json!({"failover": {"hedge_after": "p95", "hedge_budget": 1.0}}));
    assert_eq!(asked(fresh, slow(), none).await, 0, "nobody knows yet what is slow");
}

#[tokio::test]
async fn a_group_decides_for_itself() {
    let slow = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_secs(1)));
    let quick = SimProvider::start().await;
    let members = json!({"strategy": "priority", "select": {"models": ["sim-*"]}});
    let setup = hedged("20ms").channel("slow", &slow).channel("quick", &quick);
    let setup = setup.group("auto:patient", members.clone()).and(json!({"hedge_after": "never"}));
    let router = setup.group("auto:hasty", members).and(json!({"hedge_after": "50ms"})).start().await;
    for (group, attempts) in [("auto:patient", "1"), ("auto:hasty", "2")] {
        let reply = router.chat().model(group).send().await;
        assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, attempts), "{group}");
    }
}

#[tokio::test]
async fn two_keys_of_one_channel_are_not_two() {
    let slow = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(300)));
    let keys = json!({"api_keys": ["sk-first", "sk-second"]});
    let router = hedged("20ms").channel("only", &slow).and(keys).start().await;
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!((slow.stats().requests, router.row().await.attempts.len()), (1, 1));
}

#[tokio::test]
async fn second_attempts_stay_within_their_share() {
    let slow = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(60)));
    let other = SimProvider::start().await.on_any(Script::hang());
    let setup = TestRouter::setup().system(json!({"failover": {"hedge_after": "1ms", "hedge_budget": 0.1}}));
    let router = setup.channel("slow", &slow).channel("other", &other).start().await;
    for _ in 0..40 {
        assert_eq!(router.chat().send().await.status(), 200);
    }
    assert_eq!(other.stats().requests, 4);
}

#[tokio::test]
async fn without_money_for_two_the_first_goes_on() {
    let slow = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_secs(1)));
    let other = SimProvider::start().await;
    let setup = hedged("20ms").channel("slow", &slow).channel("other", &other);
    // An attempt of 50 tokens out may cost 0.0002 USD with its input; two do not fit.
    let setup = setup.key("poor", "sk-router-poor-0123456789abcdef").and(json!({"daily_budget": 0.0003}));
    let router = setup.start().await;
    let call = router.chat().bearer("sk-router-poor-0123456789abcdef").with(json!({"max_tokens": 50}));
    let reply = call.send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "slow"), "{}", reply.text());
    let row = router.row().await;
    assert_eq!(row.outcomes(), [("slow", "completed"), ("other", "too_large_for_limit")]);
    assert_eq!((row.cost, other.stats().requests), (ANSWERED, 0));
    assert!(row.reserved <= 300_000, "{}", row.reserved);
}

#[tokio::test]
async fn a_client_that_leaves_ends_both() {
    for stream in [false, true] {
        let [one, two] =
            [SimProvider::start().await.on_any(Script::hang()), SimProvider::start().await.on_any(Script::hang())];
        let router = hedged("20ms").channel("one", &one).channel("two", &two).start().await;
        let link = router.chat().stream_if(stream).send_only().await;
        two.wait_until(|stats| stats.in_flight == 1).await.expect("the second runs");
        drop(link);
        for provider in [&one, &two] {
            provider.wait_until(|stats| stats.cancelled == 1).await.expect("it is cancelled");
        }
        let row = router.row().await;
        assert_eq!(row.status, "client_closed");
        assert_eq!(row.outcomes(), [("one", "client_closed"), ("two", "client_closed")]);
        assert_eq!(row.cost, 2 * READ, "both have read the request");
    }
}

#[tokio::test]
async fn it_learns_when_an_answer_is_late() {
    let first = SimProvider::start().await;
    let other = SimProvider::start().await;
    let setup = TestRouter::setup().system(json!({"failover": {"hedge_after": "p95", "hedge_budget": 1.0}}));
    let router = setup.channel("first", &first).channel("other", &other).start().await;
    for _ in 0..30 {
        assert_eq!(router.chat().streaming().send().await.status(), 200);
    }
    let before = other.stats().requests;
    first.set(Script::hang());
    let reply = router.chat().streaming().send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "other"), "{}", reply.text());
    assert!(other.stats().requests > before);
}
