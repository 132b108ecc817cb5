//! What only one account of a provider can read never costs a client its answer: encrypted reasoning on its way to another.

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{KEY, MODEL, ORDERED, Reply, Setup, TestRouter};

const SCHEMA: &str = r#"{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false}"#;

/// A channel at an account of its own: the simulated provider's encrypted reasoning is bound to the key.
fn account(setup: Setup, name: &str, provider: &SimProvider) -> Setup {
    at(setup, name, provider, "openai")
}

fn at(setup: Setup, name: &str, provider: &SimProvider, kind: &str) -> Setup {
    let model = json!({
        "name": MODEL, "price": {"input": 1.0, "output": 2.0}, "context_length": 100_000,
        "capabilities": ["chat", "streaming", "function_calling", "reasoning"],
    });
    setup.channel_at(name, &provider.base_url()).and(json!({"provider": kind})).models(json!([model]))
}

async fn two(first: &SimProvider, second: &SimProvider) -> TestRouter {
    account(account(TestRouter::setup(), "first", first), "second", second).start().await
}

fn asks(input: &Value) -> Value {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    json!({
        "model": ORDERED, "store": false, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high"},
        "tools": [{"type": "function", "name": "weather", "parameters": schema}], "input": input,
    })
}

async fn respond(router: &TestRouter, input: &Value, stream: bool) -> Reply {
    let mut body = asks(input);
    body["stream"] = stream.into();
    router.call("POST", "/v1/responses").bearer(KEY).json(&body).send().await
}

/// A conversation whose reasoning the first account has encrypted.
async fn conversation(router: &TestRouter) -> Value {
    let user = json!({"role": "user", "content": r#"call weather with {"city": "Paris"}"#});
    let reply = respond(router, &json!([user]), false).await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "first"), "{}", reply.text());
    let output = reply.json()["output"].as_array().expect("items").clone();
    assert!(output[0]["encrypted_content"].is_string(), "{output:?}");
    let id = output[1]["call_id"].clone();
    let result = json!({"type": "function_call_output", "call_id": id, "output": "sunny"});
    [vec![user], output, vec![result]].concat().into()
}

#[tokio::test]
async fn on_failover_it_is_taken_out_before_it_leaves() {
    for stream in [false, true] {
        let (first, second) = (SimProvider::start().await, SimProvider::start().await);
        let router = two(&first, &second).await;
        let input = conversation(&router).await;
        first.set(Script::status(500));
        let reply = respond(&router, &input, stream).await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "second"), "{}", reply.text());
        assert!(reply.text().contains("the tool said: sunny"), "{}", reply.text());
        assert_eq!(reply.header("x-router-dropped"), "encrypted_content");
        let received = second.requests();
        assert_eq!(received.len(), 1);
        assert!(!received[0].text().contains("encrypted_content\":\""), "{}", received[0].text());
        let sent = received[0].json();
        assert_eq!(sent["input"].as_array().map(Vec::len), input.as_array().map(|items| items.len() - 1), "{sent}");
        assert!(first.last_request().is_some_and(|request| request.text().contains("encrypted_content\":\"")));
    }
}

#[tokio::test]
async fn an_account_that_cannot_read_it_is_asked_again_without() {
    let (first, second) = (SimProvider::start().await, SimProvider::start().await);
    let input = conversation(&two(&first, &second).await).await;
    // A router that knows nothing of the first account.
    let router = account(TestRouter::setup(), "second", &second).start().await;
    for stream in [false, true] {
        second.forget();
        let reply = respond(&router, &input, stream).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert!(reply.text().contains("the tool said: sunny"), "{}", reply.text());
        assert_eq!((reply.header("x-router-dropped"), second.requests().len()), ("encrypted_content", 2));
    }
    for row in router.rows(2).await {
        let outcomes: Vec<&str> = row.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
        assert_eq!(outcomes, ["completed"], "{row:?}");
    }
    // Nothing that could be taken out: the refusal is the client's, after every account was asked.
    let compaction = json!([{"type": "compaction", "encrypted_content": "x"}, {"role": "user", "content": "Hello"}]);
    let why = "The encrypted content could not be verified.";
    second.set(Script::error(400, "invalid_request_error", Some("invalid_encrypted_content"), why));
    let error = respond(&router, &compaction, false).await.error(400, "invalid_value");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(why)), "{error}");
}

/// Reasoning that came packed in another dialect is bound to its account all the same.
#[tokio::test]
async fn a_client_of_another_dialect_moves_as_well() {
    let (first, second) = (SimProvider::start().await, SimProvider::start().await);
    let entry = json!({"only": {"kind": "openai", "dialect": "openai_responses"}});
    let setup = TestRouter::setup().system(json!({"providers": entry}));
    let router = at(at(setup, "first", &first, "only"), "second", &second, "only").start().await;
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let mut body = json!({
        "model": ORDERED, "max_tokens": 5_000, "thinking": {"type": "enabled", "budget_tokens": 4_000},
        "tools": [{"name": "weather", "input_schema": schema}],
        "messages": [{"role": "user", "content": r#"call weather with {"city": "Paris"}"#}],
    });
    let said = router.call("POST", "/v1/messages").bearer(KEY).json(&body).send().await;
    assert_eq!((said.status(), said.header("x-router-channel")), (200, "first"), "{}", said.text());
    let content = said.json()["content"].clone();
    let call = content.as_array().and_then(|blocks| blocks.last()).expect("a call")["id"].clone();
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({"role": "assistant", "content": content}));
    messages
        .push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "sunny"}]}));
    first.set(Script::status(500));
    let reply = router.call("POST", "/v1/messages").bearer(KEY).json(&body).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "second"), "{}", reply.text());
    assert!(first.last_request().is_some_and(|request| request.text().contains("encrypted_content\":\"")));
    let sent = second.last_request().expect("a request").text();
    assert!(!sent.contains("encrypted_content\":\"") && reply.text().contains("the tool said: sunny"), "{sent}");
}
