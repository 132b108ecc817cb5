//! Every dialect and every vendor's flavor of chat says the same, whole and streamed, and remembers what it signed.

use crate::client::{parsed, post_with};
use router_testkit::http1::Response;
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

pub(crate) const VERSION: &str = "anthropic-version: 2023-06-01\r\n";

/// A dialect as these tests need it: how to ask it, and how to read its answer.
struct Spoken {
    name: &'static str,
    path: fn(bool) -> String,
    /// The request for a text, with a tool if wanted, thinking if wanted.
    ask: fn(&str, Option<&str>) -> Value,
    /// (text, thought, names and arguments of calls, finish) of a whole answer.
    read: fn(&Value) -> Said,
    /// The same of a stream's events.
    gather: fn(&[Value]) -> Said,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Said {
    text: String,
    thought: String,
    calls: Vec<(String, Value)>,
    finish: String,
}

fn string(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}})
}

fn chat_ask(text: &str, tool: Option<&str>) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": text}], "reasoning_effort": "low"});
    if let Some(name) = tool {
        body["tools"] = json!([{"type": "function", "function": {"name": name, "parameters": schema()}}]);
    }
    body
}

fn chat_message(message: &Value, finish: String) -> Said {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let arguments = |call: &Value| serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    Said {
        text: string(message, "/content"),
        thought: string(message, "/reasoning_content") + &string(message, "/reasoning"),
        calls: calls.map(|call| (string(call, "/function/name"), arguments(call))).collect(),
        finish,
    }
}

fn chat_read(answer: &Value) -> Said {
    chat_message(&answer["choices"][0]["message"], string(answer, "/choices/0/finish_reason"))
}

fn chat_gather(events: &[Value]) -> Said {
    let mut said = Said::default();
    let mut arguments: Vec<String> = Vec::new();
    for event in events {
        let delta = &event["choices"][0]["delta"];
        said.text += &string(delta, "/content");
        said.thought += &(string(delta, "/reasoning_content") + &string(delta, "/reasoning"));
        said.finish += &string(event, "/choices/0/finish_reason");
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            if call["id"].is_string() {
                said.calls.push((string(call, "/function/name"), Value::Null));
                arguments.push(String::new());
            }
            arguments[call["index"].as_u64().unwrap() as usize] += &string(call, "/function/arguments");
        }
    }
    for (call, arguments) in said.calls.iter_mut().zip(arguments) {
        call.1 = serde_json::from_str(&arguments).unwrap();
    }
    said
}

fn messages_ask(text: &str, tool: Option<&str>) -> Value {
    let mut body = json!({"model": "claude-sonnet-5", "max_tokens": 4096, "messages": [{"role": "user", "content": text}], "thinking": {"type": "enabled", "budget_tokens": 1024}});
    if let Some(name) = tool {
        body["tools"] = json!([{"name": name, "input_schema": schema()}]);
    }
    body
}

fn messages_read(answer: &Value) -> Said {
    let mut said = Said { finish: string(answer, "/stop_reason"), ..Said::default() };
    for block in answer["content"].as_array().unwrap() {
        said.text += &string(block, "/text");
        said.thought += &string(block, "/thinking");
        if block["type"] == "tool_use" {
            said.calls.push((string(block, "/name"), block["input"].clone()));
        }
    }
    said
}

fn messages_gather(events: &[Value]) -> Said {
    let mut said = Said::default();
    let mut arguments: Vec<String> = Vec::new();
    assert_eq!(events[0]["type"], "message_start");
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    for event in events {
        said.text += &string(event, "/delta/text");
        said.thought += &string(event, "/delta/thinking");
        said.finish += &string(event, "/delta/stop_reason");
        if event["content_block"]["type"] == "tool_use" {
            said.calls.push((string(event, "/content_block/name"), Value::Null));
            arguments.push(String::new());
        }
        if let Some(last) = arguments.last_mut() {
            *last += &string(event, "/delta/partial_json");
        }
    }
    for (call, arguments) in said.calls.iter_mut().zip(arguments) {
        call.1 = serde_json::from_str(&arguments).unwrap();
    }
    said
}

fn gemini_ask(text: &str, tool: Option<&str>) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"thinkingConfig": {"includeThoughts": true}}});
    if let Some(name) = tool {
        body["tools"] = json!([{"functionDeclarations": [{"name": name, "parametersJsonSchema": schema()}]}]);
    }
    body
}

