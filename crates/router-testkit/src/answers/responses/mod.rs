//! OpenAI Responses: `POST …/responses`, and what it stored under `…/responses/{id}`.
//!
//! An id says by itself which key made it, so that a stored answer, or encrypted reasoning, that comes back with another key
//! is refused as the real one refuses it, without a memory.

mod check;
mod stream;

use super::look::{list, text};
use super::prompt::{Format, Input, Prompt, Tool, ToolChoice};
use super::reply::{Reply, Stop};
use super::sign::{sign, verify};
use super::text::role;
use super::usage::tokens_of;
use super::{Call, Frame, Refusal, fingerprint};
use serde_json::{Value, json};

/// A composed answer.
pub(super) struct ResponsesAnswer {
    /// The final object, `output` included.
    response: Value,
    pieces: Option<usize>,
}

/// Composes the answer.
pub(super) fn compose(call: &Call<'_>) -> Result<ResponsesAnswer, Refusal> {
    let model = call.model()?;
    check::check(call, &model)?;
    let prompt = read(call);
    let reply = Reply::to(&prompt, 0, call.voice, call.shape);
    let key = call.key.unwrap_or_default();
    let id = format!("resp_{}{}", prompt.id, owner(&prompt.id, key));
    let cut =
        call.shape.finish.clone().or_else(|| (reply.stop == Stop::Length).then(|| "max_output_tokens".to_owned()));
    let status = if cut.is_some() { "incomplete" } else { "completed" };
    let body = call.body;
    let or = |field: &str, otherwise: Value| body.get(field).cloned().unwrap_or(otherwise);
    let mut response = json!({
        "id": id, "object": "response", "created_at": call.voice.created, "status": status, "background": false, "error": null,
        "incomplete_details": cut.map(|reason| json!({"reason": reason})), "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"), "model": call.answering()?, "output": output(&reply, &prompt, call, status),
        "parallel_tool_calls": prompt.parallel, "previous_response_id": body.get("previous_response_id"),
        "reasoning": or("reasoning", json!({"effort": null, "summary": null})), "store": or("store", json!(true)),
        "temperature": or("temperature", json!(1.0)), "text": or("text", json!({"format": {"type": "text"}})),
        "tool_choice": or("tool_choice", json!("auto")), "tools": or("tools", json!([])), "top_p": or("top_p", json!(1.0)),
        "truncation": or("truncation", json!("disabled")), "metadata": or("metadata", json!({})), "service_tier": "default",
    });
    let usage = json!({
        "input_tokens": prompt.input.total, "input_tokens_details": {"cached_tokens": prompt.input.cached},
        "output_tokens": reply.tokens(), "output_tokens_details": {"reasoning_tokens": reply.thought_tokens()},
        "total_tokens": prompt.input.total + reply.tokens(),
    });
    if let (Some(usage), Some(fields)) = (call.shape.usage.or(usage), response.as_object_mut()) {
        fields.insert("usage".to_owned(), usage);
    }
    Ok(ResponsesAnswer { response, pieces: call.shape.pieces })
}

/// `GET` and `DELETE` of a stored answer.
pub(super) fn stored(call: &Call<'_>) -> Result<Value, Refusal> {
    let id = call.path.split_once("/responses/").map(|(_, rest)| rest).unwrap_or_default();
    let (id, part) = id.split_once('/').unwrap_or((id, ""));
    if !owned(id, call.key.unwrap_or_default()) {
        return Err(call.invalid("not_found", None, &format!("Response with id '{id}' not found.")).with_status(404));
    }
    if call.head.first_line.starts_with("DELETE") {
        return Ok(json!({"id": id, "object": "response", "deleted": true}));
    }
    if part == "input_items" {
        return Ok(json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false}));
    }
    let status = if part == "cancel" { "cancelled" } else { "completed" };
    Ok(json!({
        "id": id, "object": "response", "created_at": call.voice.created, "status": status, "error": null,
        "incomplete_details": null, "model": "simulated", "output": [], "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
    }))
}

