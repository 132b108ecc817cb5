//! Frames of a chat stream that differ in their text alone: learnt from one, known without reading the next.

use bytes::Bytes;
use memchr::memmem;

use super::chunk::Chunk;
use crate::scan::{Lexer, Text};

/// The shape of a frame that was read properly and found to be nothing but a piece of text: all that stands before and
/// after the text. The next frames of a stream mostly differ in the text alone, and then there is nothing more to read.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Up to the opening quote of the text.
    head: Vec<u8>,
    /// From behind its closing quote.
    tail: Vec<u8>,
    /// Both as the client gets them, where something is hidden.
    kept: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pattern {
    const DELTA: &[u8] = br#""delta":{"content":"#;
    /// Bytes of a frame beside its text.
    const MOST: usize = 4_096;

    /// Learns from a frame whose chunk was read: one choice, text, no end, no usage.
    pub(super) fn learn(frame: &[u8], chunk: &Chunk, hide: bool) -> Option<Self> {
        let plain = chunk.content && chunk.seen.is_power_of_two() && chunk.finished == 0 && !chunk.has_usage;
        if !plain || memmem::find_iter(frame, br#""delta""#).nth(1).is_some() {
            return None;
        }
        let start = memmem::find(frame, Self::DELTA)? + Self::DELTA.len();
        let (head, rest) = frame.split_at_checked(start)?;
        let (_, tail) = leading_text(rest)?;
        // The text must be all the content: nothing else in the delta. Large frames are not worth remembering.
        if !tail.starts_with(b"}") || head.len() + tail.len() > Self::MOST {
            return None;
        }
        let kept = |part: &[u8]| without_null_usage(part).map_or_else(|| part.to_vec(), |kept| kept.to_vec());
        let kept = hide.then(|| (kept(head), kept(tail))).filter(|(h, t)| h.len() + t.len() < head.len() + tail.len());
        Some(Self { head: head.to_vec(), tail: tail.to_vec(), kept })
    }

    /// The text of a frame of this shape.
    pub(super) fn text<'a>(&self, frame: &'a [u8]) -> Option<(&'a [u8], Text)> {
        let rest = frame.strip_prefix(self.head.as_slice())?;
        let (text, tail) = leading_text(rest)?;
        let inside = text.span.of(rest).filter(|inside| !inside.is_empty())?;
        (tail == self.tail).then_some((inside, text))
    }

    /// The frame with that text as the client gets it, where that is not the frame as it came.
    pub(super) fn replaced(&self, inside: &[u8]) -> Option<Bytes> {
        let (head, tail) = self.kept.as_ref()?;
        let mut frame = Vec::with_capacity(head.len() + inside.len() + tail.len() + 2);
        frame.extend_from_slice(head);
        frame.push(b'"');
        frame.extend_from_slice(inside);
        frame.push(b'"');
        frame.extend_from_slice(tail);
        Some(frame.into())
    }
}

/// The string at the start of these bytes, and what follows it.
fn leading_text(bytes: &[u8]) -> Option<(Text, &[u8])> {
    let mut lexer = Lexer::new(bytes, 0);
    if lexer.peek() != Some(b'"') {
        return None;
    }
    let text = lexer.string().ok()?;
    Some((text, bytes.get(lexer.at..)?))
}

/// The frame without its `"usage":null` members; `None` if it has none.
///
/// Inside a string a quote is escaped, so `"usage"` with a colon behind it can only be a key.
pub(super) fn without_null_usage(frame: &[u8]) -> Option<Bytes> {
    const KEY: &[u8] = br#""usage""#;
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    for at in memmem::find_iter(frame, KEY) {
        let Some((start, end)) = null_member(frame, at, at + KEY.len()) else { continue };
        let kept = out.get_or_insert_with(|| Vec::with_capacity(frame.len()));
        kept.extend_from_slice(frame.get(copied..start).unwrap_or_default());
        copied = end;
    }
    let mut out = out?;
    out.extend_from_slice(frame.get(copied..).unwrap_or_default());
    Some(out.into())
}

/// The range of a null member with one comma, from where its key stands.
fn null_member(frame: &[u8], key: usize, after_key: usize) -> Option<(usize, usize)> {
    let mut lexer = Lexer::new(frame, after_key);
    if lexer.next_token() != Some(b':') {
        return None;
    }
    lexer.at += 1;
    lexer.next_token();
    lexer.literal(b"null").ok()?;
    let end = lexer.at;
    let before = frame.get(..key)?.trim_ascii_end();
    if before.ends_with(b",") {
        return Some((before.len() - 1, end));
    }
    // The first member: its comma is the one behind.
    Some((key, if lexer.next_token() == Some(b',') { lexer.at + 1 } else { end }))
}
