//! Writes the conversation for a provider of this dialect.
//!
//! The dialect wants the results of calls directly behind the turn that made them, as messages of their own and with text
//! only. What does not fit is put where it may stand: images and files of a result into the user message behind it, a result
//! that belongs to no call into the user's text. A call without a result gets one that says so.

use serde_json::{Map, Value, json};

use super::content_out::{self, content};
use super::reasoning;
use crate::dialects::Target;
use crate::message::{Content, Names, Part, Reasoning, Request, Role, SignatureFormat, ToolResult, Turn, Unsupported};

/// Longest id of a call that OpenAI takes, in bytes.
const LONGEST_ID: usize = 40;

/// The messages of a request.
pub(super) fn write(request: &Request, target: &Target<'_>, names: &Names) -> Result<Vec<Value>, Unsupported> {
    let mut writer = Writer { target, names, messages: Vec::new(), open: Vec::new(), moved: Vec::new() };
    writer.instructions(&request.system)?;
    for turn in &request.turns {
        match turn.role {
            Role::System => {
                writer.settle()?;
                writer.instructions(&turn.parts)?;
            }
            Role::User => writer.user(&turn.parts)?,
            Role::Assistant => writer.assistant(turn)?,
        }
    }
    writer.settle()?;
    Ok(writer.messages)
}

struct Writer<'a> {
    target: &'a Target<'a>,
    names: &'a Names,
    messages: Vec<Value>,
    /// Ids of calls that wait for their results.
    open: Vec<String>,
    /// Parts that had no place in the message where they stood.
    moved: Vec<Part>,
}

