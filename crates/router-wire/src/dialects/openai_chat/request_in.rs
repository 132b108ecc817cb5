//! Reads a client's request into the neutral form: the parameters; the messages are `messages_in`'s.

use serde_json::{Map, Number, Value};

use super::fields::{items, object, text};
use super::messages_in::Messages;
use super::tools_in;
use crate::dialects::RequestError;
use crate::message::{Effort, Format, ReasoningWish, Request, Sampling, Unsupported};

/// Fields that are the router's own business, or that only say how the answer travels.
pub(super) const ROUTED: [&str; 8] =
    ["models", "provider", "route", "transforms", "usage", "stream_options", "session_id", "prompt_cache_retention"];

/// A body → neutral. [`super::read()`] has validated it before; what is of an unexpected type is treated as absent.
///
/// # Errors
/// `invalid_json` if the body is no JSON object (or holds a string that is not Unicode, which no other dialect could take).
pub(super) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let mut fields: Map<String, Value> = serde_json::from_slice(body).map_err(|error| RequestError {
        code: "invalid_json",
        param: None,
        message: format!("The body cannot be translated for another provider: {error}."),
    })?;
    fields.retain(|_, value| !value.is_null());
    let mut request = Request {
        model: named_model(&mut fields).ok_or_else(|| RequestError::missing("model"))?,
        ..Request::default()
    };
    let messages = fields.shift_remove("messages").ok_or_else(|| RequestError::missing("messages"))?;
    let mut reader = Messages::new(&mut request);
    for (index, message) in messages.as_array().into_iter().flatten().enumerate() {
        if let Some(message) = message.as_object() {
            reader.take(index, message);
        }
    }
    tools_in::read(&mut fields, &mut request);
    plain(&mut fields, &mut request);
    request.sampling = sampling(&mut fields);
    request.stop = stop(fields.shift_remove("stop"));
    request.format = fields.shift_remove("response_format").map(format).unwrap_or_default();
    request.reasoning = wish(&mut fields);
    unsupported(&mut fields, &mut request.unsupported);
    fields.retain(|name, _| !ROUTED.contains(&name.as_str()));
    request.dropped.extend(fields.keys().cloned());
    request.extras = fields;
    Ok(request)
}

/// The model, or the first of a list of models.
fn named_model(fields: &mut Map<String, Value>) -> Option<String> {
    let first = |fields: &Map<String, Value>| fields.get("models")?.get(0)?.as_str().map(str::to_owned);
    word(fields, "model").or_else(|| first(fields))
}

/// Parameters that go over as they are.
fn plain(fields: &mut Map<String, Value>, request: &mut Request) {
    request.stream = fields.shift_remove("stream").as_ref().and_then(Value::as_bool).unwrap_or_default();
    let old = fields.shift_remove("max_tokens").as_ref().and_then(Value::as_u64);
    let new = fields.shift_remove("max_completion_tokens").as_ref().and_then(Value::as_u64);
    request.max_output_tokens = new.or(old);
    request.verbosity = word(fields, "verbosity");
    let old = word(fields, "user");
    request.user = word(fields, "safety_identifier").or(old);
    request.service_tier = word(fields, "service_tier");
    request.prompt_cache_key = word(fields, "prompt_cache_key");
    request.metadata = fields.shift_remove("metadata").filter(Value::is_object);
    if fields.get("store").and_then(Value::as_bool) == Some(false) {
        fields.shift_remove("store");
    }
}

fn sampling(fields: &mut Map<String, Value>) -> Sampling {
    let mut number = |name| match fields.shift_remove(name) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    };
    Sampling {
        temperature: number("temperature"),
        top_p: number("top_p"),
        top_k: number("top_k"),
        frequency_penalty: number("frequency_penalty"),
        presence_penalty: number("presence_penalty"),
        seed: number("seed"),
        top_logprobs: number("top_logprobs").as_ref().and_then(Number::as_u64),
        logit_bias: fields.shift_remove("logit_bias").filter(|bias| bias.as_object().is_some_and(|b| !b.is_empty())),
        logprobs: fields.shift_remove("logprobs").as_ref().and_then(Value::as_bool).filter(|wanted| *wanted),
    }
}

