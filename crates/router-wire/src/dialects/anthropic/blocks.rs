//! Content blocks → parts of the neutral form: the same for requests and answers.

use serde_json::{Map, Value};

use super::signed;
use crate::message::{
    CacheLife, Content, Media, MediaSource, Part, Reasoning, Signature, SignatureFormat, ToolCall, ToolResult,
};

/// Deepest nesting of blocks in blocks (a search result in a tool result in a turn).
const DEPTH: usize = 4;

/// Reads `content`: a string, or a list of blocks. What has no place in the neutral form is named in `dropped`, by its type.
pub(super) fn parts(content: &Value, dropped: &mut Vec<String>) -> Vec<Part> {
    nested(content, dropped, 0)
}

fn nested(content: &Value, dropped: &mut Vec<String>, depth: usize) -> Vec<Part> {
    match content {
        Value::String(text) => vec![Part::text(text)],
        Value::Array(blocks) if depth < DEPTH => {
            let mut parts = Vec::with_capacity(blocks.len());
            for block in blocks {
                match block {
                    Value::Object(block) => read(block, dropped, depth, &mut parts),
                    // Not legal, but clear.
                    Value::String(text) => parts.push(Part::text(text)),
                    _ => {}
                }
            }
            parts
        }
        _ => Vec::new(),
    }
}

/// The prompt-cache mark of a block or tool.
pub(super) fn cache(object: &Map<String, Value>) -> Option<CacheLife> {
    let mark = object.get("cache_control")?.as_object()?;
    Some(if text(mark, "ttl") == Some("1h") { CacheLife::Hour1 } else { CacheLife::Minutes5 })
}

/// A string member.
pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}

fn owned(object: &Map<String, Value>, key: &str) -> String {
    text(object, key).unwrap_or_default().to_owned()
}

fn read(block: &Map<String, Value>, dropped: &mut Vec<String>, depth: usize, parts: &mut Vec<Part>) {
    let kind = text(block, "type").unwrap_or_default();
    let content = match kind {
        "text" => {
            let citations = block.get("citations").and_then(Value::as_array).cloned().unwrap_or_default();
            Content::Text { text: owned(block, "text"), citations }
        }
        "image" | "document" => {
            return media(kind, block, dropped, depth, parts);
        }
        "search_result" => return search_result(block, dropped, depth, parts),
        "thinking" | "redacted_thinking" => Content::Reasoning(reasoning(kind, block)),
        "tool_use" => Content::ToolCall(ToolCall {
            id: owned(block, "id"),
            name: owned(block, "name"),
            arguments: block
                .get("input")
                .filter(|input| !input.is_null())
                .map_or_else(|| "{}".into(), Value::to_string),
            custom: false,
            signature: proof_of(text(block, "id").unwrap_or_default(), parts),
        }),
        "tool_result" => Content::ToolResult(ToolResult {
            call_id: owned(block, "tool_use_id"),
            name: None,
            parts: nested(block.get("content").unwrap_or(&Value::Null), dropped, depth + 1),
            is_error: block.get("is_error") == Some(&Value::Bool(true)),
            custom: false,
        }),
        // Hosted tools run at Anthropic; to others their calls and results mean nothing.
        other => return drop_kind(other, dropped),
    };
    parts.push(Part { content, cache: cache(block) });
}

/// The proof of a call of that id, which [`signed::of_call`] put before it.
fn proof_of(id: &str, parts: &mut Vec<Part>) -> Option<Signature> {
    let Some(Part { content: Content::Reasoning(Reasoning { signature: Some(proof), redacted: true, .. }), .. }) =
        parts.last()
    else {
        return None;
    };
    if proof.id.as_deref() != Some(id) || proof.format != SignatureFormat::Gemini {
        return None;
    }
    let proof = Signature { id: None, ..proof.clone() };
    parts.pop();
    Some(proof)
}

fn drop_kind(kind: &str, dropped: &mut Vec<String>) {
    let kind: String = kind.chars().take(64).collect();
    let name = format!("content block `{kind}`");
    if !dropped.contains(&name) {
        dropped.push(name);
    }
}

fn reasoning(kind: &str, block: &Map<String, Value>) -> Reasoning {
    if kind == "redacted_thinking" {
        let signature = text(block, "data").and_then(signed::from_word);
        return Reasoning { text: String::new(), signature, redacted: true };
    }
    let signature = text(block, "signature").and_then(signed::from_word);
    Reasoning { text: owned(block, "thinking"), signature, redacted: false }
}

fn media(kind: &str, block: &Map<String, Value>, dropped: &mut Vec<String>, depth: usize, parts: &mut Vec<Part>) {
    let Some(source) = block.get("source").and_then(Value::as_object) else { return drop_kind(kind, dropped) };
    let data = || owned(source, "data");
    let found = match text(source, "type").unwrap_or_default() {
        "base64" => MediaSource::Base64(data()),
        "url" => MediaSource::Url(owned(source, "url")),
        "file" => MediaSource::Stored(owned(source, "file_id")),
        "text" => MediaSource::Text(data()),
        // A document of blocks: they stand for themselves.
        "content" => {
            let inner = nested(source.get("content").unwrap_or(&Value::Null), dropped, depth + 1);
            return parts.extend(titled(text(block, "title"), text(block, "context"), inner));
        }
        _ => return drop_kind(kind, dropped),
    };
    let media = Media {
        source: found,
        media_type: text(source, "media_type").map(str::to_owned),
        name: text(block, "title").map(str::to_owned),
        detail: None,
    };
    let content = if kind == "image" { Content::Image(media) } else { Content::File(media) };
    if let Some(context) = text(block, "context").filter(|context| !context.is_empty()) {
        parts.push(Part::text(context));
    }
    parts.push(Part { content, cache: cache(block) });
}

/// A search result as text: where it is from, then what it says.
fn search_result(block: &Map<String, Value>, dropped: &mut Vec<String>, depth: usize, parts: &mut Vec<Part>) {
    let inner = nested(block.get("content").unwrap_or(&Value::Null), dropped, depth + 1);
    let mut all = titled(text(block, "title"), text(block, "source"), inner);
    if let Some(last) = all.last_mut() {
        last.cache = cache(block).or(last.cache);
    }
    parts.append(&mut all);
}

fn titled(title: Option<&str>, from: Option<&str>, mut inner: Vec<Part>) -> Vec<Part> {
    let head: Vec<&str> = [title, from].into_iter().flatten().filter(|text| !text.is_empty()).collect();
    if !head.is_empty() {
        inner.insert(0, Part::text(head.join("\n")));
    }
    inner
}
