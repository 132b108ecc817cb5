//! Events of a client's stream: one shape for all of them, and the counter that numbers them.

use serde::Serialize;
use serde_json::{Map, Value};

use super::output::TextPart;

/// An event of any type: what its type does not have is left out.
#[derive(Default, Serialize)]
pub(super) struct Frame<'a> {
    pub(super) r#type: &'static str,
    /// Set when it is written.
    pub(super) sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<[u8; 0]>,
}

/// Numbers events and writes them, or counts nothing where an answer goes out whole.
#[derive(Debug)]
pub(super) struct Frames {
    wanted: bool,
    next: u64,
}

impl Frames {
    pub(super) const fn new(wanted: bool) -> Self {
        Self { wanted, next: 0 }
    }

    pub(super) fn push(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        if !self.wanted {
            return;
        }
        let frame = Frame { sequence_number: self.next, ..frame };
        self.next += 1;
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(frame.r#type.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        // Strings, numbers and values always serialise.
        _ = serde_json::to_writer(&mut *out, &frame);
        out.extend_from_slice(b"\n\n");
    }
}

/// More of a call's arguments.
pub(super) fn arguments_delta<'a>(custom: bool, id: &'a str, at: usize, delta: &'a str) -> Frame<'a> {
    let r#type =
        if custom { "response.custom_tool_call_input.delta" } else { "response.function_call_arguments.delta" };
    Frame { r#type, item_id: Some(id), output_index: Some(at), delta: Some(delta), ..Frame::default() }
}

/// The two events that close a part of a message.
pub(super) fn part_done(frames: &mut Frames, part: &TextPart, place: Frame<'_>, out: &mut Vec<u8>) {
    let (item_id, output_index, content_index) = (place.item_id, place.output_index, place.content_index);
    let frame = || Frame { item_id, output_index, content_index, ..Frame::default() };
    let text = Some(part.text.as_str());
    let value = part.value();
    frames.push(
        match part.refusal {
            true => Frame { r#type: "response.refusal.done", refusal: text, ..frame() },
            false => Frame { r#type: "response.output_text.done", text, logprobs: Some([]), ..frame() },
        },
        out,
    );
    frames.push(Frame { r#type: "response.content_part.done", part: Some(&value), ..frame() }, out);
}
