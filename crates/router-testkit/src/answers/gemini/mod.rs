//! Gemini: `generateContent`, `streamGenerateContent`, `countTokens`, `embedContent`, `batchEmbedContents`.

mod check;

use super::embeddings::vector;
use super::prompt::{Format, Input, Prompt, Tool, ToolChoice};
use super::reply::{Reply, Stop, ToolCall};
use super::sign::sign;
use super::text::{pieces, stops};
use super::usage::tokens_of;
use super::{Call, Frame, FrameKind, Refusal};
use serde_json::{Value, json};

/// Dimensions of an embedding where the request names none.
const DIMENSIONS: u64 = 64;

/// A field by its camel-case name, or by its snake-case name, which the server takes too.
fn field<'v>(value: &'v Value, camel: &str) -> Option<&'v Value> {
    let snake: String = camel
        .chars()
        .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]))
        .collect();
    value.get(camel).or_else(|| value.get(&snake)).filter(|value| !value.is_null())
}

fn items<'v>(value: &'v Value, camel: &str) -> &'v [Value] {
    field(value, camel).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn word<'v>(value: &'v Value, camel: &str) -> &'v str {
    field(value, camel).and_then(Value::as_str).unwrap_or_default()
}

/// A composed answer.
pub(super) struct GeminiAnswer {
    id: String,
    model: String,
    choices: Vec<(Reply, String)>,
    usage: Option<Value>,
    pieces: Option<usize>,
    /// Whether calls carry ids, which came with Gemini 3.
    ids: bool,
}

/// Composes the answer.
pub(super) fn compose(call: &Call<'_>) -> Result<GeminiAnswer, Refusal> {
    let model = call.model()?;
    check::check(call, &model)?;
    let prompt = read(call);
    let choices: Vec<(Reply, String)> = (0..prompt.choices)
        .map(|number| {
            let reply = Reply::to(&prompt, number, call.voice, call.shape);
            let finish = if reply.stop == Stop::Length { "MAX_TOKENS" } else { "STOP" };
            (reply, call.shape.finish.clone().unwrap_or_else(|| finish.to_owned()))
        })
        .collect();
    let thoughts: u64 = choices.iter().map(|(reply, _)| reply.thought_tokens()).sum();
    let output: u64 = choices.iter().map(|(reply, _)| reply.tokens()).sum();
    let mut usage = json!({
        "promptTokenCount": prompt.input.total, "candidatesTokenCount": output - thoughts,
        "totalTokenCount": prompt.input.total + output,
    });
    if let Some(fields) = usage.as_object_mut() {
        for (name, count) in [("thoughtsTokenCount", thoughts), ("cachedContentTokenCount", prompt.input.cached)] {
            if count > 0 {
                fields.insert(name.to_owned(), json!(count));
            }
        }
    }
    Ok(GeminiAnswer {
        id: prompt.id,
        ids: new_generation(&model),
        model: call.answering()?,
        choices,
        usage: call.shape.usage.or(usage),
        pieces: call.shape.pieces,
    })
}

