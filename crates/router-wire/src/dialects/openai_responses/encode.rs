//! Neutral → a stream for a client, and (the same without its frames) a whole answer.
//!
//! Every item is opened, filled and closed with the events that OpenAI sends for it, under one id and one place; the last event
//! repeats them all. `sequence_number` counts from 0 without gaps. Calls stay open side by side; of texts and reasoning only
//! one is open at a time. A custom tool that its provider knew as a function with one `input` is one again here.

use router_core::usage::Usage;
use serde_json::{Map, Value};

use super::frame::{Frame, Frames, arguments_delta, part_done};
use super::output::{Item, Kind, TextPart};
use super::{reasoning, response};
use crate::dialects::{Echo, ErrorView, StreamEncoder};
use crate::message::{Answer, Content, Event, Namespaced, Signature, Stop};

/// An encoder for one stream.
pub(super) fn encoder(echo: &Echo<'_>) -> Box<dyn StreamEncoder> {
    Box::new(Encoder::new(echo, true))
}

/// A whole answer: the response object that the stream's last event would hold.
pub(super) fn write_answer(answer: &Answer, echo: &Echo<'_>) -> Vec<u8> {
    let mut encoder = Encoder::new(echo, false);
    let mut nothing = Vec::new();
    for event in answer.clone().into_events() {
        encoder.event(&event, &mut nothing);
    }
    encoder.close(&mut nothing);
    encoder.finish(answer.usage.as_ref());
    serde_json::to_vec(&encoder.response).unwrap_or_default()
}

