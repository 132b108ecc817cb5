//! Cuts a provider's bytes into the events that its decoder reads: server-sent ones, or lines of JSON.

use bytes::Bytes;

use super::meter::{StreamFault, bad};
use crate::dialects::Framing;
use crate::sse::{self, Splitter};

/// Finds frames in chunks, wherever those end.
#[derive(Debug)]
pub(super) enum Cutter {
    Sse(Splitter),
    Lines {
        /// What came of a line so far.
        carry: Vec<u8>,
        /// The longest line.
        most: usize,
    },
}

impl Cutter {
    /// For frames of at most `most` bytes.
    pub(super) const fn new(framing: Framing, most: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(Splitter::new(most)),
            Framing::Lines => Self::Lines { carry: Vec::new(), most },
        }
    }

    /// Whole frames of the chunk, as they came.
    pub(super) fn cut(&mut self, chunk: Bytes) -> Result<Vec<Bytes>, StreamFault> {
        const LARGE: StreamFault = bad("an event of the stream is larger than the limit");
        match self {
            Self::Sse(splitter) => {
                let found = splitter.push(chunk).map_err(|_| LARGE)?;
                Ok(sse::frames(&found.joined).chain(sse::frames(&found.whole)).collect())
            }
            Self::Lines { carry, most } => {
                // What was carried holds no end of a line.
                let end = memchr::memrchr(b'\n', &chunk).map_or(0, |at| carry.len() + at + 1);
                carry.extend_from_slice(&chunk);
                let rest = carry.split_off(end);
                let lines = Bytes::from(std::mem::replace(carry, rest));
                let lines: Vec<Bytes> =
                    lines.split_inclusive(|byte| *byte == b'\n').map(|line| lines.slice_ref(line)).collect();
                let longest = lines.iter().map(Bytes::len).chain([carry.len()]).max();
                if longest > Some(*most) { Err(LARGE) } else { Ok(lines) }
            }
        }
    }

    /// The frame whose end was forgotten.
    pub(super) fn rest(&mut self) -> Vec<Bytes> {
        match self {
            Self::Sse(splitter) => sse::frames(&splitter.finish()).collect(),
            Self::Lines { carry, .. } => vec![Bytes::from(std::mem::take(carry))],
        }
    }

    /// Hands on what a frame says; a comment says nothing.
    pub(super) fn read(&self, frame: &Bytes, say: impl FnOnce(&[u8])) {
        match self {
            Self::Lines { .. } => {
                let line = frame.strip_prefix(b"\xef\xbb\xbf").unwrap_or(frame).trim_ascii();
                if !line.is_empty() {
                    say(line);
                }
            }
            Self::Sse(_) => {
                let found = sse::read(frame);
                if let Some(data) = found.data.as_deref().or(found.bare) {
                    say(data);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(framing: Framing, body: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(framing, 100);
        let mut frames = Vec::new();
        for chunk in body.chunks(size) {
            frames.extend(cutter.cut(Bytes::copy_from_slice(chunk)).unwrap());
        }
        frames.extend(cutter.rest());
        let mut said = Vec::new();
        frames.iter().for_each(|frame| cutter.read(frame, |data| said.push(data.to_vec())));
        said.retain(|data| !data.is_empty());
        said
    }

    #[test]
    fn frames_are_the_same_however_the_bytes_come() {
        for (framing, body) in [
            (Framing::Sse, &b": hello\n\ndata: {\"a\":1}\n\nevent: x\r\ndata: b\r\n\r\ndata: last"[..]),
            (Framing::Lines, b"{\"a\":1}\r\n\n b \nlast"),
        ] {
            for size in 1..=body.len() {
                assert_eq!(said(framing, body, size), [&b"{\"a\":1}"[..], b"b", b"last"], "{framing:?} by {size}");
            }
        }
    }

    #[test]
    fn a_frame_without_end_is_refused() {
        for framing in [Framing::Sse, Framing::Lines] {
            let mut cutter = Cutter::new(framing, 100);
            assert!(cutter.cut(Bytes::from(vec![b'x'; 60])).is_ok());
            assert!(cutter.cut(Bytes::from(vec![b'x'; 60])).is_err(), "{framing:?}");
        }
    }
}
