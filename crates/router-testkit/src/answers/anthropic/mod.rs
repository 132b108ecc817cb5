//! Anthropic Messages: `POST …/messages` and `…/messages/count_tokens`.

mod check;

use super::look::{list, text};
use super::prompt::{Format, Input, Prompt, Tool, ToolChoice};
use super::reply::{Reply, Stop, ToolCall};
use super::sign::sign;
use super::text::{pieces, role, stops};
use super::usage::tokens_of;
use super::{Call, Frame, FrameKind, Refusal};
use serde_json::{Value, json};

/// A composed answer.
pub(super) struct MessagesAnswer {
    id: String,
    model: String,
    reply: Reply,
    stop: String,
    sequence: Option<String>,
    usage: Option<Value>,
    pieces: Option<usize>,
}

/// Composes the answer.
pub(super) fn compose(call: &Call<'_>) -> Result<MessagesAnswer, Refusal> {
    let model = call.answering()?;
    check::check(call, true)?;
    let prompt = read(call);
    let reply = Reply::to(&prompt, 0, call.voice, call.shape);
    let (stop, sequence) = match &reply.stop {
        Stop::End => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::Calls => ("tool_use", None),
        Stop::Sequence(sequence) => ("stop_sequence", Some(sequence.clone())),
    };
    Ok(MessagesAnswer {
        id: format!("msg_{}", prompt.id),
        model,
        stop: call.shape.finish.clone().unwrap_or_else(|| stop.to_owned()),
        sequence,
        usage: call.shape.usage.or(usage(prompt.input, &reply)),
        pieces: call.shape.pieces,
        reply,
    })
}

/// The answer to `count_tokens`.
pub(super) fn count(call: &Call<'_>) -> Result<Value, Refusal> {
    call.model()?;
    check::check(call, false)?;
    Ok(json!({"input_tokens": read(call).input.total}))
}

