//! A channel's keys: a refused key is set aside, the next one answers, and the client hears nothing of it.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::TestRouter;

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
