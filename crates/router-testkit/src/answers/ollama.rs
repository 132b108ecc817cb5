//! Ollama's own API: `POST …/api/chat` in lines of JSON, `POST …/api/embed`, and `GET …/api/tags`.

use super::embeddings::vector;
use super::look::{list, text};
use super::prompt::{Format, Input, Prompt, Tool};
use super::reply::{Reply, Stop};
use super::text::{pieces, role, stops};
use super::usage::tokens_of;
use super::{Call, Frame, FrameKind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const MADE: &str = "2026-01-01T00:00:00.000000Z";

/// A composed answer.
pub(super) struct OllamaAnswer {
    model: String,
    reply: Reply,
    done: Value,
    pieces: Option<usize>,
}

/// Composes the answer.
pub(super) fn compose(call: &Call<'_>) -> Result<OllamaAnswer, Refusal> {
    let model = call.answering()?;
    check(call)?;
    let prompt = read(call);
    let reply = Reply::to(&prompt, 0, call.voice, call.shape);
    let reason = if reply.stop == Stop::Length { "length" } else { "stop" };
    let mut done = json!({
        "done": true, "done_reason": call.shape.finish.as_deref().unwrap_or(reason),
        "total_duration": 102_000_000, "load_duration": 1_000_000, "prompt_eval_duration": 2_000_000, "eval_duration": 99_000_000,
    });
    let mut counts = json!({"eval_count": reply.tokens()});
    // A prompt that is still in memory is not evaluated again, and then not counted.
    if let (false, Some(fields)) = (prompt.input.cached > 0, counts.as_object_mut()) {
        fields.insert("prompt_eval_count".to_owned(), json!(prompt.input.total));
    }
    if let (Some(Value::Object(counts)), Some(fields)) = (call.shape.usage.or(counts), done.as_object_mut()) {
        fields.extend(counts);
    }
    Ok(OllamaAnswer { model, reply, done, pieces: call.shape.pieces })
}

/// Dimensions of an embedding where the request names none.
const DIMENSIONS: u64 = 64;

/// The answer to `/api/embed`: a vector for each text.
pub(super) fn embed(call: &Call<'_>) -> Result<Value, Refusal> {
    let model = call.model()?;
    let given = call.body.get("input").cloned().unwrap_or_default();
    let inputs = match given {
        Value::Array(list) => list,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    let texts: Option<Vec<&str>> = inputs.iter().map(Value::as_str).collect();
    let Some(texts) = texts else { return Err(call.invalid("", None, "invalid input type")) };
    let dimensions = call.body.get("dimensions").and_then(Value::as_u64).unwrap_or(DIMENSIONS).clamp(1, 8_192);
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| vector(text, dimensions)).collect();
    let counted: u64 = texts.iter().map(|text| tokens_of(text)).sum();
    let mut answer =
        json!({"model": model, "embeddings": vectors, "total_duration": 14_143_917, "load_duration": 1_019_500});
    let counts = call.shape.usage.or(json!({"prompt_eval_count": counted}));
    if let (Some(Value::Object(counts)), Some(fields)) = (counts, answer.as_object_mut()) {
        fields.extend(counts);
    }
    Ok(answer)
}

/// The models that are pulled.
pub(super) fn tags(call: &Call<'_>) -> Value {
    let models: Vec<Value> =
        call.voice.models.iter().map(|id| json!({"name": id, "model": id, "modified_at": MADE, "size": 1})).collect();
    json!({"models": models})
}

fn check(call: &Call<'_>) -> Result<(), Refusal> {
    for message in list(call.body, "messages") {
        if message.get("content").is_some_and(|content| !content.is_string()) {
            return Err(call.invalid(
                "",
                None,
                "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
            ));
        }
        for image in list(message, "images") {
            if STANDARD.decode(image.as_str().unwrap_or_default()).is_err() {
                return Err(call.invalid("", None, "illegal base64 data at input byte 4"));
            }
        }
        if list(message, "tool_calls")
            .iter()
            .any(|call| !call.pointer("/function/arguments").is_some_and(Value::is_object))
        {
            return Err(call.invalid("", None, "json: cannot unmarshal string into Go struct field ToolCallFunction.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments"));
        }
    }
    Ok(())
}

fn read(call: &Call<'_>) -> Prompt {
    let body = call.body;
    let options = body.get("options").unwrap_or(&Value::Null);
    let messages = list(body, "messages");
    let turn = messages.iter().rposition(|message| role(message) == "assistant").map_or(0, |at| at + 1);
    let tools: u64 = list(body, "tools").iter().map(|tool| tokens_of(&tool.to_string())).sum();
    let count = |message: &Value| 4 + tokens_of(text(message, "content")) + 85 * list(message, "images").len() as u64;
    let total = tools + messages.iter().map(count).sum::<u64>();
    Prompt {
        said: messages
            .iter()
            .rfind(|message| role(message) == "user")
            .map(|message| text(message, "content").to_owned())
            .unwrap_or_default(),
        results: messages
            .iter()
            .skip(turn)
            .filter(|message| role(message) == "tool")
            .map(|message| text(message, "content").to_owned())
            .collect(),
        tools: list(body, "tools")
            .iter()
            .filter_map(|tool| tool.get("function"))
            .map(|function| Tool {
                name: text(function, "name").to_owned(),
                schema: Some(function.get("parameters").cloned().unwrap_or_else(|| json!({"type": "object"}))),
            })
            .collect(),
        format: match body.get("format") {
            Some(Value::String(format)) if format == "json" => Format::Json,
            Some(schema @ Value::Object(_)) => Format::Schema(schema.clone()),
            _ => Format::Text,
        },
        limit: options.get("num_predict").and_then(Value::as_u64),
        stops: stops(options, "stop"),
        thinks: body.get("think").is_some_and(|think| think == &json!(true) || think.is_string()),
        input: Input { total, cached: if turn > 0 { total } else { 0 }, ..Input::default() },
        id: call.id(),
        ..Prompt::default()
    }
}

impl OllamaAnswer {
    /// The one object of an answer that is not streamed.
    pub(super) fn whole(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": self.reply.text});
        if let Some(fields) = message.as_object_mut() {
            fields.extend(self.reply.thought.iter().map(|thought| ("thinking".to_owned(), json!(thought))));
            if !self.reply.calls.is_empty() {
                fields.insert("tool_calls".to_owned(), self.calls());
            }
        }
        self.line(&message, Some(&self.done))
    }

    /// The lines of a stream; a call comes whole.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut messages = Vec::new();
        if let Some(thought) = &self.reply.thought {
            let parts = pieces(thought, Some(2));
            messages.extend(parts.iter().map(|piece| json!({"role": "assistant", "content": "", "thinking": piece})));
        }
        if self.reply.calls.is_empty() {
            let parts = pieces(&self.reply.text, self.pieces);
            messages.extend(parts.iter().map(|piece| json!({"role": "assistant", "content": piece})));
        } else {
            messages.push(json!({"role": "assistant", "content": "", "tool_calls": self.calls()}));
        }
        let mut frames: Vec<Frame> = messages
            .iter()
            .map(|message| Frame::data(FrameKind::Content, self.line(message, None).to_string()))
            .collect();
        let last = self.line(&json!({"role": "assistant", "content": ""}), Some(&self.done));
        frames.push(Frame::data(FrameKind::Finish, last.to_string()));
        frames
    }

    fn calls(&self) -> Value {
        self.reply
            .calls
            .iter()
            .map(|call| json!({"function": {"name": call.name, "arguments": call.arguments()}}))
            .collect()
    }

    fn line(&self, message: &Value, done: Option<&Value>) -> Value {
        let mut line = json!({"model": self.model, "created_at": MADE, "message": message, "done": false});
        if let (Some(Value::Object(done)), Some(fields)) = (done, line.as_object_mut()) {
            fields.extend(done.clone());
        }
        line
    }
}
