//! Neutral events → a client's stream: blocks one after the other, `message_delta` once, at the end.
//!
//! Pieces queue up: only the first is on its way to the client. One that others may still add to (a call, while parallel
//! calls interleave) keeps those behind it waiting until it is known to be whole.

use std::collections::VecDeque;

use router_core::usage::Usage;
use serde_json::{Value, json};

use super::answer::{call_head, is_ours, write_stop};
use super::{call_id, signed, tier_out, usage};
use crate::dialects::{Echo, StreamEncoder};
use crate::message::{Event, Stop};

/// The encoder.
pub(super) fn encoder(echo: &Echo<'_>) -> Box<dyn StreamEncoder> {
    Box::new(Encoder {
        id: echo.id.to_owned(),
        model: echo.model.to_owned(),
        input_tokens: echo.input_tokens,
        started: false,
        told: false,
        blocks: 0,
        calls: false,
        pieces: VecDeque::new(),
        stop: Stop::End,
        usage: None,
        tier: None,
    })
}

#[derive(Debug)]
struct Encoder {
    id: String,
    model: String,
    input_tokens: u64,
    started: bool,
    /// The last block that ended was text.
    told: bool,
    /// Blocks that were begun.
    blocks: usize,
    /// A tool was called.
    calls: bool,
    pieces: VecDeque<Piece>,
    stop: Stop,
    usage: Option<Usage>,
    tier: Option<String>,
}

#[derive(Debug)]
struct Piece {
    kind: Kind,
    /// Not yet sent.
    pending: String,
    citations: Vec<Value>,
    begun: bool,
    ended: bool,
}

#[derive(Debug)]
enum Kind {
    Text,
    /// With its signature as a word, once it is known.
    Thinking(Option<String>),
    Redacted(String),
    /// The call's index, its head, and all arguments so far.
    Call(usize, Value, String),
}

impl Piece {
    const fn new(kind: Kind) -> Self {
        Self { kind, pending: String::new(), citations: Vec::new(), begun: false, ended: false }
    }

    /// Whether nothing can follow, given that another piece has begun.
    fn is_whole(&self) -> bool {
        match &self.kind {
            Kind::Call(_, _, arguments) => serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok(),
            _ => true,
        }
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => self.start(out),
            Event::Ping => frame(out, "ping", &json!({ "type": "ping" })),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceTier(tier) => self.tier = Some(tier.clone()),
            Event::Stop(stop) => self.stop = stop.clone(),
            // The error's own event is the server's to write; pictures have no block in answers.
            Event::Error(_) | Event::Whole(_) => {}
            _ => {
                self.take(event);
                if !self.pieces.is_empty() {
                    self.start(out);
                    self.flow(out);
                }
            }
        }
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut Vec<u8>) {
        self.start(out);
        if self.is_afterthought() {
            self.pieces.pop_front();
        }
        self.pieces.iter_mut().for_each(|piece| piece.ended = true);
        self.flow(out);
        let mut used = usage::write(&usage.copied().or(self.usage).unwrap_or_default());
        if let (Some(tier), Some(object)) = (&self.tier, used.as_object_mut()) {
            object.insert("service_tier".into(), tier_out(tier).into());
        }
        let (reason, sequence) = write_stop(&self.stop, self.calls);
        let delta = json!({ "stop_reason": reason, "stop_sequence": sequence });
        frame(out, "message_delta", &json!({ "type": "message_delta", "delta": delta, "usage": used }));
        frame(out, "message_stop", &json!({ "type": "message_stop" }));
    }
}

