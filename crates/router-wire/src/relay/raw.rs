//! An answer that is no conversation: sounds, text, or events of their own. Bytes pass as they come; of events, the usage is read.

use bytes::{Bytes, BytesMut};
use router_core::usage::Usage;

use super::MeterOptions;
use super::cutter::Cutter;
use super::meter::{StreamEnd, StreamFault, bad};
use crate::dialects::Framing;
use crate::scan::last_member;
use crate::usage::from_openai;

const LIMITS: MeterOptions = MeterOptions::USUAL;
/// How events begin.
const STARTS: [&[u8]; 3] = [b"data:", b"event:", b":"];

/// An error object or a web page in the answer's place is noticed by its first byte.
#[derive(Debug, Default)]
pub(super) struct Raw {
    content: bool,
    json: BytesMut,
    /// The first bytes, while they do not yet tell whether events begin.
    beginning: BytesMut,
    /// Whether that is known.
    told: bool,
    /// Cuts out events, where the answer begins as they do.
    events: Option<Cutter>,
    usage: Option<Usage>,
}

impl Raw {
    pub(super) fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        let first = if self.content { None } else { chunk.first() };
        match first {
            _ if !self.json.is_empty() => self.json.extend_from_slice(&chunk),
            Some(b'<') => return Err(bad("the answer is a web page")),
            Some(b'{') => self.json.extend_from_slice(&chunk),
            _ if chunk.is_empty() => {}
            _ => {
                self.content = true;
                self.look(chunk.clone());
                out.push(chunk);
            }
        }
        if self.json.len() > LIMITS.max_body { Err(bad("the answer is larger than the limit")) } else { Ok(()) }
    }

    /// Reads events as far as they can be read: what passes does not depend on it.
    fn look(&mut self, mut chunk: Bytes) {
        if !self.told {
            self.beginning.extend_from_slice(&chunk);
            let begins = STARTS.iter().any(|start| self.beginning.starts_with(start));
            if !begins && STARTS.iter().any(|start| start.starts_with(&self.beginning)) {
                return;
            }
            self.told = true;
            self.events = begins.then(|| Cutter::new(Framing::Sse, LIMITS.max_event));
            chunk = std::mem::take(&mut self.beginning).freeze();
        }
        let Some(cutter) = &mut self.events else { return };
        match cutter.cut(chunk) {
            Ok(frames) => self.meter(&frames),
            Err(_) => self.events = None,
        }
    }

    /// `speech.audio.done`, `transcript.text.done`, `image_generation.completed` and their kin: the last usage counts.
    fn meter(&mut self, frames: &[Bytes]) {
        let Some(cutter) = &self.events else { return };
        for frame in frames.iter().filter(|frame| memchr::memmem::find(frame, b"\"usage\"").is_some()) {
            cutter.read(frame, |data| {
                if let Some(usage) = last_member(data, "usage").and_then(from_openai) {
                    self.usage = Some(usage);
                }
            });
        }
    }

    pub(super) fn finish(&mut self) -> StreamEnd {
        let rest = self.events.as_mut().map(Cutter::rest).unwrap_or_default();
        self.meter(&rest);
        if self.content {
            StreamEnd::Complete
        } else if self.json.is_empty() {
            StreamEnd::Empty
        } else {
            StreamEnd::Json(std::mem::take(&mut self.json).freeze())
        }
    }

    pub(super) const fn content(&self) -> bool {
        self.content
    }

    pub(super) const fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(body: &[u8], size: usize) -> (Vec<u8>, StreamEnd, Option<Usage>) {
        let (mut raw, mut out) = (Raw::default(), Vec::new());
        for chunk in body.chunks(size) {
            raw.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
        }
        let end = raw.finish();
        (out.concat(), end, raw.usage())
    }

    #[test]
    fn events_pass_as_they_came_and_their_usage_is_read() {
        let body = b"event: speech.audio.delta\ndata: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\n\
            data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\
            \"input_token_details\":{\"audio_tokens\":9},\"output_tokens\":101,\"total_tokens\":115}}\n\n";
        let usage = Usage { input: 14, audio_input: 9, output: 101, ..Usage::default() };
        for end in [body.len(), body.len() - 2] {
            let body = &body[..end];
            for size in 1..=body.len() {
                assert_eq!(through(body, size), (body.to_vec(), StreamEnd::Complete, Some(usage)), "by {size}");
            }
        }
    }

    #[test]
    fn sounds_that_are_no_events_are_not_read() {
        let sound: Vec<u8> =
            (1..=255_u8).cycle().take(3_000).chain(*b"\n\ndata: {\"usage\":{\"input_tokens\":1}}\n\n").collect();
        assert_eq!(through(&sound, 100), (sound, StreamEnd::Complete, None));
        let mut long = b"data: ".to_vec();
        long.resize(LIMITS.max_event + 100, b'x');
        long.extend_from_slice(b"\n\ndata: {\"usage\":{\"input_tokens\":1}}\n\n");
        assert_eq!(through(&long, 64 * 1024), (long, StreamEnd::Complete, None));
    }
}
