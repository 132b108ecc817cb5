//! Turns → items of `input` for a provider.
//!
//! The API wants every call answered and every result called for: a result without its call becomes text of the user, a call
//! without its result gets an empty one. Reasoning goes only with OpenAI's own proof, and only before something that it led to.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::reasoning;
use crate::message::{
    Content, Media, MediaSource, Names, Part, Role, SignatureFormat, ToolCall, ToolResult, Turn, Unsupported,
};

/// Longest `call_id`.
const LONGEST_ID: usize = 64;
const NO_RESULT: &str = "(no result)";

/// The items: system texts behind the first (which is `instructions`), then the turns. `role` is that of system messages.
pub(super) fn items<'a>(
    system: impl Iterator<Item = &'a str>,
    turns: &'a [Turn],
    role: &'static str,
    names: &'a Names,
) -> Result<Vec<Value>, Unsupported> {
    let mut writer = Writer::new(turns, names);
    for text in system {
        writer.items.push(json!({"type": "message", "role": role, "content": [input_text(text)]}));
    }
    for turn in turns {
        match turn.role {
            Role::System => writer.message(role, &turn.parts)?,
            Role::User => writer.message("user", &turn.parts)?,
            Role::Assistant => writer.assistant(&turn.parts)?,
        }
    }
    Ok(writer.items)
}

struct Writer<'a> {
    items: Vec<Value>,
    names: &'a Names,
    /// Ids of calls, and whether each is one of a custom tool.
    called: HashSet<(&'a str, bool)>,
    answered: HashSet<&'a str>,
}

impl<'a> Writer<'a> {
    fn new(turns: &'a [Turn], names: &'a Names) -> Self {
        let mut writer = Self { items: Vec::new(), names, called: HashSet::new(), answered: HashSet::new() };
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            match &part.content {
                Content::ToolCall(call) => _ = writer.called.insert((call.id.as_str(), call.custom)),
                Content::ToolResult(result) => _ = writer.answered.insert(result.call_id.as_str()),
                _ => {}
            }
        }
        writer
    }

    fn message(&mut self, role: &str, parts: &[Part]) -> Result<(), Unsupported> {
        let mut content = Vec::new();
        for part in parts {
            match &part.content {
                Content::ToolResult(result) if self.is_called(result) => {
                    self.flush(role, &mut content);
                    self.result(result)?;
                }
                Content::ToolResult(orphan) => {
                    for part in &orphan.parts {
                        content.push(input(&part.content)?);
                    }
                }
                Content::Reasoning(_) | Content::ToolCall(_) => {}
                other => content.push(input(other)?),
            }
        }
        self.flush(role, &mut content);
        Ok(())
    }

    fn flush(&mut self, role: &str, content: &mut Vec<Value>) {
        if !content.is_empty() {
            let content = std::mem::take(content);
            self.items.push(json!({"type": "message", "role": role, "content": content}));
        }
    }

    fn is_called(&self, result: &ToolResult) -> bool {
        [true, false].iter().any(|custom| self.called.contains(&(result.call_id.as_str(), *custom)))
    }

    fn result(&mut self, result: &ToolResult) -> Result<(), Unsupported> {
        let id = result.call_id.as_str();
        let custom = self.called.contains(&(id, true));
        let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
        let prefix = if result.is_error { "Error: " } else { "" };
        let output = if result.parts.iter().all(|part| part.as_text().is_some()) {
            let texts: String = result.parts.iter().filter_map(Part::as_text).collect();
            Value::String(format!("{prefix}{texts}"))
        } else {
            let mut written: Vec<Value> =
                result.parts.iter().map(|part| input(&part.content)).collect::<Result<_, _>>()?;
            if result.is_error {
                written.insert(0, input_text("Error:"));
            }
            written.into()
        };
        self.items.push(json!({"type": kind, "call_id": *call_id(id), "output": output}));
        Ok(())
    }

    fn assistant(&mut self, parts: &[Part]) -> Result<(), Unsupported> {
        let mut content = Vec::new();
        let mut unanswered = Vec::new();
        for part in parts {
            match &part.content {
                Content::Text { text, .. } => {
                    content.push(json!({"type": "output_text", "text": text, "annotations": []}));
                }
                Content::Refusal(text) => content.push(json!({"type": "refusal", "refusal": text})),
                Content::Reasoning(found) => {
                    self.flush("assistant", &mut content);
                    let own = |format: &SignatureFormat| *format == SignatureFormat::OpenAi;
                    if let Some(proof) = found.signature.as_ref().filter(|proof| own(&proof.format)) {
                        self.items.push(reasoning::item(proof.id.as_deref(), &found.text, Some(&proof.data)));
                    }
                }
                Content::ToolCall(call) => {
                    self.flush("assistant", &mut content);
                    self.call(call);
                    unanswered.extend(Some(call).filter(|call| !self.answered.contains(call.id.as_str())));
                }
                Content::ToolResult(_) => {}
                Content::Image(_) | Content::Audio(_) | Content::File(_) => {
                    let why = "the provider's dialect takes no media in turns of the model";
                    return Err(Unsupported::new("messages", why));
                }
            }
        }
        self.flush("assistant", &mut content);
        while self.items.last().is_some_and(|item| super::word(item, "type") == Some("reasoning")) {
            self.items.pop();
        }
        for call in unanswered {
            let kind = if call.custom { "custom_tool_call_output" } else { "function_call_output" };
            self.items.push(json!({"type": kind, "call_id": *call_id(&call.id), "output": NO_RESULT}));
        }
        Ok(())
    }

    fn call(&mut self, call: &ToolCall) {
        let name = self.names.up(&call.name);
        let id = call_id(&call.id);
        self.items.push(if call.custom {
            json!({"type": "custom_tool_call", "call_id": *id, "name": name, "input": call.arguments})
        } else {
            let arguments = if call.arguments.is_empty() { "{}" } else { call.arguments.as_str() };
            json!({"type": "function_call", "call_id": *id, "name": name, "arguments": arguments})
        });
    }
}

