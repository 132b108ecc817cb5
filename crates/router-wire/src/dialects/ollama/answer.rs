//! Answers: whole ones, and lines of a stream. Reading a whole one goes through the decoder: it is a stream of one line.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::answer::NotAnAnswer;
use crate::dialects::StreamDecoder;
use crate::message::{Answer, Collector, Event, Stop, ToolCall};
use crate::usage::from_ollama;

/// Reads an answer.
///
/// # Errors
/// [`NotAnAnswer`]; `Stream` where lines came though none were asked for.
pub(super) fn read_answer(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) if memchr::memchr(b'\n', body).is_some() => return Err(NotAnAnswer::Stream),
        Err(_) => return Err(NotAnAnswer::Bad("the answer is broken JSON")),
    };
    let Value::Object(line) = value else { return Err(NotAnAnswer::Bad("the answer is not a JSON object")) };
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    decoder.line(&line, body, &mut events);
    if events.iter().any(|event| matches!(event, Event::Error(_))) {
        return Err(NotAnAnswer::Error);
    }
    if !decoder.done() {
        return Err(NotAnAnswer::Bad("the answer is not a whole one"));
    }
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    Ok(collector.finish())
}

/// Reads a stream: each line adds to the message, the last one says `done`, why, and what was used.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    done: bool,
    calls: usize,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if let Ok(Value::Object(line)) = serde_json::from_slice(data) {
            self.line(&line, data, out);
        }
    }

    fn end(&mut self, _: &mut Vec<Event>) -> bool {
        self.done
    }

    fn done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn line(&mut self, line: &Map<String, Value>, data: &[u8], out: &mut Vec<Event>) {
        if self.done {
            return;
        }
        if line.get("error").is_some_and(|error| !error.is_null()) {
            return out.push(Event::Error(Bytes::copy_from_slice(data)));
        }
        if !self.started {
            self.started = true;
            out.push(Event::Start { id: None, model: text(line, "model").map(str::to_owned) });
        }
        if let Some(message) = line.get("message").and_then(Value::as_object) {
            out.extend(text(message, "thinking").map(|words| Event::Reasoning(words.to_owned())));
            out.extend(text(message, "content").map(|words| Event::Text(words.to_owned())));
            let made = text(line, "created_at").unwrap_or_default();
            let calls = message.get("tool_calls").and_then(Value::as_array);
            calls.into_iter().flatten().filter_map(Value::as_object).for_each(|call| self.call(call, made, out));
        }
        if line.get("done") == Some(&Value::Bool(true)) {
            self.done = true;
            out.extend(from_ollama(&Value::Object(line.clone())).map(Event::Usage));
            out.push(Event::Stop(stop(text(line, "done_reason").unwrap_or_default(), self.calls > 0)));
        }
    }

    /// A call comes whole. Only newer servers give it an id.
    fn call(&mut self, call: &Map<String, Value>, made: &str, out: &mut Vec<Event>) {
        let empty = Map::new();
        let function = call.get("function").and_then(Value::as_object).unwrap_or(&empty);
        let name = text(function, "name").unwrap_or_default();
        let arguments = match function.get("arguments") {
            Some(Value::String(written)) => written.clone(),
            None | Some(Value::Null) => "{}".to_owned(),
            Some(arguments) => arguments.to_string(),
        };
        let index = self.calls;
        let own = text(call, "id").map(str::to_owned);
        let id = own.unwrap_or_else(|| ToolCall::made_id(&[made, name, &arguments, &index.to_string()]));
        self.calls += 1;
        out.push(Event::ToolStart { index, id, name: name.to_owned(), custom: false, signature: None });
        out.push(Event::ToolArguments { index, delta: arguments });
        out.push(Event::ToolEnd { index });
    }
}

/// A text that is not empty.
fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// What a `done_reason` means. One who calls tools says `stop`, too; unknown ones are a plain end.
fn stop(reason: &str, called: bool) -> Stop {
    match reason {
        "length" => Stop::Length,
        _ if called => Stop::ToolUse,
        _ => Stop::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_done_and_no_error() {
        for (body, expected) in [
            (&br#"{"error":"model 'x' not found"}"#[..], NotAnAnswer::Error),
            (br#"{"message":{"content":"a"},"done":false}"#, NotAnAnswer::Bad("the answer is not a whole one")),
            (b"{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"done\":true}", NotAnAnswer::Stream),
            (b"[]", NotAnAnswer::Bad("the answer is not a JSON object")),
            (b"{", NotAnAnswer::Bad("the answer is broken JSON")),
        ] {
            assert_eq!(read_answer(body).unwrap_err(), expected, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn calls_without_ids_get_ones_that_differ_and_stay_the_same() {
        let body = br#"{"created_at":"t","done":true,"done_reason":"stop","message":{"tool_calls":[
            {"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"f","arguments":{"a":1}}},
            {"id":"own","function":{"name":"f","arguments":"{\"a\":1}"}},{"function":{"name":"f"}}]}}"#;
        let (first, again) = (read_answer(body).unwrap(), read_answer(body).unwrap());
        assert_eq!((&first, &first.stop), (&again, &Stop::ToolUse));
        let calls: Vec<(String, String)> = first
            .parts
            .iter()
            .map(|part| {
                let crate::message::Content::ToolCall(call) = &part.content else { panic!("{part:?}") };
                (call.id.clone(), call.arguments.clone())
            })
            .collect();
        assert!(calls[0].0 != calls[1].0 && calls[0].0.starts_with("call_"));
        assert_eq!(calls[2], ("own".to_owned(), r#"{"a":1}"#.to_owned()));
        assert_eq!(calls[3].1, "{}");
    }
}
