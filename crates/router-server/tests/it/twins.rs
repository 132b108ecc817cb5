//! `idempotency-key`: one call and one charge for all requests of one name, whoever leaves, and none that crosses client keys.

use std::time::Duration;

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{Call, KEY, MODEL, ORDERED, Reply, TestRouter};

const OTHER_KEY: &str = "sk-router-other-0123456789abcdef0";
const REPLAY_OF: &str = "x-router-replay-of";

fn named(router: &TestRouter, name: &str) -> Call {
    router.chat().header("idempotency-key", name)
}

/// Sends them all at once and reads all answers.
async fn together(calls: impl IntoIterator<Item = Call>) -> Vec<Reply> {
    let running: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
    let mut replies = Vec::new();
    for one in running {
        replies.push(one.await.expect("an answer"));
    }
    replies
}

#[tokio::test]
async fn twins_that_come_at_once_are_one_call_and_one_charge() {
    for stream in [false, true] {
        let provider =
            SimProvider::start().await.on_any(Script::ok().text("one two").delay(Duration::from_millis(300)));
        let router = TestRouter::setup().channel("only", &provider).start().await;

        let replies = together((0..50).map(|_| named(&router, "a").stream_if(stream))).await;

        let row = router.row().await;
        assert_eq!((provider.stats().requests, row.status.as_str()), (1, "completed"));
        assert!(row.cost > 0);
        let sent = replies.iter().filter(|reply| !reply.has_header(REPLAY_OF)).count();
        assert_eq!(sent, 1, "all but one say that they are replays");
        for reply in &replies {
            assert_eq!((reply.status(), reply.said().as_str()), (200, "one two"), "{}", reply.text());
            assert!(reply.is_complete() && reply.body() == replies[0].body());
            assert_eq!(reply.header("x-router-channel"), "only");
            if reply.has_header(REPLAY_OF) {
                assert_eq!(reply.header(REPLAY_OF), row.id);
                assert_ne!(reply.header("x-request-id"), row.id, "a request has an id of its own");
                assert!(stream || reply.header("x-router-cost") == "0", "it costs nothing more");
            }
        }
    }
}

#[tokio::test]
async fn who_comes_later_gets_the_same_bytes() {
    let provider = SimProvider::start().await.on_any(Script::ok().text("one two three"));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for (count, stream) in [(1, false), (2, true)] {
        let call = named(&router, &format!("stream-{stream}")).stream_if(stream);
        let first = call.clone().send().await;
        assert_eq!((first.status(), first.has_header(REPLAY_OF)), (200, false), "{}", first.text());
        // What the provider would say now.
        provider.set(Script::ok().text("something else"));
        let again = call.send().await;
        provider.set(Script::ok().text("one two three"));

        assert!(again.is_complete() && again.body() == first.body(), "{} {}", first.text(), again.text());
        assert!(again.has_header(REPLAY_OF));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.said(), "one two three");
        assert_eq!(provider.stats().requests, count);
        let rows = router.rows(usize::try_from(count).expect("a few")).await;
        assert_eq!(again.header(REPLAY_OF), rows.last().expect("a row").id);
    }
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    assert_eq!(named(&router, "a").send().await.status(), 200);

    let other = named(&router, "a").with(json!({"temperature": 0.5})).send().await;
    let error = other.error(422, "idempotency_mismatch");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("idempotency-key")), "{error}");
    let elsewhere = router.call("POST", "/v1/completions").bearer(KEY).header("idempotency-key", "a");
    elsewhere.json(&json!({"model": ORDERED, "prompt": "Hello"})).send().await.error(422, "idempotency_mismatch");

    // The first answer stays, and another name is another request.
    assert!(named(&router, "a").send().await.has_header(REPLAY_OF));
    assert!(!named(&router, "b").send().await.has_header(REPLAY_OF));
    // No name at all is no name.
    for _ in 0..2 {
        assert!(!named(&router, "").send().await.has_header(REPLAY_OF));
    }
    assert_eq!(provider.stats().requests, 4);
    let rows = router.rows(6).await;
    let refused: Vec<_> = rows.iter().filter(|row| row.status == "error").collect();
    assert_eq!(refused.len(), 2);
    for row in refused {
        assert_eq!((row.error_code.as_deref(), row.cost, row.attempts.len()), (Some("idempotency_mismatch"), 0, 0));
    }
}