/// The id, or a short one made from it where it is too long or empty: the same in the call and in its result.
fn call_id(id: &str) -> std::borrow::Cow<'_, str> {
    if (1..=LONGEST_ID).contains(&id.len()) {
        return id.into();
    }
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("call_{hash:016x}").into()
}

fn input_text(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

fn input(content: &Content) -> Result<Value, Unsupported> {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => Ok(input_text(text)),
        Content::Image(media) => image(media),
        Content::File(media) => file(media),
        Content::Audio(_) => Err(Unsupported::new("input_audio", "the provider's dialect takes no audio")),
        _ => Err(Unsupported::new("messages", "a part stands where it cannot stand in the provider's dialect")),
    }
}

fn image(media: &Media) -> Result<Value, Unsupported> {
    let address = media.to_address().ok_or_else(|| stored(media, "image"))?;
    let mut image = json!({"type": "input_image", "image_url": address});
    if let (Some(object), Some(detail)) = (image.as_object_mut(), &media.detail) {
        object.insert("detail".into(), detail.as_str().into());
    }
    Ok(image)
}

fn file(media: &Media) -> Result<Value, Unsupported> {
    let mut file = Map::new();
    file.insert("type".into(), "input_file".into());
    match &media.source {
        MediaSource::Text(text) => {
            let title = media.name.as_deref().map(|name| format!("{name}\n\n")).unwrap_or_default();
            return Ok(input_text(&format!("{title}{text}")));
        }
        MediaSource::Url(url) => _ = file.insert("file_url".into(), url.as_str().into()),
        MediaSource::Base64(_) => {
            let address = media.to_address().ok_or_else(|| stored(media, "file"))?;
            // A file in the body must have a name.
            file.insert("filename".into(), media.name.as_deref().unwrap_or("document").into());
            file.insert("file_data".into(), address.into());
        }
        MediaSource::Stored(_) => return Err(stored(media, "file")),
    }
    Ok(file.into())
}

fn stored(media: &Media, what: &str) -> Unsupported {
    let id = match &media.source {
        MediaSource::Stored(id) => id.as_str(),
        _ => "",
    };
    Unsupported::new("file_id", format!("the {what} `{id}` is stored in one provider account only"))
}
