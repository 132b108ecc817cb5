//! Anthropic's codec from the outside: requests that the API takes, answers and streams both ways, whatever comes.

mod answers;
mod requests;

use bytes::Bytes;
use router_core::usage::Usage;
use router_wire::adapters::Quirks;
use router_wire::answer::NotAnAnswer;
use router_wire::dialects::anthropic::{CLIENT, PROVIDER};
use router_wire::dialects::{Echo, Target};
use router_wire::message::{
    Answer, CacheLife, Collector, Content, Effort, Event, Format, Media, Part, Reasoning, ReasoningWish, Request, Role,
    Signature, SignatureFormat, Stop, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
use router_wire::sse;
use serde_json::{Value, json};

const NEW: &str = "claude-opus-4-6";

const OLD: &str = "claude-sonnet-4-20250514";

fn read(body: &Value) -> Request {
    (CLIENT.read_request)(&serde_json::to_vec(body).unwrap()).unwrap()
}

fn target<'a>(model: &'a str, quirks: &'a Quirks) -> Target<'a> {
    Target::new(model, quirks)
}

fn write(request: &Request, model: &str) -> (Value, Vec<String>) {
    let quirks = Quirks::default();
    let encoded = (PROVIDER.write_request)(request, &target(model, &quirks)).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped)
}

fn refused(request: &Request, model: &str) -> String {
    let quirks = Quirks::default();
    (PROVIDER.write_request)(request, &target(model, &quirks)).unwrap_err().param
}

fn echo() -> Echo<'static> {
    Echo { model: "m", id: "x1", created: 7, usage_wanted: true, input_tokens: 3, request: None }
}

fn call(id: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), "f".into(), arguments.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom: false, signature: None }))
}

fn result(id: &str, text: &str) -> Part {
    let (call_id, parts) = (id.into(), vec![Part::text(text)]);
    Part::new(Content::ToolResult(ToolResult { call_id, name: None, parts, is_error: false, custom: false }))
}

fn thought(text: &str, format: SignatureFormat) -> Part {
    let signature = Some(Signature::new(format, "sig"));
    Part::new(Content::Reasoning(Reasoning { text: text.into(), signature, redacted: false }))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn user(text: &str) -> Turn {
    turn(Role::User, vec![Part::text(text)])
}

fn asking(turns: Vec<Turn>) -> Request {
    Request { model: "m".into(), turns, ..Request::default() }
}

fn tool(name: &str) -> Tool {
    Tool { name: name.into(), description: None, parameters: None, strict: None, custom: None, cache: None }
}

fn with_effort(effort: Effort) -> Option<ReasoningWish> {
    Some(ReasoningWish { effort: Some(effort), ..ReasoningWish::default() })
}

/// What the API checks of every request, as far as we know it.
fn assert_legal(body: &Value) {
    let max_tokens = body["max_tokens"].as_u64().unwrap();
    assert!(max_tokens > 0);
    let messages = body["messages"].as_array().unwrap();
    let mut expected = "user";
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        assert_eq!(message["role"], expected, "{body:#}");
        expected = if expected == "user" { "assistant" } else { "user" };
        let blocks = message["content"].as_array().unwrap();
        assert!(!blocks.is_empty(), "{body:#}");
        let mut results_over = false;
        for block in blocks {
            match block["type"].as_str().unwrap() {
                "tool_result" => {
                    assert!(!results_over, "results come first: {body:#}");
                    let id = block["tool_use_id"].as_str().unwrap();
                    let place = open.iter().position(|open| open == id);
                    open.remove(place.unwrap_or_else(|| panic!("{id} has no call: {body:#}")));
                }
                kind => {
                    results_over = true;
                    assert!(kind != "text" || !block["text"].as_str().unwrap().trim().is_empty(), "{body:#}");
                }
            }
        }
        assert!(open.is_empty(), "calls without results {open:?}: {body:#}");
        for block in blocks.iter().filter(|block| block["type"] == "tool_use") {
            let id = block["id"].as_str().unwrap();
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{id}");
            assert!(block["input"].is_object());
            open.push(id.to_owned());
        }
    }
    assert!(open.is_empty());
    if body.to_string().contains("\"tool_use\"") {
        assert!(body["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    }
    if body["thinking"]["type"] == "enabled" {
        let budget = body["thinking"]["budget_tokens"].as_u64().unwrap();
        assert!((1_024..max_tokens).contains(&budget), "{body:#}");
    }
    if matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive")) {
        assert!(!matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")), "{body:#}");
        assert!(body.get("temperature").is_none() && body.get("top_k").is_none());
    }
    assert!(body.to_string().matches("\"cache_control\"").count() <= 4);
    assert!(body.get("temperature").is_none_or(|degrees| degrees.as_f64().unwrap() <= 1.0));
}

fn decode(stream: &[Value]) -> (Vec<Event>, bool) {
    let mut decoder = (PROVIDER.decoder)();
    let mut events = Vec::new();
    for value in stream {
        decoder.event(value.to_string().as_bytes(), &mut events);
    }
    let proper = decoder.end(&mut events);
    (events, proper)
}

fn collect(events: Vec<Event>) -> Answer {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    collector.finish()
}

/// Encodes, checks the order of frames as a strict client would, and gives the data of all of them.
fn encode(events: &[Event], usage: Option<&Usage>) -> Vec<Value> {
    let mut encoder = (CLIENT.encoder)(&echo());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    encoder.end(usage, &mut out);
    let text = String::from_utf8(out).unwrap();
    let mut all = Vec::new();
    let mut open = None;
    for frame in text.split_terminator("\n\n") {
        let (name, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        match data["type"].as_str().unwrap() {
            "content_block_start" => assert_eq!(open.replace(data["index"].clone()), None),
            "content_block_delta" => assert_eq!(open.as_ref(), Some(&data["index"])),
            "content_block_stop" => assert_eq!(open.take().as_ref(), Some(&data["index"])),
            "message_delta" | "message_stop" => assert_eq!(open, None),
            _ => {}
        }
        all.push(data);
    }
    let count = |kind: &str| all.iter().filter(|data| data["type"] == kind).count();
    assert_eq!((count("message_start"), count("message_delta"), count("message_stop")), (1, 1, 1));
    assert_eq!(all.last().unwrap()["type"], "message_stop");
    all
}

#[expect(clippy::disallowed_methods, reason = "fixtures are files")]
fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/translate/anthropic");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// The events of a stream that comes in two chunks.
fn decode_cut(stream: &[u8], cut: usize) -> (Vec<Event>, bool) {
    let mut splitter = sse::Splitter::new(1 << 20);
    let mut decoder = (PROVIDER.decoder)();
    let mut events = Vec::new();
    let mut take = |block: Bytes, events: &mut Vec<Event>| {
        for frame in sse::frames(&block) {
            if let Some(data) = sse::read(&frame).data {
                decoder.event(&data, events);
            }
        }
    };
    for chunk in [&stream[..cut], &stream[cut..]] {
        let frames = splitter.push(Bytes::copy_from_slice(chunk)).unwrap();
        take(frames.joined, &mut events);
        take(frames.whole, &mut events);
    }
    take(splitter.finish(), &mut events);
    let proper = decoder.end(&mut events);
    (events, proper)
}