#[tokio::test]
async fn client_keys_do_not_share_names() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().key("other", OTHER_KEY).channel("only", &provider).start().await;
    let first = named(&router, "a").send().await;
    let other = named(&router, "a").bearer(OTHER_KEY).send().await;
    // Not even a refusal tells that the name was used.
    let third = named(&router, "a").bearer(OTHER_KEY).with(json!({"user": "x"})).send().await;
    assert_eq!((first.status(), other.status(), third.status()), (200, 200, 422));
    assert!(!other.has_header(REPLAY_OF));
    assert_eq!(provider.stats().requests, 2);
    let rows = router.rows(3).await;
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["client", "other", "other"]);
    assert_eq!(rows[0].cost, rows[1].cost);
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_wait_and_then_forgotten() {
    let refused = Script::bad_request("invalid_type", Some("temperature"), "temperature must be between 0 and 2.");
    let provider = SimProvider::start().await.on_any(refused.delay(Duration::from_secs(2)));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let replies = together((0..5).map(|_| named(&router, "a"))).await;
    for reply in &replies {
        assert_eq!(reply.error(400, "invalid_value")["param"], "temperature");
    }
    assert_eq!(provider.stats().requests, 1);

    provider.set(Script::ok());
    let retry = named(&router, "a").send().await;
    assert_eq!((retry.status(), retry.has_header(REPLAY_OF)), (200, false), "{}", retry.text());
    assert_eq!(provider.stats().requests, 2);
    let rows = router.rows(2).await;
    assert_eq!(rows.iter().map(|row| row.status.as_str()).collect::<Vec<_>>(), ["error", "completed"]);
    assert_eq!(rows[0].cost, 0);
}

#[tokio::test]
async fn a_stream_that_broke_is_tried_again() {
    let provider = SimProvider::start().await.on_any(Script::cut_after(1));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let broken = named(&router, "a").streaming().send().await;
    assert!(!broken.text().contains("[DONE]"), "{}", broken.text());
    provider.set(Script::ok().text("one two"));
    let retry = named(&router, "a").streaming().send().await;
    assert_eq!((retry.said().as_str(), retry.has_header(REPLAY_OF)), ("one two", false));
    assert_eq!(provider.stats().requests, 2);
}

#[tokio::test]
async fn what_is_refused_before_it_runs_leaves_the_name_free() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let dear = named(&router, "a").header("x-router-max-cost", "0.000000001").send().await;
    dear.error(402, "budget_exceeded");
    let sent = named(&router, "a").send().await;
    assert_eq!((sent.status(), sent.has_header(REPLAY_OF)), (200, false));
}

#[tokio::test]
async fn the_first_client_leaves_and_its_retry_gets_the_answer() {
    for stream in [false, true] {
        let script = Script::ok().text("one two three four").delay(Duration::from_millis(200));
        let provider = SimProvider::start().await.on_any(script.gap(Duration::from_millis(100)));
        let router = TestRouter::setup().channel("only", &provider).start().await;
        if stream {
            let mut answer = named(&router, "a").streaming().open().await;
            answer.until("one").await;
            drop(answer);
        } else {
            let link = named(&router, "a").send_only().await;
            provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
            drop(link);
        }

        let retry = named(&router, "a").stream_if(stream).send().await;

        assert_eq!((retry.status(), retry.said().as_str()), (200, "one two three four"), "{}", retry.text());
        assert!(retry.has_header(REPLAY_OF));
        let row = router.row().await;
        assert_eq!((row.status.as_str(), row.id.as_str()), ("completed", retry.header(REPLAY_OF)));
        let stats = provider.stats();
        assert_eq!((stats.requests, stats.cancelled), (1, 0));
    }
}

