//! Message bodies: how they are framed, and an incremental decoder for each framing.

use bytes::{Buf, BytesMut};
use std::fmt;

/// How the body that follows a head is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length: N`, also N = 0 for "no body".
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection closes (responses only).
    UntilClose,
}

impl Framing {
    /// Reads the framing from raw head bytes without allocating. Without either header: `otherwise`
    /// (`Length(0)` for requests, `UntilClose` for responses).
    #[must_use]
    pub fn of_head(head: &[u8], otherwise: Self) -> Self {
        let mut framing = otherwise;
        for line in head.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let (name, rest) = line.split_at(colon);
            let value = rest.strip_prefix(b":").unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"transfer-encoding") && value.to_ascii_lowercase().ends_with(b"chunked") {
                return Self::Chunked;
            }
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                framing = length.map_or(framing, Self::Length);
            }
        }
        framing
    }
}

/// The framing of a body broke the protocol.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFraming;

impl fmt::Display for BadFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body's chunked framing is broken")
    }
}

impl std::error::Error for BadFraming {}

/// An incremental body decoder: feed it what came in, it moves payload out.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Left(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

impl BodyDecoder {
    /// A decoder for one body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Left(length),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// Whether the end of the body was seen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the end of the connection is the proper end of this body.
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose | State::Done)
    }

    /// Moves payload from `input` to `output` as far as possible; true when the body is complete.
    ///
    /// # Errors
    /// [`BadFraming`] when a chunk size or chunk end is not one.
    pub fn decode(&mut self, input: &mut BytesMut, output: &mut BytesMut) -> Result<bool, BadFraming> {
        loop {
            match self.state {
                State::Done => return Ok(true),
                State::UntilClose => {
                    output.extend_from_slice(input);
                    input.clear();
                    return Ok(false);
                }
                State::Left(left) => match take(input, output, left) {
                    0 => self.state = State::Done,
                    rest => {
                        self.state = State::Left(rest);
                        return Ok(false);
                    }
                },
                State::ChunkSize => match take_line(input) {
                    None => return Ok(false),
                    Some(line) => self.state = chunk_state(&line)?,
                },
                State::ChunkData(left) => match take(input, output, left) {
                    0 => self.state = State::ChunkEnd,
                    rest => {
                        self.state = State::ChunkData(rest);
                        return Ok(false);
                    }
                },
                State::ChunkEnd => match take_line(input) {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => self.state = State::ChunkSize,
                    Some(_) => return Err(BadFraming),
                },
                State::Trailer => match take_line(input) {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => self.state = State::Done,
                    Some(_) => {}
                },
            }
        }
    }
}

fn chunk_state(line: &[u8]) -> Result<State, BadFraming> {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let size = std::str::from_utf8(size).map_err(|_| BadFraming)?;
    match u64::from_str_radix(size.trim(), 16).map_err(|_| BadFraming)? {
        0 => Ok(State::Trailer),
        size => Ok(State::ChunkData(size)),
    }
}

/// Moves up to `left` bytes and returns how many are still missing.
fn take(input: &mut BytesMut, output: &mut BytesMut, left: u64) -> u64 {
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    output.extend_from_slice(&input.split_to(count));
    left - count as u64
}

/// Takes one line without its line end (CRLF or LF).
fn take_line(input: &mut BytesMut) -> Option<BytesMut> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let mut line = input.split_to(end);
    input.advance(1);
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_framing_is_found_whatever_the_case() {
        let table = [
            ("POST / HTTP/1.1\r\nContent-length: 12\r\n\r\n", Framing::Length(12)),
            ("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\nContent-Length: 3\r\n\r\n", Framing::Chunked),
            ("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", Framing::UntilClose),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Framing::UntilClose),
        ];
        for (head, expected) in table {
            assert_eq!(Framing::of_head(head.as_bytes(), Framing::UntilClose), expected, "{head}");
        }
    }

    #[test]
    fn every_framing_decodes_in_pieces_of_any_size() {
        let table = [
            (Framing::Length(5), "hello+next", "hello", "+next"),
            (Framing::Chunked, "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n+next", "hello", "+next"),
            (Framing::Length(0), "+next", "", "+next"),
        ];
        for (framing, wire, payload, rest) in table {
            for piece in 1..=wire.len() {
                let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
                let mut decoder = BodyDecoder::new(framing);
                for part in wire.as_bytes().chunks(piece) {
                    input.extend_from_slice(part);
                    decoder.decode(&mut input, &mut output).unwrap();
                }
                assert!(decoder.is_done(), "{framing:?} in pieces of {piece}");
                assert_eq!((&output[..], &input[..]), (payload.as_bytes(), rest.as_bytes()));
            }
        }
    }

    #[test]
    fn a_broken_chunk_is_an_error_and_an_early_end_is_seen() {
        let mut output = BytesMut::new();
        for wire in ["zz\r\n", "2\r\nabc\r\n"] {
            let mut decoder = BodyDecoder::new(Framing::Chunked);
            assert_eq!(decoder.decode(&mut BytesMut::from(wire), &mut output), Err(BadFraming), "{wire}");
        }
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        decoder.decode(&mut BytesMut::from("5\r\nhel"), &mut output).unwrap();
        assert!(!decoder.is_done() && !decoder.ends_with_connection());
    }
}
