//! Turns of the neutral form as Ollama's messages: a content that is a text, pictures beside it, results in the order of their
//! calls, since nothing else says which belongs to which.

use serde_json::{Value, json};

use crate::message::{Content, Media, MediaSource, Part, Request, Role, ToolCall, ToolResult, Turn, Unsupported};

/// The messages of a request.
///
/// # Errors
/// [`Unsupported`] for what must not get lost: sounds, documents, pictures that are not in the request.
pub(super) fn write(request: &Request) -> Result<Vec<Value>, Unsupported> {
    let mut writer = Writer::default();
    writer.say("system", &request.system)?;
    for turn in &request.turns {
        match turn.role {
            Role::System => {
                writer.settle()?;
                writer.say("system", &turn.parts)?;
            }
            Role::User => writer.user(&turn.parts)?,
            Role::Assistant => writer.assistant(turn)?,
        }
    }
    writer.settle()?;
    Ok(writer.messages)
}

#[derive(Default)]
struct Writer<'a> {
    messages: Vec<Value>,
    /// Calls that wait for their results.
    open: Vec<&'a ToolCall>,
    /// Pictures of results, which have no place in them: the user shows them behind.
    shown: Vec<&'a Part>,
}

impl<'a> Writer<'a> {
    /// Results first, in the order of the calls, then the rest; a result that belongs to no call is the user's words.
    fn user(&mut self, parts: &'a [Part]) -> Result<(), Unsupported> {
        let (mut results, mut said) = (Vec::new(), Vec::new());
        for part in parts {
            match &part.content {
                Content::ToolResult(result) => results.push(result),
                _ => said.push(part),
            }
        }
        self.answer(&mut results)?;
        let orphans = results.iter().flat_map(|result| &result.parts);
        let all: Vec<&Part> = std::mem::take(&mut self.shown).into_iter().chain(orphans).chain(said).collect();
        self.say("user", all)
    }

    /// Closes what is open before something that may not stand between a call and its result.
    fn settle(&mut self) -> Result<(), Unsupported> {
        self.user(&[])
    }

    /// Answers the open calls with those of the results that are theirs.
    fn answer(&mut self, results: &mut Vec<&'a ToolResult>) -> Result<(), Unsupported> {
        for call in std::mem::take(&mut self.open) {
            let place = results.iter().position(|result| result.call_id == call.id);
            let text = match place.map(|place| results.remove(place)) {
                Some(result) => self.said(result)?,
                None => "(no result)".to_owned(),
            };
            self.messages.push(json!({"role": "tool", "tool_name": call.name, "content": text}));
        }
        Ok(())
    }

    /// The words of a result; one that failed says so.
    fn said(&mut self, result: &'a ToolResult) -> Result<String, Unsupported> {
        let (pictures, words): (Vec<&Part>, Vec<&Part>) =
            result.parts.iter().partition(|part| matches!(part.content, Content::Image(_)));
        self.shown.extend(pictures);
        let (text, _) = contents(words)?;
        Ok(if result.is_error { format!("Error: {text}") } else { text })
    }

    fn say(&mut self, role: &str, parts: impl IntoIterator<Item = &'a Part>) -> Result<(), Unsupported> {
        let (text, pictures) = contents(parts)?;
        if !text.is_empty() || !pictures.is_empty() {
            let mut message = json!({"role": role, "content": text});
            put(&mut message, "images", pictures);
            self.messages.push(message);
        }
        Ok(())
    }

    /// Thoughts go back as text: nothing here proves them.
    fn assistant(&mut self, turn: &'a Turn) -> Result<(), Unsupported> {
        self.settle()?;
        let (mut words, mut thought, mut pictures, mut calls) = (String::new(), String::new(), Vec::new(), Vec::new());
        for part in &turn.parts {
            match &part.content {
                Content::Text { text, .. } | Content::Refusal(text) => words.push_str(text),
                Content::Reasoning(reasoning) if !reasoning.redacted => thought.push_str(&reasoning.text),
                Content::ToolCall(call) => {
                    self.open.push(call);
                    calls.push(json!({"function": {"name": call.name, "arguments": call.input()}}));
                }
                Content::Image(media) => pictures.push(picture(media)?),
                _ => {}
            }
        }
        if words.is_empty() && thought.is_empty() && pictures.is_empty() && calls.is_empty() {
            return Ok(());
        }
        let mut message = json!({"role": "assistant", "content": words});
        if let Some(message) = message.as_object_mut().filter(|_| !thought.is_empty()) {
            message.insert("thinking".to_owned(), thought.into());
        }
        put(&mut message, "images", pictures);
        put(&mut message, "tool_calls", calls);
        self.messages.push(message);
        Ok(())
    }
}

/// Adds a list that is not empty.
fn put(message: &mut Value, name: &str, list: Vec<Value>) {
    if let Some(message) = message.as_object_mut().filter(|_| !list.is_empty()) {
        message.insert(name.to_owned(), list.into());
    }
}

/// The texts of these parts as one, and their pictures.
fn contents<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Result<(String, Vec<Value>), Unsupported> {
    let (mut texts, mut pictures) = (Vec::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) => texts.push(text.clone()),
            Content::Image(media) => pictures.push(picture(media)?),
            Content::File(media) => texts.push(document(media)?),
            Content::Audio(_) => return Err(Unsupported::new("messages", "Ollama takes no sounds")),
            Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {}
        }
    }
    Ok((texts.join("\n\n"), pictures))
}

/// Bare base64. Nobody fetches an address there, and we fetch nothing for a client.
fn picture(media: &Media) -> Result<Value, Unsupported> {
    match &media.source {
        MediaSource::Base64(data) => Ok(data.as_str().into()),
        MediaSource::Url(_) | MediaSource::Text(_) => {
            Err(Unsupported::new("messages", "Ollama needs images inside the request, not an address"))
        }
        MediaSource::Stored(_) => Err(Unsupported::new("messages", "the image is stored at another provider")),
    }
}

fn document(media: &Media) -> Result<String, Unsupported> {
    match &media.source {
        MediaSource::Text(text) => {
            Ok(media.name.as_deref().map_or_else(|| text.clone(), |name| format!("{name}\n\n{text}")))
        }
        _ => Err(Unsupported::new("messages", "Ollama takes no documents but plain text")),
    }
}
