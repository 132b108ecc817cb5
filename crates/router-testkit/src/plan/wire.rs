//! A plan's bytes: heads, framing that is true or lies, chunks, and where it all is cut.

use super::{Ask, Block, End, Form, Part, line_end};
use crate::answers::FrameKind;
use crate::http1::Response;
use crate::script::{AfterCut, Cut, Framing, Interim, Script};
use bytes::Bytes;
use std::time::Duration;

/// Head and body in one write, unless the script wants them apart.
pub(super) fn plan_body(
    parts: &mut Vec<Part>,
    script: &Script,
    ask: &Ask<'_>,
    body: (u16, &str, &Bytes),
    cut: End,
) -> End {
    let (status, content_type, bytes) = body;
    let chunked = script.framing.is_chunked(false);
    let head = head(script, ask, (status, content_type), &framing(script, chunked, bytes.len()));
    if script.cut == Cut::InHead {
        parts.push(Part::Bytes(half(&head)));
        return cut;
    }
    let sent = match script.cut {
        Cut::AfterContent(count) => bytes.slice(..count.min(bytes.len())),
        Cut::BeforeEnd => bytes.slice(..bytes.len().saturating_sub(1)),
        _ if ask.without_body => Bytes::new(),
        _ => bytes.clone(),
    };
    let together = script.timing.before_first.is_zero() && script.timing.trickle.is_none() && !chunked;
    if together {
        parts.push(Part::Bytes([head, sent].concat().into()));
    } else {
        parts.push(Part::Bytes(head));
        pause(parts, script.timing.before_first);
        push_body(parts, script, &sent, chunked);
    }
    match script.cut {
        Cut::AfterContent(_) | Cut::BeforeEnd | Cut::BeforeLastChunk => cut_off(parts, cut, chunked, "\n"),
        _ => finished(parts, script, ask, chunked),
    }
}

/// A chunked response: the head, then each block on its own with the script's pauses.
pub(super) fn plan_stream(parts: &mut Vec<Part>, script: &Script, ask: &Ask<'_>, blocks: Vec<Block>, cut: End) -> End {
    let chunked = script.framing.is_chunked(true);
    let length: usize = blocks.iter().map(|block| block.text.len()).sum();
    let head = head(script, ask, (200, ask.stream_type()), &framing(script, chunked, length));
    if script.cut == Cut::InHead {
        parts.push(Part::Bytes(half(&head)));
        return cut;
    }
    parts.push(Part::Bytes(head));
    if script.stream.bom {
        push_body(parts, script, b"\xef\xbb\xbf", chunked);
    }
    let comment = comment(script, ask);
    for _ in 0..script.stream.comments {
        push_body(parts, script, comment.as_bytes(), chunked);
        pause(parts, script.timing.gap);
    }
    let (mut seen, mut last) = (0, String::new());
    for block in blocks {
        let here = match script.cut {
            Cut::AfterContent(count) => seen == count && !matches!(block.kind, FrameKind::Role | FrameKind::Comment),
            Cut::BeforeEnd => block.kind == FrameKind::Finish,
            _ => false,
        };
        if here {
            let again = if matches!(script.after_cut, AfterCut::Repeat(_)) { &last } else { &comment };
            return cut_off(parts, cut, chunked, again);
        }
        if block.kind == FrameKind::Content {
            pause(parts, if seen == 0 { script.timing.before_first } else { script.timing.gap });
            seen += 1;
            last.clone_from(&block.text);
        }
        push_body(parts, script, &written(script, &block.text), chunked);
    }
    if script.cut == Cut::BeforeLastChunk { cut } else { finished(parts, script, ask, chunked) }
}

/// A comment in the form of the stream.
fn comment(script: &Script, ask: &Ask<'_>) -> String {
    let end = line_end(script, ask).text();
    match ask.form {
        Form::Done | Form::Events => format!(": SIMULATED PROCESSING{end}{end}"),
        Form::Array | Form::Lines => "\n".to_owned(),
    }
}

/// The end of a body that is cut; where it goes on without end, with `again`.
fn cut_off(parts: &mut Vec<Part>, cut: End, chunked: bool, again: &str) -> End {
    if matches!(cut, End::Endless(_)) {
        let again = again.as_bytes();
        parts.push(Part::Bytes(if chunked { chunk(again) } else { Bytes::copy_from_slice(again) }));
    }
    cut
}

