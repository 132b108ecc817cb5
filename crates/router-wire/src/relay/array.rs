//! Streams for clients that did not ask for `alt=sse`: one JSON array, piece by piece.

use bytes::Bytes;

use crate::sse::{FrameTooLong, Frames, Splitter, frames, read};

/// Turns server-sent events (of our encoder or of a provider) into the elements of one JSON array: `[{…}`, `,\n{…}`, `]`.
/// Right for any chunking of its input.
#[derive(Debug)]
pub struct JsonArray {
    splitter: Splitter,
    begun: bool,
}

impl JsonArray {
    /// A wrapper that holds at most `limit` bytes of an unfinished event.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { splitter: Splitter::new(limit), begun: false }
    }

    /// Takes bytes of the stream and appends what they add to the array.
    ///
    /// # Errors
    /// [`FrameTooLong`]; nothing more can be written then but the end.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<u8>) -> Result<(), FrameTooLong> {
        let Frames { joined, whole } = self.splitter.push(chunk)?;
        for frame in frames(&joined).chain(frames(&whole)) {
            self.element(&frame, out);
        }
        Ok(())
    }

    /// The stream is over, also after an error event: closes the array. An array without elements is `[]`.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let rest = self.splitter.finish();
        for frame in frames(&rest) {
            self.element(&frame, out);
        }
        out.extend_from_slice(if self.begun { b"\n]" } else { b"[]" });
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
            (
                ": hi\n\ndata: {\"a\":1}\n\ndata: oops\n\ndata: {\"error\":{\"code\":503}}",
                "[{\"a\":1},\n{\"error\":{\"code\":503}}\n]",
            ),
            ("data: {\"a\":\ndata: \"}\\n\"}\n\ndata: [DONE]\n\n", "[{\"a\":\n\"}\\n\"}\n]"),
        ];
        for (stream, expected) in cases {
            for cut in 0..=stream.len() {
                let mut array = JsonArray::new(1_000);
                let mut out = Vec::new();
                let (head, tail) = stream.split_at(cut);
                array.push(Bytes::copy_from_slice(head.as_bytes()), &mut out).unwrap();
                array.push(Bytes::copy_from_slice(tail.as_bytes()), &mut out).unwrap();
                array.end(&mut out);
                assert_eq!(String::from_utf8(out.clone()).unwrap(), *expected);
                assert!(serde_json::from_slice::<Vec<serde_json::Value>>(&out).is_ok());
            }
        }
    }
}
