//! Neutral turns → messages that the API accepts: user first, roles alternate, results directly behind their calls and first
//! in their message, no empty text.

use serde_json::{Map, Value, json};

use super::family::Family;
use super::media;
use super::thinking::is_ours;
use super::write_request::{JSON_TOOL, is_blank, mark};
use crate::message::{Content, NameRule, Names, Part, Request, Role, ToolCall, ToolChoice, ToolResult, Unsupported};

/// Stands where the API wants text and there is none.
const NOTHING: &str = ".";
/// Stands for a result that the history lacks.
const NO_RESULT: &str = "(no result)";
/// Ids of calls: `[a-zA-Z0-9_-]+`.
const ID: NameRule = NameRule { max: 256, also: &['_', '-'] };

/// Every name of a tool that the request uses.
pub(super) fn names(request: &Request) -> impl Iterator<Item = &str> {
    let choice: Vec<&str> = match &request.tool_choice {
        Some(ToolChoice::Named(name)) => vec![name],
        Some(ToolChoice::Allowed { names, .. }) => names.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    // Reserved, so that no rewritten name becomes it.
    let tools = request.tools.iter().map(|tool| tool.name.as_str());
    tools.chain(choice).chain(calls(request).map(|call| call.name.as_str())).chain([JSON_TOOL])
}

fn calls(request: &Request) -> impl Iterator<Item = &ToolCall> {
    request.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(call),
        _ => None,
    })
}

/// Whether the history holds calls of tools.
pub(super) fn has_calls(request: &Request) -> bool {
    calls(request).next().is_some()
}

/// A message under way.
#[derive(Default)]
struct Message {
    assistant: bool,
    /// Results of tools, which come first.
    results: Vec<Value>,
    blocks: Vec<Value>,
    /// Ids of calls that want a result.
    open: Vec<String>,
}