impl Refusal {
    fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// The end of an id that only this key can have made.
fn owner(id: &str, key: &str) -> String {
    format!("{:016x}", fingerprint(format!("{id} {key}").as_bytes()))
}

/// Whether this key made the id.
fn owned(id: &str, key: &str) -> bool {
    let Some((word, mark)) = id.strip_prefix("resp_").and_then(|rest| rest.split_at_checked(16)) else { return false };
    owner(word, key) == mark
}

fn read(call: &Call<'_>) -> Prompt {
    let body = call.body;
    let items = list(body, "input");
    let speaks =
        |item: &Value| role(item) == "assistant" || matches!(text(item, "type"), "function_call" | "custom_tool_call");
    let turn = items.iter().rposition(speaks).map_or(0, |at| at + 1);
    let results = items.iter().skip(turn).filter(|item| text(item, "type").ends_with("_call_output"));
    let said = match body.get("input") {
        Some(Value::String(said)) => said.clone(),
        _ => items.iter().rfind(|item| role(item) == "user").map(|item| words(item.get("content"))).unwrap_or_default(),
    };
    let reasoning = body.get("reasoning").filter(|reasoning| reasoning.is_object());
    let before: u64 = items.iter().take(turn.saturating_sub(1)).map(item_tokens).sum();
    let cached = if body.get("prompt_cache_key").is_some_and(Value::is_string) { before } else { 0 };
    Prompt {
        said,
        results: results.map(|item| words(item.get("output"))).collect(),
        tools: list(body, "tools").iter().filter_map(tool).collect(),
        choice: match body.get("tool_choice") {
            Some(Value::String(choice)) if choice == "none" => ToolChoice::None,
            Some(Value::String(choice)) if choice == "required" => ToolChoice::Must(Vec::new()),
            Some(choice @ Value::Object(_)) if choice.get("name").is_some() => {
                ToolChoice::Must(vec![text(choice, "name").to_owned()])
            }
            _ => ToolChoice::Auto,
        },
        parallel: body.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true),
        format: match body.pointer("/text/format/type").and_then(Value::as_str) {
            Some("json_schema") => Format::Schema(body.pointer("/text/format/schema").cloned().unwrap_or(Value::Null)),
            Some("json_object") => Format::Json,
            _ => Format::Text,
        },
        limit: body.get("max_output_tokens").and_then(Value::as_u64),
        thinks: reasoning.is_some_and(|reasoning| text(reasoning, "effort") != "none"),
        input: Input { total: tokens(body), cached, ..Input::default() },
        id: call.id(),
        ..Prompt::default()
    }
}

/// The text of a message's content or of a tool's output: a string, or parts.
fn words(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(words)) => words.clone(),
        Some(Value::Array(parts)) => {
            let words: Vec<&str> =
                parts.iter().map(|part| text(part, "text")).filter(|text| !text.is_empty()).collect();
            words.join(" ")
        }
        _ => String::new(),
    }
}

fn tool(tool: &Value) -> Option<Tool> {
    let name = text(tool, "name").to_owned();
    match text(tool, "type") {
        "function" => Some(Tool {
            name,
            schema: Some(tool.get("parameters").cloned().filter(Value::is_object).unwrap_or_else(|| json!({}))),
        }),
        "custom" => Some(Tool { name, schema: None }),
        _ => None,
    }
}

fn tokens(body: &Value) -> u64 {
    let input = match body.get("input") {
        Some(Value::String(said)) => 4 + tokens_of(said),
        _ => list(body, "input").iter().map(item_tokens).sum(),
    };
    let tools: u64 = list(body, "tools").iter().map(|tool| tokens_of(&tool.to_string())).sum();
    input + tools + tokens_of(text(body, "instructions"))
}

fn item_tokens(item: &Value) -> u64 {
    let images = list(item, "content").iter().filter(|part| text(part, "type") == "input_image").count() as u64;
    match text(item, "type") {
        "message" | "" => 4 + tokens_of(&words(item.get("content"))) + 85 * images,
        "reasoning" => 0,
        kind if kind.ends_with("_call_output") => 4 + tokens_of(&words(item.get("output"))),
        _ => 4 + tokens_of(text(item, "arguments")) + tokens_of(text(item, "input")),
    }
}

/// The items of the answer.
fn output(reply: &Reply, prompt: &Prompt, call: &Call<'_>, status: &str) -> Value {
    let mut items = Vec::new();
    if let Some(thought) = &reply.thought {
        let id = format!("rs_{}", prompt.id);
        let summary = match call.body.pointer("/reasoning/summary") {
            Some(Value::String(_)) => json!([{"type": "summary_text", "text": thought}]),
            _ => json!([]),
        };
        let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
        let wanted = list(call.body, "include").iter().any(|name| name == "reasoning.encrypted_content");
        if let (true, Some(fields)) = (wanted, item.as_object_mut()) {
            fields.insert("encrypted_content".to_owned(), json!(encrypted(&id, call.key)));
        }
        items.push(item);
    }
    if reply.calls.is_empty() {
        let part = json!({"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []});
        items.push(json!({"id": format!("msg_{}", prompt.id), "type": "message", "status": status, "role": "assistant", "content": [part]}));
    }
    for made in &reply.calls {
        let (call_id, id) = (format!("call_{}", made.id), &made.id);
        items.push(if made.custom {
            json!({"id": format!("ctc_{id}"), "type": "custom_tool_call", "status": "completed", "call_id": call_id, "name": made.name, "input": made.input})
        } else {
            json!({"id": format!("fc_{id}"), "type": "function_call", "status": "completed", "call_id": call_id, "name": made.name, "arguments": made.input})
        });
    }
    json!(items)
}

/// Reasoning that only this key may bring back: the id stands in it, as the real one's text stands in its cipher.
fn encrypted(id: &str, key: Option<&str>) -> String {
    format!("{id}.{}", sign("openai", &format!("{id} {}", key.unwrap_or_default())))
}

/// Whether encrypted reasoning was made here, for this key.
fn decrypts(content: &str, key: Option<&str>) -> bool {
    content
        .split_once('.')
        .is_some_and(|(id, mark)| verify("openai", &format!("{id} {}", key.unwrap_or_default()), mark))
}

impl ResponsesAnswer {
    /// The `response` object.
    pub(super) fn whole(&self) -> Value {
        self.response.clone()
    }

    /// `response.created` to the terminal event.
    pub(super) fn frames(&self) -> Vec<Frame> {
        stream::frames(&self.response, self.pieces)
    }
}