fn stop(stop: Option<Value>) -> Vec<String> {
    match stop {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn format(format: Value) -> Format {
    let Some(format) = format.as_object() else { return Format::Text };
    match (text(format, "type"), object(format, "json_schema")) {
        (Some("json_object"), _) => Format::Json,
        (Some("json_schema"), Some(schema)) => Format::Schema {
            name: text(schema, "name").map(str::to_owned),
            description: text(schema, "description").map(str::to_owned),
            schema: schema.get("schema").cloned().unwrap_or_else(|| Value::Object(Map::new())),
            strict: schema.get("strict").and_then(Value::as_bool),
        },
        _ => Format::Text,
    }
}

/// `reasoning_effort`, OpenRouter's `reasoning`, DeepSeek's `thinking`, Qwen's `enable_thinking` and `thinking_budget`.
fn wish(fields: &mut Map<String, Value>) -> Option<ReasoningWish> {
    let named = word(fields, "reasoning_effort").as_deref().and_then(effort);
    let mut wish = ReasoningWish { effort: named, ..ReasoningWish::default() };
    if let Some(Value::Object(reasoning)) = fields.shift_remove("reasoning") {
        wish.effort = wish.effort.or_else(|| text(&reasoning, "effort").and_then(effort));
        wish.budget = reasoning.get("max_tokens").and_then(Value::as_u64);
        wish.show = reasoning.get("exclude").and_then(Value::as_bool).map(|hidden| !hidden);
        match reasoning.get("enabled").and_then(Value::as_bool) {
            Some(false) => wish.effort = Some(Effort::None),
            Some(true) => wish.adaptive = wish.effort.is_none() && wish.budget.is_none(),
            None => {}
        }
    }
    if let Some(Value::Object(thinking)) = fields.shift_remove("thinking") {
        wish.budget = wish.budget.or_else(|| thinking.get("budget_tokens").and_then(Value::as_u64));
        match text(&thinking, "type") {
            Some("disabled") => wish.effort = Some(Effort::None),
            Some("enabled" | "adaptive") => wish.adaptive = wish.effort.is_none() && wish.budget.is_none(),
            _ => {}
        }
    }
    let budget = fields.shift_remove("thinking_budget").as_ref().and_then(Value::as_u64);
    wish.budget = wish.budget.or(budget);
    match fields.shift_remove("enable_thinking").as_ref().and_then(Value::as_bool) {
        Some(false) => wish.effort = Some(Effort::None),
        Some(true) => wish.adaptive = wish.effort.is_none() && wish.budget.is_none(),
        None => {}
    }
    (wish != ReasoningWish::default()).then_some(wish)
}

fn effort(word: &str) -> Option<Effort> {
    super::words::EFFORTS.iter().find(|(_, name)| *name == word).map(|(effort, _)| *effort)
}

/// What would change the answer and has no neutral form.
fn unsupported(fields: &mut Map<String, Value>, found: &mut Vec<Unsupported>) {
    let mut refuse = |param: &str, why: &str| found.push(Unsupported::new(param, why));
    if fields.shift_remove("n").as_ref().and_then(Value::as_u64).is_some_and(|n| n > 1) {
        refuse("n", "several answers to one request can only come from a provider of the same dialect");
    }
    if fields.shift_remove("web_search_options").is_some() {
        refuse("web_search_options", "web search can only be done by a provider of the same dialect");
    }
    if fields.shift_remove("plugins").as_ref().and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        refuse("plugins", "plugins belong to a provider of the same dialect");
    }
    if items(fields, "modalities").any(|kind| kind.as_str().is_some_and(|kind| kind != "text")) {
        refuse("modalities", "answers in sound or images can only come from a provider of the same dialect");
        fields.shift_remove("audio");
    }
    fields.shift_remove("modalities");
}

/// Takes a string field out; an empty one is none.
pub(super) fn word(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.shift_remove(name) {
        Some(Value::String(word)) if !word.is_empty() => Some(word),
        _ => None,
    }
}
