//! What Gemini refuses, as far as a router can be at fault for it.

use super::{call_signature, field, items, new_generation, word};
use crate::answers::look::{is_word, stranger};
use crate::answers::sign::verify;
use crate::answers::{Call, Refusal};
use serde_json::Value;

const FIELDS: &[&str] = &[
    "model",
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "toolConfig",
    "tool_config",
    "safetySettings",
    "safety_settings",
    "cachedContent",
    "cached_content",
    "labels",
    "generationConfig",
    "generation_config",
    "serviceTier",
    "store",
];
const CONFIG: &[&str] = &[
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "presencePenalty",
    "frequencyPenalty",
    "seed",
    "responseLogprobs",
    "logprobs",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "_responseJsonSchema",
    "responseModalities",
    "speechConfig",
    "mediaResolution",
    "thinkingConfig",
    "enableEnhancedCivicAnswers",
    "imageConfig",
    "audioTimestamp",
    "routingConfig",
    "modelSelectionConfig",
    "top_p",
    "top_k",
    "candidate_count",
    "max_output_tokens",
    "stop_sequences",
    "presence_penalty",
    "frequency_penalty",
    "response_logprobs",
    "response_mime_type",
    "response_schema",
    "response_json_schema",
    "response_modalities",
    "speech_config",
    "media_resolution",
    "thinking_config",
];
/// The keywords of the OpenAPI subset that `parameters` and `responseSchema` take.
const SCHEMA: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "items",
    "minimum",
    "maximum",
];
const DEEPEST: usize = 32;
/// The signature that Google documents for history of another origin.
const SKIP: &str = "skip_thought_signature_validator";

/// Checks a request for content.
pub(super) fn check(call: &Call<'_>, model: &str) -> Result<(), Refusal> {
    fault(call.body, model).map_or(Ok(()), |message| Err(call.invalid("", None, &message)))
}

fn fault(body: &Value, model: &str) -> Option<String> {
    if !body.is_object() {
        return Some("Invalid JSON payload received. Unexpected end of string.".to_owned());
    }
    if let Some(name) = stranger(body, &[FIELDS]) {
        return Some(unknown(name, ""));
    }
    if items(body, "contents").is_empty() {
        return Some("* GenerateContentRequest.contents: contents is not specified".to_owned());
    }
    contents(body, model).or_else(|| rounds(body, model)).or_else(|| tools(body)).or_else(|| {
        field(body, "generationConfig").and_then(|config| settings(config, model, !items(body, "tools").is_empty()))
    })
}

fn unknown(name: &str, place: &str) -> String {
    let at = if place.is_empty() { String::new() } else { format!(" at '{place}'") };
    format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.")
}

fn contents(body: &Value, model: &str) -> Option<String> {
    for (number, content) in items(body, "contents").iter().enumerate() {
        if !matches!(word(content, "role"), "user" | "model" | "function" | "") {
            return Some("Please use a valid role: user, model.".to_owned());
        }
        if items(content, "parts").is_empty() {
            return Some(format!(
                "* GenerateContentRequest.contents[{number}].parts: contents.parts must not be empty."
            ));
        }
        for (at, part) in items(content, "parts").iter().enumerate() {
            let place = format!("GenerateContentRequest.contents[{number}].parts[{at}]");
            let data = [
                "text",
                "inlineData",
                "fileData",
                "functionCall",
                "functionResponse",
                "executableCode",
                "codeExecutionResult",
                "thoughtSignature",
            ];
            if data.iter().all(|name| field(part, name).is_none()) {
                return Some(format!("* {place}.data: required oneof field 'data' must have one initialized field"));
            }
            for (name, title) in [("functionCall", "function_call"), ("functionResponse", "function_response")] {
                let Some(made) = field(part, name) else { continue };
                if word(made, "name").is_empty() {
                    return Some(format!("* {place}.{title}.name: Name cannot be empty."));
                }
                if field(made, "id").is_some() && !new_generation(model) {
                    return Some(unknown("id", &format!("contents[{number}].parts[{at}].{title}")));
                }
                let object = if name == "functionCall" { "args" } else { "response" };
                if field(made, object).is_some_and(|value| !value.is_object()) {
                    return Some(format!(
                        "Invalid value at 'contents[{number}].parts[{at}].{title}.{object}' (type.googleapis.com/google.protobuf.Struct)"
                    ));
                }
            }
        }
    }
    None
}

