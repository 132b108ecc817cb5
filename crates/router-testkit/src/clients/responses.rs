//! A client of OpenAI Responses that stores nothing, as Codex is one.

use super::{Client, Said, Stop, Want, add, items, json_of, number, put, schema, string};
use serde_json::{Value, json};

pub(super) const CLIENT: Client = Client {
    name: "openai_responses",
    path: |_, _| "/v1/responses".to_owned(),
    headers: "",
    ask,
    read,
    // The terminal event repeats everything; that the deltas agree with it is part of what is read.
    gather: |events| {
        let delta = |kind: &str| -> String {
            events.iter().filter(|event| string(event, "/type") == kind).map(|event| string(event, "/delta")).collect()
        };
        let last = events.iter().rev().find_map(|event| event.get("response")).unwrap_or(&Value::Null);
        Said {
            text: delta("response.output_text.delta"),
            thought: delta("response.reasoning_summary_text.delta"),
            ..read(last)
        }
    },
    go_on: |body, answer, results| {
        let output = items(answer, "/output");
        let calls = output.iter().filter(|item| string(item, "/type") == "function_call");
        let results = calls.zip(results);
        let results: Vec<Value> = results
            .map(|(call, result)| json!({"type": "function_call_output", "call_id": call.get("call_id"), "output": result}))
            .collect();
        add(body, "input", output.iter().cloned().chain(results));
    },
};

fn ask(want: &Want<'_>) -> Value {
    let mut content = vec![json!({"type": "input_text", "text": want.text})];
    content.extend(want.picture.map(|picture| json!({"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{picture}")})));
    let mut body = json!({"model": want.model, "store": false, "input": [{"role": "user", "content": content}]});
    if !want.tools.is_empty() {
        let tool = |name: &&str| json!({"type": "function", "name": name, "strict": true, "parameters": schema()});
        put(&mut body, "tools", want.tools.iter().map(tool).collect());
    }
    if want.document {
        put(
            &mut body,
            "text",
            json!({"format": {"type": "json_schema", "name": "place", "strict": true, "schema": schema()}}),
        );
    }
    if want.thinking {
        put(&mut body, "reasoning", json!({"effort": "low", "summary": "auto"}));
        put(&mut body, "include", json!(["reasoning.encrypted_content"]));
    }
    if let Some(limit) = want.limit {
        put(&mut body, "max_output_tokens", json!(limit));
    }
    if want.stream {
        put(&mut body, "stream", json!(true));
    }
    body
}

fn read(answer: &Value) -> Said {
    let mut said = Said {
        input: number(answer, "/usage/input_tokens"),
        output: number(answer, "/usage/output_tokens"),
        ..Said::default()
    };
    for item in items(answer, "/output") {
        match string(item, "/type").as_str() {
            "function_call" => said.calls.push((string(item, "/name"), json_of(&string(item, "/arguments")))),
            "reasoning" => said.thought.extend(items(item, "/summary").iter().map(|part| string(part, "/text"))),
            _ => said.text.extend(items(item, "/content").iter().map(|part| string(part, "/text"))),
        }
    }
    said.stop = match (string(answer, "/status").as_str(), string(answer, "/incomplete_details/reason").as_str()) {
        ("completed", _) if said.calls.is_empty() => Stop::End,
        ("completed", _) => Stop::Calls,
        ("incomplete", "max_output_tokens") => Stop::Length,
        ("incomplete", "content_filter") => Stop::Refused,
        ("", _) => Stop::Unsaid,
        _ => Stop::Unknown,
    };
    said
}
