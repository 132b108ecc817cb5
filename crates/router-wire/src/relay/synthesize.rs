//! A provider answered one JSON object where a stream was asked for: the stream that it would have sent.

use serde_json::{Map, Value, json};

/// Makes a stream of chat or text chunks from a whole answer, without `[DONE]`. `with_usage`: whether the client asked
/// for the usage event. `None` if the answer is not an object with choices.
///
/// Per choice: a chunk with everything that the message holds (tool calls get their index), then one with the finish
/// reason. Numbers and unknown fields of the message keep their value.
#[must_use]
pub fn synthesize_stream(answer: &[u8], with_usage: bool) -> Option<Vec<u8>> {
    let Value::Object(mut answer) = serde_json::from_slice(answer).ok()? else { return None };
    let Some(Value::Array(choices)) = answer.shift_remove("choices") else { return None };
    let usage = answer.shift_remove("usage").filter(Value::is_object);
    let chat = choices.iter().any(|choice| choice.get("message").is_some());
    if chat {
        answer.insert("object".into(), "chat.completion.chunk".into());
    }
    let mut stream = Vec::new();
    for choice in choices {
        let Value::Object(mut choice) = choice else { continue };
        let index = choice.get("index").cloned().unwrap_or_else(|| 0.into());
        let reason = choice.insert("finish_reason".into(), Value::Null).unwrap_or_else(|| "stop".into());
        if let Some(message) = choice.shift_remove("message") {
            choice.insert("delta".into(), delta(message));
        }
        push(&mut stream, &answer, choice.into());
        let mut end = json!({ "index": index, "finish_reason": reason });
        let (key, nothing) = if chat { ("delta", json!({})) } else { ("text", json!("")) };
        if let Some(end) = end.as_object_mut() {
            end.insert(key.into(), nothing);
        }
        push(&mut stream, &answer, end);
    }
    if let Some(usage) = usage.filter(|_| with_usage) {
        answer.insert("choices".into(), json!([]));
        answer.insert("usage".into(), usage);
        event(&mut stream, &answer);
    }
    Some(stream)
}

/// A message as a delta: tool calls are numbered.
fn delta(mut message: Value) -> Value {
    if let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for (index, call) in calls.iter_mut().enumerate() {
            if let Some(call) = call.as_object_mut() {
                call.insert("index".into(), index.into());
            }
        }
    }
    message
}

fn push(stream: &mut Vec<u8>, head: &Map<String, Value>, choice: Value) {
    let mut chunk = head.clone();
    chunk.insert("choices".into(), Value::Array(vec![choice]));
    event(stream, &chunk);
}

fn event(stream: &mut Vec<u8>, chunk: &Map<String, Value>) {
    stream.extend_from_slice(b"data: ");
    // Writing into a vector cannot fail.
    let _ = serde_json::to_writer(&mut *stream, chunk);
    stream.extend_from_slice(b"\n\n");
}