impl Writer<'_> {
    fn instructions(&mut self, parts: &[Part]) -> Result<(), Unsupported> {
        if parts.is_empty() {
            return Ok(());
        }
        let role = if self.target.quirks.developer_role { "developer" } else { "system" };
        let cached = self.target.quirks.cache_control && parts.iter().any(|part| part.cache.is_some());
        let content = if cached { content(parts, self.target)? } else { joined(parts).into() };
        self.messages.push(json!({"role": role, "content": content}));
        Ok(())
    }

    fn user(&mut self, parts: &[Part]) -> Result<(), Unsupported> {
        let mut own = Vec::new();
        for part in parts {
            match &part.content {
                Content::ToolResult(result) => match self.open.iter().position(|id| *id == result.call_id) {
                    Some(at) => {
                        self.open.remove(at);
                        self.result(result);
                    }
                    None => own.extend(result.parts.iter().cloned()),
                },
                _ => own.push(part.clone()),
            }
        }
        self.unanswered();
        let mut said = std::mem::take(&mut self.moved);
        said.append(&mut own);
        self.say(&said)
    }

    /// Closes what is open before something that may not stand between a call and its result.
    fn settle(&mut self) -> Result<(), Unsupported> {
        self.unanswered();
        let said = std::mem::take(&mut self.moved);
        self.say(&said)
    }

    fn unanswered(&mut self) {
        for id in std::mem::take(&mut self.open) {
            self.messages.push(json!({"role": "tool", "tool_call_id": short(&id), "content": "(no result)"}));
        }
    }

    fn say(&mut self, parts: &[Part]) -> Result<(), Unsupported> {
        if !parts.is_empty() {
            self.messages.push(json!({"role": "user", "content": content(parts, self.target)?}));
        }
        Ok(())
    }

    fn result(&mut self, result: &ToolResult) {
        let (texts, others): (Vec<Part>, Vec<Part>) =
            result.parts.iter().cloned().partition(|part| part.as_text().is_some());
        let mut text = joined(&texts);
        if text.is_empty() && !others.is_empty() {
            text.push_str("(the result follows)");
        }
        if result.is_error {
            text.insert_str(0, "Error: ");
        }
        self.moved.extend(others);
        self.messages.push(json!({"role": "tool", "tool_call_id": short(&result.call_id), "content": text}));
    }

    fn assistant(&mut self, turn: &Turn) -> Result<(), Unsupported> {
        self.settle()?;
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        let (mut text, mut refusal) = (String::new(), String::new());
        let (mut calls, mut thoughts) = (Vec::new(), Vec::new());
        for part in &turn.parts {
            match &part.content {
                Content::Text { text: more, .. } => text.push_str(more),
                Content::Refusal(more) => refusal.push_str(more),
                Content::Reasoning(reasoning) => thoughts.push(reasoning),
                Content::ToolCall(call) => {
                    self.open.push(call.id.clone());
                    let (kind, argument) = if call.custom { ("custom", "input") } else { ("function", "arguments") };
                    let empty = call.arguments.is_empty() && !call.custom;
                    let arguments = if empty { "{}" } else { call.arguments.as_str() };
                    let inner = json!({"name": self.names.up(&call.name), argument: arguments});
                    calls.push(json!({"id": short(&call.id), "type": kind, kind: inner}));
                }
                Content::Image(_) | Content::Audio(_) | Content::File(_) => self.moved.push(part.clone()),
                Content::ToolResult(_) => {}
            }
        }
        // Null is refused by some, an absent content by others; both take a string, and only the call's turn may go without.
        if !text.is_empty() || calls.is_empty() || self.target.quirks.string_content {
            message.insert("content".to_owned(), text.into());
        }
        if !refusal.is_empty() {
            message.insert("refusal".to_owned(), refusal.into());
        }
        self.thoughts(&thoughts, &mut message);
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), calls.into());
        }
        let says = ["refusal", "reasoning_content", "reasoning_details", "tool_calls"];
        let silent = message.get("content").and_then(Value::as_str).unwrap_or_default().is_empty();
        if !silent || says.iter().any(|key| message.contains_key(*key)) {
            self.messages.push(message.into());
        }
        Ok(())
    }

    /// Reasoning goes back only to vendors that take it; in `reasoning_details` only with its proof, as models that check
    /// proofs refuse a thought without one.
    fn thoughts(&self, thoughts: &[&Reasoning], message: &mut Map<String, Value>) {
        let quirks = self.target.quirks;
        if quirks.reasoning_content {
            let text: String = thoughts.iter().map(|one| one.text.as_str()).collect();
            if !text.is_empty() {
                message.insert("reasoning_content".to_owned(), text.into());
            }
        }
        if quirks.reasoning_details {
            let details: Vec<Value> = thoughts
                .iter()
                .enumerate()
                .filter(|(_, one)| {
                    one.signature.as_ref().is_some_and(|proof| verifies(self.target.model, &proof.format))
                })
                .flat_map(|(index, one)| reasoning::write(one, index))
                .collect();
            if !details.is_empty() {
                message.insert("reasoning_details".to_owned(), details.into());
            }
        }
    }
}

/// Whether a gateway's model of that name may verify proofs of that family: its own, if the name tells whose it is. A name
/// that does not tell gets them all, as they came: the gateway knows the model and each entry names its format.
fn verifies(model: &str, format: &SignatureFormat) -> bool {
    const FAMILIES: &[(SignatureFormat, [&str; 2])] = &[
        (SignatureFormat::Anthropic, ["claude", "anthropic/"]),
        (SignatureFormat::OpenAi, ["gpt-", "openai/"]),
        (SignatureFormat::Gemini, ["gemini", "google/"]),
    ];
    let family = FAMILIES.iter().find(|(_, words)| words.iter().any(|word| model.contains(word)));
    family.is_none_or(|(family, _)| family == format)
}

/// Texts as one, with a blank line between them.
fn joined(parts: &[Part]) -> String {
    content_out::joined(parts)
}

/// The id itself, or one made of it that is short enough; the same in call and result.
fn short(id: &str) -> String {
    if id.len() <= LONGEST_ID && !id.is_empty() {
        return id.to_owned();
    }
    // FNV-1a, twice with different starts: ids of one conversation shall not collide, and no secret depends on them.
    let hash =
        |start: u64| id.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("call_{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_become_short_ones_that_differ() {
        let (one, other) = ("x".repeat(64), "y".repeat(64));
        assert_eq!(short("call_1"), "call_1");
        assert!(short(&one).len() <= LONGEST_ID && short(&one) != short(&other));
    }
}