/// The end of a body that was sent whole.
fn finished(parts: &mut Vec<Part>, script: &Script, ask: &Ask<'_>, chunked: bool) -> End {
    let trailers: &[u8] =
        if script.framing == Framing::Trailers { b"x-simulated-trailer: simulated-provider\r\n" } else { b"" };
    if chunked {
        parts.push(Part::Bytes([b"0\r\n", trailers, b"\r\n"].concat().into()));
    }
    if script.framing == Framing::AnswerTwice {
        parts.push(Part::Bytes(Bytes::from_static(UNASKED)));
    }
    let told = !matches!(script.framing, Framing::UntilClose | Framing::ThenClose) && !lies(script.framing);
    if told && !ask.close && script.interim != Interim::Upgrade { End::KeepAlive } else { End::Close }
}

/// An answer that belongs to no request.
const UNASKED: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n{\"simulated\":\"twice\"}";

/// Whether a body's framing does not say how long it is.
fn lies(framing: Framing) -> bool {
    use Framing::{ChunkOverflow, LengthNegative, LengthTooLong, LengthTooShort, LengthTwice};
    matches!(framing, LengthTooLong | LengthTooShort | LengthTwice | LengthNegative | ChunkOverflow)
}

/// The header lines that frame a body of `length` bytes.
fn framing(script: &Script, chunked: bool, length: usize) -> String {
    match script.framing {
        Framing::UntilClose => "connection: close".to_owned(),
        Framing::LengthTooLong => format!("content-length: {}", length + 100),
        Framing::LengthTooShort => format!("content-length: {}", length / 2),
        Framing::LengthTwice => format!("content-length: {length}\r\ncontent-length: {}", length + 100),
        Framing::LengthNegative => format!("content-length: -{length}"),
        _ if chunked => "transfer-encoding: chunked".to_owned(),
        _ => format!("content-length: {length}"),
    }
}

/// Body bytes: at once, or one by one where the script wants that; chunked if the framing needs it.
fn push_body(parts: &mut Vec<Part>, script: &Script, bytes: &[u8], chunked: bool) {
    if script.framing == Framing::ChunkOverflow {
        parts.push(Part::Bytes(Bytes::from_static(b"FFFFFFFFFFFFFFFFF\r\n")));
        parts.push(Part::Bytes(Bytes::copy_from_slice(bytes)));
        return;
    }
    let single = script.timing.trickle.is_some() || script.stream.byte_by_byte;
    let size = if single { 1 } else { bytes.len().max(1) };
    for piece in bytes.chunks(size) {
        pause(parts, script.timing.trickle.unwrap_or_default());
        parts.push(Part::Bytes(if chunked { chunk(piece) } else { Bytes::copy_from_slice(piece) }));
    }
}

fn chunk(piece: &[u8]) -> Bytes {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat().into()
}

fn head(script: &Script, ask: &Ask<'_>, (status, content_type): (u16, &str), framing: &str) -> Bytes {
    let mut headers = vec![("server".to_owned(), "simulated-provider".to_owned())];
    let content_type = script.content_type.clone().unwrap_or_else(|| Some(content_type.to_owned()));
    headers.extend(content_type.map(|value| ("content-type".to_owned(), value)));
    headers.extend(script.headers.iter().cloned());
    if ask.close {
        headers.push(("connection".to_owned(), "close".to_owned()));
    }
    let version = if script.framing == Framing::UntilClose { "HTTP/1.0" } else { "HTTP/1.1" };
    Response::head_bytes(version, status, &headers, framing)
}

fn half(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

pub(super) fn pause(parts: &mut Vec<Part>, duration: Duration) {
    if !duration.is_zero() {
        parts.push(Part::Pause(duration));
    }
}

/// Heads before the head. An end, if nothing follows them.
pub(super) fn interim(parts: &mut Vec<Part>, interim: Interim) -> Option<End> {
    let mut send = |head: &'static str| parts.push(Part::Bytes(Bytes::from_static(head.as_bytes())));
    match interim {
        Interim::None => {}
        Interim::Hints => send("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"),
        Interim::Upgrade => {
            send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: simulated\r\n\r\n")
        }
        Interim::Continue(pause) => {
            send("HTTP/1.1 100 Continue\r\n\r\n");
            return Some(End::Endless(pause));
        }
    }
    None
}

/// Text as bytes, sound or as the script breaks it.
pub(super) fn written(script: &Script, text: &str) -> Bytes {
    if !script.broken_text {
        return Bytes::copy_from_slice(text.as_bytes());
    }
    let mut pieces = text.split('\u{fffd}').map(str::as_bytes);
    let first = pieces.next().unwrap_or_default().to_vec();
    let broken = pieces.fold(first, |mut bytes, piece| {
        bytes.push(0xff);
        bytes.extend_from_slice(piece);
        bytes
    });
    broken.into()
}
