//! Faithful answers of every endpoint.

use crate::client::{chat, get, parsed, post};
use base64::Engine as _;
use router_testkit::answers::tokens_of;
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

#[tokio::test]
async fn a_chat_answer_echoes_and_counts() {
    let provider = SimProvider::start().await;
    let answer = parsed(&post(&provider, "/v1/chat/completions", &chat("hello", json!({}))).await);
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "gpt-4o-mini");
    assert_eq!(answer["choices"][0]["message"]["content"], "Simulated answer to: hello");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 4 + tokens_of("hello"));
    assert_eq!(answer["usage"]["completion_tokens"], tokens_of("Simulated answer to: hello"));
    let again = parsed(&post(&provider, "/v1/chat/completions", &chat("hello", json!({}))).await);
    assert_eq!(answer, again, "the same request gets the same answer");
}

#[tokio::test]
async fn paths_work_with_any_prefix() {
    let provider = SimProvider::start().await;
    for path in ["/chat/completions", "/v1/chat/completions", "/openai/v1/chat/completions"] {
        assert_eq!(post(&provider, path, &chat("x", json!({}))).await.status(), 200, "{path}");
    }
    let missing = post(&provider, "/v1/nothing", &json!({})).await;
    assert_eq!((missing.status(), &parsed(&missing)["error"]["code"]), (404, &json!("unknown_url")));
}

#[tokio::test]
async fn limits_choices_and_images_are_honoured() {
    let provider = SimProvider::start().await;
    let answer =
        parsed(&post(&provider, "/v1/chat/completions", &chat("hello", json!({"max_tokens": 2, "n": 3}))).await);
    let choices = answer["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3);
    assert!(
        choices.iter().all(|choice| choice["finish_reason"] == "length" && choice["message"]["content"] == "Simulate")
    );
    assert_eq!(answer["usage"]["completion_tokens"], 6);

    let parts = json!([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": parts}]});
    let answer = parsed(&post(&provider, "/v1/chat/completions", &body).await);
    assert_eq!(answer["choices"][0]["message"]["content"], "Simulated answer to: look");
    assert_eq!(answer["usage"]["prompt_tokens"], 4 + 1 + 85);
}

#[tokio::test]
async fn tools_are_called_and_then_answered() {
    let provider = SimProvider::start().await;
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    let asked = chat("weather in parallel?", json!({"tools": tools}));
    let first = parsed(&post(&provider, "/v1/chat/completions", &asked).await);
    let message = &first["choices"][0]["message"];
    assert_eq!((&message["content"], &first["choices"][0]["finish_reason"]), (&Value::Null, &json!("tool_calls")));
    let arguments: Value =
        serde_json::from_str(message["tool_calls"][0]["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"city": "simulated city"}));

    let result = json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"});
    let turns = json!([{"role": "user", "content": "weather?"}, message, result]);
    let second = parsed(
        &post(&provider, "/v1/chat/completions", &json!({"model": "m", "messages": turns, "tools": tools})).await,
    );
    assert_eq!(second["choices"][0]["message"]["content"], "Simulated answer to: the tool said: sunny");
}

#[tokio::test]
async fn a_json_schema_is_answered_with_a_document() {
    let provider = SimProvider::start().await;
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}});
    let answer =
        parsed(&post(&provider, "/v1/chat/completions", &chat("who?", json!({"response_format": format}))).await);
    let content: Value = serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({"name": "simulated name", "age": 18}));
}

#[tokio::test]
async fn completions_take_every_form_of_prompt() {
    let provider = SimProvider::start().await;
    let table =
        [(json!("hi"), 1, 1), (json!(["hi", "hello"]), 2, 3), (json!([1, 2, 3]), 1, 3), (json!([[1, 2], [3]]), 2, 3)];
    for (prompt, choices, tokens) in table {
        let answer = parsed(&post(&provider, "/v1/completions", &json!({"model": "m", "prompt": prompt})).await);
        assert_eq!(answer["choices"].as_array().unwrap().len(), choices, "{prompt}");
        assert_eq!(answer["usage"]["prompt_tokens"], tokens, "{prompt}");
    }
}

#[tokio::test]
async fn embeddings_come_as_floats_and_as_base64_of_the_same() {
    let provider = SimProvider::start().await;
    let ask =
        |input: Value, format: &str| json!({"model": "e", "input": input, "encoding_format": format, "dimensions": 8});
    let floats = parsed(&post(&provider, "/v1/embeddings", &ask(json!("hello"), "float")).await);
    let vector: Vec<f32> =
        floats["data"][0]["embedding"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
    assert!((vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-4, "a unit vector");
    let coded = parsed(&post(&provider, "/v1/embeddings", &ask(json!("hello"), "base64")).await);
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(coded["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let decoded: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(decoded, vector);
    assert_eq!(floats["usage"], json!({"prompt_tokens": 2, "total_tokens": 2}));

    for (input, count, tokens) in [(json!(["a", "b"]), 2, 2), (json!([1, 2, 3]), 1, 3), (json!([[1], [2, 3]]), 2, 3)] {
        let answer = parsed(&post(&provider, "/v1/embeddings", &ask(input.clone(), "float")).await);
        assert_eq!(answer["data"].as_array().unwrap().len(), count, "{input}");
        assert_eq!(answer["usage"]["total_tokens"], tokens, "{input}");
    }
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let provider = SimProvider::start().await;
    let list = parsed(&get(&provider, "/v1/models").await);
    assert_eq!(
        list["data"][0],
        json!({"id": "gpt-4o-mini", "object": "model", "created": 1_790_000_000, "owned_by": "simulated"})
    );
    assert_eq!(parsed(&get(&provider, "/v1/models/gpt-4o").await)["id"], "gpt-4o");
    assert_eq!(get(&provider, "/v1/models/none").await.status(), 404);
}

#[tokio::test]
async fn bad_requests_are_refused_as_openai_does() {
    let provider = SimProvider::start().await;
    let table = [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": []}), "messages"),
    ];
    for (body, param) in table {
        let refused = post(&provider, "/v1/chat/completions", &body).await;
        assert_eq!(refused.status(), 400, "{body}");
        assert_eq!(parsed(&refused)["error"]["param"], param);
        assert_eq!(parsed(&refused)["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn usage_can_be_missing_or_absurd() {
    let provider = SimProvider::start().await;
    provider.set(Script::ok().no_usage());
    assert_eq!(parsed(&post(&provider, "/v1/chat/completions", &chat("x", json!({}))).await).get("usage"), None);
    provider.set(Script::ok().absurd_usage());
    let answer = parsed(&post(&provider, "/v1/chat/completions", &chat("x", json!({}))).await);
    assert_eq!(answer["usage"], json!({"prompt_tokens": -5, "completion_tokens": 1e18, "total_tokens": "many"}));
}
