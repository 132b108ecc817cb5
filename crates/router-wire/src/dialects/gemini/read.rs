//! A client's `generateContent` body in the neutral form.
//!
//! Model and kind of answer stand in the path, so [`Request::model`] holds only what the body says (mostly nothing) and
//! [`Request::stream`] is false; the caller sets both.

use serde_json::Value;

use super::names::{Object, camel, get, integer, list, object, text};
use super::read_parts::{Reader, system};
use super::schema::to_json_schema;
use crate::dialects::RequestError;
use crate::message::{Effort, Format, ReasoningWish, Request, Tool, ToolChoice, Unsupported};

/// Reads a body.
///
/// # Errors
/// The body is no JSON object or has no `contents`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let body = serde_json::from_slice::<Value>(body).map_err(|error| RequestError {
        code: "invalid_json",
        param: None,
        message: format!("The body is not valid JSON: {error}."),
    })?;
    let Value::Object(body) = body else {
        return Err(RequestError {
            code: "invalid_json",
            param: None,
            message: "The body is not a JSON object.".into(),
        });
    };
    // The SDKs send a bare string or a list of strings too.
    if get(&body, "contents").is_none() {
        return Err(RequestError::missing("contents"));
    }
    let mut request = Request {
        model: text(&body, "model").map(|model| model.trim_start_matches("models/").to_owned()).unwrap_or_default(),
        ..Request::default()
    };
    let mut reader = Reader::new(&mut request);
    reader.contents(&body);
    for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        match camel(key).as_str() {
            "contents" | "model" => {}
            "systemInstruction" => request.system = system(value),
            "tools" => tools(&mut request, &body),
            "toolConfig" => tool_config(&mut request, value),
            "generationConfig" => {
                if let Value::Object(config) = value {
                    generation_config(&mut request, config);
                }
            }
            "serviceTier" => request.service_tier = value.as_str().map(str::to_ascii_lowercase),
            "cachedContent" => request.unsupported.push(Unsupported::new(
                "cachedContent",
                "cached content is stored at Google and can only be used there",
            )),
            _ => request.dropped.push(key.clone()),
        }
    }
    Ok(request)
}

fn tools(request: &mut Request, body: &Object) {
    for (place, entry) in list(body, "tools").iter().enumerate() {
        let Value::Object(entry) = entry else { continue };
        for (key, value) in entry.iter().filter(|(_, value)| !value.is_null()) {
            let param = format!("tools[{place}].{key}");
            if camel(key) != "functionDeclarations" {
                request.unsupported.push(Unsupported::new(param, "only Google runs this tool"));
                continue;
            }
            let declarations = value.as_array().into_iter().flatten().filter_map(Value::as_object);
            for (number, declaration) in declarations.enumerate() {
                for lost in ["response", "responseJsonSchema", "behavior"] {
                    if get(declaration, lost).is_some() {
                        request.dropped.push(format!("{param}[{number}].{lost}"));
                    }
                }
                let parameters = get(declaration, "parametersJsonSchema").cloned();
                request.tools.push(Tool {
                    name: text(declaration, "name").unwrap_or_default().to_owned(),
                    description: text(declaration, "description").map(str::to_owned),
                    parameters: parameters.or_else(|| get(declaration, "parameters").map(to_json_schema)),
                    strict: None,
                    custom: None,
                    cache: None,
                });
            }
        }
    }
}

