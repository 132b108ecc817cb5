//! Streams that end wrongly after content has passed, and streams that look odd but are right.

use router_testkit::{LineEnd, Script, SimProvider};
use serde_json::{Value, json};

use crate::support::TestRouter;

#[tokio::test]
async fn after_the_first_token_nothing_is_tried_again() {
    let table = [
        ("a cut", Script::cut_after(3), "cut"),
        ("a reset", Script::cut_after(3).with_reset(), "cut"),
        ("an error event", Script::error_after(3, "broken at 10.0.0.7"), "temporary"),
        ("silence", Script::cut_after(3).with_silence(), "idle_timeout"),
    ];
    for (what, script, class) in table {
        let bad = SimProvider::start().await.on_any(script.text("one two three four five"));
        let good = SimProvider::start().await;
        let setup = TestRouter::setup().channel("bad", &bad).and(json!({"timeouts": {"stream_idle": "300ms"}}));
        let router = setup.channel("good", &good).start().await;

        // Silence counts by itself: it is noticed within a request that ends before the first byte would be late.
        let reply = router.chat().streaming().header("x-router-timeout-ms", "15000").send().await;

        assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, "1"), "{what}");
        assert_eq!(reply.said(), "one two three ", "{what}");
        let events = reply.events();
        assert!(!events.iter().any(|data| data == "[DONE]"), "{what}: {events:#?}");
        let error: Value = serde_json::from_str(events.last().expect("events")).expect("JSON");
        let fields = error["error"].as_object().unwrap_or_else(|| panic!("{what}: no error event: {events:#?}"));
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["message", "type", "param", "code"], "{what}");
        assert!(!reply.text().contains("10.0.0.7"), "{what}: {events:#?}");
        let row = router.row().await;
        assert_eq!(row.outcomes(), [("bad", class)], "{what}");
        assert_eq!(row.error_class.as_deref(), Some(class), "{what}");
        assert_eq!(row.status, "error", "{what}");
        // Nobody reported usage, so the tokens that passed are counted: more than none, at most the characters.
        assert_eq!(row.tokens_source, "counted", "{what}");
        assert!((1..=14).contains(&row.output), "{what}: {row:#?}");
        assert_eq!(row.cost, row.input * 1_000 + row.output * 2_000, "{what}");
        assert_eq!(good.stats().requests, 0, "{what}");
    }
}

#[tokio::test]
async fn odd_streams_are_answers() {
    let table = [
        ("CRLF", Script::ok().line_end(LineEnd::CrLf)),
        ("CR", Script::ok().line_end(LineEnd::Cr)),
        ("byte order mark", Script::ok().bom()),
        ("comments", Script::ok().comments(3)),
        ("byte by byte", Script::ok().byte_by_byte()),
        ("no content type", Script::ok().no_content_type()),
        ("without [DONE]", Script::ok().no_done()),
        ("a whole answer instead", Script::wrong_kind()),
        ("unknown finish reason", Script::ok().finish("tired")),
        ("absurd usage", Script::ok().absurd_usage()),
        ("no usage", Script::ok().no_usage()),
    ];
    for (what, script) in table {
        for stream in [false, true] {
            let provider = SimProvider::start().await.on_any(script.clone());
            let router = TestRouter::setup().channel("only", &provider).start().await;
            let reply = router.chat().stream_if(stream).send().await;
            assert_eq!(reply.status(), 200, "{what}: {}", reply.text());
            let text = reply.text().replace('\r', "\n");
            assert!(text.contains(if stream { "Simulated " } else { "Simulated answer to: Hello" }), "{what}: {text}");
            assert_eq!(text.matches("data: [DONE]").count(), usize::from(stream), "{what}: {text}");
            let row = router.row().await;
            assert_eq!((row.status.as_str(), row.attempts.len()), ("completed", 1), "{what}");
            assert!(row.cost > 0 && row.cost <= row.reserved.max(1_000_000), "{what}: {row:#?}");
        }
    }
}

#[tokio::test]
async fn a_stream_says_when_the_first_candidate_took_too_long_to_begin() {
    let slow = SimProvider::start().await.on_any(Script::ok().delay_first(std::time::Duration::from_secs(600)));
    let setup = TestRouter::setup().channel("slow", &slow).and(json!({"timeouts": {"first_byte": "150ms"}}));
    let router = setup.start().await;
    let reply = router.chat().streaming().send().await;
    reply.error(504, "upstream_timeout");
    slow.wait_until(|stats| stats.cancelled == 1).await.expect("the call is cancelled");
}
