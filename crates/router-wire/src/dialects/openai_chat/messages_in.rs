//! Reads the messages of a client: who says what, which result belongs to which call.

use serde_json::{Map, Value};

use super::fields::{items, object, text, text_or_json, thought_signature};
use super::{content_in, reasoning};
use crate::message::{Content, Part, Reasoning, Request, Role, Signature, SignatureFormat, ToolCall, ToolResult, Turn};

/// What LiteLLM puts between an id and the signature that it hides there.
const HIDDEN_SIGNATURE: &str = "__thought__";

/// Reads messages into a request.
pub(super) struct Messages<'a> {
    request: &'a mut Request,
    /// Calls that have no result yet: id, name.
    open: Vec<(String, String)>,
    /// Calls so far, for ids that the client left out.
    calls: usize,
    /// Nothing but instructions so far.
    at_start: bool,
}

impl<'a> Messages<'a> {
    pub(super) const fn new(request: &'a mut Request) -> Self {
        Self { request, open: Vec::new(), calls: 0, at_start: true }
    }

    /// The next message; `index` is its place in the list. Unknown roles are the user's.
    pub(super) fn take(&mut self, index: usize, message: &Map<String, Value>) {
        let place = format!("messages[{index}]");
        let role = text(message, "role").unwrap_or_default();
        if message.contains_key("name") && !matches!(role, "tool" | "function") {
            self.request.speakers.extend(text(message, "name").map(str::to_owned));
            self.drop("messages[].name");
        }
        if matches!(role, "system" | "developer") {
            return self.instructions(&place, message);
        }
        self.at_start = false;
        match role {
            "assistant" => self.assistant(&place, message),
            "tool" | "function" => self.result(&place, message, role == "function"),
            _ => {
                let parts = self.content(&place, message);
                self.push(Role::User, parts);
            }
        }
    }

    fn instructions(&mut self, place: &str, message: &Map<String, Value>) {
        let parts = self.content(place, message);
        if self.at_start {
            self.request.system.extend(parts);
        } else {
            self.push(Role::System, parts);
        }
    }

    fn assistant(&mut self, place: &str, message: &Map<String, Value>) {
        let mut calls = self.calls(message);
        let mut parts: Vec<Part> = Vec::new();
        for reasoning in reasoning::read(message) {
            // OpenRouter ties Gemini's signatures to calls by their ids.
            let tied = reasoning.signature.as_ref().filter(|_| reasoning.redacted).and_then(|s| s.id.as_deref());
            match calls.iter_mut().find(|call| Some(call.id.as_str()) == tied) {
                Some(call) => {
                    call.signature = reasoning.signature.map(|signature| Signature { id: None, ..signature });
                }
                None => parts.push(Part::new(Content::Reasoning(reasoning))),
            }
        }
        if let Some(proof) = thought_signature(message) {
            let signature = Some(Signature::new(SignatureFormat::Gemini, proof));
            parts.push(Part::new(Content::Reasoning(Reasoning { text: String::new(), signature, redacted: false })));
        }
        let said = self.content(place, message);
        parts.extend(said.into_iter().filter(|part| part.as_text() != Some("")));
        let refusal = text(message, "refusal").filter(|refusal| !refusal.is_empty());
        parts.extend(refusal.map(|refusal| Part::new(Content::Refusal(refusal.to_owned()))));
        for image in items(message, "images") {
            parts.extend(content_in::parts(Some(image), place, &mut self.request.unsupported));
        }
        if object(message, "audio").is_some() {
            self.drop("messages[].audio");
        }
        self.open = calls.iter().map(|call| (call.id.clone(), call.name.clone())).collect();
        parts.extend(calls.into_iter().map(|call| Part::new(Content::ToolCall(call))));
        self.push(Role::Assistant, parts);
    }