fn read(call: &Call<'_>) -> Prompt {
    let body = call.body;
    let messages = list(body, "messages");
    let turn = messages.iter().rposition(|message| role(message) == "assistant").map_or(0, |at| at + 1);
    let results = messages.iter().skip(turn).flat_map(blocks).filter(|block| text(block, "type") == "tool_result");
    let said = messages.iter().rfind(|message| role(message) == "user" && !words(message).is_empty());
    Prompt {
        said: said.map(words).unwrap_or_default(),
        results: results.map(words).collect(),
        tools: list(body, "tools").iter().filter(|tool| tool.get("input_schema").is_some()).map(tool).collect(),
        choice: match body.pointer("/tool_choice/type").and_then(Value::as_str) {
            Some("none") => ToolChoice::None,
            Some("any") => ToolChoice::Must(Vec::new()),
            Some("tool") => ToolChoice::Must(vec![
                body.pointer("/tool_choice/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            ]),
            _ => ToolChoice::Auto,
        },
        parallel: body.pointer("/tool_choice/disable_parallel_tool_use") != Some(&json!(true)),
        format: body
            .pointer("/output_config/format/schema")
            .map_or(Format::Text, |schema| Format::Schema(schema.clone())),
        limit: body.get("max_tokens").and_then(Value::as_u64),
        stops: stops(body, "stop_sequences"),
        thinks: matches!(body.pointer("/thinking/type").and_then(Value::as_str), Some("enabled" | "adaptive")),
        input: input(body),
        id: call.id(),
        ..Prompt::default()
    }
}

/// The blocks of a message, or of a tool result; a bare string has none.
fn blocks(value: &Value) -> &[Value] {
    list(value, "content")
}

/// The text of a message or of a tool result.
fn words(value: &Value) -> String {
    match value.get("content") {
        Some(Value::String(words)) => words.clone(),
        _ => {
            let words: Vec<&str> = blocks(value)
                .iter()
                .filter(|block| text(block, "type") == "text")
                .map(|block| text(block, "text"))
                .collect();
            words.join(" ")
        }
    }
}

fn tool(tool: &Value) -> Tool {
    Tool { name: text(tool, "name").to_owned(), schema: tool.get("input_schema").cloned() }
}

/// Counts the request in the order of the prompt: tools, system, messages. What stands up to the last `cache_control` is
/// written to the cache on the first turn and read from it on later ones.
fn input(body: &Value) -> Input {
    let mut total = 0;
    let mut marked = None;
    let mut add = |tokens: u64, value: &Value| {
        total += tokens;
        if let Some(mark) = value.get("cache_control").filter(|mark| mark.is_object()) {
            marked = Some((total, text(mark, "ttl") == "1h"));
        }
    };
    for tool in list(body, "tools") {
        add(tokens_of(&tool.to_string()), tool);
    }
    if let Some(Value::String(system)) = body.get("system") {
        add(tokens_of(system), &Value::Null);
    }
    for block in list(body, "system") {
        add(tokens_of(text(block, "text")), block);
    }
    for message in list(body, "messages") {
        add(4, &Value::Null);
        if let Some(Value::String(words)) = message.get("content") {
            add(tokens_of(words), &Value::Null);
        }
        for block in blocks(message) {
            add(block_tokens(block), block);
        }
    }
    let mut input = Input { total, ..Input::default() };
    let later = list(body, "messages").iter().any(|message| role(message) == "assistant");
    match marked {
        Some((tokens, _)) if later => input.cached = tokens,
        Some((tokens, true)) => input.written_hour = tokens,
        Some((tokens, false)) => input.written = tokens,
        None => {}
    }
    input
}

fn block_tokens(block: &Value) -> u64 {
    match text(block, "type") {
        "text" => tokens_of(text(block, "text")),
        "thinking" => tokens_of(text(block, "thinking")),
        "image" | "document" => 85,
        "tool_use" => tokens_of(&block.get("input").map(Value::to_string).unwrap_or_default()),
        "tool_result" => {
            tokens_of(&words(block))
                + 85 * blocks(block).iter().filter(|part| text(part, "type") == "image").count() as u64
        }
        _ => tokens_of(&block.to_string()),
    }
}

fn usage(input: Input, reply: &Reply) -> Value {
    json!({
        "input_tokens": input.total - input.cached - input.written - input.written_hour,
        "cache_creation_input_tokens": input.written + input.written_hour,
        "cache_read_input_tokens": input.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": input.written, "ephemeral_1h_input_tokens": input.written_hour},
        "output_tokens": reply.tokens(),
        "service_tier": "standard",
    })
}

fn block_of(call: &ToolCall, input: &Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": input})
}

impl MessagesAnswer {
    /// The `message` object.
    pub(super) fn whole(&self) -> Value {
        let mut content = Vec::new();
        if let Some(thought) = &self.reply.thought {
            content.push(json!({"type": "thinking", "thinking": thought, "signature": sign("anthropic", thought)}));
        }
        if !self.reply.text.is_empty() {
            content.push(json!({"type": "text", "text": self.reply.text}));
        }
        content.extend(self.reply.calls.iter().map(|call| block_of(call, &call.arguments())));
        let mut message = self.envelope(&json!(content), Some(&self.stop));
        if let (Some(usage), Some(fields)) = (&self.usage, message.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.clone());
        }
        message
    }

    fn envelope(&self, content: &Value, stop: Option<&str>) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content,
            "stop_reason": stop, "stop_sequence": stop.and(self.sequence.as_ref()),
        })
    }

    /// `message_start` to `message_stop`: blocks one after another, a ping after the first start.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut frames =
            vec![Frame::typed(FrameKind::Role, &json!({"type": "message_start", "message": self.opening()}))];
        let mut index = 0;
        let mut block = |start: Value, deltas: Vec<Value>| {
            frames.push(Frame::typed(
                FrameKind::Role,
                &json!({"type": "content_block_start", "index": index, "content_block": start}),
            ));
            if index == 0 {
                frames.push(Frame::typed(FrameKind::Role, &json!({"type": "ping"})));
            }
            for delta in deltas {
                let kind = if text(&delta, "type") == "signature_delta" { FrameKind::Role } else { FrameKind::Content };
                frames
                    .push(Frame::typed(kind, &json!({"type": "content_block_delta", "index": index, "delta": delta})));
            }
            frames.push(Frame::typed(FrameKind::Role, &json!({"type": "content_block_stop", "index": index})));
            index += 1;
        };
        if let Some(thought) = &self.reply.thought {
            let mut deltas: Vec<Value> = pieces(thought, Some(2))
                .iter()
                .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                .collect();
            deltas.push(json!({"type": "signature_delta", "signature": sign("anthropic", thought)}));
            block(json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
        }
        if !self.reply.text.is_empty() {
            let deltas = pieces(&self.reply.text, self.pieces);
            let deltas = deltas.iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect();
            block(json!({"type": "text", "text": ""}), deltas);
        }
        for call in &self.reply.calls {
            let input = &call.input;
            // The real one opens with an empty piece.
            let parts =
                std::iter::once(String::new()).chain(pieces(input, Some(input.chars().count().div_ceil(8).max(1))));
            let deltas = parts.map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect();
            block(block_of(call, &json!({})), deltas);
        }
        let mut delta =
            json!({"type": "message_delta", "delta": {"stop_reason": self.stop, "stop_sequence": self.sequence}});
        if let (Some(usage), Some(fields)) = (&self.usage, delta.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.clone());
        }
        frames.push(Frame::typed(FrameKind::Finish, &delta));
        frames.push(Frame::typed(FrameKind::Finish, &json!({"type": "message_stop"})));
        frames
    }

    /// The message of `message_start`: nothing said yet, the input already counted.
    fn opening(&self) -> Value {
        let mut message = self.envelope(&json!([]), None);
        if let (Some(usage), Some(fields)) = (&self.usage, message.as_object_mut()) {
            let mut usage = usage.clone();
            if let Some(counts) = usage.as_object_mut() {
                counts.insert("output_tokens".to_owned(), json!(1));
            }
            fields.insert("usage".to_owned(), usage);
        }
        message
    }
}
