//! `POST /chat/completions`: composed once, rendered whole or as stream events.

use super::text::{choice_count, content_text, last_user_text, limited, pieces, role};
use super::tools::{ToolCall, calls};
use super::usage::{Usage, chat_prompt, tokens_of};
use super::{Frame, FrameKind, Refusal, Shape, Voice, example, id_of, model_of, wants_usage};
use serde_json::{Value, json};

/// A composed answer.
pub(super) struct ChatAnswer {
    id: String,
    model: String,
    created: u64,
    choices: Vec<Choice>,
    usage: Option<Value>,
    stream_usage: bool,
    pieces: Option<usize>,
}

struct Choice {
    text: String,
    calls: Vec<ToolCall>,
    finish: String,
}

/// Composes the answer to a chat request.
pub(super) fn compose(body: &Value, voice: &Voice, shape: &Shape) -> Result<ChatAnswer, Refusal> {
    let model = model_of(body, voice)?;
    let messages =
        body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty()).ok_or_else(|| {
            Refusal::invalid("missing_required_parameter", Some("messages"), "Missing required parameter: 'messages'.")
        })?;
    let id = id_of("", body);
    let choices: Vec<Choice> =
        (0..choice_count(body)).map(|number| choice(number, &id, body, messages, voice, shape)).collect();
    let completion = choices.iter().map(Choice::tokens).sum();
    let usage = shape.usage.of(Usage { prompt: chat_prompt(body), completion });
    Ok(ChatAnswer {
        id: format!("chatcmpl-{id}"),
        model,
        created: voice.created,
        choices,
        usage,
        stream_usage: wants_usage(body),
        pieces: shape.pieces,
    })
}

fn choice(number: usize, id: &str, body: &Value, messages: &[Value], voice: &Voice, shape: &Shape) -> Choice {
    let calls = match shape.text {
        Some(_) => Vec::new(),
        None => calls(body, messages, id),
    };
    let (text, finish) = if calls.is_empty() {
        let text = shape.text.clone().unwrap_or_else(|| reply(number, body, messages, voice));
        limited(text, body)
    } else {
        (String::new(), "tool_calls")
    };
    Choice { text, calls, finish: shape.finish.clone().unwrap_or_else(|| finish.to_owned()) }
}

/// The text of an answer: a document where JSON is asked for, else the greeting and the echo.
fn reply(number: usize, body: &Value, messages: &[Value], voice: &Voice) -> String {
    let said = match messages.last() {
        Some(message) if matches!(role(message), "tool" | "function") => {
            format!("the tool said: {}", content_text(message))
        }
        _ => last_user_text(messages),
    };
    match body.pointer("/response_format/type").and_then(Value::as_str) {
        Some("json_schema") => {
            let schema = body.pointer("/response_format/json_schema/schema").cloned().unwrap_or(Value::Null);
            example(&schema).to_string()
        }
        Some("json_object") => json!({"simulated": true, "answer": said}).to_string(),
        _ if number == 0 => format!("{}{said}", voice.greeting),
        _ => format!("{}{said} (choice {number})", voice.greeting),
    }
}

impl Choice {
    fn tokens(&self) -> u64 {
        let calls: u64 = self.calls.iter().map(|call| tokens_of(&call.name) + tokens_of(&call.input)).sum();
        tokens_of(&self.text) + calls
    }

    fn message(&self) -> Value {
        if self.calls.is_empty() {
            return json!({"role": "assistant", "content": self.text, "refusal": null, "annotations": []});
        }
        let calls: Vec<Value> = self.calls.iter().map(ToolCall::whole).collect();
        json!({"role": "assistant", "content": null, "tool_calls": calls, "refusal": null, "annotations": []})
    }

    /// The content deltas of this choice, in order.
    fn deltas(&self, count: Option<usize>) -> Vec<Value> {
        if self.calls.is_empty() {
            return pieces(&self.text, count).into_iter().map(|piece| json!({"content": piece})).collect();
        }
        let mut deltas = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            deltas.push(json!({"tool_calls": [call.opening(index)]}));
            let cut = call.input.chars().count().div_ceil(8).max(1);
            let parts = pieces(&call.input, Some(cut));
            deltas.extend(parts.iter().map(|piece| json!({"tool_calls": [call.piece(index, piece)]})));
        }
        deltas
    }
}

impl ChatAnswer {
    /// The `chat.completion` object.
    pub(super) fn whole(&self) -> Value {
        let choices: Vec<Value> = self
            .choices
            .iter()
            .enumerate()
            .map(|(index, choice)| {
                json!({"index": index, "message": choice.message(), "logprobs": null, "finish_reason": choice.finish})
            })
            .collect();
        let mut answer = json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": choices, "service_tier": "default", "system_fingerprint": "fp_simulated",
        });
        if let (Some(usage), Some(fields)) = (&self.usage, answer.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.clone());
        }
        answer
    }

    /// The `chat.completion.chunk` objects: per choice role, content, finish; then usage if it was asked for.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let role = if choice.calls.is_empty() {
                json!({"role": "assistant", "content": "", "refusal": null})
            } else {
                json!({"role": "assistant", "content": null})
            };
            frames.push(self.chunk(FrameKind::Role, index, &role, None));
            let deltas = choice.deltas(self.pieces);
            frames.extend(deltas.iter().map(|delta| self.chunk(FrameKind::Content, index, delta, None)));
            frames.push(self.chunk(FrameKind::Finish, index, &json!({}), Some(&choice.finish)));
        }
        if let (true, Some(usage)) = (self.stream_usage, &self.usage) {
            frames.push(Frame { kind: FrameKind::Usage, data: self.envelope(&json!([]), usage).to_string() });
        }
        frames
    }

    fn chunk(&self, kind: FrameKind, index: usize, delta: &Value, finish: Option<&str>) -> Frame {
        let choices = json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        Frame { kind, data: self.envelope(&choices, &Value::Null).to_string() }
    }

    fn envelope(&self, choices: &Value, usage: &Value) -> Value {
        let mut chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": "fp_simulated", "choices": choices,
        });
        if let (true, Some(_), Some(fields)) = (self.stream_usage, &self.usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.clone());
        }
        chunk
    }
}
