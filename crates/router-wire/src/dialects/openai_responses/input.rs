//! Items of `input` → turns.
//!
//! Reasoning, texts and calls of the model that stand together are one turn, and so are results that stand together. Items
//! come from every generation of clients: without `type`, with fields that nobody knows, of kinds that nobody knows.

use serde_json::Value;

use super::{reasoning, tools, word};
use crate::dialects::RequestError;
use crate::message::{
    Content, Media, MediaSource, Part, Request, Role, Signature, ToolCall, ToolResult, Turn, Unsupported,
};

/// Reads `input`.
pub(super) fn read(request: &mut Request, input: Value) -> Result<(), RequestError> {
    match input {
        Value::String(text) => request.turns.push(Turn { role: Role::User, parts: vec![Part::text(text)] }),
        Value::Array(items) => {
            let mut reader = Reader { request, proofs: Vec::new() };
            for (index, item) in items.into_iter().enumerate() {
                reader.item(index, &item);
            }
        }
        _ => return Err(RequestError::invalid("input", "a string or a list of items")),
    }
    Ok(())
}

struct Reader<'a> {
    request: &'a mut Request,
    /// Proofs of calls that have not come yet; each has the id of its call.
    proofs: Vec<Signature>,
}

impl Reader<'_> {
    fn item(&mut self, index: usize, item: &Value) {
        let kind = word(item, "type").unwrap_or(if item.get("role").is_some() { "message" } else { "" });
        let place = || format!("input[{index}]");
        match kind {
            "message" => self.message(&place(), item),
            "reasoning" => self.reasoning(&place(), item),
            "function_call" => self.call(item, word(item, "name"), item.get("arguments"), false),
            "custom_tool_call" => self.call(item, word(item, "name"), item.get("input"), true),
            "function_call_output" | "custom_tool_call_output" => self.result(&place(), item),
            "additional_tools" => tools::read(self.request, item.get("tools").unwrap_or(&Value::Null)),
            "item_reference" | "compaction" | "compaction_summary" => self
                .request
                .unsupported
                .push(Unsupported::new(place(), format!("a `{kind}` means something to one provider account only"))),
            // Tools that the client runs under names of OpenAI's own, such as local_shell_call: calls like all others.
            _ if item.get("call_id").is_some() && kind.ends_with("_call_output") => self.result(&place(), item),
            _ => match kind.strip_suffix("_call").filter(|_| item.get("call_id").is_some()) {
                Some(name) => {
                    let arguments = ["action", "operation", "arguments"].iter().find_map(|key| item.get(key));
                    self.call(item, Some(name), arguments, false);
                }
                None => self.request.dropped.push(place()),
            },
        }
    }

    fn message(&mut self, place: &str, item: &Value) {
        let parts = content(self.request, place, item.get("content").unwrap_or(&Value::Null));
        if parts.is_empty() {
            return;
        }
        match word(item, "role") {
            Some("system" | "developer") if self.request.turns.is_empty() => self.request.system.extend(parts),
            Some("system" | "developer") => self.request.turns.push(Turn { role: Role::System, parts }),
            Some("assistant") => self.assistant(parts),
            _ => self.request.turns.push(Turn { role: Role::User, parts }),
        }
    }

    fn assistant(&mut self, parts: Vec<Part>) {
        match self.request.turns.last_mut() {
            Some(turn) if turn.role == Role::Assistant => turn.parts.extend(parts),
            _ => self.request.turns.push(Turn { role: Role::Assistant, parts }),
        }
    }

    fn reasoning(&mut self, place: &str, item: &Value) {
        match reasoning::read(item) {
            Some(found) if reasoning::call_of(&found).is_some() => self.proofs.extend(found.signature),
            Some(found) => self.assistant(vec![Part::new(Content::Reasoning(found))]),
            None => self.request.dropped.push(place.to_owned()),
        }
    }

    fn call(&mut self, item: &Value, name: Option<&str>, arguments: Option<&Value>, custom: bool) {
        let name = name.unwrap_or_default();
        let name = word(item, "namespace").map_or_else(|| name.to_owned(), |space| tools::flat(space, name));
        let id = id_of(item);
        let proof = self.proofs.iter().position(|proof| proof.id.as_deref() == Some(id.as_str()));
        let signature = proof.map(|at| Signature { id: None, ..self.proofs.swap_remove(at) });
        let arguments = match arguments {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        self.assistant(vec![Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom, signature }))]);
    }

    fn result(&mut self, place: &str, item: &Value) {
        let parts = content(self.request, place, item.get("output").unwrap_or(&Value::Null));
        let custom = word(item, "type") == Some("custom_tool_call_output");
        let result = ToolResult { call_id: id_of(item), name: None, parts, is_error: false, custom };
        let part = Part::new(Content::ToolResult(result));
        let results = |turn: &&mut Turn| {
            turn.role == Role::User && turn.parts.iter().all(|part| matches!(part.content, Content::ToolResult(_)))
        };
        match self.request.turns.last_mut().filter(results) {
            Some(turn) => turn.parts.push(part),
            None => self.request.turns.push(Turn { role: Role::User, parts: vec![part] }),
        }
    }
}

fn id_of(item: &Value) -> String {
    word(item, "call_id").or_else(|| word(item, "id")).unwrap_or_default().to_owned()
}

/// A string, a list of parts, or (in results of sloppy clients) any other value as its JSON.
fn content(request: &mut Request, place: &str, content: &Value) -> Vec<Part> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) => vec![Part::text(text.as_str())],
        Value::Array(parts) => {
            let mut read = Vec::with_capacity(parts.len());
            for (index, value) in parts.iter().enumerate() {
                match part(value) {
                    Some(content) => read.push(Part::new(content)),
                    None => request.dropped.push(format!("{place}.content[{index}]")),
                }
            }
            read
        }
        other => vec![Part::text(other.to_string())],
    }
}

fn part(part: &Value) -> Option<Content> {
    let text = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(match word(part, "type")? {
        "input_text" | "output_text" | "text" => Content::Text { text: text("text")?, citations: Vec::new() },
        "refusal" => Content::Refusal(text("refusal")?),
        "input_image" | "image_url" => {
            let address = part.get("image_url").and_then(|url| url.as_str().or_else(|| word(url, "url")));
            let media = stored_or(part, address.map(Media::from_address))?;
            Content::Image(Media { detail: text("detail"), ..media })
        }
        "input_file" | "file" => {
            let inline = text("file_data").map(|data| match data.starts_with("data:") {
                true => Media::from_address(&data),
                false => bare(MediaSource::Base64(data)),
            });
            let media = stored_or(part, inline.or_else(|| text("file_url").map(|url| bare(MediaSource::Url(url)))))?;
            Content::File(Media { name: text("filename"), ..media })
        }
        "input_audio" => {
            let audio = part.get("input_audio")?;
            let media = bare(MediaSource::Base64(word(audio, "data")?.to_owned()));
            Content::Audio(Media { media_type: word(audio, "format").map(|kind| format!("audio/{kind}")), ..media })
        }
        _ => return None,
    })
}

const fn bare(source: MediaSource) -> Media {
    Media { source, media_type: None, name: None, detail: None }
}

fn stored_or(part: &Value, media: Option<Media>) -> Option<Media> {
    media.or_else(|| word(part, "file_id").map(|id| bare(MediaSource::Stored(id.to_owned()))))
}