fn gemini_read(answer: &Value) -> Said {
    let mut said = Said { finish: string(answer, "/candidates/0/finishReason"), ..Said::default() };
    for part in answer["candidates"][0]["content"]["parts"].as_array().unwrap() {
        let text = if part["thought"] == true { &mut said.thought } else { &mut said.text };
        *text += &string(part, "/text");
        if part["functionCall"].is_object() {
            said.calls.push((string(part, "/functionCall/name"), part["functionCall"]["args"].clone()));
        }
    }
    said
}

fn gemini_gather(events: &[Value]) -> Said {
    events.iter().map(gemini_read).fold(Said::default(), |mut all, one| {
        all.text += &one.text;
        all.thought += &one.thought;
        all.calls.extend(one.calls);
        all.finish += &one.finish;
        all
    })
}

fn responses_ask(text: &str, tool: Option<&str>) -> Value {
    let mut body = json!({"model": "gpt-5", "input": text, "reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]});
    if let Some(name) = tool {
        body["tools"] = json!([{"type": "function", "name": name, "strict": false, "parameters": schema()}]);
    }
    body
}

fn responses_read(answer: &Value) -> Said {
    let mut said = Said { finish: string(answer, "/status"), ..Said::default() };
    for item in answer["output"].as_array().unwrap() {
        said.text += &string(item, "/content/0/text");
        said.thought += &string(item, "/summary/0/text");
        if item["type"] == "function_call" {
            said.calls.push((string(item, "/name"), serde_json::from_str(&string(item, "/arguments")).unwrap()));
        }
    }
    said
}

fn responses_gather(events: &[Value]) -> Said {
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>(), "no gap in the sequence");
    let deltas = |kind: &str| -> String {
        events.iter().filter(|event| event["type"] == kind).map(|event| string(event, "/delta")).collect()
    };
    let last = responses_read(&events.last().unwrap()["response"]);
    assert_eq!(deltas("response.output_text.delta"), last.text);
    assert_eq!(deltas("response.reasoning_summary_text.delta"), last.thought);
    last
}

fn ollama_ask(text: &str, tool: Option<&str>) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": text}], "think": true});
    if let Some(name) = tool {
        body["tools"] = json!([{"type": "function", "function": {"name": name, "parameters": schema()}}]);
    }
    body
}

fn ollama_read(answer: &Value) -> Said {
    let calls = answer["message"]["tool_calls"].as_array().into_iter().flatten();
    Said {
        text: string(answer, "/message/content"),
        thought: string(answer, "/message/thinking"),
        calls: calls.map(|call| (string(call, "/function/name"), call["function"]["arguments"].clone())).collect(),
        finish: string(answer, "/done_reason"),
    }
}

fn ollama_gather(events: &[Value]) -> Said {
    let (last, earlier) = events.split_last().unwrap();
    assert!(last["done"] == true && earlier.iter().all(|event| event["done"] == false));
    events.iter().map(ollama_read).fold(Said::default(), |mut all, one| {
        all.text += &one.text;
        all.thought += &one.thought;
        all.calls.extend(one.calls);
        all.finish += &one.finish;
        all
    })
}

const DIALECTS: &[Spoken] = &[
    Spoken {
        name: "chat",
        path: |_| "/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "groq",
        path: |_| "/groq/openai/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "openrouter",
        path: |_| "/openrouter/api/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "deepseek",
        path: |_| "/deepseek/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "siliconflow",
        path: |_| "/siliconflow/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "azure",
        path: |_| "/openai/deployments/m/chat/completions?api-version=2024-10-21".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "vllm",
        path: |_| "/vllm/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "newapi",
        path: |_| "/newapi/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "ollama compatible",
        path: |_| "/ollama/v1/chat/completions".to_owned(),
        ask: chat_ask,
        read: chat_read,
        gather: chat_gather,
    },
    Spoken {
        name: "messages",
        path: |_| "/v1/messages".to_owned(),
        ask: messages_ask,
        read: messages_read,
        gather: messages_gather,
    },
    Spoken {
        name: "gemini",
        path: |stream| gemini_path(stream, "?alt=sse"),
        ask: gemini_ask,
        read: gemini_read,
        gather: gemini_gather,
    },
    Spoken {
        name: "gemini array",
        path: |stream| gemini_path(stream, ""),
        ask: gemini_ask,
        read: gemini_read,
        gather: gemini_gather,
    },
    Spoken {
        name: "responses",
        path: |_| "/v1/responses".to_owned(),
        ask: responses_ask,
        read: responses_read,
        gather: responses_gather,
    },
    Spoken {
        name: "ollama",
        path: |_| "/api/chat".to_owned(),
        ask: ollama_ask,
        read: ollama_read,
        gather: ollama_gather,
    },
];

