//! A provider's stream → neutral.
//!
//! Events of the response as a whole repeat the request with its tools, so nothing is parsed before its `type` is known, and of
//! those events only the members that count. What deltas have brought is remembered by item, so that providers whose items
//! come only when they are done, or only in the last event, lose nothing, and nobody's text comes twice.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{answer, item, reasoning, word};
use crate::dialects::StreamDecoder;
use crate::message::{Content, Event, Part, Reasoning, Signature, Stop, ToolCall};
use crate::scan::{last_member, members, string_inside, unescape};
use crate::usage;

/// A decoder for one stream.
pub(super) fn decoder() -> Box<dyn StreamDecoder> {
    Box::<Decoder>::default()
}

#[derive(Debug, Default)]
struct Decoder {
    started: bool,
    done: bool,
    failed: bool,
    items: Vec<Item>,
    calls: usize,
}

/// An item of the output as far as it was told.
#[derive(Debug, Default)]
struct Item {
    /// `output_index`, where the provider says it.
    place: Option<u64>,
    id: String,
    /// Bytes of text, reasoning or arguments that were told.
    told: usize,
    /// Ordinal of the call, once it was told.
    call: Option<usize>,
    /// Which of the two kinds of reasoning text is told; the other one would say the same again.
    reasoning: Option<bool>,
    /// Number of the piece of the summary, to part them.
    piece: u64,
    done: bool,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if self.done || self.failed {
            return;
        }
        let Some(kind) = kind(data) else {
            // Gateways put errors into streams in chat's shape.
            if last_member(data, "error").is_some_and(|error| error != b"null") {
                self.fail(Bytes::copy_from_slice(data), out);
            }
            return;
        };
        match kind {
            b"response.output_text.delta" => self.delta(data, out, Event::Text),
            b"response.refusal.delta" => self.delta(data, out, Event::Refusal),
            b"response.reasoning_summary_text.delta" => self.thought(data, out, false),
            b"response.reasoning_text.delta" => self.thought(data, out, true),
            b"response.function_call_arguments.delta" | b"response.custom_tool_call_input.delta" => {
                self.arguments(data, out);
            }
            b"response.output_text.annotation.added" => {
                let annotation = last_member(data, "annotation").and_then(|raw| serde_json::from_slice(raw).ok());
                out.extend(annotation.filter(|found| word(found, "url").is_some()).map(Event::Citation));
            }
            b"response.output_item.added" => self.added(data, out),
            b"response.output_item.done" => {
                if let Some(value) = parse(last_member(data, "item")) {
                    let at = self.item(data, word(&value, "id"));
                    self.finished(at, &value, out);
                }
            }
            b"response.created" | b"response.queued" | b"response.in_progress" => self.start(data, out),
            b"response.completed" | b"response.incomplete" => self.over(data, out),
            b"response.failed" | b"response.cancelled" => self.response_failed(data, out),
            b"error" => self.fail(Bytes::copy_from_slice(data), out),
            b"keepalive" | b"ping" => out.push(Event::Ping),
            _ => {}
        }
    }

    fn end(&mut self, _: &mut Vec<Event>) -> bool {
        self.done
    }

    fn done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn start(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return out.push(Event::Ping);
        }
        let response = last_member(data, "response").unwrap_or_default();
        let text = |name| Some(unescape(string_inside(last_member(response, name)?)?).into_owned());
        out.push(Event::Start { id: text("id"), model: text("model") });
    }

    /// The item that an event is about: by place, else by id; a new one if it was not heard of.
    fn item(&mut self, data: &[u8], id: Option<&str>) -> usize {
        let place = last_member(data, "output_index").and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok());
        let id = id
            .map(str::to_owned)
            .or_else(|| Some(unescape(string_inside(last_member(data, "item_id")?)?).into_owned()));
        self.item_at(place, id.unwrap_or_default())
    }

    fn item_at(&mut self, place: Option<u64>, id: String) -> usize {
        let same = |item: &Item| match (place, item.place) {
            (Some(one), Some(two)) => one == two,
            // An item that nobody named is every item.
            _ => item.id == id || (item.id.is_empty() && item.place.is_none()),
        };
        self.items.iter().rposition(same).unwrap_or_else(|| {
            self.items.push(Item { place, id, ..Item::default() });
            self.items.len() - 1
        })
    }

    /// A delta of a text, told as the event that `make` makes of it.
    fn delta(&mut self, data: &[u8], out: &mut Vec<Event>, make: fn(String) -> Event) {
        let at = self.item(data, None);
        let Some(text) = delta_of(data) else { return };
        if let Some(item) = self.items.get_mut(at) {
            item.told += text.len();
        }
        out.push(make(text));
    }

    fn thought(&mut self, data: &[u8], out: &mut Vec<Event>, whole: bool) {
        let at = self.item(data, None);
        let piece = last_member(data, "summary_index").and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok());
        let (Some(text), Some(item)) = (delta_of(data), self.items.get_mut(at)) else { return };
        if *item.reasoning.get_or_insert(whole) != whole {
            return;
        }
        let piece = piece.unwrap_or(item.piece);
        let next = std::mem::replace(&mut item.piece, piece) != piece && item.told > 0;
        item.told += text.len();
        out.push(Event::Reasoning(if next { format!("{}{text}", reasoning::BETWEEN) } else { text }));
    }

    fn added(&mut self, data: &[u8], out: &mut Vec<Event>) {
        let Some(value) = parse(last_member(data, "item")) else { return };
        let at = self.item(data, word(&value, "id"));
        if matches!(word(&value, "type"), Some("function_call" | "custom_tool_call")) {
            let call = item::call(&value);
            // Without a name it is told when it is done.
            if !call.name.is_empty() {
                self.begin(at, &call, out);
            }
        }
    }

    fn begin(&mut self, at: usize, call: &ToolCall, out: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at).filter(|item| item.call.is_none()) else { return };
        let index = self.calls;
        self.calls += 1;
        item.call = Some(index);
        let (id, name) = (call.id.clone(), call.name.clone());
        out.push(Event::ToolStart { index, id, name, custom: call.custom, signature: None });
    }

    fn arguments(&mut self, data: &[u8], out: &mut Vec<Event>) {
        let at = self.item(data, None);
        let Some(item) = self.items.get_mut(at) else { return };
        if let (Some(index), Some(delta)) = (item.call, delta_of(data)) {
            item.told += delta.len();
            out.push(Event::ToolArguments { index, delta });
        }
    }

    /// An item as a whole: tells what its deltas did not.
    fn finished(&mut self, at: usize, value: &Value, out: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at) else { return };
        if std::mem::replace(&mut item.done, true) {
            return;
        }
        let told = item.told;
        for Part { content, .. } in item::parts(value) {
            match content {
                Content::Text { text, citations } if told == 0 => {
                    out.push(Event::Text(text));
                    out.extend(citations.into_iter().map(Event::Citation));
                }
                Content::Refusal(text) if told == 0 => out.push(Event::Refusal(text)),
                Content::Reasoning(found) => thought_over(found, told, out),
                Content::ToolCall(call) => {
                    self.begin(at, &call, out);
                    let Some(index) = self.items.get(at).and_then(|item| item.call) else { continue };
                    if told == 0 && !call.arguments.is_empty() {
                        out.push(Event::ToolArguments { index, delta: call.arguments });
                    }
                    out.push(Event::ToolEnd { index });
                }
                Content::Image(_) => out.push(Event::Whole(Part::new(content))),
                _ => {}
            }
        }
    }

    /// The last event of a stream that ended well.
    fn over(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if !self.started {
            self.start(data, out);
        }
        let response = response(data);
        for (place, value) in response.get("output").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let at = self.item_at(Some(place as u64), word(value, "id").unwrap_or_default().to_owned());
            self.finished(at, value, out);
        }
        self.closing(&response, out);
        out.push(Event::Stop(self.stop(&response)));
        self.done = true;
    }

    fn stop(&self, response: &Value) -> Stop {
        answer::stop(response, self.calls > 0)
    }

    /// Usage and tier, which a failed response has too.
    fn closing(&self, response: &Value, out: &mut Vec<Event>) {
        out.extend(word(response, "service_tier").map(|tier| Event::ServiceTier(tier.to_owned())));
        out.extend(response.get("usage").and_then(usage::from_responses).map(Event::Usage));
    }

    /// Only the error object is kept: the response around it repeats the request.
    fn response_failed(&mut self, data: &[u8], out: &mut Vec<Event>) {
        let response = response(data);
        self.closing(&response, out);
        let mut error = Map::new();
        error.insert("error".into(), response.get("error").cloned().unwrap_or_default());
        if error.get("error").is_some_and(Value::is_null) {
            error.insert("error".into(), "The response was not finished.".into());
        }
        self.fail(serde_json::to_vec(&error).unwrap_or_default().into(), out);
    }

    fn fail(&mut self, error: Bytes, out: &mut Vec<Event>) {
        self.failed = true;
        out.push(Event::Error(error));
    }
}

