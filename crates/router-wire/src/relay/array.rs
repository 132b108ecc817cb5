//! A stream as one JSON array, piece by piece: Gemini's `streamGenerateContent` without `alt=sse`.

use bytes::Bytes;

use crate::sse::{Frames, Splitter, frames, read};

/// Turns server-sent events (of our encoder or of a provider) into the elements of one JSON array: `[{…}`, `,\n{…}`, `]`.
/// Right for any chunking of its input.
#[derive(Debug)]
pub(super) struct JsonArray {
    splitter: Splitter,
    begun: bool,
}

impl JsonArray {
    /// An array that has not been opened. What it takes was bounded before.
    pub(super) const fn new() -> Self {
        Self { splitter: Splitter::new(usize::MAX), begun: false }
    }

    /// Takes bytes of the stream: what they add to the array.
    pub(super) fn push(&mut self, chunk: Bytes) -> Bytes {
        let mut out = Vec::with_capacity(chunk.len() + 2);
        let Frames { joined, whole } = self.splitter.push(chunk).unwrap_or_default();
        for frame in frames(&joined).chain(frames(&whole)) {
            self.element(&frame, &mut out);
        }
        out.into()
    }

    /// The stream is over, also after an error event: what closes the array. One without elements is `[]`.
    pub(super) fn end(&mut self) -> Bytes {
        let mut out = Vec::new();
        let rest = self.splitter.finish();
        for frame in frames(&rest) {
            self.element(&frame, &mut out);
        }
        out.extend_from_slice(if self.begun { b"\n]" } else { b"[]" });
        out.into()
    }

    fn element(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        let event = read(frame);
        let data = event.data.as_deref().or(event.bare).unwrap_or_default().trim_ascii();
        // An element that is no JSON would spoil the whole array.
        if !data.starts_with(b"{") || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err() {
            return;
        }
        out.extend_from_slice(if self.begun { b",\n" } else { b"[" });
        self.begun = true;
        out.extend_from_slice(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_one_array_for_any_chunking() {
        let cases: &[(&str, &str)] = &[
            ("", "[]"),
            ("data: {\"a\":1}\r\n\r\n", "[{\"a\":1}\n]"),
            ("data: {\"a\":1}\r\n\r\ndata: {}\r\n\r\n", "[{\"a\":1},\n{}\n]"),
            (
                ": hi\n\ndata: {\"a\":1}\n\ndata: oops\n\ndata: {\"error\":{\"code\":503}}",
                "[{\"a\":1},\n{\"error\":{\"code\":503}}\n]",
            ),
            ("data: {\"a\":\ndata: \"}\\n\"}\n\ndata: [DONE]\n\n", "[{\"a\":\n\"}\\n\"}\n]"),
        ];
        for (stream, expected) in cases {
            for cut in 0..=stream.len() {
                let mut array = JsonArray::new();
                let (head, tail) = stream.split_at(cut);
                let pieces = [head, tail].map(|piece| array.push(Bytes::copy_from_slice(piece.as_bytes())));
                let out = [pieces.concat(), array.end().to_vec()].concat();
                assert_eq!(String::from_utf8(out.clone()).unwrap(), *expected);
                assert!(serde_json::from_slice::<Vec<serde_json::Value>>(&out).is_ok());
            }
        }
    }
}
