//! Reads tools and the choice among them, in today's shape and in that of `functions`.

use serde_json::{Map, Value};

use super::content_in::cache;
use super::fields::{items, object, text};
use crate::message::{Request, Tool, ToolChoice, Unsupported};

/// Takes everything about tools out of a body's fields.
pub(super) fn read(fields: &mut Map<String, Value>, request: &mut Request) {
    if let Some(Value::Array(tools)) = fields.shift_remove("tools") {
        for (index, tool) in tools.iter().enumerate() {
            match tool.as_object().and_then(read_tool) {
                Some(tool) => request.tools.push(tool),
                None => {
                    let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
                    let message = format!("tools of type `{kind}` can only go to a provider of the same dialect");
                    request.unsupported.push(Unsupported::new(format!("tools[{index}]"), message));
                }
            }
        }
    }
    if let Some(Value::Array(functions)) = fields.shift_remove("functions") {
        request.tools.extend(functions.iter().filter_map(|one| Some(function(one.as_object()?))));
    }
    let choice = fields.shift_remove("tool_choice").as_ref().and_then(read_choice);
    let old = fields.shift_remove("function_call").as_ref().and_then(read_old_choice);
    request.tool_choice = choice.or(old).filter(|_| !request.tools.is_empty());
    request.parallel_tool_calls = fields.shift_remove("parallel_tool_calls").as_ref().and_then(Value::as_bool);
}

fn read_tool(tool: &Map<String, Value>) -> Option<Tool> {
    let mut found = match (object(tool, "function"), object(tool, "custom")) {
        (Some(inner), _) => function(inner),
        (None, Some(custom)) => Tool {
            custom: Some(custom.get("format").cloned().unwrap_or(Value::Null)),
            parameters: None,
            strict: None,
            ..function(custom)
        },
        (None, None) => return None,
    };
    found.cache = cache(tool).or(found.cache);
    Some(found)
}

fn function(function: &Map<String, Value>) -> Tool {
    Tool {
        name: text(function, "name").unwrap_or_default().to_owned(),
        description: text(function, "description").map(str::to_owned),
        parameters: function.get("parameters").filter(|schema| schema.is_object()).cloned(),
        strict: function.get("strict").and_then(Value::as_bool),
        custom: None,
        cache: cache(function),
    }
}

fn read_choice(choice: &Value) -> Option<ToolChoice> {
    let choice = match choice {
        Value::String(word) => return by_word(word),
        other => other.as_object()?,
    };
    if let Some(allowed) = object(choice, "allowed_tools") {
        let names = items(allowed, "tools").filter_map(|tool| named(tool.as_object()?)).collect();
        return Some(ToolChoice::Allowed { names, required: text(allowed, "mode") == Some("required") });
    }
    named(choice).map(ToolChoice::Named)
}

fn named(choice: &Map<String, Value>) -> Option<String> {
    let inner = object(choice, "function").or_else(|| object(choice, "custom")).unwrap_or(choice);
    text(inner, "name").map(str::to_owned)
}

fn by_word(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        // `any` is Mistral's word.
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}

fn read_old_choice(choice: &Value) -> Option<ToolChoice> {
    match choice {
        Value::String(word) => by_word(word),
        other => text(other.as_object()?, "name").map(|name| ToolChoice::Named(name.to_owned())),
    }
}
