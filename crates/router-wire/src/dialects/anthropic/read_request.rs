//! A client's request → neutral form.

use serde_json::{Map, Number, Value};

use super::blocks::{cache, parts, text};
use crate::dialects::RequestError;
use crate::message::{
    Content, Effort, Format, Part, ReasoningWish, Request, Role, Sampling, Tool, ToolChoice, Turn, Unsupported,
};

/// Claude Code's first system block tells Anthropic who pays; to any other provider it is noise that spoils the cache.
const ATTRIBUTION: &str = "x-anthropic-billing-header";

/// Fields that are read here; `stream` and `model` among them.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "service_tier",
    "stream",
];
/// Fields for the router or the provider's own bookkeeping, about which nobody needs to be told.
const SILENT: &[&str] = &["models", "provider", "route", "router", "cache_control"];
/// Fields whose loss would change what the answer means.
const STATEFUL: &[&str] = &["container", "mcp_servers"];

/// Reads a body.
///
/// # Errors
/// The body is not JSON, or has no messages.
pub(super) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let broken = |error: serde_json::Error| RequestError {
        code: "invalid_json",
        param: None,
        message: format!("The body is not a valid JSON object: {error}."),
    };
    let body: Map<String, Value> = serde_json::from_slice(body).map_err(broken)?;
    let messages = body.get("messages").and_then(Value::as_array).ok_or_else(|| RequestError::missing("messages"))?;
    let mut request = Request {
        model: text(&body, "model").unwrap_or_default().to_owned(),
        max_output_tokens: body.get("max_tokens").and_then(Value::as_u64).filter(|tokens| *tokens > 0),
        sampling: sampling(&body),
        stop: strings(body.get("stop_sequences")),
        stream: body.get("stream") == Some(&Value::Bool(true)),
        service_tier: text(&body, "service_tier")
            .map(|tier| if tier == "standard_only" { "default" } else { tier }.into()),
        ..Request::default()
    };
    if let Some(found) = body.get("system") {
        request.system = parts(found, &mut request.dropped);
        request.system.retain(|part| !part.as_text().is_some_and(|text| text.trim_start().starts_with(ATTRIBUTION)));
    }
    for message in messages.iter().filter_map(Value::as_object) {
        turn(message, &mut request);
    }
    tools(&body, &mut request);
    choice(&body, &mut request);
    format(&body, &mut request);
    request.reasoning = reasoning(&body);
    request.user = body.get("metadata").and_then(|metadata| metadata.get("user_id")?.as_str()).map(str::to_owned);
    leftovers(&body, &mut request);
    Ok(request)
}

fn turn(message: &Map<String, Value>, request: &mut Request) {
    let role = match text(message, "role") {
        Some("assistant") => Role::Assistant,
        Some("system" | "developer") => Role::System,
        _ => Role::User,
    };
    let parts = parts(message.get("content").unwrap_or(&Value::Null), &mut request.dropped);
    if role == Role::System && request.turns.is_empty() {
        request.system.extend(parts);
        return;
    }
    // Consecutive turns of one role are one turn to the API.
    match request.turns.last_mut() {
        Some(last) if last.role == role => last.parts.extend(parts),
        _ => request.turns.push(Turn { role, parts }),
    }
}

