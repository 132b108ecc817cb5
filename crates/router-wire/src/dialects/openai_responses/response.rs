//! The response object: what it repeats of its request, its usage, its status.
//!
//! Fields that official SDKs declare as required are all here, also where they say nothing: typed clients validate them.

use router_core::usage::Usage;
use serde_json::{Map, Value, json};

use super::request::EFFORTS;
use super::{tools, write};
use crate::dialects::{Echo, ErrorView};
use crate::message::{Names, Part, ReasoningWish, Request, Stop};

/// A response in progress, without output.
pub(super) fn begun(echo: &Echo<'_>) -> Map<String, Value> {
    let nothing = Request::default();
    let request = echo.request.unwrap_or(&nothing);
    let names = Names::default();
    let instructions: Vec<&str> = request.system.iter().filter_map(Part::as_text).collect();
    let instructions = if instructions.is_empty() { Value::Null } else { instructions.join("\n\n").into() };
    let choice = request.tool_choice.as_ref().map(|choice| tools::write_choice(choice, &request.tools, &names));
    let response = json!({
        "id": format!("resp_{}", echo.id),
        "object": "response",
        "created_at": echo.created,
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": null,
        "metadata": request.metadata.clone().unwrap_or_else(|| json!({})),
        "model": echo.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls.unwrap_or(true),
        "previous_response_id": null,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": reasoning(request.reasoning.as_ref()),
        "safety_identifier": request.user,
        "service_tier": request.service_tier.as_deref().unwrap_or("default"),
        "store": false,
        "temperature": request.sampling.temperature.clone().map_or_else(|| json!(1.0), Value::Number),
        "text": text(request),
        "tool_choice": choice.unwrap_or_else(|| "auto".into()),
        "tools": request.tools.iter().map(|tool| tools::write(tool, &tool.name)).collect::<Vec<_>>(),
        "top_logprobs": request.sampling.top_logprobs.unwrap_or(0),
        "top_p": request.sampling.top_p.clone().map_or_else(|| json!(1.0), Value::Number),
        "truncation": "disabled",
        "usage": null,
        "user": null,
    });
    match response {
        Value::Object(response) => response,
        _ => Map::new(),
    }
}

fn reasoning(wish: Option<&ReasoningWish>) -> Value {
    let effort = wish.and_then(|wish| wish.effort);
    let effort = effort.and_then(|effort| EFFORTS.iter().find(|(known, _)| *known == effort)).map(|(_, name)| *name);
    let summary = wish.filter(|wish| wish.show == Some(true)).map(|_| "auto");
    json!({"effort": effort, "summary": summary})
}

fn text(request: &Request) -> Value {
    let format = write::write_format(&request.format).unwrap_or_else(|| json!({"type": "text"}));
    json!({"format": format, "verbosity": request.verbosity.as_deref().unwrap_or("medium")})
}

/// Writes how it ended into a response; returns the type of the last event.
pub(super) fn ended(response: &mut Map<String, Value>, stop: &Stop, usage: Option<&Usage>) -> &'static str {
    let (status, kind, reason) = match stop {
        Stop::End | Stop::Sequence(_) | Stop::ToolUse => ("completed", "response.completed", None),
        Stop::Refusal => ("incomplete", "response.incomplete", Some("content_filter")),
        // The dialect has no word for a pause: the turn is not finished, which is what the client has to know.
        Stop::Length | Stop::Pause => ("incomplete", "response.incomplete", Some("max_output_tokens")),
    };
    response.insert("status".into(), status.into());
    response.insert("incomplete_details".into(), reason.map_or(Value::Null, |reason| json!({"reason": reason})));
    response.insert("usage".into(), usage.map_or(Value::Null, write_usage));
    kind
}

/// Writes an error into a response.
pub(super) fn failed(response: &mut Map<String, Value>, error: &ErrorView<'_>) {
    response.insert("status".into(), "failed".into());
    response.insert("error".into(), json!({"code": code(error), "message": error.message}));
}

/// The code as agents that speak this dialect know it: `server_is_overloaded` where nobody can answer now.
pub(super) fn code<'a>(error: &ErrorView<'a>) -> &'a str {
    match error.code {
        Some("no_channel_available" | "overloaded" | "accounting_unavailable" | "starting" | "shutting_down") => {
            "server_is_overloaded"
        }
        Some(code) => code,
        None => "server_error",
    }
}

fn write_usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write.saturating_add(usage.cache_write_1h),
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total(),
    })
}
