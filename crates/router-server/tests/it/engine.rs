//! What a request may say about routing, over sockets: headers, OpenRouter's fields, sessions, explanations in answers.

use router_testkit::SimProvider;
use serde_json::{Value, json};

use crate::support::{ADMIN, KEY, MODEL, ORDERED, Setup, TestRouter};

async fn two() -> (SimProvider, SimProvider) {
    (SimProvider::start().await, SimProvider::start().await)
}

/// `near` at 1 and 2 USD, `far` at twice that; both with a price for cached tokens.
fn setup(near: &SimProvider, far: &SimProvider) -> Setup {
    let model = |input: f64| {
        json!([{"name": MODEL, "context_length": 100_000,
                "price": {"input": input, "output": input * 2.0, "cached_input": input / 10.0}}])
    };
    TestRouter::setup()
        .channel("near", near)
        .models(model(1.0))
        .channel("far", far)
        .models(model(2.0))
        .and(json!({"tags": ["remote"]}))
        .group("any", json!({"strategy": "cost_optimized", "select": {"models": ["sim-*"]}}))
}

#[tokio::test]
async fn openrouters_fields_choose_and_do_not_reach_the_provider() {
    let (near, far) = two().await;
    let router = setup(&near, &far).start().await;
    let served = async |fields: Value| {
        let reply = router.chat().model("any").with(fields).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.header("x-router-channel").to_owned()
    };
    assert_eq!(served(json!({})).await, "near");
    assert_eq!(served(json!({"provider": {"order": ["far"]}})).await, "far");
    assert_eq!(served(json!({"provider": {"ignore": ["NEAR"]}})).await, "far");
    assert_eq!(served(json!({"provider": {"only": ["far"], "allow_fallbacks": false}})).await, "far");
    assert_eq!(served(json!({"provider": {"max_price": {"prompt": 1.5}, "sort": "price"}})).await, "near");
    for provider in [&near, &far] {
        for request in provider.requests() {
            let text = request.text();
            assert!(!text.contains("\"provider\"") && !text.contains("\"models\""), "{text}");
        }
    }
    let refused = router.chat().model("any").with(json!({"provider": {"sort": "speed"}})).send().await;
    let error = refused.error(400, "invalid_value");
    assert_eq!(error["param"], "provider.sort");
    let refused = router.chat().model("any").with(json!({"provider": {"max_price": {"prompt": 0.1}}})).send().await;
    assert_eq!(refused.status(), 402, "{}", refused.text());
    let refused = router.chat().model("any").with(json!({"provider": {"only": ["elsewhere"]}})).send().await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
}

#[tokio::test]
async fn further_models_are_tried_when_the_first_fails() {
    let near = SimProvider::start().await;
    let router = TestRouter::setup()
        .dead_channel("dead")
        .models(json!([{"name": "sim-first", "price": {"input": 1.0, "output": 2.0}}]))
        .channel("near", &near)
        .start()
        .await;
    let call = router.chat().model("sim-first").with(json!({"models": ["sim-nobody", MODEL]}));
    let reply = call.send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "near"), "{}", reply.text());
    // The list alone names the model, too; the provider gets the one that was chosen.
    let body = json!({"models": ["sim-first", MODEL], "messages": [{"role": "user", "content": "Hello"}]});
    let reply = router.call("POST", "/v1/chat/completions").bearer(KEY).json(&body).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "near"), "{}", reply.text());
    assert_eq!(near.last_request().expect("a request").json()["model"], MODEL);
}

#[tokio::test]
async fn headers_choose_and_bad_ones_are_named() {
    let (near, far) = two().await;
    let router = setup(&near, &far).start().await;
    let call = |name: &str, value: &str| router.chat().model("any").header(name, value).send();
    for (name, value, channel) in [
        ("x-router-tags", "remote", "far"),
        ("x-router-tags", "!remote", "near"),
        ("x-router-strategy", "priority", "near"),
        ("x-router-timeout-ms", "30000", "near"),
        ("x-router-max-cost", "1.5", "near"),
    ] {
        let reply = call(name, value).await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, channel), "{name}: {}", reply.text());
    }
    for (name, value, allowed) in [
        ("x-router-strategy", "luck", "multi_layer, cost_optimized"),
        ("x-router-max-cost", "cheap", "an amount in USD"),
        ("x-router-timeout-ms", "0", "milliseconds above 0"),
        ("x-router-explain", "please", "1 or 0"),
        ("x-router-tags", "a,!", "tags with commas"),
    ] {
        let error = call(name, value).await.error(400, "invalid_value");
        assert_eq!(error["param"], name);
        assert!(error["message"].as_str().is_some_and(|text| text.contains(allowed)), "{error}");
    }
    assert_eq!(call("x-router-max-cost", "0.000001").await.status(), 402);
}

