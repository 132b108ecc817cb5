//! `POST /chat/completions`: composed once, rendered whole or as stream events, in the flavor of a vendor.

mod check;
mod flavor;

pub use flavor::Flavor;

use super::look::{given, list, text};
use super::prompt::{Format, Input, Prompt, Tool, ToolChoice};
use super::reply::{Reply, Stop, ToolCall};
use super::text::{choice_count, content_text, pieces, role, stops, token_limit};
use super::usage::{Usage, chat_prompt, message_tokens};
use super::{Call, Dialect, Frame, FrameKind, Refusal, wants_usage};
use serde_json::{Map, Value, json};

/// A composed answer.
pub(super) struct ChatAnswer {
    id: String,
    model: String,
    created: u64,
    flavor: Flavor,
    choices: Vec<Choice>,
    usage: Option<Value>,
    stream_usage: bool,
    pieces: Option<usize>,
}

/// One of the answers asked for.
pub(super) struct Choice {
    reply: Reply,
    finish: String,
}

/// Composes the answer to a chat request.
pub(super) fn compose(call: &Call<'_>) -> Result<ChatAnswer, Refusal> {
    let flavor = match call.dialect {
        Dialect::Chat(flavor) => flavor,
        _ => Flavor::OpenAi,
    };
    let model = call.model()?;
    check::check(call, flavor, &model)?;
    let prompt = read(call, &model);
    let choices: Vec<Choice> = (0..prompt.choices)
        .map(|number| {
            let reply = Reply::to(&prompt, number, call.voice, call.shape);
            let finish = flavor.finish(match reply.stop {
                Stop::End | Stop::Sequence(_) => "stop",
                Stop::Length => "length",
                Stop::Calls => "tool_calls",
            });
            Choice { finish: call.shape.finish.clone().unwrap_or_else(|| finish.to_owned()), reply }
        })
        .collect();
    let mut usage = Usage {
        prompt: prompt.input.total,
        cached: prompt.input.cached,
        completion: choices.iter().map(|choice| choice.reply.tokens()).sum(),
        reasoning: choices.iter().map(|choice| choice.reply.thought_tokens()).sum(),
    }
    .to_json();
    flavor.dress_usage(&mut usage);
    Ok(ChatAnswer {
        id: format!("chatcmpl-{}", prompt.id),
        model: call.answering()?,
        created: call.voice.created,
        flavor,
        choices,
        usage: call.shape.usage.or(usage),
        stream_usage: wants_usage(call.body),
        pieces: call.shape.pieces,
    })
}

/// The request in neutral words.
fn read(call: &Call<'_>, model: &str) -> Prompt {
    let body = call.body;
    let messages = list(body, "messages");
    let turn = messages.iter().rposition(|message| role(message) == "assistant").map_or(0, |at| at + 1);
    let results = messages.iter().skip(turn).filter(|message| matches!(role(message), "tool" | "function"));
    Prompt {
        said: messages.iter().rfind(|message| role(message) == "user").map(content_text).unwrap_or_default(),
        results: results.map(content_text).collect(),
        tools: list(body, "tools").iter().filter_map(tool).collect(),
        choice: choice(body),
        parallel: body.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true),
        format: match body.pointer("/response_format/type").and_then(Value::as_str) {
            Some("json_schema") => {
                Format::Schema(body.pointer("/response_format/json_schema/schema").cloned().unwrap_or(Value::Null))
            }
            Some("json_object") => Format::Json,
            _ => Format::Text,
        },
        limit: token_limit(body),
        stops: stops(body, "stop"),
        thinks: thinks(body, model),
        choices: choice_count(body),
        input: Input { total: chat_prompt(body), cached: cached(body, messages), ..Input::default() },
        id: call.id(),
    }
}

fn tool(tool: &Value) -> Option<Tool> {
    if let Some(custom) = tool.get("custom") {
        return Some(Tool { name: text(custom, "name").to_owned(), schema: None });
    }
    let function = tool.get("function")?;
    let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({"type": "object"}));
    Some(Tool { name: text(function, "name").to_owned(), schema: Some(schema) })
}

fn choice(body: &Value) -> ToolChoice {
    let named = ["/tool_choice/function/name", "/tool_choice/custom/name"];
    if let Some(name) = named.iter().find_map(|path| body.pointer(path)?.as_str()) {
        return ToolChoice::Must(vec![name.to_owned()]);
    }
    match body.get("tool_choice").and_then(Value::as_str) {
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Must(Vec::new()),
        _ => ToolChoice::Auto,
    }
}

/// Every way in which chat clients and vendors ask for thinking.
fn thinks(body: &Value, model: &str) -> bool {
    let effort = body.get("reasoning_effort").and_then(Value::as_str).is_some_and(|effort| effort != "none");
    let object = body.get("reasoning").is_some_and(|reasoning| {
        reasoning.is_object() && reasoning.get("enabled") != Some(&json!(false)) && text(reasoning, "effort") != "none"
    });
    let switch = body.get("enable_thinking").and_then(Value::as_bool).unwrap_or(false);
    let typed = matches!(body.pointer("/thinking/type").and_then(Value::as_str), Some("enabled" | "adaptive"));
    effort || object || switch || typed || model.ends_with("reasoner") || model.contains("thinking")
}

