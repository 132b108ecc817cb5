//! A client of OpenAI chat.

use super::{Client, Said, Stop, Want, add, items, json_of, number, put, schema, string};
use serde_json::{Value, json};

pub(super) const CLIENT: Client = Client {
    name: "openai_chat",
    path: |_, _| "/v1/chat/completions".to_owned(),
    headers: "",
    ask,
    read: |answer| {
        let mut said = message(answer.pointer("/choices/0/message").unwrap_or(&Value::Null));
        finish(&mut said, answer);
        said
    },
    gather,
    go_on: |body, answer, results| {
        let turn = answer.pointer("/choices/0/message").cloned().unwrap_or_default();
        let answered = items(&turn, "/tool_calls").iter().zip(results);
        let results: Vec<Value> = answered
            .map(|(call, result)| json!({"role": "tool", "tool_call_id": call.get("id"), "content": result}))
            .collect();
        add(body, "messages", std::iter::once(turn).chain(results));
    },
};

fn ask(want: &Want<'_>) -> Value {
    let content = match want.picture {
        None => json!(want.text),
        Some(picture) => json!([
            {"type": "text", "text": want.text},
            {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{picture}")}},
        ]),
    };
    let mut body = json!({"model": want.model, "messages": [{"role": "user", "content": content}]});
    if !want.tools.is_empty() {
        let tool = |name: &&str| json!({"type": "function", "function": {"name": name, "parameters": schema()}});
        put(&mut body, "tools", want.tools.iter().map(tool).collect());
    }
    if want.document {
        put(
            &mut body,
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": "place", "strict": true, "schema": schema()}}),
        );
    }
    if want.thinking {
        put(&mut body, "reasoning_effort", json!("low"));
    }
    if let Some(limit) = want.limit {
        put(&mut body, "max_completion_tokens", json!(limit));
    }
    if want.stream {
        put(&mut body, "stream", json!(true));
        put(&mut body, "stream_options", json!({"include_usage": true}));
    }
    body
}

fn message(message: &Value) -> Said {
    let call = |call: &Value| (string(call, "/function/name"), json_of(&string(call, "/function/arguments")));
    Said {
        text: string(message, "/content"),
        thought: thought(message),
        calls: items(message, "/tool_calls").iter().map(call).collect(),
        ..Said::default()
    }
}

/// Vendors name it differently, some twice.
fn thought(message: &Value) -> String {
    let named = ["/reasoning_content", "/reasoning"].map(|path| string(message, path));
    named.into_iter().find(|thought| !thought.is_empty()).unwrap_or_default()
}

/// Finish reason and usage of an answer or a chunk, where it has them.
fn finish(said: &mut Said, answer: &Value) {
    match string(answer, "/choices/0/finish_reason").as_str() {
        "" => {}
        "stop" if said.calls.is_empty() => said.stop = Stop::End,
        "stop" | "tool_calls" => said.stop = Stop::Calls,
        "length" => said.stop = Stop::Length,
        "content_filter" => said.stop = Stop::Refused,
        _ => said.stop = Stop::Unknown,
    }
    if answer.pointer("/usage").is_some_and(Value::is_object) {
        said.input = number(answer, "/usage/prompt_tokens");
        said.output = number(answer, "/usage/completion_tokens");
    }
}

fn gather(events: &[Value]) -> Said {
    let mut said = Said::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    for event in events {
        let delta = event.pointer("/choices/0/delta").unwrap_or(&Value::Null);
        said.text += &string(delta, "/content");
        said.thought += &thought(delta);
        for call in items(delta, "/tool_calls") {
            if !string(call, "/function/name").is_empty() {
                calls.push((string(call, "/function/name"), String::new()));
            }
            let index = usize::try_from(number(call, "/index")).unwrap_or(usize::MAX);
            if let Some((_, arguments)) = calls.get_mut(index) {
                *arguments += &string(call, "/function/arguments");
            }
        }
        said.calls = calls.iter().map(|(name, arguments)| (name.clone(), json_of(arguments))).collect();
        finish(&mut said, event);
    }
    said
}
