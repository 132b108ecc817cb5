//! A provider streamed where one JSON object was asked for: the answer that it would have sent.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::meter::{StreamEnd, StreamFault};
use super::{MeterOptions, StreamMeter};
use crate::sse;

/// Puts the chunks of a whole stream together into one answer.
///
/// Text of deltas is concatenated, tool calls are merged by their index (by id, else as the last call, where providers
/// send no index), other fields are taken from where they last stood.
///
/// # Errors
/// [`StreamFault`] if a bound is exceeded. The `StreamEnd` says whether the stream was whole; the answer is only worth
/// sending if it is [`StreamEnd::Complete`].
pub fn aggregate(stream: &[u8]) -> Result<(StreamEnd, Vec<u8>), StreamFault> {
    let mut meter = StreamMeter::new(MeterOptions::default());
    let mut passed = Vec::new();
    meter.feed(Bytes::copy_from_slice(stream), &mut passed)?;
    let end = meter.finish(&mut passed);
    let mut answer = Answer::default();
    for frame in passed.iter().flat_map(sse::frames) {
        let event = sse::read(&frame);
        if let Some(Value::Object(chunk)) = event.data.and_then(|data| serde_json::from_slice(&data).ok()) {
            answer.add(chunk);
        }
    }
    Ok((end, serde_json::to_vec(&answer.build()).unwrap_or_default()))
}

#[derive(Default)]
struct Answer {
    head: Map<String, Value>,
    choices: Vec<(u64, Map<String, Value>)>,
}

impl Answer {
    fn add(&mut self, mut chunk: Map<String, Value>) {
        if let Some(Value::Array(choices)) = chunk.shift_remove("choices") {
            for choice in choices {
                if let Value::Object(choice) = choice {
                    self.choice(choice);
                }
            }
        }
        for (key, value) in chunk {
            if !value.is_null() || !self.head.contains_key(&key) {
                self.head.insert(key, value);
            }
        }
    }

    fn choice(&mut self, mut choice: Map<String, Value>) {
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        if !self.choices.iter().any(|(found, _)| *found == index) {
            self.choices.push((index, Map::new()));
        }
        let Some((_, whole)) = self.choices.iter_mut().find(|(found, _)| *found == index) else { return };
        if let Some(Value::Object(delta)) = choice.shift_remove("delta") {
            let message = whole.entry("message").or_insert_with(|| json!({ "role": "assistant", "content": null }));
            if let Some(message) = message.as_object_mut() {
                delta.into_iter().for_each(|(key, value)| merge(message, key, value));
            }
        }
        for (key, value) in choice {
            match key.as_str() {
                "text" => append(whole.entry(key).or_insert(Value::Null), value),
                _ if value.is_null() && whole.contains_key(&key) => {}
                _ => {
                    whole.insert(key, value);
                }
            }
        }
    }

    fn build(mut self) -> Value {
        if let Some(object) = self.head.get_mut("object")
            && object == "chat.completion.chunk"
        {
            *object = "chat.completion".into();
        }
        self.choices.sort_by_key(|(index, _)| *index);
        let choices = self.choices.into_iter().map(|(_, choice)| Value::Object(choice)).collect();
        self.head.insert("choices".into(), Value::Array(choices));
        Value::Object(self.head)
    }
}

fn merge(message: &mut Map<String, Value>, key: String, value: Value) {
    match (key.as_str(), value) {
        ("role", value) => {
            message.insert(key, value);
        }
        ("tool_calls", Value::Array(calls)) => {
            let whole = message.entry(key).or_insert_with(|| json!([]));
            if let Some(whole) = whole.as_array_mut() {
                calls.into_iter().for_each(|call| merge_call(whole, call));
            }
        }
        ("function_call", Value::Object(function)) => {
            let whole = message.entry(key).or_insert_with(|| json!({}));
            function.into_iter().for_each(|(key, value)| append_member(whole, key, value));
        }
        (_, value) => append(message.entry(key).or_insert(Value::Null), value),
    }
}

/// Merges a piece of a tool call: by index, else by id, else into the last.
fn merge_call(whole: &mut Vec<Value>, call: Value) {
    let Value::Object(mut call) = call else { return };
    let index = call.shift_remove("index").and_then(|index| index.as_u64());
    let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let place = match (index, id) {
        (Some(index), _) => usize::try_from(index).unwrap_or(usize::MAX).min(whole.len()),
        (None, Some(id)) => {
            whole.iter().position(|found| found.get("id").is_some_and(|have| have == id)).unwrap_or(whole.len())
        }
        (None, None) => whole.len().saturating_sub(1),
    };
    if place >= whole.len() {
        whole.push(json!({}));
    }
    let Some(target) = whole.get_mut(place) else { return };
    for (key, value) in call {
        match value {
            Value::Object(inner) => {
                if target.get(&key).is_none_or(|found| !found.is_object())
                    && let Some(target) = target.as_object_mut()
                {
                    target.insert(key.clone(), json!({}));
                }
                if let Some(inside) = target.get_mut(&key) {
                    inner.into_iter().for_each(|(key, value)| append_member(inside, key, value));
                }
            }
            Value::Null => {}
            // Ids, types: said once, or again in each piece.
            other => {
                if let Some(target) = target.as_object_mut() {
                    target.insert(key, other);
                }
            }
        }
    }
}

/// Appends to a member of a function. Its name comes whole, and by some providers again and again.
fn append_member(object: &mut Value, key: String, value: Value) {
    let Some(object) = object.as_object_mut() else { return };
    if key == "name" && object.get("name").is_some_and(|name| *name == value) {
        return;
    }
    append(object.entry(key).or_insert(Value::Null), value);
}

/// Strings are concatenated, lists extended, nulls do nothing, all else replaces.
fn append(whole: &mut Value, more: Value) {
    match (whole, more) {
        (_, Value::Null) => {}
        (Value::String(whole), Value::String(more)) => whole.push_str(&more),
        (Value::Array(whole), Value::Array(more)) => whole.extend(more),
        (whole, more) => *whole = more,
    }
}
