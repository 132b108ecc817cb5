//! The first channel fails, in every way that providers know; the client sees one good answer from the next.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{MODEL, ORDERED, Reply, TestRouter};

/// A way to fail before any content, and the class that the books give it: whole answers, then streams.
fn faults() -> Vec<(&'static str, Script, [&'static str; 2])> {
    vec![
        ("status 500", Script::status(500), ["temporary"; 2]),
        ("status 503", Script::status(503), ["overloaded"; 2]),
        ("status 529", Script::status(529), ["overloaded"; 2]),
        ("status 429", Script::rate_limited(Some(7)), ["rate_limited"; 2]),
        ("status 402", Script::status(402), ["key_billing"; 2]),
        ("status 404", Script::status(404), ["model_unavailable"; 2]),
        ("never answers", Script::hang(), ["first_byte_timeout"; 2]),
        ("an empty answer", Script::empty(), ["empty_answer"; 2]),
        ("no choices", Script::no_choices(), ["empty_answer"; 2]),
        ("a web page", Script::html(), ["bad_answer"; 2]),
        ("an error with 200", Script::error_with_200("server_error", None, "broken"), ["temporary"; 2]),
        ("a redirect", Script::redirect("http://127.0.0.1:9/elsewhere"), ["redirect"; 2]),
        ("a cut before the head", Script::cut_before_head(), ["closed_early"; 2]),
        ("a reset before the head", Script::cut_before_head().with_reset(), ["closed_early"; 2]),
        ("a cut in the head", Script::cut_in_head(), ["closed_early"; 2]),
        ("a cut before the first token", Script::cut_before_first_token(), ["cut"; 2]),
        ("silence before the first token", Script::cut_before_first_token().with_silence(), ["first_byte_timeout"; 2]),
        ("nonsense instead of HTTP", Script::wire("nonsense\r\n\r\n"), ["bad_answer"; 2]),
        ("broken JSON", Script::body(200, "application/json", "{\"choices\": [{"), ["bad_answer"; 2]),
    ]
}

#[tokio::test]
async fn the_client_sees_one_good_answer_from_the_next_channel() {
    for (way, script, classes) in faults() {
        for (stream, class) in [false, true].into_iter().zip(classes) {
            let what = format!("{way}, stream: {stream}");
            let bad = SimProvider::start().await.on_any(script.clone());
            let good = SimProvider::start().await;
            let setup = TestRouter::setup().channel("bad", &bad).and(json!({"timeouts": {"first_byte": "1s"}}));
            let router = setup.channel("good", &good).start().await;

            let reply = router.chat().stream_if(stream).send().await;

            assert_eq!((reply.status(), reply.said().as_str()), (200, "Simulated answer to: Hello"), "{what}");
            assert!(reply.is_complete(), "{what}");
            assert_eq!(reply.header("x-router-attempts"), "2", "{what}");
            assert_eq!(reply.header("x-router-channel"), "good", "{what}");
            assert_eq!(reply.header("x-router-group"), ORDERED, "{what}");
            assert_eq!(reply.events().last().map(String::as_str), stream.then_some("[DONE]"), "{what}");
            let row = router.row().await;
            assert_eq!(row.outcomes(), [("bad", class), ("good", "completed")], "{what}");
            assert_eq!((row.status.as_str(), row.stream, row.error_code), ("completed", stream, None), "{what}");
            assert_eq!((bad.stats().requests, good.stats().requests), (1, 1), "{what}");
        }
    }
}

#[tokio::test]
async fn a_refused_connection_is_one_attempt() {
    for stream in [false, true] {
        let good = SimProvider::start().await;
        let router = TestRouter::setup().dead_channel("dead").channel("good", &good).start().await;
        let reply = router.chat().stream_if(stream).send().await;
        assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, "2"));
        assert_eq!(router.row().await.outcomes(), [("dead", "connect"), ("good", "completed")]);
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_no_connection() {
    // It waits for the end of a head, which a TLS handshake never has.
    let (plain, good) = (SimProvider::start().await, SimProvider::start().await);
    let setup = TestRouter::setup().system(json!({"timeouts": {"connect": "500ms"}}));
    let setup = setup.channel_at("silent", &format!("https://{}/v1", plain.address())).channel("good", &good);
    let router = setup.start().await;
    let reply = router.chat().send().await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(router.row().await.outcomes(), [("silent", "connect_timeout"), ("good", "completed")]);
}

