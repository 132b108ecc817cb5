//! What OpenAI and its relatives refuse in a chat request, as far as a router can be at fault for it.

use super::Flavor;
use crate::answers::look::{given, is_word, list, text};
use crate::answers::sign::verify;
use crate::answers::text::role;
use crate::answers::{Call, Refusal, schema};
use serde_json::Value;

/// Longest name of a function.
const LONGEST_NAME: usize = 64;

/// Checks a request; the model is there.
pub(super) fn check(call: &Call<'_>, flavor: Flavor, model: &str) -> Result<(), Refusal> {
    let body = call.body;
    if list(body, "messages").is_empty() {
        return Err(call.invalid(
            "missing_required_parameter",
            Some("messages"),
            "Missing required parameter: 'messages'.",
        ));
    }
    tools(call)?;
    history(call)?;
    match flavor {
        Flavor::OpenAi => openai(call, model),
        Flavor::Groq => groq(call),
        Flavor::OpenRouter => details(call),
        Flavor::DeepSeek => deepseek(call),
        Flavor::SiliconFlow | Flavor::Ollama => no_developer(call),
        Flavor::Azure => azure(call),
        Flavor::Vllm => only_functions(call),
        Flavor::NewApi => Ok(()),
    }
}

fn tools(call: &Call<'_>) -> Result<(), Refusal> {
    let body = call.body;
    if given(body, "tools") && list(body, "tools").is_empty() {
        return Err(call.invalid(
            "empty_array",
            Some("tools"),
            "Invalid 'tools': empty array. Expected an array with minimum length 1.",
        ));
    }
    if given(body, "tool_choice") && !given(body, "tools") && text(body, "tool_choice") != "none" {
        return Err(call.invalid(
            "invalid_value",
            Some("tool_choice"),
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        ));
    }
    for (number, tool) in list(body, "tools").iter().enumerate() {
        let Some(function) = tool.get("function") else { continue };
        let name = text(function, "name");
        if !is_word(name, LONGEST_NAME, "_-") {
            let param = format!("tools[{number}].function.name");
            let message = format!(
                "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            );
            return Err(call.invalid("invalid_value", Some(&param), &message));
        }
        let strict = function.get("strict").and_then(Value::as_bool).unwrap_or(false);
        if let (true, Some(fault)) = (strict, function.get("parameters").and_then(schema::not_strict)) {
            let message = format!("Invalid schema for function '{name}': {fault}");
            return Err(call.invalid(
                "invalid_function_parameters",
                Some(&format!("tools[{number}].function.parameters")),
                &message,
            ));
        }
    }
    let format = body.pointer("/response_format/json_schema");
    if let Some(format) = format
        && format.get("strict").and_then(Value::as_bool) == Some(true)
        && let Some(fault) = format.get("schema").and_then(schema::not_strict)
    {
        let message = format!("Invalid schema for response_format '{}': {fault}", text(format, "name"));
        return Err(call.invalid("invalid_json_schema", Some("response_format"), &message));
    }
    Ok(())
}

/// Tool results follow their calls, one each, at once.
fn history(call: &Call<'_>) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    let mut in_round = false;
    for (number, message) in list(call.body, "messages").iter().enumerate() {
        let param = format!("messages.[{number}].role");
        if role(message) == "tool" {
            let id = text(message, "tool_call_id");
            if !in_round {
                return Err(call.invalid("invalid_value", Some(&param), "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."));
            }
            if !open.contains(&id) {
                let message = format!(
                    "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message."
                );
                return Err(call.invalid("invalid_value", Some(&param), &message));
            }
            open.retain(|known| *known != id);
            if list(message, "content").iter().any(|part| text(part, "type") != "text") {
                let message =
                    format!("Invalid 'messages[{number}].content': only 'text' parts are supported in tool messages.");
                return Err(call.invalid("invalid_value", Some(&param), &message));
            }
            continue;
        }
        if !open.is_empty() {
            let message = format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                open.join(", ")
            );
            return Err(call.invalid("invalid_value", Some(&param), &message));
        }
        open = list(message, "tool_calls").iter().map(|call| text(call, "id")).collect();
        in_round = !open.is_empty();
        for made in list(message, "tool_calls") {
            if made.pointer("/function/arguments").is_some_and(|arguments| !arguments.is_string()) {
                let param = format!("messages[{number}].tool_calls[0].function.arguments");
                return Err(call.invalid(
                    "invalid_type",
                    Some(&param),
                    &format!("Invalid type for '{param}': expected a string."),
                ));
            }
        }
    }
    Ok(())
}

