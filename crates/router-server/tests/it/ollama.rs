//! Ollama in its own dialect: what it is sent, and lines that are no whole answer.

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{ADMIN, MODEL, ORDERED, Reply, Setup, TestRouter};

/// A model of the built-in list that thinks and calls tools.
const THINKER: &str = "gpt-oss:20b";

fn said(text: &str, more: Value) -> String {
    let mut line =
        json!({"model": "m", "created_at": "t", "message": {"role": "assistant", "content": text}, "done": false});
    line.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    format!("{line}\n")
}

fn done() -> Value {
    json!({"done": true, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 2})
}

/// A channel for every client's dialect, in Ollama's own.
fn native(setup: Setup, name: &str, provider: &SimProvider) -> Setup {
    setup
        .system(json!({"providers": {"local": {"kind": "ollama", "also": []}}}))
        .channel_at(name, &provider.url("/v1"))
        .and(json!({"provider": "local"}))
}

async fn streamed(router: &TestRouter) -> Reply {
    router.chat().model(ORDERED).streaming().send().await
}

#[tokio::test]
async fn a_host_in_the_environment_serves_both_of_its_dialects_without_a_key() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().no_files().env("OLLAMA_HOST", &provider.address().to_string());
    let router = setup.start().await;
    let picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let body = json!({
        "model": THINKER, "max_tokens": 5_000, "thinking": {"type": "enabled", "budget_tokens": 4_500},
        "metadata": {"user_id": "u"}, "top_k": 40, "stop_sequences": ["END"],
        "messages": [{"role": "user", "content": "Hello"}],
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}],
    });
    let reply = router.call("POST", "/v1/messages").bearer(ADMIN).json(&body).send().await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!((reply.header("x-router-provider"), reply.header("x-router-dropped")), ("ollama", "user"));
    let received = provider.last_request().expect("a request");
    assert_eq!((received.path.as_str(), received.key()), ("/api/chat", None));
    let sent = received.json();
    assert_eq!((&sent["think"], &sent["stream"], &sent["truncate"]), (&json!("high"), &json!(false), &json!(false)));
    assert_eq!(sent["options"], json!({"num_predict": 5_000, "top_k": 40, "stop": ["END"]}));

    // A model that does not think is not asked to; one that sees gets bare base64.
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}});
    let more = json!({"model": "gemma3:4b", "tools": [], "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]});
    let mut body = body;
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let reply = router.call("POST", "/v1/messages").bearer(ADMIN).json(&body).send().await;
    assert_eq!((reply.status(), reply.header("x-router-dropped")), (200, "reasoning, user"), "{}", reply.text());
    let sent = provider.last_request().expect("a request").json();
    assert_eq!(sent["messages"], json!([{"role": "user", "content": "What?", "images": [picture]}]));
    assert_eq!(sent.get("think"), None);

    let reply = router.chat().bearer(ADMIN).model(THINKER).send().await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(provider.last_request().expect("a request").path, "/v1/chat/completions");
    assert!(router.rows(3).await.iter().all(|row| row.cost == 0 && row.tokens_source == "reported"));
}

#[tokio::test]
async fn the_context_is_as_long_as_the_catalogue_says() {
    let provider = SimProvider::start().await;
    let router = native(TestRouter::setup(), "local", &provider).start().await;
    assert_eq!(router.chat().send().await.status(), 200);
    let received = provider.last_request().expect("a request");
    assert_eq!((received.path.as_str(), &received.json()["options"]["num_ctx"]), ("/api/chat", &json!(100_000)));
    provider.set(Script::error(400, "", None, "the input length exceeds the context length"));
    router.chat().send().await.error(400, "context_length_exceeded");
    provider.set(Script::error(404, "", None, &format!("model '{MODEL}' not found")));
    router.chat().send().await.error(503, "no_channel_available");
}

/// Nothing was said yet, so another channel answers; what was said is the client's, with an error at its end.
#[tokio::test]
async fn lines_that_break_off_are_no_answer() {
    let failed = || "{\"error\":\"an error was encountered while running the model\"}\n".to_owned();
    let cases: [(&str, Vec<String>, bool); 5] = [
        ("nothing", vec![], false),
        ("an empty beginning", vec![said("", json!({}))], false),
        ("an error at once", vec![failed()], false),
        ("no end", vec![said("Hel", json!({}))], true),
        ("an error in the middle", vec![said("Hel", json!({})), failed()], true),
    ];
    for (case, lines, begun) in cases {
        let (first, second) = (SimProvider::start().await, SimProvider::start().await);
        let router = native(native(TestRouter::setup(), "first", &first), "second", &second).start().await;
        first.set(Script::blocks(lines));
        let reply = streamed(&router).await;
        assert_eq!(reply.status(), 200, "{case}: {}", reply.text());
        let row = router.row().await;
        let outcomes: Vec<(&str, bool)> =
            row.attempts.iter().map(|attempt| (attempt.channel.as_str(), attempt.outcome == "completed")).collect();
        if begun {
            assert!(reply.text().contains("\"error\"") && !reply.text().contains("[DONE]"), "{case}: {}", reply.text());
            assert_eq!(
                (outcomes.as_slice(), row.status.as_str()),
                (&[("first", false)][..], "error"),
                "{case}: {row:?}"
            );
        } else {
            assert!(reply.said().ends_with("Hello") && reply.text().contains("[DONE]"), "{case}: {}", reply.text());
            assert_eq!(outcomes, [("first", false), ("second", true)], "{case}: {row:?}");
        }
    }
}

#[tokio::test]
async fn lines_arrive_however_they_are_cut_and_their_counts_are_booked() {
    let provider = SimProvider::start().await;
    let whole = vec![said("Hel", json!({})), said("lo wörld", json!({})), said("", done())];
    // What a prompt that is in memory whole leaves uncounted is estimated.
    let uncounted = vec![said("Hello wörld", json!({})), said("", json!({"done": true, "eval_count": 2}))];
    for (lines, counts) in [(whole, Some((7, 2))), (uncounted, None)] {
        let router = native(TestRouter::setup(), "local", &provider).start().await;
        provider.set(Script::blocks(lines.clone()).byte_by_byte());
        let streamed = router.chat().streaming().send().await;
        // Lines where one object was asked for are as good.
        provider.set(Script::body(200, "application/x-ndjson", lines.concat()));
        let whole = router.chat().send().await;
        assert_eq!((streamed.said(), whole.said()), ("Hello wörld".to_owned(), "Hello wörld".to_owned()));
        for row in router.rows(2).await {
            let source = if counts.is_some() { "reported" } else { "counted" };
            assert_eq!((row.status.as_str(), row.tokens_source.as_str()), ("completed", source), "{row:?}");
            assert!(counts.is_none_or(|counts| counts == (row.input, row.output)) && row.input > 0, "{row:?}");
        }
    }
}