impl Encoder {
    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let estimate = Usage { input: self.input_tokens, output: 1, ..Usage::default() };
        let message = json!({
            "id": format!("msg_{}", self.id),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage::write(&estimate),
        });
        frame(out, "message_start", &json!({ "type": "message_start", "message": message }));
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Text(text) | Event::Refusal(text) if !text.is_empty() => self.add(Kind::Text, text),
            Event::Reasoning(text) if !text.is_empty() => self.add(Kind::Thinking(None), text),
            Event::ReasoningSignature { signature, redacted } => {
                let word = signed::to_word(Some(signature));
                match self.pieces.back_mut() {
                    Some(Piece { kind: Kind::Thinking(slot), ended, .. }) if !*ended && !redacted => {
                        *slot = Some(word);
                        *ended = true;
                    }
                    _ => self.push(Kind::Redacted(word), true),
                }
            }
            Event::Citation(citation) if is_ours(citation) => {
                if let Some(piece) = self.pieces.back_mut().filter(|piece| matches!(piece.kind, Kind::Text)) {
                    piece.citations.push(citation.clone());
                }
            }
            Event::ToolStart { index, id, name, signature, .. } => {
                self.calls = true;
                let id = call_id(id, &self.id, *index);
                if let Some(signature) = signature {
                    self.push(Kind::Redacted(signed::of_call(signature, &id)), true);
                }
                self.push(Kind::Call(*index, call_head(&id, name), String::new()), false);
            }
            Event::ToolArguments { index, delta } => {
                if let Some(piece) = self.call(*index)
                    && let Kind::Call(_, _, arguments) = &mut piece.kind
                {
                    arguments.push_str(delta);
                    piece.pending.push_str(delta);
                }
            }
            Event::ToolEnd { index } => {
                if let Some(piece) = self.call(*index) {
                    piece.ended = true;
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, wanted: usize) -> Option<&mut Piece> {
        let is_it = |piece: &&mut Piece| matches!(piece.kind, Kind::Call(index, ..) if index == wanted) && !piece.ended;
        self.pieces.iter_mut().find(is_it)
    }

    fn push(&mut self, kind: Kind, ended: bool) {
        self.pieces.push_back(Piece { ended, ..Piece::new(kind) });
    }

    /// Adds to the last piece if it is of that kind, else to a new one.
    fn add(&mut self, kind: Kind, text: &str) {
        match self.pieces.back_mut() {
            Some(last) if !last.ended && std::mem::discriminant(&last.kind) == std::mem::discriminant(&kind) => {
                last.pending.push_str(text);
            }
            _ => self.pieces.push_back(Piece { pending: text.to_owned(), ..Piece::new(kind) }),
        }
    }

    /// Whether all that waits is another family's proof behind text. It goes only if a block follows it: clients (Claude Code)
    /// take the last block for the answer, and of proofs behind text no family demands them back.
    fn is_afterthought(&self) -> bool {
        let mut waiting = self.pieces.iter();
        let first = waiting.next().map(|piece| &piece.kind);
        let foreign = matches!(first, Some(Kind::Redacted(word)) if word.starts_with(signed::PACKED));
        foreign && waiting.next().is_none() && self.told
    }

    /// Sends what can be sent.
    fn flow(&mut self, out: &mut Vec<u8>) {
        while !self.is_afterthought()
            && let Some(mut piece) = self.pieces.pop_front()
        {
            let index = self.blocks;
            if !std::mem::replace(&mut piece.begun, true) {
                begin(&piece.kind, index, out);
            }
            send(&mut piece, index, out);
            let whole = piece.ended || (!self.pieces.is_empty() && piece.is_whole());
            if !whole {
                self.pieces.push_front(piece);
                return;
            }
            if let Kind::Thinking(word) = &piece.kind {
                let word = word.clone().unwrap_or_else(|| signed::to_word(None));
                delta(out, index, &json!({ "type": "signature_delta", "signature": word }));
            }
            self.told = matches!(piece.kind, Kind::Text);
            frame(out, "content_block_stop", &json!({ "type": "content_block_stop", "index": index }));
            self.blocks += 1;
        }
    }
}

fn begin(kind: &Kind, index: usize, out: &mut Vec<u8>) {
    let block = match kind {
        Kind::Text => json!({ "type": "text", "text": "" }),
        Kind::Thinking(_) => json!({ "type": "thinking", "thinking": "", "signature": "" }),
        Kind::Redacted(word) => json!({ "type": "redacted_thinking", "data": word }),
        Kind::Call(_, head, _) => head.clone(),
    };
    let start = json!({ "type": "content_block_start", "index": index, "content_block": block });
    frame(out, "content_block_start", &start);
}

fn send(piece: &mut Piece, index: usize, out: &mut Vec<u8>) {
    let pending = std::mem::take(&mut piece.pending);
    if !pending.is_empty() {
        let piece = match piece.kind {
            Kind::Text => json!({ "type": "text_delta", "text": pending }),
            Kind::Thinking(_) => json!({ "type": "thinking_delta", "thinking": pending }),
            Kind::Redacted(_) => return,
            Kind::Call(..) => json!({ "type": "input_json_delta", "partial_json": pending }),
        };
        delta(out, index, &piece);
    }
    for citation in piece.citations.drain(..) {
        delta(out, index, &json!({ "type": "citations_delta", "citation": citation }));
    }
}

fn delta(out: &mut Vec<u8>, index: usize, delta: &Value) {
    frame(out, "content_block_delta", &json!({ "type": "content_block_delta", "index": index, "delta": delta }));
}

/// `event: NAME` and its data.
fn frame(out: &mut Vec<u8>, name: &str, data: &Value) {
    out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}