/// The answer to `countTokens`.
pub(super) fn count(call: &Call<'_>) -> Result<Value, Refusal> {
    call.model()?;
    let total = tokens(field(call.body, "generateContentRequest").unwrap_or(call.body));
    Ok(json!({"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}))
}

/// The answer to `embedContent` and `batchEmbedContents`.
pub(super) fn embed(call: &Call<'_>) -> Result<Value, Refusal> {
    call.model()?;
    let one = |request: &Value| {
        let text: String = field(request, "content").map(words).unwrap_or_default();
        let dimensions =
            field(request, "outputDimensionality").and_then(Value::as_u64).unwrap_or(DIMENSIONS).clamp(1, 8192);
        json!({"values": vector(&text, dimensions)})
    };
    if call.path.ends_with(":batchEmbedContents") {
        let embeddings: Vec<Value> = items(call.body, "requests").iter().map(one).collect();
        return Ok(json!({"embeddings": embeddings}));
    }
    if field(call.body, "content").is_none() {
        return Err(call.invalid("", None, "* EmbedContentRequest.content: contents is not specified"));
    }
    Ok(json!({"embedding": one(call.body)}))
}

/// Whether a model has what came with Gemini 3: ids of calls, demanded signatures, levels of thinking.
fn new_generation(model: &str) -> bool {
    model.contains("gemini-3")
}

fn words(content: &Value) -> String {
    let parts = items(content, "parts").iter().filter(|part| part.get("thought") != Some(&json!(true)));
    parts.map(|part| word(part, "text")).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn read(call: &Call<'_>) -> Prompt {
    let body = call.body;
    let contents = items(body, "contents");
    let turn = contents.iter().rposition(|content| word(content, "role") == "model").map_or(0, |at| at + 1);
    let results = contents.iter().skip(turn).flat_map(|content| items(content, "parts"));
    let said = contents.iter().rfind(|content| word(content, "role") != "model" && !words(content).is_empty());
    let config = field(body, "generationConfig").unwrap_or(&Value::Null);
    let calling =
        field(body, "toolConfig").and_then(|config| field(config, "functionCallingConfig")).unwrap_or(&Value::Null);
    let thinking = field(config, "thinkingConfig").unwrap_or(&Value::Null);
    let schema = field(config, "responseJsonSchema").or_else(|| field(config, "responseSchema"));
    let before: u64 = contents.iter().take(turn.saturating_sub(1)).map(content_tokens).sum();
    Prompt {
        said: said.map(words).unwrap_or_default(),
        results: results.filter_map(|part| field(part, "functionResponse")).map(result).collect(),
        tools: items(body, "tools").iter().flat_map(|tool| items(tool, "functionDeclarations")).map(tool).collect(),
        choice: match word(calling, "mode") {
            "NONE" => ToolChoice::None,
            "ANY" => ToolChoice::Must(
                items(calling, "allowedFunctionNames").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            ),
            _ => ToolChoice::Auto,
        },
        format: match (schema, word(config, "responseMimeType")) {
            (Some(schema), _) => Format::Schema(lowered(schema)),
            (None, "application/json") => Format::Json,
            _ => Format::Text,
        },
        limit: field(config, "maxOutputTokens").and_then(Value::as_u64),
        stops: stops(config, "stopSequences"),
        thinks: field(thinking, "includeThoughts") == Some(&json!(true)),
        choices: field(config, "candidateCount")
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1)
            .clamp(1, 8),
        input: Input { total: tokens(body), cached: before, ..Input::default() },
        id: call.id(),
        ..Prompt::default()
    }
}

/// What a tool said: the usual wrappers taken off.
fn result(response: &Value) -> String {
    let said = field(response, "response").unwrap_or(&Value::Null);
    let inner = ["output", "result", "error", "content"].iter().find_map(|name| said.get(*name)).unwrap_or(said);
    inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)
}

fn tool(tool: &Value) -> Tool {
    let schema = field(tool, "parametersJsonSchema").or_else(|| field(tool, "parameters"));
    Tool { name: word(tool, "name").to_owned(), schema: Some(schema.map_or_else(|| json!({}), lowered)) }
}

/// A schema with the types of JSON Schema in place of Google's capitals.
fn lowered(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(kind) if name == "type" => (name.clone(), json!(kind.to_ascii_lowercase())),
                _ => (name.clone(), lowered(value)),
            })
            .collect(),
        Value::Array(list) => list.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

fn tokens(body: &Value) -> u64 {
    let contents: u64 = items(body, "contents").iter().map(content_tokens).sum();
    let system = field(body, "systemInstruction").map_or(0, content_tokens);
    let tools: u64 = items(body, "tools").iter().map(|tool| tokens_of(&tool.to_string())).sum();
    contents + system + tools
}

fn content_tokens(content: &Value) -> u64 {
    let part = |part: &Value| match field(part, "text").and_then(Value::as_str) {
        Some(text) => tokens_of(text),
        None if field(part, "inlineData").is_some() || field(part, "fileData").is_some() => 85,
        None => tokens_of(&part.to_string()),
    };
    4 + items(content, "parts").iter().map(part).sum::<u64>()
}

/// The proof of a call.
fn call_signature(name: &str, arguments: &Value) -> String {
    sign("gemini", &format!("{name} {arguments}"))
}

impl GeminiAnswer {
    /// The whole `GenerateContentResponse`.
    pub(super) fn whole(&self) -> Value {
        let candidates = self.choices.iter().enumerate().map(|(index, (reply, finish))| {
            let mut parts: Vec<Value> =
                reply.thought.iter().map(|thought| json!({"text": thought, "thought": true})).collect();
            if reply.calls.is_empty() {
                parts.push(text_part(&reply.text, reply.thought.is_some()));
            }
            parts.extend(self.calls(reply));
            json!({"index": index, "content": {"role": "model", "parts": parts}, "finishReason": finish})
        });
        self.envelope(candidates.collect(), self.usage.as_ref())
    }

    /// Whole objects, each with its part; usage grows with them, the last has the finish reason.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        let early = self.usage.as_ref().map(|usage| {
            let prompt = usage.get("promptTokenCount").cloned().unwrap_or(Value::Null);
            json!({"promptTokenCount": prompt, "totalTokenCount": prompt})
        });
        for (index, (reply, finish)) in self.choices.iter().enumerate() {
            let mut parts = Vec::new();
            if let Some(thought) = &reply.thought {
                parts.extend(pieces(thought, Some(2)).iter().map(|piece| json!({"text": piece, "thought": true})));
            }
            if reply.calls.is_empty() {
                parts.extend(pieces(&reply.text, self.pieces).iter().map(|piece| text_part(piece, false)));
            }
            parts.extend(self.calls(reply));
            for part in parts {
                let candidate = json!({"index": index, "content": {"role": "model", "parts": [part]}});
                frames
                    .push(Frame::data(FrameKind::Content, self.envelope(vec![candidate], early.as_ref()).to_string()));
            }
            let candidate = json!({"index": index, "content": {"role": "model", "parts": [text_part("", reply.thought.is_some() && reply.calls.is_empty())]}, "finishReason": finish});
            frames
                .push(Frame::data(FrameKind::Finish, self.envelope(vec![candidate], self.usage.as_ref()).to_string()));
        }
        frames
    }

    /// The calls; the first of a step carries the signature.
    fn calls(&self, reply: &Reply) -> Vec<Value> {
        let part = |(number, call): (usize, &ToolCall)| {
            let arguments = call.arguments();
            let mut made = json!({"name": call.name, "args": arguments});
            if let (true, Some(fields)) = (self.ids, made.as_object_mut()) {
                fields.insert("id".to_owned(), json!(call.id));
            }
            if number == 0 {
                json!({"functionCall": made, "thoughtSignature": call_signature(&call.name, &arguments)})
            } else {
                json!({"functionCall": made})
            }
        };
        reply.calls.iter().enumerate().map(part).collect()
    }

    fn envelope(&self, candidates: Vec<Value>, usage: Option<&Value>) -> Value {
        let mut answer = json!({"candidates": candidates, "modelVersion": self.model, "responseId": self.id});
        if let (Some(usage), Some(fields)) = (usage, answer.as_object_mut()) {
            fields.insert("usageMetadata".to_owned(), usage.clone());
        }
        answer
    }
}

/// A part of text; after a thought the last one is signed.
fn text_part(text: &str, signed: bool) -> Value {
    if signed { json!({"text": text, "thoughtSignature": sign("gemini", "text")}) } else { json!({"text": text}) }
}
