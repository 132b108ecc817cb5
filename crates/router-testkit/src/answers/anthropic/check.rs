//! What Anthropic refuses in a Messages request, as far as a router can be at fault for it.

use super::{blocks, words};
use crate::answers::look::{is_word, list, stranger, text};
use crate::answers::sign::verify;
use crate::answers::text::role;
use crate::answers::{Call, Refusal};
use serde_json::{Value, json};
use std::collections::HashSet;

const FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "cache_control",
    "thinking",
    "output_config",
    "metadata",
    "service_tier",
    "speed",
    "inference_geo",
    "container",
    "context_management",
    "mcp_servers",
    "fallbacks",
    "compaction",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
];
/// The formats of pictures that it knows.
const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/// Marks of the cache in one request.
const MOST_MARKS: usize = 4;

/// Checks a request; `answers` says whether an answer is wanted and not only a count.
pub(super) fn check(call: &Call<'_>, answers: bool) -> Result<(), Refusal> {
    fault(call, answers).map_or(Ok(()), |message| Err(call.invalid("invalid_request_error", None, &message)))
}

fn fault(call: &Call<'_>, answers: bool) -> Option<String> {
    let body = call.body;
    if call.head.header("anthropic-version").is_none() {
        return Some("anthropic-version: header is required".to_owned());
    }
    if let Some(field) = stranger(body, &[FIELDS]) {
        return Some(format!("{field}: Extra inputs are not permitted"));
    }
    if body.get("context_management").is_some()
        && !call.head.header("anthropic-beta").is_some_and(|beta| beta.contains("context-management"))
    {
        return Some("context_management: Extra inputs are not permitted".to_owned());
    }
    if answers && body.get("max_tokens").and_then(Value::as_u64).is_none() {
        return Some("max_tokens: Field required".to_owned());
    }
    sampling(body, answers)
        .or_else(|| tools(body))
        .or_else(|| texts(call))
        .or_else(|| history(body))
        .or_else(|| thoughts(body))
}

fn sampling(body: &Value, answers: bool) -> Option<String> {
    let temperature = body.get("temperature").and_then(Value::as_f64);
    if temperature.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return Some("temperature: range: 0..1".to_owned());
    }
    let kind = body.pointer("/thinking/type").and_then(Value::as_str).unwrap_or("disabled");
    if kind == "disabled" {
        return None;
    }
    if temperature.is_some_and(|value| value < 1.0) {
        return Some("`temperature` may only be set to 1 when thinking is enabled.".to_owned());
    }
    if matches!(body.pointer("/tool_choice/type").and_then(Value::as_str), Some("any" | "tool")) {
        return Some("Thinking may not be enabled when tool_choice forces tool use.".to_owned());
    }
    if kind == "enabled" {
        let budget = body.pointer("/thinking/budget_tokens").and_then(Value::as_u64).unwrap_or(0);
        if budget < 1024 {
            return Some("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024".to_owned());
        }
        if answers && body.get("max_tokens").and_then(Value::as_u64).is_some_and(|most| most <= budget) {
            return Some("`max_tokens` must be greater than `thinking.budget_tokens`.".to_owned());
        }
    }
    None
}

fn tools(body: &Value) -> Option<String> {
    let tools = list(body, "tools");
    if body.get("tool_choice").is_some_and(Value::is_object) && tools.is_empty() {
        return Some("tool_choice: tool_choice may only be specified while providing tools".to_owned());
    }
    let mut names = HashSet::new();
    for (number, tool) in tools.iter().enumerate() {
        let name = text(tool, "name");
        if !is_word(name, 128, "_-") {
            return Some(format!("tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"));
        }
        if !names.insert(name) {
            return Some("tools: Tool names must be unique.".to_owned());
        }
        let hosted = !matches!(text(tool, "type"), "" | "custom");
        if !hosted && tool.pointer("/input_schema/type") != Some(&json!("object")) {
            return Some(format!("tools.{number}.custom.input_schema.type: Field required"));
        }
    }
    let used = list(body, "messages")
        .iter()
        .flat_map(blocks)
        .any(|block| matches!(text(block, "type"), "tool_use" | "tool_result"));
    (used && tools.is_empty())
        .then(|| "Requests which include `tool_use` or `tool_result` blocks must define tools".to_owned())
}

/// Roles, empty texts, pictures, marks of the cache.
fn texts(call: &Call<'_>) -> Option<String> {
    let messages = list(call.body, "messages");
    if messages.is_empty() {
        return Some("messages: at least one message is required".to_owned());
    }
    if messages.first().is_some_and(|message| role(message) != "user") {
        return Some("messages: first message must use the \"user\" role".to_owned());
    }
    let everything =
        list(call.body, "tools").iter().chain(list(call.body, "system")).chain(messages.iter().flat_map(blocks));
    let marks = everything.filter(|block| block.get("cache_control").is_some_and(Value::is_object)).count();
    if marks > MOST_MARKS {
        return Some(format!("A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {marks}."));
    }
    let old = text(call.body, "model").starts_with("claude-3");
    for (number, message) in messages.iter().enumerate() {
        let last = number + 1 == messages.len();
        match role(message) {
            "user" | "assistant" => {}
            "system" if !old => {}
            other => {
                return Some(format!("messages.{number}.role: Input should be 'user' or 'assistant', not '{other}'"));
            }
        }
        let bare = message.get("content").is_some_and(Value::is_string);
        if blocks(message).is_empty() && words(message).is_empty() && !(last && role(message) == "assistant") {
            return Some(format!(
                "messages.{number}: all messages must have non-empty content except for the optional final assistant message"
            ));
        }
        if let Some(fault) = blocks(message)
            .iter()
            .enumerate()
            .find_map(|(at, block)| block_fault(&format!("messages.{number}.content.{at}"), block))
        {
            return Some(fault);
        }
        if bare && words(message).trim().is_empty() && !words(message).is_empty() {
            return Some("messages: text content blocks must contain non-whitespace text".to_owned());
        }
        let end = blocks(message).last().map_or_else(|| words(message), |block| text(block, "text").to_owned());
        if last && role(message) == "assistant" && end.ends_with(char::is_whitespace) {
            return Some("messages: final assistant content cannot end with trailing whitespace".to_owned());
        }
    }
    list(call.body, "system").iter().find_map(|block| block_fault("system", block))
}

