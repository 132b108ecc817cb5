//! What kind of body comes where a stream was asked for, judged by its first byte (content types lie), for any chunking; and a
//! body that is one JSON value in whole.

use bytes::{Bytes, BytesMut};

use super::meter::{StreamFault, bad};
use crate::dialects::Framing;

const MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Only blanks and (that many bytes of) a byte order mark so far.
    Unknown(usize),
    Stream,
    Json,
}

/// Looks at every chunk first.
#[derive(Debug)]
pub(super) struct Opening {
    kind: Kind,
    /// Lines of JSON begin as one JSON value does.
    lines: bool,
    json: BytesMut,
}

impl Opening {
    /// Of a body that should be a stream of that framing.
    pub(super) fn new(framing: Framing) -> Self {
        Self { kind: Kind::Unknown(0), lines: framing == Framing::Lines, json: BytesMut::new() }
    }

    /// Gives the chunk back, if it is of a stream; keeps what is of a JSON value, at most `limit` bytes.
    pub(super) fn take(&mut self, chunk: Bytes, limit: usize) -> Result<Option<Bytes>, StreamFault> {
        let start = self.sniff(&chunk)?;
        if self.kind != Kind::Json {
            return Ok(Some(chunk));
        }
        let more = chunk.get(start..).unwrap_or_default();
        if self.json.len() + more.len() > limit {
            return Err(bad("the answer is larger than the limit"));
        }
        self.json.extend_from_slice(more);
        Ok(None)
    }

    /// The JSON value, if the body is one.
    pub(super) fn json(&mut self) -> Option<Bytes> {
        (self.kind == Kind::Json).then(|| std::mem::take(&mut self.json).freeze())
    }

    /// Decides as soon as there is a byte that tells; its place in the chunk.
    fn sniff(&mut self, chunk: &[u8]) -> Result<usize, StreamFault> {
        for (at, byte) in chunk.iter().enumerate() {
            let Kind::Unknown(seen) = self.kind else { break };
            let in_mark = (1..MARK.len()).contains(&seen);
            self.kind = match byte {
                _ if MARK.get(seen) == Some(byte) => Kind::Unknown(seen + 1),
                _ if in_mark => Kind::Stream,
                _ if byte.is_ascii_whitespace() => Kind::Unknown(MARK.len()),
                b'<' => return Err(bad("the answer is a web page")),
                b'{' | b'[' | b'"' if !self.lines => Kind::Json,
                _ => Kind::Stream,
            };
            if self.kind == Kind::Json {
                return Ok(at);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is given back and what is kept, for these chunks.
    fn taken<'a>(framing: Framing, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<u8>, Option<Bytes>), ()> {
        let mut opening = Opening::new(framing);
        let mut stream = Vec::new();
        for chunk in chunks {
            let given = opening.take(Bytes::copy_from_slice(chunk), 20).map_err(drop)?;
            stream.extend(given.into_iter().flatten());
        }
        Ok((stream, opening.json()))
    }

    #[test]
    fn the_kind_is_the_same_for_any_chunking() {
        let json = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        for (body, kept) in [
            (&b"{\"a\":1} "[..], json("{\"a\":1} ")),
            (b"\xef\xbb\xbf {\"a\":1}", json("{\"a\":1}")),
            (b" \r\n[1]", json("[1]")),
            (b"\xef{}", None),
            (b" \xef\xbb\xbf{}", None),
            (b"\xef\xbb\xbfdata: {}", None),
            (b"data: {}", None),
            (b" \n", None),
        ] {
            assert_eq!(taken(Framing::Sse, [body]).unwrap().1, kept);
            assert_eq!(taken(Framing::Sse, body.chunks(1)).unwrap().1, kept, "in single bytes");
            if kept.is_none() {
                assert_eq!(taken(Framing::Sse, body.chunks(1)).unwrap().0, body);
            }
            assert_eq!(taken(Framing::Lines, body.chunks(2)).unwrap(), (body.to_vec(), None));
        }
        for bad in ["<html>", "\u{feff} <html>", "{\"a\": \"longer than twenty\"}"] {
            assert!(taken(Framing::Sse, bad.as_bytes().chunks(1)).is_err(), "{bad}");
        }
    }
}
