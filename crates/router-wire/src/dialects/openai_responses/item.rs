//! Items of a provider's `output` → parts.

use serde_json::Value;

use super::{reasoning, tools, word};
use crate::message::{Content, Media, MediaSource, Part, ToolCall};

/// What an item says. Hosted calls and unknown items say nothing that a client of another dialect could use.
pub(super) fn parts(item: &Value) -> Vec<Part> {
    match word(item, "type").unwrap_or_default() {
        "message" => message(item),
        "reasoning" => reasoning::read(item).map(|found| Part::new(Content::Reasoning(found))).into_iter().collect(),
        "function_call" | "custom_tool_call" => vec![Part::new(Content::ToolCall(call(item)))],
        "image_generation_call" => image(item).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A call of a function or of a custom tool.
pub(super) fn call(item: &Value) -> ToolCall {
    let custom = word(item, "type") == Some("custom_tool_call");
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("name");
    let arguments = match item.get(if custom { "input" } else { "arguments" }) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        // Some gateways write the object itself.
        Some(other) => other.to_string(),
    };
    ToolCall {
        id: word(item, "call_id").or_else(|| word(item, "id")).unwrap_or_default().to_owned(),
        name: word(item, "namespace").map_or_else(|| name.clone(), |space| tools::flat(space, &name)),
        arguments,
        custom,
        signature: None,
    }
}

fn message(item: &Value) -> Vec<Part> {
    let content = match item.get("content") {
        Some(Value::String(text)) => return vec![Part::text(text.as_str())],
        Some(Value::Array(content)) => content,
        _ => return Vec::new(),
    };
    let read = |part: &Value| {
        Some(Part::new(match word(part, "type")? {
            "output_text" | "text" => Content::Text {
                text: part.get("text")?.as_str()?.to_owned(),
                citations: part.get("annotations").and_then(Value::as_array).map(|all| cited(all)).unwrap_or_default(),
            },
            "refusal" => Content::Refusal(part.get("refusal")?.as_str()?.to_owned()),
            _ => return None,
        }))
    };
    content.iter().filter_map(read).collect()
}

/// Annotations that lead somewhere; those to files are of one account only.
fn cited(annotations: &[Value]) -> Vec<Value> {
    annotations.iter().filter(|annotation| word(annotation, "url").is_some()).cloned().collect()
}

fn image(item: &Value) -> Option<Part> {
    let data = word(item, "result")?.to_owned();
    let kind = word(item, "output_format").unwrap_or("png");
    let (source, media_type) = (MediaSource::Base64(data), Some(format!("image/{kind}")));
    Some(Part::new(Content::Image(Media { source, media_type, name: None, detail: None })))
}