#[tokio::test]
async fn the_answer_and_the_books_name_the_way() {
    let bad = SimProvider::start().await.on_any(Script::status(500));
    let good = SimProvider::start().await;
    let router = TestRouter::setup().channel("bad", &bad).channel("good", &good).start().await;

    let reply = router.chat().header("x-request-id", "my-own.id_1").send().await;

    assert_eq!(reply.header("x-request-id"), "my-own.id_1");
    assert_eq!(reply.header("x-router-provider"), "sim");
    assert_eq!(reply.header("x-router-model"), MODEL);
    // 4 for the message and 2 for "Hello" at 1 USD a million; 26 characters are 7 tokens at 2 USD a million.
    assert_eq!(reply.header("x-router-cost"), "0.000020000");
    assert!(reply.header("x-router-overhead-us").parse::<u64>().is_ok());
    let row = router.row().await;
    assert_eq!(row.client_request_id.as_deref(), Some("my-own.id_1"));
    assert_eq!((row.key.as_str(), row.model.as_str(), row.group.as_deref()), ("client", ORDERED, Some(ORDERED)));
    assert_eq!((row.channel.as_deref(), row.upstream_model.as_deref()), (Some("good"), Some(MODEL)));
    assert_eq!((row.input, row.output, row.tokens_source.as_str()), (6, 7, "reported"));
    assert_eq!(row.cost, 20_000);
    assert!(row.reserved >= row.cost);
    let metrics = router.metrics().await;
    let requests =
        format!(r#"router_requests_total{{endpoint="chat_completions",group="{ORDERED}",status="completed"}}"#);
    assert_eq!(metrics.get(&requests), Some(&1.0));
    let attempts = |channel, outcome| {
        format!(r#"router_attempts_total{{provider="sim",channel="{channel}",outcome="{outcome}"}}"#)
    };
    assert_eq!(metrics.get(&attempts("bad", "temporary")), Some(&1.0));
    assert_eq!(metrics.get(&attempts("good", "completed")), Some(&1.0));
    assert_eq!(router.metric("router_failovers_total").await, 1.0);
}

#[tokio::test]
async fn when_all_fail_the_last_class_decides_and_no_upstream_text_passes() {
    let table = [
        (Script::error(500, "server_error", None, "secret of 10.0.0.7"), 502, "upstream_error"),
        (Script::html(), 502, "upstream_bad_response"),
        (Script::hang(), 504, "upstream_timeout"),
        (Script::rate_limited(Some(7)), 429, "rate_limit_exceeded"),
        (Script::unauthorized(), 503, "no_channel_available"),
    ];
    for (script, status, code) in table {
        for stream in [false, true] {
            let [one, two] = [SimProvider::start().await, SimProvider::start().await];
            one.set(script.clone());
            two.set(script.clone());
            let setup = TestRouter::setup().system(json!({"timeouts": {"first_byte": "1s"}}));
            let router = setup.channel("one", &one).channel("two", &two).start().await;

            let reply = router.chat().stream_if(stream).send().await;

            let error = reply.error(status, code);
            assert_eq!(reply.header("x-router-attempts"), "2", "{error}");
            assert!(!reply.text().contains("secret"), "{error}");
            let row = router.row().await;
            assert_eq!(row.attempts.len(), 2, "{code}");
            assert_eq!(row.error_code.as_deref(), Some(code));
            assert_eq!(row.status, if status == 504 { "timeout" } else { "error" }, "{code}");
            assert_eq!(row.cost, 0, "{code}: nothing was consumed");
        }
    }
}

#[tokio::test]
async fn retry_after_is_the_earliest_time_over_all_candidates() {
    let long = SimProvider::start().await.on_any(Script::rate_limited(Some(25)));
    let short = SimProvider::start().await.on_any(Script::rate_limited(Some(12)));
    let router = TestRouter::setup().channel("long", &long).channel("short", &short).start().await;
    for asked in [1, 1] {
        let reply = router.chat().send().await;
        reply.error(429, "rate_limit_exceeded");
        assert_eq!(reply.header("x-should-retry"), "true");
        let wait: u64 = reply.header("retry-after").parse().expect("whole seconds");
        assert!((1..=12).contains(&wait), "{wait}");
        // The second request asks nobody: both are known to be busy.
        assert_eq!((long.stats().requests, short.stats().requests), (asked, asked));
    }
}

#[tokio::test]
async fn a_recovery_that_no_client_waits_for_is_none_in_sight() {
    let dead = SimProvider::start().await.on_any(Script::status(401));
    let away = SimProvider::start().await.on_any(Script::status(503).header("retry-after", "20"));
    let setup = TestRouter::setup().channel("dead", &dead).channel("away", &away);
    let both = json!({"strategy": "priority", "channels": [
        {"channel": "dead", "model": "sim-model", "priority": 1}, {"channel": "away", "model": "sim-model", "priority": 2}]});
    let router = setup.group("both", both).start().await;
    let wait =
        |reply: &Reply| reply.header("retry-after").parse::<u64>().unwrap_or_else(|_| panic!("{}", reply.text()));
    for attempts in ["1", ""] {
        let reply = router.chat().model("channel:dead/sim-model").send().await;
        reply.error(503, "no_channel_available");
        assert_eq!(reply.header("x-should-retry"), "false", "its key needs somebody's hand");
        assert!(wait(&reply) > 1_000, "the true time is told all the same");
        assert_eq!(
            if reply.has_header("x-router-attempts") { reply.header("x-router-attempts") } else { "" },
            attempts
        );
    }
    router.chat().model("both").send().await.error(502, "upstream_error");
    let reply = router.chat().model("both").send().await;
    reply.error(503, "no_channel_available");
    assert_eq!(reply.header("x-should-retry"), "true", "one of them is back soon");
    assert!((1..=20).contains(&wait(&reply)), "{}", wait(&reply));
}

/// An SDK that tries twice more whenever it is told that this may help, without waiting as it is asked to.
async fn with_retries(router: &TestRouter) -> usize {
    for sent in 1..=3 {
        let reply = router.chat().send().await;
        if reply.status() == 200 || reply.header("x-should-retry") != "true" {
            return sent;
        }
    }
    3
}

#[tokio::test]
async fn an_sdk_that_tries_again_does_not_multiply_an_outage() {
    let [one, two] = [SimProvider::start().await, SimProvider::start().await];
    for provider in [&one, &two] {
        provider.set(Script::status(500));
    }
    // The budget of retries is that of a router whose file says nothing of it.
    let setup = TestRouter::setup().system(json!({"failover": {"retry_budget": 0.2}}));
    let router = setup.channel("one", &one).channel("two", &two).start().await;
    let wanted = 40;
    let mut sent = 0;
    for _ in 0..wanted {
        sent += with_retries(&router).await;
    }
    let calls = one.stats().requests + two.stats().requests;
    assert_eq!(sent, 3 * wanted, "it was told that it may");
    assert!(2 * calls <= 3 * wanted as u64, "{calls} calls of providers for {wanted} wishes");
    assert!(calls >= 2, "both were tried");
}