fn sampling(body: &Map<String, Value>) -> Sampling {
    let number = |key: &str| -> Option<Number> { body.get(key)?.as_number().cloned() };
    Sampling {
        temperature: number("temperature"),
        top_p: number("top_p"),
        top_k: number("top_k"),
        ..Sampling::default()
    }
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Client tools have an `input_schema`; those of a hosted type run at Anthropic, or need its models.
fn tools(body: &Map<String, Value>, request: &mut Request) {
    let list = body.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    for (index, tool) in list.enumerate() {
        let name = text(tool, "name").unwrap_or_default();
        let kind = text(tool, "type").unwrap_or("custom");
        if kind != "custom" && !tool.contains_key("input_schema") {
            let why = format!("the tool `{kind}` exists only at Anthropic");
            request.unsupported.push(Unsupported::new(format!("tools[{index}]"), why));
            continue;
        }
        request.tools.push(Tool {
            name: name.to_owned(),
            description: text(tool, "description").map(str::to_owned),
            parameters: tool.get("input_schema").filter(|schema| schema.is_object()).cloned(),
            strict: tool.get("strict").and_then(Value::as_bool),
            custom: None,
            cache: cache(tool),
        });
    }
}

fn choice(body: &Map<String, Value>, request: &mut Request) {
    let Some(choice) = body.get("tool_choice").and_then(Value::as_object) else { return };
    request.tool_choice = match text(choice, "type") {
        Some("auto") => Some(ToolChoice::Auto),
        Some("none") => Some(ToolChoice::None),
        Some("any") => Some(ToolChoice::Required),
        Some("tool") => text(choice, "name").map(|name| ToolChoice::Named(name.to_owned())),
        _ => None,
    };
    let single = choice.get("disable_parallel_tool_use").and_then(Value::as_bool);
    request.parallel_tool_calls = single.map(|single| !single);
}

fn format(body: &Map<String, Value>, request: &mut Request) {
    let config = body.get("output_config").and_then(|config| config.get("format"));
    let Some(format) = config.or_else(|| body.get("output_format")).and_then(Value::as_object) else { return };
    match (text(format, "type"), format.get("schema")) {
        (Some("json_schema"), Some(schema)) => {
            let name = text(format, "name").map(str::to_owned);
            request.format = Format::Schema { name, description: None, schema: schema.clone(), strict: Some(true) };
        }
        (Some("text") | None, _) => {}
        (Some(other), _) => {
            let why = format!("the format `{other}` has no counterpart");
            request.unsupported.push(Unsupported::new("output_config.format", why));
        }
    }
}

fn reasoning(body: &Map<String, Value>) -> Option<ReasoningWish> {
    let effort = body.get("output_config").and_then(|config| effort(config.get("effort")?.as_str()?));
    let Some(thinking) = body.get("thinking").and_then(Value::as_object) else {
        return effort.map(|effort| ReasoningWish { effort: Some(effort), ..ReasoningWish::default() });
    };
    let show = text(thinking, "display").map(|display| display != "omitted");
    let wish = ReasoningWish { effort, show, ..ReasoningWish::default() };
    match text(thinking, "type") {
        Some("disabled") => Some(ReasoningWish { effort: Some(Effort::None), show: None, ..wish }),
        Some("enabled") => {
            Some(ReasoningWish { budget: thinking.get("budget_tokens").and_then(Value::as_u64), ..wish })
        }
        _ => Some(ReasoningWish { adaptive: true, ..wish }),
    }
}

fn effort(word: &str) -> Option<Effort> {
    Some(match word {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// What nothing above has read is named; what would change the meaning is refused for other dialects.
fn leftovers(body: &Map<String, Value>, request: &mut Request) {
    for (key, value) in body.iter().filter(|(key, value)| !value.is_null() && !KNOWN.contains(&key.as_str())) {
        let empty = value.as_array().is_some_and(Vec::is_empty);
        if STATEFUL.contains(&key.as_str()) && !empty {
            request.unsupported.push(Unsupported::new(key, "it belongs to an account at Anthropic"));
        } else if !SILENT.contains(&key.as_str()) && !empty {
            request.dropped.push(key.chars().take(64).collect());
            request.extras.insert(key.clone(), value.clone());
        }
    }
    // Files of an account mean nothing to another provider.
    let stored = |part: &Part| match &part.content {
        Content::Image(media) | Content::File(media) => matches!(media.source, crate::message::MediaSource::Stored(_)),
        _ => false,
    };
    if request.turns.iter().flat_map(|turn| &turn.parts).any(stored) {
        request.unsupported.push(Unsupported::new("messages", "a file is stored in an account at Anthropic"));
    }
}
