//! Clients of every dialect, as plain data: how to ask, how to read a whole answer and a stream, how to go on after tools.
//! A suite that walks [`CLIENTS`] asks the same of each and compares what they were told.

mod chat;
mod gemini;
mod messages;
mod responses;

use serde_json::{Value, json};

/// A dialect from the client's side.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Name of the dialect.
    pub name: &'static str,
    /// Path and query for a model, and whether a stream is wanted.
    pub path: fn(&str, bool) -> String,
    /// Headers beside the key, each line ended.
    pub headers: &'static str,
    /// The body of a request.
    pub ask: fn(&Want<'_>) -> Value,
    /// What a whole answer says.
    pub read: fn(&Value) -> Said,
    /// What the events of a stream say.
    pub gather: fn(&[Value]) -> Said,
    /// Adds the answer's turn to the request, and the results of its calls, in their order.
    pub go_on: fn(&mut Value, &Value, &[&str]),
}

/// The clients.
pub const CLIENTS: &[Client] = &[chat::CLIENT, messages::CLIENT, gemini::CLIENT, responses::CLIENT];

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want<'a> {
    /// The model, where it stands in the body.
    pub model: &'a str,
    /// What the user says.
    pub text: &'a str,
    /// Tools by name; each takes a `city`.
    pub tools: &'a [&'a str],
    /// A picture beside the text, base64 of a PNG.
    pub picture: Option<&'a str>,
    /// The answer as an object with a `city`.
    pub document: bool,
    /// The model shall think, and show it.
    pub thinking: bool,
    /// The limit on output tokens.
    pub limit: Option<u64>,
    /// A stream is wanted.
    pub stream: bool,
}

/// What a client was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// The text of the answer.
    pub text: String,
    /// The thought that was shown.
    pub thought: String,
    /// Names and arguments of the calls.
    pub calls: Vec<(String, Value)>,
    /// Why the answer ended.
    pub stop: Stop,
    /// Tokens of the input, all of them.
    pub input: u64,
    /// Tokens of the output.
    pub output: u64,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Nothing was said about it.
    #[default]
    Unsaid,
    /// By itself.
    End,
    /// At the limit.
    Length,
    /// For the results of tools.
    Calls,
    /// Refused or filtered.
    Refused,
    /// For a reason that this client does not know.
    Unknown,
}

/// The schema of every tool and document here.
pub(crate) fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false})
}

/// The events of a stream's body in any form: server-sent events, a JSON array, lines. `[DONE]`, comments and what is no JSON are left
/// out.
#[must_use]
pub fn events(body: &str) -> Vec<Value> {
    let text = body.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    if let Ok(Value::Array(list)) = serde_json::from_str(&text) {
        return list;
    }
    let (mut found, mut data) = (Vec::new(), Vec::new());
    let mut read = |text: &str| found.extend(serde_json::from_str(text).ok().filter(Value::is_object));
    for line in text.lines().chain([""]) {
        match line.strip_prefix("data:") {
            Some(part) => data.push(part),
            None if line.is_empty() => read(&std::mem::take(&mut data).join("\n")),
            None => read(line),
        }
    }
    found
}

fn string(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn items<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Sets a field of an object.
fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

/// Adds to a list in an object.
fn add(object: &mut Value, field: &str, values: impl IntoIterator<Item = Value>) {
    if let Some(list) = object.get_mut(field).and_then(Value::as_array_mut) {
        list.extend(values);
    }
}