#[tokio::test]
async fn a_twin_that_leaves_disturbs_nobody() {
    let script = Script::ok().text("one two three").gap(Duration::from_millis(200));
    let provider = SimProvider::start().await.on_any(script);
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let mut first = named(&router, "a").streaming().open().await;
    first.until("one").await;
    let mut twin = named(&router, "a").streaming().open().await;
    twin.until("one").await;
    drop(twin);
    let reply = first.rest().await;
    assert_eq!((reply.said().as_str(), reply.is_complete()), ("one two three", true));
    assert_eq!(router.row().await.status, "completed");
    assert_eq!(provider.stats().cancelled, 0);
}

#[tokio::test]
async fn the_same_form_with_another_boundary_is_the_same_request() {
    let provider = SimProvider::start().await.on_any(Script::body(200, "application/json", r#"{"text":"hello"}"#));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let form = |boundary: &str, sound: &str| {
        let part = |head: &str, value: &str| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name={head}\r\n\r\n{value}\r\n")
        };
        let file = part("\"file\"; filename=\"a.mp3\"", sound);
        let body = file + &part("\"model\"", MODEL) + &format!("--{boundary}--\r\n");
        let call = router.call("POST", "/v1/audio/transcriptions").bearer(KEY).header("idempotency-key", "a").raw(body);
        call.without("content-type").header("content-type", &format!("multipart/form-data; boundary={boundary}"))
    };
    let first = form("b-1", "la la").send().await;
    let again = form("another-2", "la la").send().await;
    assert_eq!((first.status(), again.status(), again.body()), (200, 200, first.body()), "{}", again.text());
    assert!(again.has_header(REPLAY_OF));
    form("b-1", "la li").send().await.error(422, "idempotency_mismatch");
    assert_eq!(provider.stats().requests, 1);
}

#[tokio::test]
async fn an_answer_too_large_to_be_kept_arrives_and_is_asked_for_again() {
    let provider = SimProvider::start().await.on_any(Script::ok().text_bytes(9 * 1024 * 1024).content_events(90));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for count in [1, 2] {
        let reply = named(&router, "a").streaming().send().await;
        assert!(reply.is_complete() && reply.body().len() > 8 * 1024 * 1024, "{}", reply.body().len());
        assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"));
        assert!(!reply.has_header(REPLAY_OF));
        assert_eq!(provider.stats().requests, count);
    }
    assert_eq!(router.rows(2).await[1].status, "completed");
}

#[tokio::test]
async fn every_dialect_knows_the_key() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider).channel("vectors", &provider);
    let embedder = json!([{"name": "sim-embed", "price": {"input": 1.0}, "capabilities": ["embeddings"]}]);
    let router = setup.models(embedder).start().await;
    let hello = json!([{"role": "user", "content": "Hello"}]);
    let gemini = format!("/v1beta/models/{MODEL}:generateContent");
    let calls = [
        ("/v1/messages", json!({"model": MODEL, "max_tokens": 16, "messages": hello})),
        ("/v1/responses", json!({"model": MODEL, "input": "Hello"})),
        ("/v1/embeddings", json!({"model": "sim-embed", "input": "Hello"})),
        (gemini.as_str(), json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]})),
    ];
    for (count, (path, body)) in (1..).zip(&calls) {
        let call = router.call("POST", path).bearer(KEY).header("idempotency-key", path);
        let first = call.clone().json(body).send().await;
        let again = call.json(body).send().await;
        assert_eq!((first.status(), again.status()), (200, 200), "{path}: {}", first.text());
        assert!(again.body() == first.body() && again.has_header(REPLAY_OF), "{path}");
        assert_eq!(provider.stats().requests, count, "{path}");
    }
}

#[tokio::test]
async fn a_restart_forgets_what_was_kept() {
    let provider = SimProvider::start().await;
    let mut router = TestRouter::setup().channel("only", &provider).start().await;
    assert_eq!(named(&router, "a").send().await.status(), 200);
    assert_eq!(router.stop().await.code, Some(0));
    router.restart_ended().await;
    let again = named(&router, "a").send().await;
    assert_eq!((again.status(), again.has_header(REPLAY_OF)), (200, false));
    assert_eq!(provider.stats().requests, 2);
}