/// A reasoning item is over: its text if no delta told it, and its proof.
fn thought_over(found: Reasoning, told: usize, out: &mut Vec<Event>) {
    let Reasoning { text, signature, redacted } = found;
    if told == 0 && !text.is_empty() {
        out.push(Event::Reasoning(text));
    }
    let event = |signature: Signature| Event::ReasoningSignature { signature, redacted: redacted && told == 0 };
    out.extend(signature.map(event));
}

/// The `type` of an event; it stands first almost always.
fn kind(data: &[u8]) -> Option<&[u8]> {
    let mut kind = None;
    members(data, |key, value| {
        if key == b"type" {
            kind = string_inside(value);
        }
        kind.is_none()
    });
    kind
}

fn parse(raw: Option<&[u8]>) -> Option<Value> {
    serde_json::from_slice(raw?).ok()
}

fn delta_of(data: &[u8]) -> Option<String> {
    let text = unescape(string_inside(last_member(data, "delta")?)?);
    (!text.is_empty()).then(|| text.into_owned())
}

/// The members of the response that count at its end, without the request that it repeats.
fn response(data: &[u8]) -> Value {
    let mut kept = Map::new();
    members(last_member(data, "response").unwrap_or_default(), |key, value| {
        let name = match key {
            b"output" => "output",
            b"usage" => "usage",
            b"status" => "status",
            b"incomplete_details" => "incomplete_details",
            b"service_tier" => "service_tier",
            b"error" => "error",
            _ => return true,
        };
        kept.extend(parse(Some(value)).map(|value| (name.to_owned(), value)));
        true
    });
    kept.into()
}