    fn calls(&mut self, message: &Map<String, Value>) -> Vec<ToolCall> {
        let mut found = Vec::new();
        for call in items(message, "tool_calls").filter_map(Value::as_object) {
            let custom = object(call, "custom");
            let Some(function) = custom.or_else(|| object(call, "function")) else { continue };
            let name = text(function, "name").unwrap_or_default().to_owned();
            let (id, hidden) = match text(call, "id").filter(|id| !id.is_empty()) {
                Some(id) => id.split_once(HIDDEN_SIGNATURE).map_or((id, None), |(id, proof)| (id, Some(proof))),
                None => ("", None),
            };
            let proof = thought_signature(call).or(hidden);
            let arguments = if custom.is_some() { "input" } else { "arguments" };
            found.push(ToolCall {
                id: self.id_or_new(id, &name),
                name,
                arguments: text_or_json(function, arguments).unwrap_or_default(),
                custom: custom.is_some(),
                signature: proof.map(|proof| Signature::unpack(proof, SignatureFormat::Gemini)),
            });
        }
        if let Some(function) = object(message, "function_call").filter(|_| found.is_empty()) {
            let name = text(function, "name").unwrap_or_default().to_owned();
            let arguments = text_or_json(function, "arguments").unwrap_or_default();
            found.push(ToolCall { id: self.id_or_new("", &name), name, arguments, custom: false, signature: None });
        }
        found
    }

    /// Ids that the client (or the old shape, which has none) left out: the same for the same history.
    fn id_or_new(&mut self, id: &str, name: &str) -> String {
        self.calls += 1;
        if id.is_empty() { format!("call_{name}_{}", self.calls) } else { id.to_owned() }
    }

    fn result(&mut self, place: &str, message: &Map<String, Value>, legacy: bool) {
        let said = text(message, "tool_call_id").filter(|id| !id.is_empty() && !legacy);
        let said = said.map(|id| id.split_once(HIDDEN_SIGNATURE).map_or(id, |(id, _)| id));
        let name = text(message, "name");
        let place_of_call = match said {
            Some(id) => self.open.iter().position(|(open, _)| open == id),
            None => self.open.iter().position(|(_, open)| name.is_none_or(|name| name == open)),
        };
        let call = place_of_call.map(|at| self.open.remove(at));
        let call_id = said.map(str::to_owned).or_else(|| call.as_ref().map(|(id, _)| id.clone()));
        let custom = call_id.as_deref().is_some_and(|id| self.is_custom(id));
        let cache = content_in::cache(message);
        let parts = content_in::parts(message.get("content"), place, &mut self.request.unsupported);
        let result = ToolResult {
            call_id: call_id.unwrap_or_else(|| format!("call_{}_0", name.unwrap_or_default())),
            name: name.map(str::to_owned),
            parts,
            is_error: false,
            custom,
        };
        self.push(Role::User, vec![Part { content: Content::ToolResult(result), cache }]);
    }

    fn is_custom(&self, id: &str) -> bool {
        self.request.turns.iter().rev().flat_map(|turn| &turn.parts).any(|part| match &part.content {
            Content::ToolCall(call) => call.custom && call.id == id,
            _ => false,
        })
    }

    /// The content, with the message's own cache mark on its last part.
    fn content(&mut self, place: &str, message: &Map<String, Value>) -> Vec<Part> {
        let mut parts = content_in::parts(message.get("content"), place, &mut self.request.unsupported);
        if let Some(last) = parts.last_mut() {
            last.cache = last.cache.or(content_in::cache(message));
        }
        parts
    }

    /// Consecutive turns of one speaker are one turn.
    fn push(&mut self, role: Role, parts: Vec<Part>) {
        match self.request.turns.last_mut() {
            Some(last) if last.role == role => last.parts.extend(parts),
            _ if parts.is_empty() => {}
            _ => self.request.turns.push(Turn { role, parts }),
        }
    }

    fn drop(&mut self, name: &str) {
        if !self.request.dropped.iter().any(|dropped| dropped == name) {
            self.request.dropped.push(name.to_owned());
        }
    }
}
