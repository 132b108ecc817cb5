//! Limits that providers tell of in the headers of good answers: whoever has nothing left is spared before it has to refuse.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::TestRouter;

/// A good answer after which nothing is left, in the words of a family of providers.
fn spent() -> Vec<Script> {
    let say = |headers: &[(&str, &str)]| {
        headers.iter().fold(Script::ok(), |script, (name, value)| script.header(name, value))
    };
    vec![
        say(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")]),
        say(&[
            ("x-ratelimit-remaining-requests", "7"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "59.5s"),
        ]),
        say(&[
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2126-01-01T00:00:00Z"),
        ]),
        say(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999999999999")]),
    ]
}

#[tokio::test]
async fn a_channel_with_nothing_left_is_spared_without_a_refusal() {
    for script in spent() {
        for stream in [false, true] {
            let first = SimProvider::start().await.on_any(script.clone());
            let second = SimProvider::start().await;
            let router = TestRouter::setup().channel("first", &first).channel("second", &second).start().await;
            for channel in ["first", "second", "second"] {
                let reply = router.chat().stream_if(stream).send().await;
                let way = (reply.status(), reply.header("x-router-channel"), reply.header("x-router-attempts"));
                assert_eq!(way, (200, channel, "1"), "stream {stream}: {}", reply.text());
            }
            assert_eq!(first.stats().requests, 1);
        }
    }
}

#[tokio::test]
async fn with_several_keys_the_next_one_takes_over() {
    for script in spent() {
        let provider = SimProvider::start().await.on_key("sk-first", script);
        let keys =
            json!({"api_keys": [{"value": "sk-first", "weight": 1000}, {"value": "sk-second", "weight": 0.001}]});
        let router = TestRouter::setup().channel("only", &provider).and(keys).start().await;
        for _ in 0..3 {
            assert_eq!(router.chat().send().await.status(), 200);
        }
        let used: Vec<_> = provider.requests().iter().filter_map(|r| r.bearer().map(str::to_owned)).collect();
        assert_eq!(used, ["sk-first", "sk-second", "sk-second"]);
    }
}

/// A header is no proof: nobody is refused for it.
#[tokio::test]
async fn where_nobody_else_is_left_it_is_tried_all_the_same() {
    for script in spent() {
        let provider = SimProvider::start().await.on_any(script);
        let router = TestRouter::setup().channel("only", &provider).start().await;
        for _ in 0..3 {
            assert_eq!(router.chat().send().await.status(), 200);
        }
    }
}