#[derive(Debug)]
struct Encoder {
    frames: Frames,
    word: String,
    response: Map<String, Value>,
    items: Vec<Item>,
    /// The last item takes more text or reasoning.
    open: bool,
    started: bool,
    stop: Stop,
    usage: Option<Usage>,
    custom: Vec<String>,
    namespaces: Vec<Namespaced>,
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Ping if self.started => self.frames.push(Frame { r#type: "keepalive", ..Frame::default() }, out),
            Event::Ping | Event::Error(_) => {}
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop(stop) => self.stop = stop.clone(),
            Event::ServiceTier(tier) => _ = self.response.insert("service_tier".into(), tier.as_str().into()),
            Event::Start { .. } => self.start(out),
            Event::Text(text) => self.text(text, false, out),
            Event::Refusal(text) => self.text(text, true, out),
            Event::Citation(citation) => self.citation(citation, out),
            Event::Reasoning(text) => self.reasoning(text, out),
            Event::ReasoningSignature { signature, redacted } => self.proof(signature, *redacted, out),
            Event::ToolStart { index, id, name, custom, signature } => {
                self.call((*index, id, name, *custom), signature.as_ref(), out);
            }
            Event::ToolArguments { index, delta } => self.arguments(*index, delta, out),
            Event::ToolEnd { index } => {
                if let Some(at) = self.call_at(*index) {
                    self.close_item(at, "completed", out);
                }
            }
            Event::Whole(part) => match &part.content {
                Content::Image(media) => {
                    let kind = Kind::image(media);
                    self.whole(kind, out);
                }
                Content::Text { text, .. } => self.text(text, false, out),
                _ => {}
            },
        }
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        let kind = self.finish(usage);
        self.frames.push(Frame { r#type: kind, response: Some(&self.response), ..Frame::default() }, out);
    }

    fn error(&mut self, error: &ErrorView<'_>, out: &mut Vec<u8>) -> bool {
        self.start(out);
        let output: Vec<Value> = self.items.iter().map(|item| item.value("incomplete")).collect();
        self.response.insert("output".into(), output.into());
        response::failed(&mut self.response, error);
        self.frames.push(Frame { r#type: "response.failed", response: Some(&self.response), ..Frame::default() }, out);
        true
    }
}

impl Encoder {
    fn new(echo: &Echo<'_>, wanted: bool) -> Self {
        let request = echo.request;
        let custom = request.iter().flat_map(|request| &request.tools).filter(|tool| tool.custom.is_some());
        Self {
            frames: Frames::new(wanted),
            word: echo.id.to_owned(),
            response: response::begun(echo),
            items: Vec::new(),
            open: false,
            started: false,
            stop: Stop::End,
            usage: None,
            custom: custom.map(|tool| tool.name.clone()).collect(),
            namespaces: request.map(|request| request.namespaces.clone()).unwrap_or_default(),
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        for kind in ["response.created", "response.in_progress"] {
            self.frames.push(Frame { r#type: kind, response: Some(&self.response), ..Frame::default() }, out);
        }
    }

    /// Opens an item behind the others.
    fn push(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        self.start(out);
        self.close_open("completed", out);
        let at = self.items.len();
        let item = Item::new(kind, &self.word, at);
        let value = item.value("in_progress");
        let added = Frame { r#type: "response.output_item.added", output_index: Some(at), ..Frame::default() };
        self.frames.push(Frame { item: Some(&value), ..added }, out);
        self.items.push(item);
        at
    }

    fn whole(&mut self, kind: Kind, out: &mut Vec<u8>) {
        let at = self.push(kind, out);
        self.close_item(at, "completed", out);
    }

    /// The open item, if it is such a one.
    fn open_item(&mut self, fits: fn(&Kind) -> bool) -> Option<usize> {
        let last = self.items.len().checked_sub(1).filter(|_| self.open)?;
        self.items.get(last).is_some_and(|item| fits(&item.kind)).then_some(last)
    }

    fn text(&mut self, delta: &str, refusal: bool, out: &mut Vec<u8>) {
        if delta.is_empty() {
            return;
        }
        let at = self.open_item(|kind| matches!(kind, Kind::Message(_)));
        let at = at.unwrap_or_else(|| self.push(Kind::Message(Vec::new()), out));
        self.open = true;
        let Some(Item { id, kind: Kind::Message(parts), .. }) = self.items.get_mut(at) else { return };
        let frame = |content_index: usize| Frame {
            item_id: Some(id),
            output_index: Some(at),
            content_index: Some(content_index),
            ..Frame::default()
        };
        if parts.last().is_none_or(|part| part.refusal != refusal) {
            if let Some(last) = parts.last() {
                part_done(&mut self.frames, last, frame(parts.len() - 1), out);
            }
            let part = TextPart { refusal, ..TextPart::default() };
            let value = part.value();
            let added = Frame { part: Some(&value), ..frame(parts.len()) };
            self.frames.push(Frame { r#type: "response.content_part.added", ..added }, out);
            parts.push(part);
        }
        let place = frame(parts.len() - 1);
        let Some(part) = parts.last_mut() else { return };
        part.text.push_str(delta);
        let (r#type, logprobs) = match refusal {
            true => ("response.refusal.delta", None),
            false => ("response.output_text.delta", Some([])),
        };
        self.frames.push(Frame { r#type, delta: Some(delta), logprobs, ..place }, out);
    }

    fn citation(&mut self, citation: &Value, out: &mut Vec<u8>) {
        let Some(at) = self.open_item(|kind| matches!(kind, Kind::Message(_))) else { return };
        let Some(Item { id, kind: Kind::Message(parts), .. }) = self.items.get_mut(at) else { return };
        let content_index = parts.len().saturating_sub(1);
        let Some(part) = parts.last_mut().filter(|part| !part.refusal) else { return };
        let Some(annotation) = part.annotate(citation) else { return };
        let frame = Frame {
            r#type: "response.output_text.annotation.added",
            item_id: Some(id),
            output_index: Some(at),
            content_index: Some(content_index),
            annotation_index: Some(part.annotations.len()),
            annotation: Some(&annotation),
            ..Frame::default()
        };
        self.frames.push(frame, out);
        part.annotations.push(annotation);
    }

    fn reasoning(&mut self, delta: &str, out: &mut Vec<u8>) {
        if delta.is_empty() {
            return;
        }
        let at = self.open_item(|kind| matches!(kind, Kind::Reasoning { .. }));
        let at = at.unwrap_or_else(|| self.push(Kind::Reasoning { text: String::new(), encrypted: None }, out));
        self.open = true;
        let Some(Item { id, kind: Kind::Reasoning { text, .. }, .. }) = self.items.get_mut(at) else { return };
        let frame = || Frame { item_id: Some(id), output_index: Some(at), summary_index: Some(0), ..Frame::default() };
        if text.is_empty() {
            let part = reasoning::piece("");
            let added = Frame { r#type: "response.reasoning_summary_part.added", part: Some(&part), ..frame() };
            self.frames.push(added, out);
        }
        text.push_str(delta);
        let more = Frame { r#type: "response.reasoning_summary_text.delta", delta: Some(delta), ..frame() };
        self.frames.push(more, out);
    }

    /// Ends the open reasoning with its proof, or tells reasoning that is all proof.
    fn proof(&mut self, signature: &Signature, redacted: bool, out: &mut Vec<u8>) {
        let word = reasoning::pack(signature, redacted);
        let open = self.open_item(|kind| matches!(kind, Kind::Reasoning { .. })).filter(|_| !redacted);
        let at = open.unwrap_or_else(|| self.push(Kind::Reasoning { text: String::new(), encrypted: None }, out));
        if let Some(Item { kind: Kind::Reasoning { encrypted, .. }, .. }) = self.items.get_mut(at) {
            *encrypted = Some(word);
        }
        self.close_item(at, "completed", out);
        self.open = false;
    }

    fn call(
        &mut self,
        (index, id, name, custom): (usize, &str, &str, bool),
        signature: Option<&Signature>,
        out: &mut Vec<u8>,
    ) {
        // Not every provider names its calls, but results must find them.
        let made = if id.is_empty() { format!("call_{}_{index}", self.word) } else { String::new() };
        let id = if id.is_empty() { &made } else { id };
        if let Some(signature) = signature {
            let encrypted = Some(reasoning::pack_for_call(signature, id));
            self.whole(Kind::Reasoning { text: String::new(), encrypted }, out);
        }
        let wrapped = !custom && self.custom.iter().any(|known| known == name);
        let space = self.namespaces.iter().find(|space| space.flat == name);
        let kind = Kind::Call {
            index,
            call_id: id.to_owned(),
            name: space.map_or(name, |space| &space.name).to_owned(),
            namespace: space.map(|space| space.namespace.clone()),
            arguments: String::new(),
            custom: custom || wrapped,
            wrapped,
        };
        self.push(kind, out);
    }

    fn call_at(&self, wanted: usize) -> Option<usize> {
        self.items.iter().rposition(|item| matches!(item.kind, Kind::Call { index, .. } if index == wanted))
    }

    fn arguments(&mut self, index: usize, delta: &str, out: &mut Vec<u8>) {
        let Some(at) = self.call_at(index) else { return };
        let Some(item) = self.items.get_mut(at).filter(|item| !item.done && !delta.is_empty()) else { return };
        let Kind::Call { arguments, custom, wrapped, .. } = &mut item.kind else { return };
        arguments.push_str(delta);
        // What is wrapped can be unwrapped only as a whole.
        if !*wrapped {
            self.frames.push(arguments_delta(*custom, &item.id, at, delta), out);
        }
    }

    fn close_open(&mut self, status: &'static str, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open)
            && let Some(last) = self.items.len().checked_sub(1)
        {
            self.close_item(last, status, out);
        }
    }

    /// Closes what is open: at the limit of output it is incomplete.
    fn close(&mut self, out: &mut Vec<u8>) {
        let status = if matches!(self.stop, Stop::Length | Stop::Refusal) { "incomplete" } else { "completed" };
        self.open = false;
        for at in 0..self.items.len() {
            self.close_item(at, status, out);
        }
    }

    fn close_item(&mut self, at: usize, status: &'static str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at).filter(|item| !item.done) else { return };
        item.finish(status);
        let place = || Frame { item_id: Some(&item.id), output_index: Some(at), ..Frame::default() };
        match &item.kind {
            Kind::Message(parts) => {
                if let Some(last) = parts.last() {
                    part_done(&mut self.frames, last, Frame { content_index: Some(parts.len() - 1), ..place() }, out);
                }
            }
            Kind::Reasoning { text, .. } if !text.is_empty() => {
                let piece = reasoning::piece(text);
                let frame = || Frame { summary_index: Some(0), ..place() };
                let (text, part) = (Some(text.as_str()), Some(&piece));
                self.frames.push(Frame { r#type: "response.reasoning_summary_text.done", text, ..frame() }, out);
                self.frames.push(Frame { r#type: "response.reasoning_summary_part.done", part, ..frame() }, out);
            }
            Kind::Call { arguments, custom, wrapped, name, .. } => {
                let late = item.late.as_deref().or_else(|| wrapped.then_some(arguments.as_str()));
                if let Some(late) = late.filter(|late| !late.is_empty()) {
                    self.frames.push(arguments_delta(*custom, &item.id, at, late), out);
                }
                let text = Some(arguments.as_str());
                let (name, frame) = (Some(name.as_str()), place());
                self.frames.push(
                    match *custom {
                        true => Frame { r#type: "response.custom_tool_call_input.done", input: text, ..frame },
                        false => {
                            Frame { r#type: "response.function_call_arguments.done", arguments: text, name, ..frame }
                        }
                    },
                    out,
                );
            }
            Kind::Reasoning { .. } | Kind::Image(_) => {}
        }
        let value = item.value(item.status);
        let done = Frame { r#type: "response.output_item.done", output_index: Some(at), ..Frame::default() };
        self.frames.push(Frame { item: Some(&value), ..done }, out);
    }

    /// Completes the response object; returns the type of the last event.
    fn finish(&mut self, usage: Option<&Usage>) -> &'static str {
        let output: Vec<Value> = self.items.iter().map(|item| item.value(item.status)).collect();
        self.response.insert("output".into(), output.into());
        response::ended(&mut self.response, &self.stop, usage.or(self.usage.as_ref()))
    }
}
