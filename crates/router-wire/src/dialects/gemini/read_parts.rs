//! Contents and parts of a request, or of an answer, in the neutral form.
//!
//! Calls need no id in this dialect. The neutral form needs one, so a missing id is made from the call's place in the
//! conversation, which the next turn does not change; results find their call by id, else by name and order.

use std::collections::HashSet;

use serde_json::Value;

use super::names::{Object, get, list, object, text};
use crate::message::{
    Content, Media, MediaSource, Part, Reasoning, Request, Role, Signature, SignatureFormat, ToolCall, ToolResult,
    Turn, Unsupported,
};

/// The text parts of a `systemInstruction`: an object with parts, a list of parts or a string.
pub(super) fn system(value: &Value) -> Vec<Part> {
    match value {
        Value::String(text) => vec![Part::text(text.as_str())],
        Value::Object(content) if get(content, "parts").is_some() => {
            list(content, "parts").iter().flat_map(system).collect()
        }
        Value::Object(part) => text(part, "text").map(Part::text).into_iter().collect(),
        Value::Array(parts) => parts
            .iter()
            .flat_map(|part| match part {
                Value::Object(part) => text(part, "text").map(Part::text),
                Value::String(text) => Some(Part::text(text.as_str())),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

struct Call {
    id: String,
    name: String,
    answered: bool,
}

/// Reads the conversation.
pub(super) struct Reader<'a> {
    request: &'a mut Request,
    calls: Vec<Call>,
    /// Ids that the client wrote itself.
    given: HashSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(request: &'a mut Request) -> Self {
        Self { request, calls: Vec::new(), given: HashSet::new() }
    }

    pub(super) fn contents(&mut self, body: &Object) {
        if let Some(Value::String(text)) = get(body, "contents") {
            return self.request.turns.push(Turn { role: Role::User, parts: vec![Part::text(text.as_str())] });
        }
        let contents = list(body, "contents");
        let parts = contents.iter().filter_map(Value::as_object).flat_map(|content| list(content, "parts"));
        let calls = parts.filter_map(|part| object(part.as_object()?, "functionCall"));
        self.given = calls.filter_map(|call| text(call, "id").map(str::to_owned)).collect();
        for (place, content) in contents.iter().enumerate() {
            match content {
                Value::String(text) => {
                    self.request.turns.push(Turn { role: Role::User, parts: vec![Part::text(text.as_str())] });
                }
                Value::Object(content) => self.content(content, place),
                _ => {}
            }
        }
        for turn in &mut self.request.turns {
            turn.parts = joined(std::mem::take(&mut turn.parts));
        }
    }

    fn content(&mut self, content: &Object, place: usize) {
        let role = match text(content, "role") {
            Some("model" | "assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => Role::User,
        };
        let mut parts = Vec::new();
        for (number, part) in list(content, "parts").iter().enumerate() {
            let Value::Object(part) = part else { continue };
            self.part(part, &format!("contents[{place}].parts[{number}]"), &mut parts);
        }
        match self.request.turns.last_mut() {
            _ if parts.is_empty() => {}
            // SDKs keep a streamed answer as one content an event.
            Some(last) if role == Role::Assistant && last.role == role => last.parts.append(&mut parts),
            _ => self.request.turns.push(Turn { role, parts }),
        }
    }

    fn part(&mut self, part: &Object, param: &str, out: &mut Vec<Part>) {
        if let Some(call) = object(part, "functionCall") {
            let content = self.call(call, signature(part));
            return out.push(Part::new(Content::ToolCall(content)));
        }
        if let Some(response) = object(part, "functionResponse") {
            let content = self.result(response, param);
            return out.push(Part::new(Content::ToolResult(content)));
        }
        if let Some(media) = media(part) {
            if media.media_type.as_deref().is_some_and(|kind| kind.starts_with("video/")) {
                let message = "videos are understood only by Gemini itself";
                return self.request.unsupported.push(Unsupported::new(param, message));
            }
            return out.push(Part::new(of_kind(media)));
        }
        let before = out.len();
        plain(part, out);
        let known = ["text", "executableCode", "codeExecutionResult", "thoughtSignature"];
        if out.len() == before && !known.iter().any(|name| get(part, name).is_some()) {
            self.request.dropped.push(param.to_owned());
        }
    }

    fn call(&mut self, call: &Object, signature: Option<Signature>) -> ToolCall {
        let name = text(call, "name").unwrap_or_default().to_owned();
        let id = text(call, "id").filter(|id| !id.is_empty()).map_or_else(|| self.fresh(), str::to_owned);
        self.calls.push(Call { id: id.clone(), name: name.clone(), answered: false });
        ToolCall { id, name, arguments: arguments(call), custom: false, signature }
    }

    /// An id that no call of the conversation has.
    fn fresh(&self) -> String {
        let id = format!("call_{}", self.calls.len());
        if self.given.contains(&id) { format!("call_gemini_{}", self.calls.len()) } else { id }
    }

    fn result(&mut self, response: &Object, param: &str) -> ToolResult {
        let name = text(response, "name").map(str::to_owned);
        let id = text(response, "id").filter(|id| !id.is_empty());
        let by_id = id.and_then(|id| self.calls.iter().position(|call| call.id == id && !call.answered));
        let place = by_id.or_else(|| {
            let name = name.as_deref()?;
            self.calls.iter().position(|call| call.name == name && !call.answered)
        });
        let call_id = match place.and_then(|place| self.calls.get_mut(place)) {
            Some(call) => {
                call.answered = true;
                call.id.clone()
            }
            None => id.map_or_else(|| format!("call_unknown_{param}"), str::to_owned),
        };
        let (mut parts, is_error) = output(get(response, "response"));
        for (number, part) in list(response, "parts").iter().filter_map(Value::as_object).enumerate() {
            match media(part) {
                Some(media) => parts.push(Part::new(of_kind(media))),
                None => self.request.dropped.push(format!("{param}.functionResponse.parts[{number}]")),
            }
        }
        ToolResult { call_id, name, parts, is_error, custom: false }
    }
}

/// Pieces of one thought as one: a streamed thought comes in pieces, of which the last has the signature.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        if let Content::Reasoning(next) = &part.content
            && !next.text.is_empty()
            && let Some(Content::Reasoning(open)) = out.last_mut().map(|last| &mut last.content)
            && open.signature.is_none()
        {
            open.text.push_str(&next.text);
            open.signature.clone_from(&next.signature);
            continue;
        }
        out.push(part);
    }
    out
}

/// `{"output":…}` and `{"error":…}` are Google's own wrapping of what is no object; other objects are the result themselves.
fn output(response: Option<&Value>) -> (Vec<Part>, bool) {
    let Some(response) = response else { return (Vec::new(), false) };
    let single = response.as_object().filter(|object| object.len() == 1);
    let wrapped = |name: &str| single.and_then(|object| object.get(name));
    let (inner, is_error) = match (wrapped("output"), wrapped("error")) {
        (Some(output), _) => (output, false),
        (_, Some(error)) => (error, true),
        _ => (response, false),
    };
    let text = inner.as_str().map_or_else(|| inner.to_string(), str::to_owned);
    (vec![Part::text(text)], is_error)
}

/// Arguments as JSON text.
pub(super) fn arguments(call: &Object) -> String {
    get(call, "args").map_or_else(|| "{}".to_owned(), Value::to_string)
}

/// The signature on a part.
pub(super) fn signature(part: &Object) -> Option<Signature> {
    let word =
        text(part, "thoughtSignature").filter(|word| !word.is_empty() && *word != super::write_parts::PLACEHOLDER)?;
    Some(Signature::unpack(word, SignatureFormat::Gemini))
}

/// `inlineData` or `fileData`.
pub(super) fn media(part: &Object) -> Option<Media> {
    let media = |source, data: &Object| {
        let kind = text(data, "mimeType").map(|kind| match kind.to_ascii_lowercase() {
            kind if kind == "image/jpg" => "image/jpeg".to_owned(),
            kind => kind,
        });
        Media { source, media_type: kind, name: text(data, "displayName").map(str::to_owned), detail: None }
    };
    if let Some(data) = object(part, "inlineData") {
        return Some(media(MediaSource::Base64(text(data, "data").unwrap_or_default().to_owned()), data));
    }
    let data = object(part, "fileData")?;
    let uri = text(data, "fileUri").unwrap_or_default().to_owned();
    let source = if is_stored(&uri) { MediaSource::Stored(uri) } else { MediaSource::Url(uri) };
    Some(media(source, data))
}

/// Whether an address means a file in a Google account.
pub(super) fn is_stored(uri: &str) -> bool {
    uri.starts_with("https://generativelanguage.googleapis.com/")
        || uri.starts_with("gs://")
        || uri.starts_with("files/")
}

/// A medium as the piece that its type makes it.
pub(super) fn of_kind(media: Media) -> Content {
    match media.media_type.as_deref().and_then(|kind| kind.split('/').next()) {
        Some("image") => Content::Image(media),
        Some("audio") => Content::Audio(media),
        _ => Content::File(media),
    }
}

/// Text, thoughts and what a hosted interpreter did. A signature on text stands behind it as reasoning that is all proof.
pub(super) fn plain(part: &Object, out: &mut Vec<Part>) {
    let signature = signature(part);
    let thought = get(part, "thought").and_then(Value::as_bool) == Some(true);
    let reasoning = |text: &str, signature: Option<Signature>| {
        let foreign = signature.as_ref().is_some_and(|signature| signature.format != SignatureFormat::Gemini);
        let redacted = text.is_empty() && foreign;
        Part::new(Content::Reasoning(Reasoning { text: text.to_owned(), signature, redacted }))
    };
    let found = text(part, "text").map(str::to_owned).or_else(|| interpreter(part)).unwrap_or_default();
    if thought {
        if !found.is_empty() || signature.is_some() {
            out.push(reasoning(&found, signature));
        }
        return;
    }
    if !found.is_empty() {
        out.push(Part::text(found));
    }
    if signature.is_some() {
        out.push(reasoning("", signature));
    }
}

fn interpreter(part: &Object) -> Option<String> {
    if let Some(code) = object(part, "executableCode") {
        let language = text(code, "language").unwrap_or_default().to_ascii_lowercase();
        return Some(format!("\n```{language}\n{}\n```\n", text(code, "code").unwrap_or_default()));
    }
    let result = object(part, "codeExecutionResult")?;
    Some(format!("\n```\n{}\n```\n", text(result, "output").unwrap_or_default()))
}
