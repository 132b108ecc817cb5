//! What OpenAI refuses in a Responses request, as far as a router can be at fault for it.

use super::{decrypts, owned};
use crate::answers::look::{given, is_word, list, text};
use crate::answers::text::role;
use crate::answers::{Call, Refusal, schema};
use serde_json::Value;

/// The smallest limit on output tokens.
const LEAST_OUTPUT: u64 = 16;

/// Checks a request; the model is there.
pub(super) fn check(call: &Call<'_>, model: &str) -> Result<(), Refusal> {
    let body = call.body;
    if !["input", "previous_response_id", "prompt", "conversation"].iter().any(|field| given(body, field)) {
        return Err(call.invalid("missing_required_parameter", Some("input"), "Missing required parameter: 'input'."));
    }
    if body.get("max_output_tokens").and_then(Value::as_u64).is_some_and(|most| most < LEAST_OUTPUT) {
        let message =
            format!("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {LEAST_OUTPUT}.");
        return Err(call.invalid("integer_below_min_value", Some("max_output_tokens"), &message));
    }
    let reasons = ["o1", "o3", "o4", "gpt-5"].iter().any(|prefix| model.starts_with(prefix));
    if reasons && given(body, "temperature") && body.get("temperature").and_then(Value::as_f64) != Some(1.0) {
        return Err(call.invalid(
            "unsupported_parameter",
            Some("temperature"),
            "Unsupported parameter: 'temperature' is not supported with this model.",
        ));
    }
    if let Some(id) = body.get("previous_response_id").and_then(Value::as_str)
        && !owned(id, call.key.unwrap_or_default())
    {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(call.invalid("previous_response_not_found", Some("previous_response_id"), &message));
    }
    for field in ["messages", "max_tokens", "max_completion_tokens", "response_format", "stop", "n", "reasoning_effort"]
    {
        if given(body, field) {
            return Err(call.invalid("unknown_parameter", Some(field), &format!("Unknown parameter: '{field}'.")));
        }
    }
    tools(call)?;
    items(call)
}

fn tools(call: &Call<'_>) -> Result<(), Refusal> {
    for (number, tool) in list(call.body, "tools").iter().enumerate() {
        if !matches!(text(tool, "type"), "function" | "custom") {
            continue;
        }
        let name = text(tool, "name");
        let param = format!("tools[{number}].name");
        if name.is_empty() {
            return Err(call.invalid(
                "missing_required_parameter",
                Some(&param),
                &format!("Missing required parameter: '{param}'."),
            ));
        }
        if !is_word(name, 64, "_-") {
            let message = format!(
                "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            );
            return Err(call.invalid("invalid_value", Some(&param), &message));
        }
        // Strict unless the request says no: the trap for tools that come from other dialects.
        let strict = text(tool, "type") == "function" && tool.get("strict").and_then(Value::as_bool).unwrap_or(true);
        if let (true, Some(fault)) = (strict, tool.get("parameters").and_then(schema::not_strict)) {
            let param = format!("tools[{number}].parameters");
            let message = format!("Invalid schema for function '{name}': {fault}");
            return Err(call.invalid("invalid_function_parameters", Some(&param), &message));
        }
    }
    Ok(())
}

/// Items: their parts by role, calls with outputs, reasoning with what it led to.
fn items(call: &Call<'_>) -> Result<(), Refusal> {
    let items = list(call.body, "input");
    let chained = given(call.body, "previous_response_id") || given(call.body, "conversation");
    let of_kind = |ends: &[&str]| -> Vec<&str> {
        items.iter().filter(|item| ends.contains(&text(item, "type"))).map(|item| text(item, "call_id")).collect()
    };
    let calls = of_kind(&["function_call", "custom_tool_call"]);
    let outputs = of_kind(&["function_call_output", "custom_tool_call_output"]);
    if let Some(id) = outputs.iter().find(|id| !calls.contains(id) && !chained) {
        return Err(call.invalid(
            "invalid_request_error",
            Some("input"),
            &format!("No tool call found for function call output with call_id {id}."),
        ));
    }
    if let Some(id) = calls.iter().find(|id| !outputs.contains(id)) {
        return Err(call.invalid(
            "invalid_request_error",
            Some("input"),
            &format!("No tool output found for function call {id}."),
        ));
    }
    for (number, item) in items.iter().enumerate() {
        if text(item, "call_id").len() > 64 {
            let param = format!("input[{number}].call_id");
            let message = format!("Invalid '{param}': string too long. Expected a string with maximum length 64.");
            return Err(call.invalid("string_above_max_length", Some(&param), &message));
        }
        match text(item, "type") {
            "message" | "" => parts(call, number, item)?,
            "reasoning" => {
                if let Some(content) = item.get("encrypted_content").and_then(Value::as_str)
                    && !decrypts(content, call.key)
                {
                    let message = format!(
                        "The encrypted content for item {} could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
                        text(item, "id")
                    );
                    return Err(call.invalid("invalid_encrypted_content", None, &message));
                }
                let next = items.get(number + 1);
                let led = next.is_some_and(|next| {
                    role(next) == "assistant"
                        || matches!(text(next, "type"), "function_call" | "custom_tool_call" | "reasoning")
                });
                if !led {
                    let message = format!(
                        "Item '{}' of type 'reasoning' was provided without its required following item.",
                        text(item, "id")
                    );
                    return Err(call.invalid("invalid_request_error", Some("input"), &message));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn parts(call: &Call<'_>, number: usize, item: &Value) -> Result<(), Refusal> {
    let known: &[&str] = if role(item) == "assistant" {
        &["output_text", "refusal"]
    } else {
        &["input_text", "input_image", "input_file", "input_audio"]
    };
    for (at, part) in list(item, "content").iter().enumerate() {
        let kind = text(part, "type");
        if !known.contains(&kind) {
            let param = format!("input[{number}].content[{at}].type");
            let message = format!("Invalid value: '{kind}'. Supported values are: '{}'.", known.join("', '"));
            return Err(call.invalid("invalid_value", Some(&param), &message));
        }
    }
    Ok(())
}