#[tokio::test]
async fn a_session_stays_with_its_prompt_cache() {
    let (near, far) = two().await;
    let router = setup(&near, &far).start().await;
    let long = "word ".repeat(4_000);
    let messages = json!([{"role": "user", "content": long}]);
    let call = |session: &str| {
        router.chat().model("any").with(json!({"messages": messages})).header("x-router-session", session)
    };
    // the session begins at the dearer channel, where the whole prompt is cached from then on
    assert_eq!(call("s").header("x-router-tags", "remote").send().await.header("x-router-channel"), "far");
    assert_eq!(call("s").send().await.header("x-router-channel"), "far", "the cache makes it cheaper");
    assert_eq!(call("t").send().await.header("x-router-channel"), "near", "another session has none");
    let question = json!({"model": "any", "messages": messages, "session": "s", "key": "client"});
    let explained = router.call("POST", "/admin/v1/routing/explain").bearer(ADMIN).json(&question).send().await.json();
    assert!(explained["summary"].as_str().is_some_and(|text| text.contains("tokens cached there")), "{explained}");
    assert!(explained["candidates"][0]["price"]["cached_tokens"].as_u64().is_some_and(|tokens| tokens > 1_000));
    // without a name, the beginning of the conversation stands for it
    let unnamed =
        |text: &str| router.chat().model("any").with(json!({"messages": [{"role": "user", "content": text}]}));
    let story = "tale ".repeat(4_000);
    assert_eq!(unnamed(&story).header("x-router-tags", "remote").send().await.header("x-router-channel"), "far");
    assert_eq!(unnamed(&story).send().await.header("x-router-channel"), "far");
    assert_eq!(unnamed(&"else ".repeat(4_000)).send().await.header("x-router-channel"), "near");
}

#[tokio::test]
async fn an_answer_tells_how_it_came_about() {
    let near = SimProvider::start().await;
    let router = TestRouter::setup().dead_channel("dead").channel("near", &near).start().await;
    let check = |router: &Value, what: &str| {
        assert_eq!((&router["group"], &router["channel"]), (&json!(ORDERED), &json!("near")), "{what}: {router}");
        assert!(router["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{what}");
        let attempts = router["attempts"].as_array().expect("attempts");
        assert_eq!(attempts.last().map(|last| &last["channel"]), Some(&json!("near")), "{what}");
        assert!(router["considered"].as_array().is_some_and(|all| all.len() == 2), "{what}: {router}");
        assert!(router["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        assert!(router["cost_usd"].as_str().is_some_and(|cost| cost.starts_with("0.0")), "{what}: {router}");
    };
    let whole = router.chat().header("x-router-explain", "1").send().await;
    check(&whole.json()["router"], "whole");
    assert!(router.chat().send().await.json().get("router").is_none(), "only where it is asked for");
    let streamed = router.chat().streaming().header("x-router-explain", "1").send().await;
    let told = |events: Vec<String>| {
        let objects = events.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
        objects.filter_map(|object| object.get("router").cloned()).collect::<Vec<_>>()
    };
    assert!(streamed.text().ends_with("data: [DONE]\n\n"));
    let found = told(streamed.events());
    assert_eq!(found.len(), 1, "{}", streamed.text());
    check(&found[0], "chat");
    for (path, body) in [
        ("/v1/messages", json!({"max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]})),
        ("/v1/responses", json!({"input": "Hi"})),
    ] {
        for stream in [false, true] {
            let mut body = body.clone();
            (body["model"], body["stream"]) = (json!(ORDERED), json!(stream));
            let call =
                router.call("POST", path).bearer(crate::support::KEY).header("x-router-explain", "1").json(&body);
            let reply = call.send().await;
            assert_eq!(reply.status(), 200, "{}", reply.text());
            let found = if stream { told(reply.events()) } else { vec![reply.json()["router"].clone()] };
            assert_eq!(found.len(), 1, "{path} {stream}: {}", reply.text());
            check(&found[0], path);
        }
    }
}

#[tokio::test]
async fn goals_reach_the_running_router() {
    let (near, far) = two().await;
    let goals = json!({"strategy": "slo", "slo": {"ttft_p95": "800ms"}, "select": {"models": ["sim-*"]}});
    let router = setup(&near, &far).group("quick", goals).start().await;
    let reply = router.chat().model("quick").stream_if(true).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "near"), "{}", reply.text());
    let question = json!({"model": "quick"});
    let explained = router.call("POST", "/admin/v1/routing/explain").bearer(ADMIN).json(&question).send().await.json();
    assert_eq!(explained["strategy"], "slo");
    assert!(
        explained["candidates"][0]["factors"]["ttft_p95"]["value"].as_f64().is_some_and(|ms| ms > 0.0),
        "{explained}"
    );
}
