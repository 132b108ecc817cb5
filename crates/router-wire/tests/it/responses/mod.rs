//! The Responses dialect: an agent's request and stream in full, and the traps of the dialect one by one.

mod answers;
mod requests;
mod routing;

use bytes::Bytes;
use router_core::ask::Endpoint;
use router_core::catalog::{Capabilities, Capability};
use router_core::fault::ErrorCode;
use router_core::usage::Usage;
use router_wire::adapters::{self, Quirks};
use router_wire::answer::NotAnAnswer;
use router_wire::dialects::openai_responses::{CLIENT, PROVIDER};
use router_wire::dialects::{self, Echo, ErrorView, Intake, Passing, RequestError, Target};
use router_wire::message::{
    Answer, Collector, Content, Effort, Encoded, Event, Format, Names, Part, Reasoning, Request, Role, Signature,
    SignatureFormat, Stop, Tool, ToolCall, ToolChoice, ToolResult, Turn, Unsupported,
};
use router_wire::relay::{Passage, StreamEnd};
use router_wire::sse::{self, Splitter};
use serde_json::{Value, json};

const CODEX: &str = include_str!("../../golden/translate/openai_responses/request-codex.json");
const FULL: &str = include_str!("../../golden/translate/openai_responses/request-full.json");
const AGENT: &str = include_str!("../../golden/responses/agent.sse");

fn read(body: &Value) -> Request {
    (CLIENT.read_request)(body.to_string().as_bytes()).unwrap()
}

/// A request with this `input` and these further members.
fn asks(input: Value, more: Value) -> Value {
    let mut body = json!({"model": "m", "input": input});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn write(request: &Request) -> Result<Encoded, Unsupported> {
    let quirks = Quirks { developer_role: true, ..Quirks::default() };
    let target = Target { model_max_output: Some(8192), ..Target::new("up", &quirks) };
    (PROVIDER.write_request)(request, &target)
}

fn written(request: &Request) -> Value {
    serde_json::from_slice(&write(request).unwrap().body).unwrap()
}

fn echo<'a>(request: Option<&'a Request>) -> Echo<'a> {
    Echo { model: "auto:code", id: "abc", created: 7, usage_wanted: false, input_tokens: 0, request }
}

/// The events of a stream cut into these chunks, and whether it had its proper end.
fn decode<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
    let (mut splitter, mut decoder, mut events) = (Splitter::new(1 << 20), (PROVIDER.decoder)(), Vec::new());
    let mut take = |block: Bytes, events: &mut Vec<Event>| {
        for frame in sse::frames(&block) {
            if let Some(data) = sse::read(&frame).data {
                decoder.event(&data, events);
            }
        }
    };
    for chunk in chunks {
        let frames = splitter.push(Bytes::copy_from_slice(chunk)).unwrap();
        take(frames.joined, &mut events);
        take(frames.whole, &mut events);
    }
    take(splitter.finish(), &mut events);
    let ended = decoder.end(&mut events);
    (events, ended)
}

fn collect(events: impl IntoIterator<Item = Event>) -> Answer {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    collector.finish()
}

/// The frames that a client gets for these events, each checked: `event:` is its `data.type`, numbers without gaps.
fn encode(events: &[Event], request: Option<&Request>, usage: Option<&Usage>) -> (Vec<u8>, Vec<Value>) {
    let mut encoder = (CLIENT.encoder)(&echo(request));
    let mut bytes = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut bytes));
    encoder.end(usage, &mut bytes);
    let frames = frames_of(&bytes);
    (bytes, frames)
}

fn frames_of(bytes: &[u8]) -> Vec<Value> {
    let block = Bytes::copy_from_slice(bytes);
    let mut frames = Vec::new();
    for frame in sse::frames(&block) {
        let event = sse::read(&frame);
        let value: Value = serde_json::from_slice(&event.data.unwrap()).unwrap();
        assert_eq!(value["type"].as_str().unwrap().as_bytes(), event.name, "{value}");
        assert_eq!(value["sequence_number"], frames.len(), "{value}");
        frames.push(value);
    }
    frames
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

/// Every item of the last event was built by the events before it, under one id and one place.
fn consistent(frames: &[Value]) {
    let last = &frames.last().unwrap()["response"];
    for (place, item) in last["output"].as_array().unwrap().iter().enumerate() {
        let of_item = |kind: &str| {
            let name = format!("response.{kind}");
            let here = move |frame: &&Value| frame["type"] == name.as_str() && frame["output_index"] == place;
            frames.iter().filter(here).collect::<Vec<_>>()
        };
        let (added, done) = (of_item("output_item.added"), of_item("output_item.done"));
        assert_eq!((added.len(), done.len()), (1, 1), "{item}");
        assert_eq!(added[0]["item"]["id"], item["id"]);
        assert_eq!(&done[0]["item"], item);
        for frame in frames.iter().filter(|frame| frame["output_index"] == place && frame.get("item_id").is_some()) {
            assert_eq!(frame["item_id"], item["id"], "{frame}");
        }
        let deltas =
            |kind: &str| -> String { of_item(kind).iter().map(|frame| frame["delta"].as_str().unwrap()).collect() };
        let whole = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match item["type"].as_str().unwrap() {
            "message" => {
                let texts: String = item["content"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|part| part.get("text").or(part.get("refusal")).unwrap().as_str().unwrap())
                    .collect();
                assert_eq!(deltas("output_text.delta").len() + deltas("refusal.delta").len(), texts.len());
                assert_eq!(of_item("content_part.added").len(), item["content"].as_array().unwrap().len());
                assert_eq!(of_item("content_part.done").len(), item["content"].as_array().unwrap().len());
            }
            "reasoning" => assert_eq!(deltas("reasoning_summary_text.delta"), whole("/summary/0/text")),
            "function_call" => assert_eq!(deltas("function_call_arguments.delta"), whole("/arguments")),
            "custom_tool_call" => assert_eq!(deltas("custom_tool_call_input.delta"), whole("/input")),
            _ => {}
        }
    }
}

fn call(id: &str, name: &str, arguments: &str, custom: bool) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom, signature: None }))
}
