//! A client's request → neutral.

use serde_json::{Map, Value};

use super::{input, tools, word};
use crate::dialects::RequestError;
use crate::message::{Effort, Format, Part, ReasoningWish, Request, Unsupported};

/// Why stored state cannot go to a provider of another dialect.
const STATE: &str = "it refers to state that one provider account keeps; send the whole conversation as `input`";

/// Reads a body of `/v1/responses`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let body: Map<String, Value> = serde_json::from_slice(body).map_err(|error| RequestError {
        code: "invalid_json",
        param: None,
        message: format!("The body is not a valid JSON object: {error}."),
    })?;
    let mut request = Request::default();
    let mut instructions = None;
    let has_input = body.get("input").is_some_and(|input| !input.is_null());
    let listed = body.get("models").and_then(|models| models.get(0)?.as_str().map(str::to_owned));
    for (name, value) in body {
        match value {
            Value::Null => {}
            Value::String(text) if name == "instructions" => instructions = Some(text),
            value => field(&mut request, name, value)?,
        }
    }
    if request.model.is_empty() {
        request.model = listed.unwrap_or_default();
    }
    if request.model.is_empty() {
        return Err(RequestError::missing("model"));
    }
    if !has_input && request.unsupported.is_empty() {
        return Err(RequestError::missing("input"));
    }
    request.system.splice(0..0, instructions.map(Part::text));
    Ok(request)
}

fn field(request: &mut Request, name: String, value: Value) -> Result<(), RequestError> {
    match name.as_str() {
        "model" => match value {
            Value::String(model) => request.model = model,
            _ => return Err(RequestError::invalid("model", "a string that is not empty")),
        },
        "input" => return input::read(request, value),
        "tools" => tools::read(request, &value),
        "tool_choice" => tools::read_choice(request, &value),
        "text" => text(request, &value),
        "reasoning" => reasoning(request, &value),
        "include" => include(request, &value),
        "max_output_tokens" => match value.as_u64() {
            Some(most) if most > 0 => request.max_output_tokens = Some(most),
            _ => return Err(RequestError::invalid("max_output_tokens", "a positive integer")),
        },
        "temperature" => request.sampling.temperature = number(name, value)?,
        "top_p" => request.sampling.top_p = number(name, value)?,
        "top_logprobs" => {
            request.sampling.top_logprobs = value.as_u64().filter(|most| *most > 0);
            request.sampling.logprobs = request.sampling.top_logprobs.map(|_| true).or(request.sampling.logprobs);
        }
        "parallel_tool_calls" => request.parallel_tool_calls = value.as_bool(),
        "stream" => request.stream = value == Value::Bool(true),
        "service_tier" => request.service_tier = string(value),
        "prompt_cache_key" => request.prompt_cache_key = string(value),
        "safety_identifier" => request.user = string(value),
        "user" => request.user = request.user.take().or_else(|| string(value)),
        "metadata" => request.metadata = Some(value),
        "previous_response_id" | "conversation" | "prompt" => request.unsupported.push(Unsupported::new(name, STATE)),
        "background" if value == Value::Bool(true) => request
            .unsupported
            .push(Unsupported::new(name, "only the provider that runs the work in the background can be asked for it")),
        // Said by default, or spoken to this router.
        "background" | "stream_options" | "models" | "provider" | "route" | "router" => {}
        "store" if value == Value::Bool(false) => {}
        "truncation" if value == "disabled" => {}
        _ => {
            request.dropped.push(name.clone());
            request.extras.insert(name, value);
        }
    }
    Ok(())
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn number(name: String, value: Value) -> Result<Option<serde_json::Number>, RequestError> {
    match value {
        Value::Number(number) => Ok(Some(number)),
        _ => Err(RequestError::invalid(&name, "a number")),
    }
}

/// `text`: the format of the answer and how wordy it is.
fn text(request: &mut Request, text: &Value) {
    request.verbosity = word(text, "verbosity").map(str::to_owned);
    let Some(format) = text.get("format").filter(|format| !format.is_null()) else { return };
    match word(format, "type") {
        Some("text") => {}
        Some("json_object") => request.format = Format::Json,
        Some("json_schema") => {
            request.format = Format::Schema {
                name: word(format, "name").map(str::to_owned),
                description: word(format, "description").map(str::to_owned),
                schema: format.get("schema").cloned().unwrap_or_default(),
                strict: format.get("strict").and_then(Value::as_bool),
            };
        }
        _ => request
            .unsupported
            .push(Unsupported::new("text.format", "only `text`, `json_object` and `json_schema` can be translated")),
    }
}

/// `reasoning`: effort and summary; `include` may have been read before.
fn reasoning(request: &mut Request, reasoning: &Value) {
    let Some(fields) = reasoning.as_object() else { return request.dropped.push("reasoning".into()) };
    let mut wish = request.reasoning.take().unwrap_or_default();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        match (name.as_str(), value.as_str()) {
            ("effort", Some(name)) if effort(name).is_some() => wish.effort = effort(name),
            ("summary" | "generate_summary", Some(kind)) => wish.show = Some(kind != "none"),
            _ => request.dropped.push(format!("reasoning.{name}")),
        }
    }
    request.reasoning = Some(wish);
}

fn effort(name: &str) -> Option<Effort> {
    EFFORTS.iter().find(|(_, known)| *known == name).map(|(effort, _)| *effort)
}

/// Efforts by their names.
pub(super) const EFFORTS: &[(Effort, &str)] = &[
    (Effort::None, "none"),
    (Effort::Minimal, "minimal"),
    (Effort::Low, "low"),
    (Effort::Medium, "medium"),
    (Effort::High, "high"),
    (Effort::XHigh, "xhigh"),
    (Effort::Max, "max"),
];

/// `include`: extras of the answer.
fn include(request: &mut Request, include: &Value) {
    for extra in include.as_array().into_iter().flatten() {
        match extra.as_str() {
            Some("reasoning.encrypted_content") => {
                request.reasoning.get_or_insert_with(ReasoningWish::default).encrypted = true;
            }
            Some("message.output_text.logprobs") => request.sampling.logprobs = Some(true),
            Some(other) => request.dropped.push(format!("include.{other}")),
            None => request.dropped.push("include".into()),
        }
    }
}
