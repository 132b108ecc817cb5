//! From providers: the text and the counts arrive, whatever stands around them.

use router_testkit::clients::{Client, Want, events};
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use super::providers;
use crate::adapters::Adapter;
use crate::support::TestRouter;
use crate::world::{channel, clients, name_of, send};

/// The answer of a provider, as it may look one day: whole, and the events of a stream.
fn strange(dialect: &str) -> (Value, Vec<Value>) {
    match dialect {
        "openai_chat" => chat(),
        "openai_responses" => responses(),
        "anthropic" => anthropic(),
        "ollama" => ollama(),
        _ => gemini(),
    }
}

fn chat() -> (Value, Vec<Value>) {
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "zz_unknown": {"zz": 1}, "prompt_tokens_details": {"zz_unknown": 3}});
    let message = json!({"role": "zz_unknown", "content": "Hello", "zz_unknown": {"zz": 1}, "annotations": [{"type": "zz_unknown"}]});
    let choice = json!({"index": 0, "message": message, "finish_reason": "zz_unknown", "zz_unknown": []});
    let whole = json!({"id": "x", "object": "zz.unknown", "created": 1, "model": "m", "choices": [choice], "usage": usage, "service_tier": "zz_unknown", "zz_unknown": 1});
    let chunk = |delta: Value, finish: Value| json!({"id": "x", "object": "zz.unknown", "created": 1, "model": "m", "zz_unknown": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "zz_unknown": 1}]});
    let stream = vec![
        json!({"id": "x", "object": "zz.unknown", "zz_unknown": {"zz": 1}}),
        chunk(json!({"role": "zz_unknown", "zz_unknown": "zz"}), Value::Null),
        chunk(json!({"content": "Hel", "zz_unknown": [1]}), Value::Null),
        json!({"zz_unknown": "an event"}),
        chunk(json!({"content": "lo"}), Value::Null),
        chunk(json!({}), json!("zz_unknown")),
        json!({"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": usage}),
    ];
    (whole, stream)
}

fn responses() -> (Value, Vec<Value>) {
    let part =
        json!({"type": "output_text", "text": "Hello", "annotations": [{"type": "zz_unknown"}], "zz_unknown": 1});
    let item = json!({"type": "message", "id": "m", "role": "zz_unknown", "status": "zz_unknown", "content": [{"type": "zz_unknown", "zz": 1}, part]});
    let usage = json!({"input_tokens": 7, "output_tokens": 2, "total_tokens": 9, "zz_unknown": {}});
    let other = json!({"type": "zz_unknown", "id": "z", "zz": {"zz": 1}});
    let whole = json!({"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "zz_unknown": 1, "output": [other, item], "usage": usage, "service_tier": "zz_unknown"});
    let stream = vec![
        json!({"type": "response.created", "sequence_number": 0, "response": {"id": "r", "object": "response", "status": "in_progress", "output": [], "zz_unknown": 1}}),
        json!({"type": "response.zz_unknown.delta", "sequence_number": 1, "delta": "zz"}),
        json!({"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": other}),
        json!({"type": "response.output_item.added", "sequence_number": 3, "output_index": 1, "item": {"type": "message", "id": "m", "role": "assistant", "status": "zz_unknown", "content": []}}),
        json!({"type": "response.output_text.delta", "sequence_number": 4, "item_id": "m", "output_index": 1, "content_index": 1, "delta": "Hello", "zz_unknown": 1}),
        json!({"type": "response.output_item.done", "sequence_number": 5, "output_index": 1, "item": item}),
        json!({"type": "response.completed", "sequence_number": 6, "response": whole, "zz_unknown": 1}),
    ];
    (whole, stream)
}

fn anthropic() -> (Value, Vec<Value>) {
    let other = json!({"type": "zz_unknown", "zz": {"zz": 1}});
    let usage = json!({"input_tokens": 7, "output_tokens": 2, "zz_unknown": {"zz": 1}, "service_tier": "zz_unknown"});
    let text = json!({"type": "text", "text": "Hello", "citations": [{"type": "zz_unknown"}], "zz_unknown": 1});
    let whole = json!({"id": "msg_x", "type": "message", "role": "assistant", "model": "m", "zz_unknown": 1, "content": [other, text], "stop_reason": "zz_unknown", "stop_sequence": null, "usage": usage});
    let stream = vec![
        json!({"type": "message_start", "zz_unknown": 1, "message": {"id": "msg_x", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}}),
        json!({"type": "zz_unknown", "zz": {"zz": 1}}),
        json!({"type": "content_block_start", "index": 0, "content_block": other}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "zz_unknown_delta", "zz": 1}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello", "zz_unknown": 1}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "zz_unknown_delta", "zz": 1}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "zz_unknown", "stop_sequence": null, "zz_unknown": 1}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop", "zz_unknown": 1}),
    ];
    (whole, stream)
}

