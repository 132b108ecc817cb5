//! A client of Gemini.

use super::{Client, Said, Stop, Want, add, items, number, put, schema, string};
use serde_json::{Value, json};

pub(super) const CLIENT: Client = Client {
    name: "gemini",
    path: |model, stream| {
        let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1beta/models/{model}:{method}")
    },
    headers: "",
    ask,
    read: |answer| gather(std::slice::from_ref(answer)),
    gather,
    go_on: |body, answer, results| {
        let turn = answer.pointer("/candidates/0/content").cloned().unwrap_or_default();
        let calls = items(&turn, "/parts").iter().filter_map(|part| part.get("functionCall"));
        let parts: Vec<Value> = calls
            .zip(results)
            .map(|(call, result)| {
                let mut response = json!({"name": call.get("name"), "response": {"output": result}});
                if let Some(id) = call.get("id") {
                    put(&mut response, "id", id.clone());
                }
                json!({"functionResponse": response})
            })
            .collect();
        add(body, "contents", [turn, json!({"role": "user", "parts": parts})]);
    },
};

fn ask(want: &Want<'_>) -> Value {
    let mut parts = vec![json!({"text": want.text})];
    parts.extend(want.picture.map(|picture| json!({"inlineData": {"mimeType": "image/png", "data": picture}})));
    let mut body = json!({"contents": [{"role": "user", "parts": parts}]});
    if !want.tools.is_empty() {
        let tool = |name: &&str| json!({"name": name, "parametersJsonSchema": schema()});
        let declared: Vec<Value> = want.tools.iter().map(tool).collect();
        put(&mut body, "tools", json!([{"functionDeclarations": declared}]));
    }
    let mut config = json!({});
    if want.document {
        put(&mut config, "responseMimeType", json!("application/json"));
        put(&mut config, "responseJsonSchema", schema());
    }
    if want.thinking {
        put(&mut config, "thinkingConfig", json!({"includeThoughts": true, "thinkingLevel": "LOW"}));
    }
    if let Some(limit) = want.limit {
        put(&mut config, "maxOutputTokens", json!(limit));
    }
    put(&mut body, "generationConfig", config);
    body
}

fn gather(events: &[Value]) -> Said {
    let mut said = Said::default();
    let mut finish = String::new();
    for event in events {
        for part in items(event, "/candidates/0/content/parts") {
            let thought = part.get("thought") == Some(&json!(true));
            let text = if thought { &mut said.thought } else { &mut said.text };
            *text += &string(part, "/text");
            if let Some(call) = part.get("functionCall") {
                said.calls.push((string(call, "/name"), call.get("args").cloned().unwrap_or_else(|| json!({}))));
            }
        }
        finish += &string(event, "/candidates/0/finishReason");
        if event.get("usageMetadata").is_some() {
            said.input = number(event, "/usageMetadata/promptTokenCount");
            said.output = number(event, "/usageMetadata/candidatesTokenCount")
                + number(event, "/usageMetadata/thoughtsTokenCount");
        }
    }
    said.stop = match finish.as_str() {
        "" => Stop::Unsaid,
        "STOP" if said.calls.is_empty() => Stop::End,
        "STOP" => Stop::Calls,
        "MAX_TOKENS" => Stop::Length,
        "SAFETY" => Stop::Refused,
        _ => Stop::Unknown,
    };
    said
}
