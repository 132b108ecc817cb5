//! A client of Anthropic Messages.

use super::{Client, Said, Stop, Want, add, items, json_of, number, put, schema, string};
use serde_json::{Value, json};

pub(super) const CLIENT: Client = Client {
    name: "anthropic",
    path: |_, _| "/v1/messages".to_owned(),
    headers: "anthropic-version: 2023-06-01\r\n",
    ask,
    read: |answer| {
        let mut said = Said::default();
        for block in items(answer, "/content") {
            said.text += &string(block, "/text");
            said.thought += &string(block, "/thinking");
            if string(block, "/type") == "tool_use" {
                said.calls.push((string(block, "/name"), block.get("input").cloned().unwrap_or_default()));
            }
        }
        finish(&mut said, &string(answer, "/stop_reason"), answer.get("usage"));
        said
    },
    gather,
    go_on: |body, answer, results| {
        let content = answer.get("content").cloned().unwrap_or_default();
        let calls = items(answer, "/content").iter().filter(|block| string(block, "/type") == "tool_use");
        let results: Vec<Value> = calls
            .zip(results)
            .map(|(call, result)| json!({"type": "tool_result", "tool_use_id": call.get("id"), "content": result}))
            .collect();
        add(
            body,
            "messages",
            [json!({"role": "assistant", "content": content}), json!({"role": "user", "content": results})],
        );
    },
};

fn ask(want: &Want<'_>) -> Value {
    let mut content = vec![json!({"type": "text", "text": want.text})];
    content.extend(want.picture.map(
        |picture| json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}),
    ));
    let mut body = json!({"model": want.model, "max_tokens": want.limit.unwrap_or(4096), "messages": [{"role": "user", "content": content}]});
    if !want.tools.is_empty() {
        let tool = |name: &&str| json!({"name": name, "input_schema": schema()});
        put(&mut body, "tools", want.tools.iter().map(tool).collect());
    }
    if want.document {
        put(&mut body, "output_config", json!({"format": {"type": "json_schema", "schema": schema()}}));
    }
    if want.thinking {
        put(&mut body, "thinking", json!({"type": "enabled", "budget_tokens": 1024}));
    }
    if want.stream {
        put(&mut body, "stream", json!(true));
    }
    body
}

fn finish(said: &mut Said, reason: &str, usage: Option<&Value>) {
    match reason {
        "" => {}
        "end_turn" | "stop_sequence" => said.stop = Stop::End,
        "tool_use" => said.stop = Stop::Calls,
        "max_tokens" => said.stop = Stop::Length,
        "refusal" => said.stop = Stop::Refused,
        _ => said.stop = Stop::Unknown,
    }
    // Counts are cumulative and may repeat: what comes last and says something holds.
    if let Some(usage) = usage {
        let input = ["/input_tokens", "/cache_creation_input_tokens", "/cache_read_input_tokens"];
        let input = input.iter().map(|path| number(usage, path)).sum();
        said.input = if input > 0 { input } else { said.input };
        said.output = number(usage, "/output_tokens");
    }
}

fn gather(events: &[Value]) -> Said {
    let mut said = Said::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    for event in events {
        said.text += &string(event, "/delta/text");
        said.thought += &string(event, "/delta/thinking");
        if string(event, "/content_block/type") == "tool_use" {
            calls.push((string(event, "/content_block/name"), String::new()));
        }
        if let Some((_, arguments)) = calls.last_mut() {
            *arguments += &string(event, "/delta/partial_json");
        }
        let usage = event.get("usage").or_else(|| event.pointer("/message/usage"));
        finish(&mut said, &string(event, "/delta/stop_reason"), usage);
    }
    let call =
        |(name, arguments): (String, String)| (name, json_of(if arguments.is_empty() { "{}" } else { &arguments }));
    said.calls = calls.into_iter().map(call).collect();
    said
}
