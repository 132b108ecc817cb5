//! Puts the pieces of tool calls in a stream in order, however a provider numbers them.
//!
//! Seen: deltas without `index` (SGLang), every call with index 0 but an id of its own (Gemini's compatible endpoint), id and
//! name repeated in every delta, arguments as an object, names in pieces, `function_call` of old.

use serde_json::{Map, Value};

use super::fields::{items, object, text, text_or_json, thought_signature};
use crate::message::{Event, Signature, SignatureFormat};

/// The calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// The stream's id, for ids of calls that have none.
    stream: String,
    /// Signatures for calls that have not begun.
    held: Vec<Signature>,
}

#[derive(Debug, Default)]
struct Call {
    /// The provider's number.
    index: Option<u64>,
    id: String,
    name: String,
    custom: bool,
    signature: Option<Signature>,
    /// It was told.
    begun: bool,
}

impl Calls {
    /// Names the stream.
    pub(super) fn of_stream(&mut self, id: &str) {
        self.stream = id.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    }

    /// Whether there were any.
    pub(super) const fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Keeps a signature until the call with its id begins.
    pub(super) fn hold(&mut self, signature: Signature) {
        self.held.push(signature);
    }

    /// Takes a delta.
    pub(super) fn take(&mut self, delta: &Map<String, Value>, out: &mut Vec<Event>) {
        for piece in items(delta, "tool_calls").filter_map(Value::as_object) {
            self.piece(piece, out);
        }
        if let Some(function) = object(delta, "function_call") {
            let piece = Map::from_iter([
                ("index".to_owned(), Value::from(0)),
                ("function".to_owned(), Value::Object(function.clone())),
            ]);
            self.piece(&piece, out);
        }
    }

    /// The stream is over: what was held back, and the end of every call.
    pub(super) fn finish(&mut self, out: &mut Vec<Event>) {
        for place in 0..self.calls.len() {
            self.begin(place, out);
        }
        out.extend((0..self.calls.len()).map(|index| Event::ToolEnd { index }));
        for signature in self.held.drain(..) {
            out.push(Event::ReasoningSignature { signature, redacted: true });
        }
    }

    fn piece(&mut self, piece: &Map<String, Value>, out: &mut Vec<Event>) {
        let custom = object(piece, "custom");
        let empty = Map::new();
        let function = custom.or_else(|| object(piece, "function")).unwrap_or(&empty);
        let name = text(function, "name").unwrap_or_default();
        let id = text(piece, "id").unwrap_or_default();
        let place = self.place(piece.get("index").and_then(Value::as_u64), id, name);
        let Some(call) = self.calls.get_mut(place) else { return };
        call.custom |= custom.is_some();
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if !call.begun && call.name != name {
            call.name.push_str(name);
        }
        if let Some(proof) = thought_signature(piece) {
            call.signature = Some(Signature::unpack(proof, SignatureFormat::Gemini));
        }
        let arguments = text_or_json(function, if custom.is_some() { "input" } else { "arguments" });
        if let Some(delta) = arguments.filter(|arguments| !arguments.is_empty()) {
            self.begin(place, out);
            out.push(Event::ToolArguments { index: place, delta });
        }
    }

    /// Which call a piece belongs to; a new one is made where it belongs to none.
    fn place(&mut self, index: Option<u64>, id: &str, name: &str) -> usize {
        let by_id = || self.calls.iter().position(|call| !id.is_empty() && call.id == id);
        let other = |call: &Call| !id.is_empty() && !call.id.is_empty() && call.id != id;
        let found = match index {
            Some(_) => {
                // The latest with this number, unless the piece says that it is another call.
                let place = self.calls.iter().rposition(|call| call.index == index);
                place.filter(|place| self.calls.get(*place).is_some_and(|call| !other(call))).or_else(by_id)
            }
            None if !id.is_empty() => by_id(),
            // A name starts a call; without one it goes on.
            None if !name.is_empty() => None,
            None => self.calls.len().checked_sub(1),
        };
        found.unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        })
    }

    /// Tells a call, once: when its name is surely whole.
    fn begin(&mut self, place: usize, out: &mut Vec<Event>) {
        let stream = &self.stream;
        let Some(call) = self.calls.get_mut(place).filter(|call| !call.begun) else { return };
        call.begun = true;
        if call.id.is_empty() {
            call.id = format!("call_{stream}_{place}");
        }
        let held = self.held.iter().position(|signature| signature.id.as_deref() == Some(call.id.as_str()));
        let held = held.map(|at| Signature { id: None, ..self.held.remove(at) });
        out.push(Event::ToolStart {
            index: place,
            id: call.id.clone(),
            name: call.name.clone(),
            custom: call.custom,
            signature: call.signature.take().or(held),
        });
    }
}