fn gemini() -> (Value, Vec<Value>) {
    let usage = json!({"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9, "zzUnknown": 1, "promptTokensDetails": [{"modality": "ZZ_UNKNOWN", "tokenCount": 7}]});
    let answer = |parts: Value, finish: Option<&str>| json!({"candidates": [{"index": 0, "content": {"role": "zz_unknown", "parts": parts}, "finishReason": finish, "zzUnknown": 1, "safetyRatings": [{"category": "ZZ_UNKNOWN", "probability": "ZZ_UNKNOWN"}]}], "usageMetadata": usage, "modelVersion": "m", "zzUnknown": 1});
    let whole = answer(json!([{"zzUnknown": {"zz": 1}}, {"text": "Hello", "zzUnknown": 1}]), Some("ZZ_UNKNOWN"));
    let stream = vec![
        json!({"zzUnknown": {"zz": 1}}),
        answer(json!([{"zzUnknown": {"zz": 1}}]), None),
        answer(json!([{"text": "Hello", "zzUnknown": 1}]), None),
        answer(json!([]), Some("ZZ_UNKNOWN")),
    ];
    (whole, stream)
}

fn ollama() -> (Value, Vec<Value>) {
    let line = |text: &str, done: bool| {
        let message = json!({"role": "zz_unknown", "content": text, "zz_unknown": {"zz": 1}, "tool_calls": null});
        json!({"model": "m", "created_at": "t", "message": message, "done": done, "zz_unknown": [1]})
    };
    let last = |text: &str| {
        let mut line = line(text, true);
        line["done_reason"] = json!("zz_unknown");
        (line["prompt_eval_count"], line["eval_count"]) = (json!(7), json!(2));
        line
    };
    let stream = vec![
        json!({"zz_unknown": {"zz": 1}}),
        line("Hel", false),
        json!({"message": "zz"}),
        line("lo", false),
        last(""),
    ];
    (last("Hello"), stream)
}

/// What a provider answers in to this client: `openai` speaks two dialects, and a client of either is not translated.
fn spoken(adapter: &Adapter, client: &Client) -> &'static str {
    match (adapter.only.unwrap_or(adapter.kind), client.name) {
        ("ollama", _) => "ollama",
        ("openai", "openai_responses") => "openai_responses",
        ("anthropic", _) => "anthropic",
        ("gemini", _) => "gemini",
        _ => "openai_chat",
    }
}

/// The stream as the dialect frames it.
fn framed(dialect: &str, events: &[Value]) -> Script {
    if dialect == "ollama" {
        return Script::blocks(events.iter().map(|event| format!("{event}\n")).collect::<Vec<_>>());
    }
    let named = matches!(dialect, "anthropic" | "openai_responses");
    let mut blocks: Vec<String> = Vec::new();
    for event in events {
        let name = event["type"].as_str().filter(|_| named).map(|name| format!("event: {name}\n")).unwrap_or_default();
        blocks.push(format!("{name}data: {event}\n\n"));
    }
    blocks.push("event: zz_unknown\ndata: {\"type\":\"zz_unknown\"}\n\n".to_owned());
    if dialect == "openai_chat" {
        blocks.push("data: [DONE]\n\n".to_owned());
    }
    Script::blocks(blocks)
}

#[tokio::test]
async fn from_providers() {
    const DIALECTS: [&str; 5] = ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama"];
    let mut provider = SimProvider::start().await;
    let mut setup = TestRouter::setup();
    for adapter in providers() {
        for dialect in DIALECTS {
            let (whole, stream) = strange(&dialect.replace('-', "_"));
            for (tail, script) in
                [("whole", Script::json(200, &whole)), ("stream", framed(&dialect.replace('-', "_"), &stream))]
            {
                let tail = format!("-{dialect}-{tail}");
                provider = provider.on_model(&format!("{}{tail}", adapter.model), script);
                setup = channel(setup, adapter, &provider, &tail);
            }
        }
    }
    let router = setup.start().await;
    for client in clients() {
        for adapter in providers() {
            for stream in [false, true] {
                let dialect = spoken(adapter, client);
                let tail = format!("-{}-{}", dialect.replace('_', "-"), if stream { "stream" } else { "whole" });
                let model = name_of(adapter, &tail);
                let want = Want { model: &model, text: "hello there", stream, ..Want::default() };
                let reply = send(&router, client, &model, stream, &(client.ask)(&want)).await;
                let case = format!("{} → {model}: {}", client.name, reply.text());
                assert_eq!(reply.status(), 200, "{case}");
                assert!(reply.is_complete(), "{case}");
                let said = if stream { (client.gather)(&events(&reply.text())) } else { (client.read)(&reply.json()) };
                assert_eq!((said.text.as_str(), said.input, said.output), ("Hello", 7, 2), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn refusals_from_providers() {
    let mut provider = SimProvider::start().await;
    let mut setup = TestRouter::setup();
    for adapter in providers() {
        let script = Script::error(400, "zz_unknown_type", Some("zz_unknown_code"), "nobody knows this");
        provider = provider.on_model(&format!("{}-400", adapter.model), script);
        setup = channel(setup, adapter, &provider, "-400");
    }
    let router = setup.start().await;
    for client in clients() {
        for adapter in providers() {
            for stream in [false, true] {
                let model = name_of(adapter, "-400");
                let want = Want { model: &model, text: "hello there", stream, ..Want::default() };
                let reply = send(&router, client, &model, stream, &(client.ask)(&want)).await;
                let case = format!("{} → {model}: {}", client.name, reply.text());
                assert_eq!((reply.status(), reply.header("x-router-error")), (400, "invalid_value"), "{case}");
                assert!(reply.text().contains("nobody knows this"), "{case}");
            }
        }
    }
}