fn gemini_path(stream: bool, query: &str) -> String {
    if stream {
        format!("/v1beta/models/gemini-3-pro:streamGenerateContent{query}")
    } else {
        "/v1beta/models/gemini-3-pro:generateContent".to_owned()
    }
}

/// The events of a stream in any form; `event:` lines must agree with the data.
fn events(response: &Response) -> Vec<Value> {
    let text = response.text();
    match response.head.header("content-type").unwrap_or_default() {
        "application/x-ndjson" => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        "application/json; charset=UTF-8" => serde_json::from_str(&text).unwrap(),
        _ => {
            let mut events = Vec::new();
            for block in text.replace("\r\n", "\n").split_terminator("\n\n") {
                let (name, data) = match block.split_once("\ndata: ") {
                    Some((name, data)) => (name.strip_prefix("event: "), data),
                    None => (None, block.strip_prefix("data: ").unwrap_or_default()),
                };
                if block.starts_with(':') || data == "[DONE]" {
                    continue;
                }
                let event: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {block}"));
                assert!(name.is_none_or(|name| event["type"] == name), "{block}");
                events.push(event);
            }
            events
        }
    }
}

async fn whole(provider: &SimProvider, spoken: &Spoken, text: &str, tool: Option<&str>) -> Said {
    let mut body = (spoken.ask)(text, tool);
    if spoken.name == "ollama" {
        body["stream"] = json!(false);
    }
    let response = post_with(provider, &(spoken.path)(false), &body, VERSION).await;
    assert_eq!(response.status(), 200, "{}: {}", spoken.name, response.text());
    (spoken.read)(&parsed(&response))
}

async fn streamed(provider: &SimProvider, spoken: &Spoken, text: &str, tool: Option<&str>) -> Said {
    let mut body = (spoken.ask)(text, tool);
    if !spoken.name.starts_with("gemini") {
        body["stream"] = json!(true);
    }
    let response = post_with(provider, &(spoken.path)(true), &body, VERSION).await;
    assert_eq!(response.status(), 200, "{}: {}", spoken.name, response.text());
    (spoken.gather)(&events(&response))
}

#[tokio::test]
async fn every_dialect_says_the_same() {
    let provider = SimProvider::start().await;
    for spoken in DIALECTS {
        let said = whole(&provider, spoken, "hello there", None).await;
        assert_eq!(said.text, "Simulated answer to: hello there", "{}", spoken.name);
        // OpenAI's chat hides thoughts, as does Azure's.
        let hidden = matches!(spoken.name, "chat" | "azure");
        assert_eq!(said.thought, if hidden { "" } else { "Simulated thought about: hello there" }, "{}", spoken.name);
        assert_eq!(
            streamed(&provider, spoken, "hello there", None).await,
            said,
            "{}: a stream says what a whole answer says",
            spoken.name
        );
    }
}