fn block_fault(place: &str, block: &Value) -> Option<String> {
    match text(block, "type") {
        "text" if text(block, "text").is_empty() => Some(format!("{place}: text content blocks must be non-empty")),
        "text" if text(block, "text").trim().is_empty() => {
            Some(format!("{place}: text content blocks must contain non-whitespace text"))
        }
        "image" => match block.pointer("/source/type").and_then(Value::as_str) {
            Some("base64") => {
                let media = block.pointer("/source/media_type").and_then(Value::as_str).unwrap_or_default();
                (!PICTURES.contains(&media)).then(|| format!("{place}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"))
            }
            Some("url" | "file") => None,
            _ => Some(format!("{place}.image.source: Field required")),
        },
        "tool_use" if !block.get("input").is_some_and(Value::is_object) => {
            Some(format!("{place}.tool_use.input: Input should be a valid dictionary"))
        }
        "tool_use" if !is_word(text(block, "id"), 256, "_-") => {
            Some(format!("{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"))
        }
        "tool_result" => blocks(block).iter().find_map(|part| block_fault(place, part)),
        "text" | "tool_use" | "thinking" | "redacted_thinking" | "document" | "search_result" | "server_tool_use"
        | "container_upload" | "compaction" | "fallback" => None,
        other if other.ends_with("_tool_result") => None,
        other => {
            Some(format!("{place}: Input tag '{other}' found using 'type' does not match any of the expected tags"))
        }
    }
}

/// Every call is answered in the next turn, and nothing else is; the API merges turns of one role before it looks.
fn history(body: &Value) -> Option<String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut asked_at = 0;
    let turns = list(body, "messages").iter().enumerate().filter(|(_, message)| role(message) != "system");
    let mut before = "";
    let mut round: Vec<String> = Vec::new();
    for (number, message) in turns {
        let new_turn = role(message) != before;
        before = role(message);
        if role(message) == "assistant" {
            if new_turn && !open.is_empty() {
                break;
            }
            for block in blocks(message).iter().filter(|block| text(block, "type") == "tool_use") {
                let id = text(block, "id").to_owned();
                if !seen.insert(id.clone()) {
                    return Some(format!("messages.{number}.content: `tool_use` ids must be unique"));
                }
                open.push(id);
            }
            asked_at = number;
            round.clone_from(&open);
            continue;
        }
        let mut text_came = false;
        for (at, block) in blocks(message).iter().enumerate() {
            if text(block, "type") != "tool_result" {
                text_came = true;
                continue;
            }
            let id = text(block, "tool_use_id");
            if !open.iter().any(|known| known == id) {
                return Some(format!(
                    "messages.{number}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                ));
            }
            if text_came && round.iter().any(|known| known == id) && new_turn {
                return Some(format!("messages.{number}: `tool_result` blocks must come first in the content"));
            }
            open.retain(|known| known != id);
        }
        let unfinished = list(body, "messages").get(number + 1).is_some_and(|next| role(next) == "user");
        if !open.is_empty() && !unfinished {
            break;
        }
    }
    (!open.is_empty() && before != "assistant" || open_in_the_middle(&open, body, asked_at)).then(|| {
        format!("messages.{asked_at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.", open.join(", "))
    })
}

/// Whether calls stand open though the conversation goes on after them.
fn open_in_the_middle(open: &[String], body: &Value, asked_at: usize) -> bool {
    !open.is_empty() && asked_at + 1 < list(body, "messages").len()
}

/// Signatures are verified; with a fixed budget the open round of tools must begin with its thought.
fn thoughts(body: &Value) -> Option<String> {
    let messages = list(body, "messages");
    for (number, message) in messages.iter().enumerate() {
        for (at, block) in blocks(message).iter().enumerate().filter(|(_, block)| text(block, "type") == "thinking") {
            if !verify("anthropic", text(block, "thinking"), text(block, "signature")) {
                return Some(format!("messages.{number}.content.{at}: Invalid `signature` in `thinking` block"));
            }
        }
        for (at, block) in
            blocks(message).iter().enumerate().filter(|(_, block)| text(block, "type") == "redacted_thinking")
        {
            if !verify("anthropic", "redacted", text(block, "data")) {
                return Some(format!("messages.{number}.content.{at}: Invalid `data` in `redacted_thinking` block"));
            }
        }
    }
    let enabled = body.pointer("/thinking/type").and_then(Value::as_str) == Some("enabled");
    let at = messages.iter().rposition(|message| role(message) == "assistant").filter(|_| enabled)?;
    let last = messages.get(at)?;
    let uses = blocks(last).iter().any(|block| text(block, "type") == "tool_use");
    let first = blocks(last).first().map_or("text", |block| text(block, "type"));
    (uses && !matches!(first, "thinking" | "redacted_thinking")).then(|| {
        format!("messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).")
    })
}
