//! A finished response as the events that lead to it.

use crate::answers::look::{list, text};
use crate::answers::text::pieces;
use crate::answers::{Frame, FrameKind};
use serde_json::{Value, json};

/// Collects events; each gets the next number.
#[derive(Default)]
struct Events {
    frames: Vec<Frame>,
}

impl Events {
    fn push(&mut self, kind: FrameKind, event: &str, fields: &Value) {
        let mut data = json!({"type": event, "sequence_number": self.frames.len()});
        if let (Some(data), Some(fields)) = (data.as_object_mut(), fields.as_object()) {
            data.extend(fields.clone());
        }
        self.frames.push(Frame::typed(kind, &data));
    }
}

/// The events of a response, text in `count` pieces or word by word.
pub(super) fn frames(response: &Value, count: Option<usize>) -> Vec<Frame> {
    let mut events = Events::default();
    let mut running = response.clone();
    for (field, value) in [
        ("status", json!("in_progress")),
        ("output", json!([])),
        ("usage", Value::Null),
        ("incomplete_details", Value::Null),
    ] {
        if let Some(fields) = running.as_object_mut() {
            fields.insert(field.to_owned(), value);
        }
    }
    for event in ["response.created", "response.in_progress"] {
        events.push(FrameKind::Role, event, &json!({"response": running}));
    }
    for (index, item) in list(response, "output").iter().enumerate() {
        match text(item, "type") {
            "reasoning" => reasoning(&mut events, index, item),
            "message" => message(&mut events, index, item, count),
            "custom_tool_call" => call(&mut events, index, item, ("input", "response.custom_tool_call_input")),
            _ => call(&mut events, index, item, ("arguments", "response.function_call_arguments")),
        }
    }
    let last = format!("response.{}", text(response, "status"));
    events.push(FrameKind::Finish, &last, &json!({"response": response}));
    events.frames
}

/// An item as it opens: a field emptied, in progress.
fn opened(item: &Value, field: &str, empty: Value) -> Value {
    let mut opened = item.clone();
    if let Some(fields) = opened.as_object_mut() {
        fields.insert(field.to_owned(), empty);
        if fields.contains_key("status") {
            fields.insert("status".to_owned(), json!("in_progress"));
        }
    }
    opened
}

fn reasoning(events: &mut Events, index: usize, item: &Value) {
    let id = text(item, "id");
    events.push(
        FrameKind::Role,
        "response.output_item.added",
        &json!({"output_index": index, "item": opened(item, "summary", json!([]))}),
    );
    for (number, part) in list(item, "summary").iter().enumerate() {
        let place = |more: Value| {
            let mut fields = json!({"item_id": id, "output_index": index, "summary_index": number});
            if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
                fields.extend(more);
            }
            fields
        };
        let empty = json!({"type": "summary_text", "text": ""});
        events.push(FrameKind::Role, "response.reasoning_summary_part.added", &place(json!({"part": empty})));
        for piece in pieces(text(part, "text"), Some(2)) {
            events.push(FrameKind::Content, "response.reasoning_summary_text.delta", &place(json!({"delta": piece})));
        }
        events.push(
            FrameKind::Role,
            "response.reasoning_summary_text.done",
            &place(json!({"text": text(part, "text")})),
        );
        events.push(FrameKind::Role, "response.reasoning_summary_part.done", &place(json!({"part": part})));
    }
    events.push(FrameKind::Role, "response.output_item.done", &json!({"output_index": index, "item": item}));
}

fn message(events: &mut Events, index: usize, item: &Value, count: Option<usize>) {
    let id = text(item, "id");
    events.push(
        FrameKind::Role,
        "response.output_item.added",
        &json!({"output_index": index, "item": opened(item, "content", json!([]))}),
    );
    for (number, part) in list(item, "content").iter().enumerate() {
        let said = text(part, "text");
        let empty = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        let place = json!({"item_id": id, "output_index": index, "content_index": number});
        let with = |more: Value| {
            let mut fields = place.clone();
            if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
                fields.extend(more);
            }
            fields
        };
        events.push(FrameKind::Role, "response.content_part.added", &with(json!({"part": empty})));
        for piece in pieces(said, count) {
            events.push(
                FrameKind::Content,
                "response.output_text.delta",
                &with(json!({"delta": piece, "logprobs": []})),
            );
        }
        events.push(FrameKind::Role, "response.output_text.done", &with(json!({"text": said, "logprobs": []})));
        events.push(FrameKind::Role, "response.content_part.done", &with(json!({"part": part})));
    }
    events.push(FrameKind::Role, "response.output_item.done", &json!({"output_index": index, "item": item}));
}

/// A call: `input` is the field with what it is called with, `event` the beginning of its events' names.
fn call(events: &mut Events, index: usize, item: &Value, (input, event): (&str, &str)) {
    let (id, given) = (text(item, "id"), text(item, input));
    events.push(
        FrameKind::Role,
        "response.output_item.added",
        &json!({"output_index": index, "item": opened(item, input, json!(""))}),
    );
    for piece in pieces(given, Some(given.chars().count().div_ceil(8).max(1))) {
        events.push(
            FrameKind::Content,
            &format!("{event}.delta"),
            &json!({"item_id": id, "output_index": index, "delta": piece}),
        );
    }
    let mut done = json!({"item_id": id, "output_index": index});
    if let Some(fields) = done.as_object_mut() {
        fields.insert(input.to_owned(), json!(given));
    }
    events.push(FrameKind::Role, &format!("{event}.done"), &done);
    events.push(FrameKind::Role, "response.output_item.done", &json!({"output_index": index, "item": item}));
}