/// As many responses as calls, in the very next turn, of the same names; Gemini 3 wants the signature of the open round.
fn rounds(body: &Value, model: &str) -> Option<String> {
    let all = items(body, "contents");
    let names = |content: &Value, kind: &str| -> Vec<String> {
        items(content, "parts")
            .iter()
            .filter_map(|part| field(part, kind))
            .map(|made| word(made, "name").to_owned())
            .collect()
    };
    for (number, content) in all.iter().enumerate() {
        let mut asked = names(content, "functionCall");
        let mut answered = all.get(number + 1).map(|next| names(next, "functionResponse")).unwrap_or_default();
        let before = number
            .checked_sub(1)
            .and_then(|at| all.get(at))
            .map(|content| names(content, "functionCall"))
            .unwrap_or_default();
        if !names(content, "functionResponse").is_empty() && before.is_empty() {
            return Some(
                "Please ensure that function response turn comes immediately after a function call turn.".to_owned(),
            );
        }
        let last = number + 1 == all.len();
        asked.sort();
        answered.sort();
        if !asked.is_empty() && !last && asked != answered {
            return Some("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.".to_owned());
        }
    }
    let round = all.iter().rposition(|content| {
        word(content, "role") != "model" && items(content, "parts").iter().any(|part| field(part, "text").is_some())
    });
    for (number, content) in all.iter().enumerate() {
        let calls =
            items(content, "parts").iter().filter_map(|part| field(part, "functionCall").map(|call| (part, call)));
        for (at, (part, call)) in calls.enumerate() {
            let signature = word(part, "thoughtSignature");
            let arguments = field(call, "args").cloned().unwrap_or_default();
            if at == 0 && signature.is_empty() && new_generation(model) && round.is_none_or(|round| number > round) {
                return Some(format!(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. Function call `{}`, position {}.",
                    word(call, "name"),
                    number + 1
                ));
            }
            if !signature.is_empty() && signature != SKIP && signature != call_signature(word(call, "name"), &arguments)
            {
                return Some("Thought signature is not valid.".to_owned());
            }
        }
        let texts = items(content, "parts").iter().filter(|part| field(part, "functionCall").is_none());
        for signature in texts
            .map(|part| word(part, "thoughtSignature"))
            .filter(|signature| !signature.is_empty() && *signature != SKIP)
        {
            if !verify("gemini", "text", signature) {
                return Some("Thought signature is not valid.".to_owned());
            }
        }
    }
    None
}

fn tools(body: &Value) -> Option<String> {
    for (number, tool) in items(body, "tools").iter().flat_map(|tool| items(tool, "functionDeclarations")).enumerate() {
        let name = word(tool, "name");
        if !is_word(name, 128, "_.:-") || name.starts_with(|c: char| !(c.is_ascii_alphabetic() || c == '_')) {
            return Some(format!(
                "* GenerateContentRequest.tools[0].function_declarations[{number}].name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
            ));
        }
        let place = format!("tools[0].function_declarations[{number}].parameters");
        if field(tool, "parameters").is_some() && field(tool, "parametersJsonSchema").is_some() {
            return Some(format!(
                "* GenerateContentRequest.{place}: only one of parameters and parameters_json_schema may be set"
            ));
        }
        if let Some(fault) = field(tool, "parameters").and_then(|schema| subset(schema, &place, 0)) {
            return Some(fault);
        }
    }
    None
}

/// Why a schema is not of the OpenAPI subset.
fn subset(schema: &Value, place: &str, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return Some(format!("{place}: the schema is too deep"));
    }
    if let Some(name) = stranger(schema, &[SCHEMA]) {
        return Some(unknown(name, place));
    }
    if schema.get("type").is_some_and(|kind| !kind.is_string()) {
        return Some(format!("Proto field is not repeating, cannot start list. at '{place}.type'"));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let below = properties
        .into_iter()
        .flat_map(|fields| fields.values())
        .chain(schema.get("items"))
        .chain(items(schema, "anyOf"));
    below.into_iter().find_map(|part| subset(part, &format!("{place}.properties[0].value"), depth + 1))
}

fn settings(config: &Value, model: &str, tools: bool) -> Option<String> {
    if let Some(name) = stranger(config, &[CONFIG]) {
        return Some(unknown(name, "generation_config"));
    }
    let new = new_generation(model);
    let thinking = field(config, "thinkingConfig").unwrap_or(&Value::Null);
    let (budget, level) = (field(thinking, "thinkingBudget"), field(thinking, "thinkingLevel"));
    let json = word(config, "responseMimeType") == "application/json";
    let schema = field(config, "responseSchema").or_else(|| field(config, "responseJsonSchema"));
    let fits = |name: &str| {
        field(config, name).is_none_or(|value| value.as_i64().is_some_and(|value| i32::try_from(value).is_ok()))
    };
    if budget.is_some() && level.is_some() {
        Some("You can only set only one of thinking budget and thinking level.".to_owned())
    } else if level.is_some() && !new {
        Some("Thinking level is not supported for this model.".to_owned())
    } else if budget.and_then(Value::as_i64) == Some(0) && model.contains("pro") {
        Some("Budget 0 is invalid. This model only works in thinking mode.".to_owned())
    } else if schema.is_some() && !json {
        Some("* GenerateContentRequest.generation_config.response_mime_type: must be application/json when a response schema is set".to_owned())
    } else if json && tools && !new {
        Some("Function calling with a response mime type: 'application/json' is unsupported".to_owned())
    } else if new && (field(config, "frequencyPenalty").is_some() || field(config, "presencePenalty").is_some()) {
        Some(format!("Penalty is not enabled for {model}"))
    } else if items(config, "stopSequences").len() > 5 {
        Some(
            "* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed"
                .to_owned(),
        )
    } else if !fits("seed") || !fits("maxOutputTokens") {
        Some("Invalid value at 'generation_config' (TYPE_INT32)".to_owned())
    } else {
        field(config, "responseSchema").and_then(|schema| subset(schema, "generation_config.response_schema", 0))
    }
}