fn tool_config(request: &mut Request, config: &Value) {
    let Value::Object(config) = config else { return };
    for key in config.keys().filter(|key| camel(key) != "functionCallingConfig") {
        request.dropped.push(format!("toolConfig.{key}"));
    }
    let Some(calling) = object(config, "functionCallingConfig") else { return };
    let names = list(calling, "allowedFunctionNames").iter().filter_map(|name| name.as_str().map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    let mode = text(calling, "mode").unwrap_or("AUTO").to_ascii_uppercase();
    request.tool_choice = Some(match (mode.as_str(), names.len()) {
        ("NONE", _) => ToolChoice::None,
        ("ANY", 0) => ToolChoice::Required,
        ("ANY", 1) => ToolChoice::Named(names.remove(0)),
        ("ANY", _) => ToolChoice::Allowed { names, required: true },
        (_, 0) => ToolChoice::Auto,
        _ => ToolChoice::Allowed { names, required: false },
    });
}

fn generation_config(request: &mut Request, config: &Object) {
    let number = |name: &str| match get(config, name) {
        Some(Value::Number(number)) => Some(number.clone()),
        _ => None,
    };
    let sampling = &mut request.sampling;
    sampling.temperature = number("temperature");
    sampling.top_p = number("topP");
    sampling.top_k = number("topK");
    sampling.presence_penalty = number("presencePenalty");
    sampling.frequency_penalty = number("frequencyPenalty");
    sampling.seed = number("seed");
    sampling.logprobs = get(config, "responseLogprobs").and_then(Value::as_bool);
    sampling.top_logprobs = integer(config, "logprobs").and_then(|count| u64::try_from(count).ok());
    request.max_output_tokens = integer(config, "maxOutputTokens").and_then(|most| u64::try_from(most).ok());
    request.stop = list(config, "stopSequences").iter().filter_map(|stop| stop.as_str().map(str::to_owned)).collect();
    request.reasoning = object(config, "thinkingConfig").map(thinking);
    format(request, config);
    if integer(config, "candidateCount").is_some_and(|count| count > 1) {
        let message = "several candidates come only from Gemini itself";
        request.unsupported.push(Unsupported::new("generationConfig.candidateCount", message));
    }
    for (key, value) in config.iter().filter(|(_, value)| !value.is_null()) {
        match camel(key).as_str() {
            "temperature" | "topP" | "topK" | "presencePenalty" | "frequencyPenalty" | "seed" | "responseLogprobs"
            | "logprobs" | "maxOutputTokens" | "stopSequences" | "thinkingConfig" | "candidateCount"
            | "responseMimeType" | "responseSchema" | "responseJsonSchema" => {}
            "responseModalities" => {
                let other = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                if let Some(other) = other.map(str::to_ascii_uppercase).find(|modality| modality != "TEXT") {
                    let message = format!("answers of the kind {other} come only from Gemini itself");
                    request.unsupported.push(Unsupported::new("generationConfig.responseModalities", message));
                }
            }
            _ => request.dropped.push(format!("generationConfig.{key}")),
        }
    }
}

fn format(request: &mut Request, config: &Object) {
    let schema = get(config, "responseJsonSchema").cloned();
    let schema = schema.or_else(|| get(config, "responseSchema").map(to_json_schema));
    match (text(config, "responseMimeType"), schema) {
        (Some("application/json"), None) => request.format = Format::Json,
        (Some("application/json") | None, Some(schema)) => {
            request.format = Format::Schema { name: None, description: None, schema, strict: None };
        }
        (Some(kind), _) if kind != "text/plain" => {
            let message = format!("answers of the type {kind} come only from Gemini itself");
            request.unsupported.push(Unsupported::new("generationConfig.responseMimeType", message));
        }
        _ => {}
    }
}

/// Budget 0 is off, −1 leaves it to the model.
fn thinking(config: &Object) -> ReasoningWish {
    let budget = integer(config, "thinkingBudget");
    let level = text(config, "thinkingLevel").map(str::to_ascii_lowercase);
    let effort = match level.as_deref() {
        Some("minimal") => Some(Effort::Minimal),
        Some("low") => Some(Effort::Low),
        Some("medium") => Some(Effort::Medium),
        Some("high") => Some(Effort::High),
        _ if budget == Some(0) => Some(Effort::None),
        _ => None,
    };
    ReasoningWish {
        effort,
        budget: budget.and_then(|budget| u64::try_from(budget).ok()),
        adaptive: budget == Some(-1),
        show: get(config, "includeThoughts").and_then(Value::as_bool),
        encrypted: false,
    }
}
