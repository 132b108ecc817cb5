//! The demo provider: honest about being simulated, complete, and flaky where it promises to be.

use crate::client::{chat, get, parsed, post_bytes, streamed_text};
use router_testkit::demo::{self, CHANNELS, MODELS};
use router_testkit::http1::{Link, Response};
use serde_json::{Value, json};

async fn call(demo: &demo::DemoProvider, channel: &str, body: &Value) -> std::io::Result<Response> {
    let mut link = Link::connect(demo.provider().address()).await?;
    link.exchange(post_bytes(&format!("/{channel}/v1/chat/completions"), &body.to_string(), "").as_bytes()).await
}

fn ask(more: Value) -> Value {
    let mut body = chat("good morning", more);
    body["model"] = json!("demo-small");
    body
}

#[tokio::test]
async fn every_answer_says_that_it_is_simulated() {
    let demo = demo::start().await.unwrap();
    for channel in ["demo-fast", "demo-cheap"] {
        let whole = parsed(&call(&demo, channel, &ask(json!({}))).await.unwrap());
        let text = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with("This is a simulated answer from the demo provider") && text.ends_with("good morning"),
            "{text}"
        );
        let streamed = call(&demo, channel, &ask(json!({"stream": true}))).await.unwrap();
        assert_eq!(streamed_text(&streamed), text, "{channel}");
        assert_eq!(demo.channel_url(channel), format!("{}/{channel}/v1", demo.base_url));
    }
}

#[tokio::test]
async fn the_models_are_listed_and_no_others_answer() {
    let demo = demo::start().await.unwrap();
    for channel in CHANNELS {
        let list = parsed(&get(demo.provider(), &format!("/{channel}/v1/models")).await);
        let ids: Vec<&str> =
            list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        assert_eq!(ids, MODELS);
    }
    let unknown = call(&demo, "demo-fast", &chat("x", json!({}))).await.unwrap();
    assert_eq!((unknown.status(), &parsed(&unknown)["error"]["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn every_third_call_of_the_flaky_channel_fails_in_turn() {
    let demo = demo::start().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..12 {
        let response = call(&demo, "demo-flaky", &ask(json!({"stream": true}))).await.unwrap();
        seen.push((response.status(), response.complete));
    }
    let (good, cut) = ((200, true), (200, false));
    assert_eq!(seen, [good, good, (500, true), good, good, (429, true), good, good, cut, good, good, (500, true)]);
}