/// Writes the turns of one request.
pub(super) struct Writer<'a> {
    request: &'a Request,
    names: &'a Names,
    ids: Names,
    dropped: &'a mut Vec<String>,
    messages: Vec<Message>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(request: &'a Request, names: &'a Names, dropped: &'a mut Vec<String>) -> Self {
        // Results without a call are left out, so the ids of calls are all that there are.
        let ids = Names::for_rule(ID, calls(request).map(|call| call.id.as_str()));
        Self { request, names, ids, dropped, messages: Vec::new() }
    }

    /// The blocks of `system`.
    pub(super) fn system(&mut self) -> Result<Vec<Value>, Unsupported> {
        let parts = self.request.system.iter().filter(|part| !is_blank(&part.content));
        parts.filter_map(|part| self.plain(part).transpose()).collect()
    }

    /// The messages.
    pub(super) fn messages(mut self, family: Family) -> Result<Vec<Value>, Unsupported> {
        for turn in &self.request.turns {
            let assistant = turn.role == Role::Assistant;
            if self.messages.last().is_none_or(|last| last.assistant != assistant) {
                self.begin(assistant);
            }
            for part in &turn.parts {
                self.part(part, assistant)?;
            }
        }
        if self.messages.last().is_some_and(|last| !last.open.is_empty()) {
            self.begin(false);
        }
        self.close_calls();
        self.messages.retain(|message| !message.assistant || !message.blocks.is_empty());
        self.finish(family)
    }

    fn begin(&mut self, assistant: bool) {
        if assistant {
            self.close_calls();
        }
        self.messages.push(Message { assistant, ..Message::default() });
    }

    /// Gives every open call before the last message (of the user) a result.
    fn close_calls(&mut self) {
        let [.., before, last] = self.messages.as_mut_slice() else { return };
        for id in before.open.drain(..) {
            last.results.push(json!({ "type": "tool_result", "tool_use_id": id, "content": NO_RESULT }));
        }
    }

    fn part(&mut self, part: &Part, assistant: bool) -> Result<(), Unsupported> {
        if is_blank(&part.content) {
            return Ok(());
        }
        let block = match &part.content {
            Content::ToolResult(result) => return self.result(part, result),
            Content::ToolCall(call) if assistant => self.call(part, call),
            Content::Reasoning(_) if assistant => self.reasoning(part),
            // Pictures and sounds that a model made cannot be shown to it as its own words.
            Content::Image(_) | Content::Audio(_) | Content::File(_) if assistant => {
                self.dropped.push("media in an assistant message".into());
                None
            }
            _ => self.plain(part)?,
        };
        if let (Some(block), Some(message)) = (block, self.messages.last_mut()) {
            message.blocks.push(block);
        }
        Ok(())
    }

    fn call(&mut self, part: &Part, call: &ToolCall) -> Option<Value> {
        let id = self.ids.up(&call.id).to_owned();
        let mut block = Map::new();
        block.insert("type".into(), "tool_use".into());
        block.insert("id".into(), id.as_str().into());
        block.insert("name".into(), self.names.up(&call.name).into());
        block.insert("input".into(), call.input());
        mark(&mut block, part.cache);
        self.messages.last_mut()?.open.push(id);
        Some(block.into())
    }

    fn reasoning(&self, part: &Part) -> Option<Value> {
        let Content::Reasoning(reasoning) = &part.content else { return None };
        // Thinking that Anthropic has not signed is refused, and other families' proofs are not for its eyes.
        let signature = reasoning.signature.as_ref().filter(|_| is_ours(part))?;
        Some(if reasoning.redacted {
            json!({ "type": "redacted_thinking", "data": signature.data })
        } else {
            json!({ "type": "thinking", "thinking": reasoning.text, "signature": signature.data })
        })
    }

    fn result(&mut self, part: &Part, result: &ToolResult) -> Result<(), Unsupported> {
        let id = self.ids.up(&result.call_id).to_owned();
        let [.., before, last] = self.messages.as_mut_slice() else { return self.orphan() };
        let Some(place) = before.open.iter().position(|open| *open == id) else { return self.orphan() };
        if last.assistant {
            return self.orphan();
        }
        before.open.remove(place);
        let mut content = Vec::with_capacity(result.parts.len());
        for inner in result.parts.iter().filter(|inner| !is_blank(&inner.content)) {
            content.extend(self.plain(inner)?);
        }
        let mut block = Map::new();
        block.insert("type".into(), "tool_result".into());
        block.insert("tool_use_id".into(), id.into());
        if !content.is_empty() {
            block.insert("content".into(), content.into());
        }
        if result.is_error {
            block.insert("is_error".into(), true.into());
        }
        mark(&mut block, part.cache);
        if let Some(message) = self.messages.last_mut() {
            message.results.push(block.into());
        }
        Ok(())
    }

    /// A result that belongs to no call of the message before it.
    #[expect(clippy::unnecessary_wraps, reason = "the end of a function that can fail")]
    fn orphan(&mut self) -> Result<(), Unsupported> {
        self.dropped.push("tool result without its call".into());
        Ok(())
    }

    /// Text, images and documents.
    fn plain(&mut self, part: &Part) -> Result<Option<Value>, Unsupported> {
        let block = match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) => json!({ "type": "text", "text": text }),
            Content::Image(image) => media::image(image)?,
            Content::File(file) => media::document(file)?,
            Content::Audio(_) => return Err(Unsupported::new("messages", "audio has no counterpart")),
            Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => return Ok(None),
        };
        let Value::Object(mut block) = block else { return Ok(None) };
        mark(&mut block, part.cache);
        Ok(Some(block.into()))
    }

    fn finish(self, family: Family) -> Result<Vec<Value>, Unsupported> {
        let mut written: Vec<Value> = Vec::with_capacity(self.messages.len() + 1);
        let mut last_assistant = true;
        let count = self.messages.len();
        for (index, message) in self.messages.into_iter().enumerate() {
            let Message { assistant, mut results, mut blocks, .. } = message;
            if assistant && last_assistant {
                written.push(message_of(false, vec![text(NOTHING)]));
            }
            if assistant && index + 1 == count {
                if !family.continues() {
                    return Err(Unsupported::new(
                        "messages",
                        "this model does not continue a message of the assistant",
                    ));
                }
                trim_end(&mut blocks);
            }
            results.append(&mut blocks);
            if results.is_empty() {
                results.push(text(NOTHING));
            }
            written.push(message_of(assistant, results));
            last_assistant = assistant;
        }
        if written.is_empty() {
            written.push(message_of(false, vec![text(NOTHING)]));
        }
        Ok(merged(written))
    }
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn message_of(assistant: bool, content: Vec<Value>) -> Value {
    json!({ "role": if assistant { "assistant" } else { "user" }, "content": content })
}

/// Messages of the user that an empty message of the assistant stood between become one.
fn merged(messages: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(messages.len());
    for mut message in messages {
        let same = out.last().is_some_and(|last| last.get("role") == message.get("role"));
        let content = message.get_mut("content").and_then(Value::as_array_mut).map(std::mem::take);
        match (out.last_mut().and_then(|last| last.get_mut("content")?.as_array_mut()), content) {
            (Some(last), Some(mut content)) if same => last.append(&mut content),
            (_, Some(content)) => {
                if let Some(slot) = message.get_mut("content") {
                    *slot = content.into();
                }
                out.push(message);
            }
            (_, None) => {}
        }
    }
    out
}

/// The API refuses whitespace at the end of a message that the model shall continue.
fn trim_end(blocks: &mut [Value]) {
    if let Some(Value::String(text)) = blocks.last_mut().and_then(|block| block.get_mut("text")) {
        text.truncate(text.trim_end().len());
    }
}