/// Models that reason take no sampling and the newer name of the limit.
fn openai(call: &Call<'_>, model: &str) -> Result<(), Refusal> {
    let reasons = ["o1", "o3", "o4", "gpt-5"].iter().any(|prefix| model.starts_with(prefix));
    if !reasons {
        return Ok(());
    }
    if given(call.body, "max_tokens") {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(call.invalid("unsupported_parameter", Some("max_tokens"), message));
    }
    for field in ["temperature", "top_p"] {
        if call.body.get(field).and_then(Value::as_f64).is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
            let message = format!(
                "Unsupported value: '{field}' does not support this value with this model. Only the default (1) value is supported."
            );
            return Err(call.invalid("unsupported_value", Some(field), &message));
        }
    }
    for field in ["presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"] {
        if given(call.body, field) {
            let message = format!("Unsupported parameter: '{field}' is not supported with this model.");
            return Err(call.invalid("unsupported_parameter", Some(field), &message));
        }
    }
    Ok(())
}

fn groq(call: &Call<'_>) -> Result<(), Refusal> {
    for field in ["logprobs", "logit_bias", "top_logprobs"] {
        if given(call.body, field) {
            return Err(call.invalid(
                "unsupported_parameter",
                Some(field),
                &format!("property '{field}' is unsupported"),
            ));
        }
    }
    if call.body.get("n").and_then(Value::as_u64).is_some_and(|n| n > 1) {
        return Err(call.invalid("invalid_value", Some("n"), "'n' : number must be at most 1"));
    }
    for (number, message) in list(call.body, "messages").iter().enumerate() {
        if given(message, "name") && role(message) != "tool" {
            return Err(call.invalid(
                "unsupported_parameter",
                Some("messages"),
                &format!("'messages.{number}' : property 'name' is unsupported"),
            ));
        }
        let null = message.as_object().and_then(|fields| fields.iter().find(|(_, value)| value.is_null()));
        if let (Some((field, _)), "assistant") = (null, role(message)) {
            let message = format!("'messages.{number}.{field}' : value must be a string or an array");
            return Err(call.invalid("invalid_value", Some("messages"), &message));
        }
    }
    Ok(())
}

/// OpenRouter hands reasoning on to the model's maker, who verifies it.
fn details(call: &Call<'_>) -> Result<(), Refusal> {
    for message in list(call.body, "messages") {
        let details = list(message, "reasoning_details");
        if details.is_empty() {
            continue;
        }
        let thought: String = details.iter().map(|detail| text(detail, "text")).collect();
        let signed = details.iter().any(|detail| verify("openrouter", &thought, text(detail, "signature")));
        if !signed {
            return Err(call.invalid(
                "invalid_request_error",
                Some("messages"),
                "Provider returned error: Invalid `signature` in `thinking` block",
            ));
        }
    }
    Ok(())
}

fn no_developer(call: &Call<'_>) -> Result<(), Refusal> {
    let stranger = list(call.body, "messages").iter().any(|message| role(message) == "developer");
    if !stranger {
        return Ok(());
    }
    let message = "Failed to deserialize the JSON body: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`";
    Err(call.invalid("invalid_request_error", Some("messages"), message))
}

fn deepseek(call: &Call<'_>) -> Result<(), Refusal> {
    no_developer(call)?;
    let messages = list(call.body, "messages");
    let thinks = call.body.pointer("/thinking/type").and_then(Value::as_str) == Some("enabled");
    let turn = messages.iter().rposition(|message| role(message) == "user").unwrap_or(0);
    for (number, message) in messages.iter().enumerate() {
        if message.get("content").is_some_and(Value::is_array) {
            let message = format!(
                "Failed to deserialize the JSON body into the target type: messages[{number}]: invalid type: sequence, expected a string"
            );
            return Err(call.refuse(422, "invalid_request_error", None, &message));
        }
        let calls = !list(message, "tool_calls").is_empty();
        if thinks && calls && number > turn && !given(message, "reasoning_content") {
            let message =
                format!("Missing `reasoning_content` field in the assistant message at message index {number}.");
            return Err(call.invalid("invalid_request_error", None, &message));
        }
    }
    only_functions(call)
}

fn only_functions(call: &Call<'_>) -> Result<(), Refusal> {
    match list(call.body, "tools").iter().find(|tool| text(tool, "type") != "function") {
        None => Ok(()),
        Some(tool) => {
            let message = format!("tools: unknown variant `{}`, expected `function`", text(tool, "type"));
            Err(call.invalid("invalid_request_error", Some("tools"), &message))
        }
    }
}

fn azure(call: &Call<'_>) -> Result<(), Refusal> {
    if call.path.contains("/deployments/") && !call.query.contains("api-version=") {
        return Err(call.refuse(404, "404", None, "Resource not found"));
    }
    // An api-version of 2023 knows nothing that came later.
    if call.query.contains("api-version=2023") {
        if let Some(field) = ["stream_options", "max_completion_tokens"].iter().find(|field| given(call.body, field)) {
            return Err(call.invalid(
                "unsupported_parameter",
                Some(field),
                &format!("Unrecognized request argument supplied: {field}"),
            ));
        }
        return no_developer(call);
    }
    Ok(())
}