/// With a `prompt_cache_key`, what stood before the last answer comes from the cache.
fn cached(body: &Value, messages: &[Value]) -> u64 {
    let Some(end) = messages.iter().rposition(|message| role(message) == "assistant") else { return 0 };
    if given(body, "prompt_cache_key") { messages.iter().take(end).map(message_tokens).sum() } else { 0 }
}

fn whole_call(call: &ToolCall) -> Value {
    let id = format!("call_{}", call.id);
    if call.custom {
        json!({"id": id, "type": "custom", "custom": {"name": call.name, "input": call.input}})
    } else {
        json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": call.input}})
    }
}

/// The first delta of a call: id and name, no input yet.
fn opening(call: &ToolCall, index: usize) -> Value {
    let id = format!("call_{}", call.id);
    if call.custom {
        json!({"index": index, "id": id, "type": "custom", "custom": {"name": call.name, "input": ""}})
    } else {
        json!({"index": index, "id": id, "type": "function", "function": {"name": call.name, "arguments": ""}})
    }
}

/// A later delta of a call: a piece of its input.
fn piece(call: &ToolCall, index: usize, piece: &str) -> Value {
    if call.custom {
        json!({"index": index, "custom": {"input": piece}})
    } else {
        json!({"index": index, "function": {"arguments": piece}})
    }
}

impl Choice {
    fn message(&self, flavor: Flavor) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        if self.reply.calls.is_empty() {
            message.insert("content".to_owned(), json!(self.reply.text));
        } else {
            message.insert("content".to_owned(), Value::Null);
            let calls: Vec<Value> = self.reply.calls.iter().map(whole_call).collect();
            message.insert("tool_calls".to_owned(), json!(calls));
        }
        message.insert("refusal".to_owned(), Value::Null);
        message.insert("annotations".to_owned(), json!([]));
        if let Some(thought) = &self.reply.thought {
            message.extend(flavor.thought(thought, false));
            if let Some(signed) = flavor.signature(thought)
                && let Some(detail) = message.get_mut("reasoning_details").and_then(|details| details.get_mut(0))
                && let (Some(detail), Some(signature)) =
                    (detail.as_object_mut(), signed.pointer("/reasoning_details/0/signature"))
            {
                detail.insert("signature".to_owned(), signature.clone());
            }
        }
        if flavor == Flavor::Groq {
            // It refuses null fields in turns that come back, and sends none.
            message.retain(|_, value| !value.is_null());
        }
        Value::Object(message)
    }

    /// The content deltas of this choice, in order.
    fn deltas(&self, flavor: Flavor, count: Option<usize>) -> Vec<Value> {
        let mut deltas = Vec::new();
        if let Some(thought) = &self.reply.thought {
            let parts = pieces(thought, Some(2));
            let thoughts = parts.iter().map(|part| flavor.thought(part, true));
            deltas.extend(thoughts.filter(|delta| !delta.is_empty()).map(Value::Object));
            deltas.extend(flavor.signature(thought));
        }
        if self.reply.calls.is_empty() {
            deltas.extend(pieces(&self.reply.text, count).into_iter().map(|piece| json!({"content": piece})));
        }
        for (index, call) in self.reply.calls.iter().enumerate() {
            deltas.push(json!({"tool_calls": [opening(call, index)]}));
            let cut = call.input.chars().count().div_ceil(8).max(1);
            let parts = pieces(&call.input, Some(cut));
            deltas.extend(parts.iter().map(|part| json!({"tool_calls": [piece(call, index, part)]})));
        }
        deltas
    }
}

impl ChatAnswer {
    /// The body of a whole answer, the vendor's white space before it included.
    pub(super) fn body(&self) -> String {
        format!("{}{}", self.flavor.patience(), self.whole())
    }

    /// The `chat.completion` object.
    fn whole(&self) -> Value {
        let choices: Vec<Value> = self
            .choices
            .iter()
            .enumerate()
            .map(|(index, choice)| {
                let message = choice.message(self.flavor);
                let mut fields =
                    json!({"index": index, "message": message, "logprobs": null, "finish_reason": choice.finish});
                self.flavor.dress_choice(choice, &mut fields);
                fields
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
            let role = if choice.reply.calls.is_empty() {
                json!({"role": "assistant", "content": "", "refusal": null})
            } else {
                json!({"role": "assistant", "content": null})
            };
            frames.push(self.chunk(FrameKind::Role, index, &role, None));
            let deltas = choice.deltas(self.flavor, self.pieces);
            frames.extend(deltas.iter().map(|delta| self.chunk(FrameKind::Content, index, delta, None)));
            frames.push(self.chunk(FrameKind::Finish, index, &json!({}), Some(&choice.finish)));
        }
        if let (true, Some(usage)) = (self.stream_usage, &self.usage) {
            frames.push((FrameKind::Usage, self.envelope(&json!([]), usage)));
        }
        self.flavor.dress_frames(self, frames)
    }

    fn chunk(&self, kind: FrameKind, index: usize, delta: &Value, finish: Option<&str>) -> (FrameKind, Value) {
        let choices = json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        (kind, self.envelope(&choices, &Value::Null))
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