#[tokio::test]
async fn every_dialect_calls_the_same_tools() {
    let provider = SimProvider::start().await;
    let expected = vec![("weather".to_owned(), json!({"city": "Paris"}))];
    for spoken in DIALECTS {
        let said = whole(&provider, spoken, r#"call weather with {"city": "Paris"}"#, Some("weather")).await;
        assert_eq!((&said.calls, said.text.as_str()), (&expected, ""), "{}", spoken.name);
        assert_eq!(
            streamed(&provider, spoken, r#"call weather with {"city": "Paris"}"#, Some("weather")).await,
            said,
            "{}",
            spoken.name
        );
        let parallel = whole(&provider, spoken, "weather in parallel", Some("weathers")).await;
        assert_eq!(parallel.calls.len(), 2, "{}: {parallel:?}", spoken.name);
    }
}

#[tokio::test]
async fn faults_take_the_form_of_the_dialect() {
    let provider = SimProvider::start().await.on_any(Script::status(529));
    for spoken in DIALECTS {
        let response = post_with(&provider, &(spoken.path)(false), &(spoken.ask)("x", None), VERSION).await;
        let body = parsed(&response);
        let message = ["/error/message", "/message", "/error"].iter().find_map(|path| body.pointer(path)?.as_str());
        assert_eq!(response.status(), 529, "{}", spoken.name);
        assert!(message.is_some_and(|message| message.contains("status 529")), "{}: {body}", spoken.name);
    }
    provider.set(Script::error_after(2, "it broke"));
    for spoken in DIALECTS {
        let mut body = (spoken.ask)("one two three", None);
        if !spoken.name.starts_with("gemini") {
            body["stream"] = json!(true);
        }
        let response = post_with(&provider, &(spoken.path)(true), &body, VERSION).await;
        assert!(
            events(&response).last().unwrap().to_string().contains("it broke"),
            "{}: {}",
            spoken.name,
            response.text()
        );
        assert!(!response.text().contains("[DONE]"), "{}", spoken.name);
    }
}

#[tokio::test]
async fn usage_stands_where_each_vendor_puts_it() {
    let provider = SimProvider::start().await;
    let table = [
        ("groq", "/x_groq/usage/total_tokens"),
        ("openrouter", "/usage/cost"),
        ("deepseek", "/usage/prompt_cache_miss_tokens"),
        ("siliconflow", "/usage/total_tokens"),
        ("messages", "/usage/output_tokens"),
        ("gemini", "/usageMetadata/thoughtsTokenCount"),
        ("responses", "/response/usage/output_tokens_details/reasoning_tokens"),
        ("ollama", "/prompt_eval_count"),
    ];
    for (name, path) in table {
        let spoken = DIALECTS.iter().find(|spoken| spoken.name == name).unwrap();
        let mut body = (spoken.ask)("hello", None);
        if name != "gemini" {
            body["stream"] = json!(true);
        }
        let response = post_with(&provider, &(spoken.path)(true), &body, VERSION).await;
        let found = events(&response).iter().rev().find_map(|event| event.pointer(path).cloned());
        assert!(found.as_ref().is_some_and(Value::is_number), "{name}: {}", response.text());
    }
}

#[tokio::test]
async fn marks_of_the_cache_write_first_and_read_later() {
    let provider = SimProvider::start().await;
    let system =
        json!([{"type": "text", "text": "a".repeat(400), "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
    let ask = |messages: Value| json!({"model": "claude", "max_tokens": 64, "system": system, "messages": messages});
    let first =
        parsed(&post_with(&provider, "/v1/messages", &ask(json!([{"role": "user", "content": "hi"}])), VERSION).await);
    assert_eq!(
        first["usage"]["cache_creation"],
        json!({"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100})
    );
    assert_eq!(first["usage"]["input_tokens"], 5);
    let turns = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "so"}]);
    let later = parsed(&post_with(&provider, "/v1/messages", &ask(turns), VERSION).await);
    assert_eq!(
        (&later["usage"]["cache_read_input_tokens"], &later["usage"]["cache_creation_input_tokens"]),
        (&json!(100), &json!(0))
    );
}

#[tokio::test]
async fn counts_embeddings_models_and_stored_answers() {
    let provider = SimProvider::start().await;
    let count = json!({"model": "claude", "messages": [{"role": "user", "content": "12345678"}]});
    assert_eq!(
        parsed(&post_with(&provider, "/v1/messages/count_tokens", &count, VERSION).await),
        json!({"input_tokens": 6})
    );
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "12345678"}]}]});
    assert_eq!(parsed(&post_with(&provider, "/v1beta/models/g:countTokens", &contents, "").await)["totalTokens"], 6);
    let content = json!({"content": {"parts": [{"text": "x"}]}, "outputDimensionality": 8});
    let one = parsed(&post_with(&provider, "/v1beta/models/g:embedContent", &content, "").await);
    assert_eq!(one["embedding"]["values"].as_array().unwrap().len(), 8);
    let many = parsed(
        &post_with(&provider, "/v1beta/models/g:batchEmbedContents", &json!({"requests": [content, content]}), "")
            .await,
    );
    assert_eq!(many["embeddings"].as_array().unwrap().len(), 2);
    let texts = json!({"model": "m", "input": ["x", "y"], "dimensions": 8});
    let local = parsed(&post_with(&provider, "/api/embed", &texts, "").await);
    assert_eq!((&local["embeddings"][0], &local["prompt_eval_count"]), (&one["embedding"]["values"], &json!(2)));
    let tokens = post_with(&provider, "/api/embed", &json!({"model": "m", "input": [[1]]}), "").await;
    assert_eq!((tokens.status(), parsed(&tokens)), (400, json!({"error": "invalid input type"})));

    let made = parsed(
        &post_with(&provider, "/v1/responses", &json!({"model": "m", "input": "x"}), "authorization: Bearer one\r\n")
            .await,
    );
    for (key, status) in [("one", 200), ("two", 400)] {
        let next = json!({"model": "m", "input": "y", "previous_response_id": made["id"]});
        let headers = format!("authorization: Bearer {key}\r\n");
        assert_eq!(
            post_with(&provider, "/v1/responses", &next, &headers).await.status(),
            status,
            "the id belongs to its key"
        );
    }
}
