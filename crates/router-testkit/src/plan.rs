//! From a script and a request to a plan: the exact bytes on the wire, the pauses between them, and the end.
//! Pure, so that every behaviour is a transformation of data and the connection only carries it out.

use crate::answers::{self, Endpoint, Frame, FrameKind, Refusal, Voice};
use crate::http1::Response;
use crate::record::Received;
use crate::script::{Act, AfterCut, Cut, Script};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// What will be sent.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Part>,
    pub(crate) end: End,
}

/// One step of a plan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Pause(Duration),
    Bytes(Bytes),
}

/// What happens to the connection after the last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    KeepAlive,
    Close,
    Reset,
    Hang,
}

/// A request as far as answering it needs.
#[derive(Debug)]
pub(crate) struct Ask<'r> {
    endpoint: Endpoint,
    path: &'r str,
    body: Value,
    stream: bool,
    without_body: bool,
    close: bool,
}

impl<'r> Ask<'r> {
    pub(crate) fn new(received: &'r Received) -> Self {
        let body = received.json();
        Self {
            endpoint: Endpoint::of(&received.method, &received.path),
            path: &received.path,
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            body,
            without_body: received.method == "HEAD",
            close: received.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
                || received.head.first_line.ends_with("HTTP/1.0"),
        }
    }
}

/// An answer before it is framed.
enum Content {
    Body { status: u16, content_type: String, bytes: Bytes },
    Stream(Vec<Block>),
}

/// One SSE block and what it carries.
struct Block {
    kind: FrameKind,
    text: String,
}

/// Plans the answer to a request.
pub(crate) fn plan(script: &Script, ask: &Ask<'_>, voice: &Voice) -> Plan {
    let mut parts = Vec::new();
    pause(&mut parts, script.timing.before_head);
    let cut = match script.after_cut {
        AfterCut::Close => End::Close,
        AfterCut::Reset => End::Reset,
        AfterCut::Silence => End::Hang,
    };
    let end = match (&script.act, script.cut) {
        (Act::Hang, _) => End::Hang,
        (_, Cut::BeforeHead) => cut,
        (Act::Wire(bytes), _) => {
            parts.push(Part::Bytes(bytes.clone()));
            cut
        }
        _ => match content(script, ask, voice) {
            Content::Body { status, content_type, bytes } => {
                plan_body(&mut parts, script, ask, (status, &content_type, &bytes), cut)
            }
            Content::Stream(blocks) => plan_stream(&mut parts, script, ask, blocks, cut),
        },
    };
    Plan { parts, end }
}

/// The answer that the script wants.
fn content(script: &Script, ask: &Ask<'_>, voice: &Voice) -> Content {
    let natural = if ask.stream { "text/event-stream" } else { "application/json" };
    match &script.act {
        Act::Fixed { status, content_type, body } => Content::Body {
            status: *status,
            content_type: content_type.clone().unwrap_or_else(|| natural.to_owned()),
            bytes: body.clone(),
        },
        Act::Blocks(blocks) => {
            Content::Stream(blocks.iter().map(|text| Block { kind: FrameKind::Content, text: text.clone() }).collect())
        }
        Act::ErrorWith200(error) if ask.stream => {
            Content::Stream(vec![block(script, FrameKind::Content, &error.to_string())])
        }
        Act::ErrorWith200(error) => json_body(200, error),
        Act::NoChoices => no_choices(script, ask),
        Act::WrongKind => faithful(script, ask, voice, !ask.stream),
        _ => faithful(script, ask, voice, ask.stream),
    }
}

/// A faithful answer, or the refusal that the request deserves.
fn faithful(script: &Script, ask: &Ask<'_>, voice: &Voice, stream: bool) -> Content {
    let streams = matches!(ask.endpoint, Endpoint::Chat | Endpoint::Completions);
    let refused = |refusal: Refusal| json_body(refusal.status, &refusal.body);
    if ask.body.is_null() && streams {
        return refused(Refusal::invalid("invalid_json", None, "We could not parse the JSON body of your request."));
    }
    if stream && streams {
        let frames = answers::frames(ask.endpoint, ask.path, &ask.body, voice, &script.shape);
        return frames.map_or_else(refused, |frames| Content::Stream(blocks(script, &frames)));
    }
    answers::whole(ask.endpoint, ask.path, &ask.body, voice, &script.shape)
        .map_or_else(refused, |body| json_body(200, &body))
}

fn no_choices(script: &Script, ask: &Ask<'_>) -> Content {
    let object = if ask.stream { "chat.completion.chunk" } else { "chat.completion" };
    let body =
        json!({"id": "chatcmpl-empty", "object": object, "created": 0, "model": ask.body.get("model"), "choices": []});
    if !ask.stream {
        return json_body(200, &body);
    }
    Content::Stream(blocks(script, &[Frame { kind: FrameKind::Role, data: body.to_string() }]))
}

fn json_body(status: u16, body: &Value) -> Content {
    Content::Body { status, content_type: "application/json".to_owned(), bytes: body.to_string().into() }
}

/// Frames as SSE blocks, an error event where the script wants one, `[DONE]` at the end unless it was left out.
fn blocks(script: &Script, frames: &[Frame]) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(frames.len() + 1);
    let mut seen = 0;
    for frame in frames {
        if let Some((count, error)) = &script.stream.error_after
            && seen == *count
            && frame.kind != FrameKind::Role
        {
            blocks.push(block(script, FrameKind::Content, &error.to_string()));
            return blocks;
        }
        seen += usize::from(frame.kind == FrameKind::Content);
        blocks.push(block(script, frame.kind, &frame.data));
    }
    if !script.stream.no_done {
        blocks.push(block(script, FrameKind::Finish, "[DONE]"));
    }
    blocks
}

fn block(script: &Script, kind: FrameKind, data: &str) -> Block {
    let end = script.stream.line_end.text();
    Block { kind, text: format!("data: {data}{end}{end}") }
}

/// Head and body in one write, unless the script wants them apart.
fn plan_body(parts: &mut Vec<Part>, script: &Script, ask: &Ask<'_>, body: (u16, &str, &Bytes), cut: End) -> End {
    let (status, content_type, bytes) = body;
    let head = head(script, ask, status, content_type, &format!("content-length: {}", bytes.len()));
    if script.cut == Cut::InHead {
        parts.push(Part::Bytes(half(&head)));
        return cut;
    }
    let sent = match script.cut {
        Cut::AfterContent(count) => bytes.slice(..count.min(bytes.len())),
        _ if ask.without_body => Bytes::new(),
        _ => bytes.clone(),
    };
    let together = script.timing.before_first.is_zero() && script.timing.trickle.is_none();
    if together {
        parts.push(Part::Bytes([head, sent].concat().into()));
    } else {
        parts.push(Part::Bytes(head));
        pause(parts, script.timing.before_first);
        push_body(parts, script, &sent, false);
    }
    match script.cut {
        Cut::AfterContent(_) => cut,
        _ => kept(ask),
    }
}

/// A chunked response: the head, then each block on its own with the script's pauses.
fn plan_stream(parts: &mut Vec<Part>, script: &Script, ask: &Ask<'_>, blocks: Vec<Block>, cut: End) -> End {
    let head = head(script, ask, 200, "text/event-stream; charset=utf-8", "transfer-encoding: chunked");
    if script.cut == Cut::InHead {
        parts.push(Part::Bytes(half(&head)));
        return cut;
    }
    parts.push(Part::Bytes(head));
    if script.stream.bom {
        push_body(parts, script, b"\xef\xbb\xbf", true);
    }
    let end = script.stream.line_end.text();
    for _ in 0..script.stream.comments {
        push_body(parts, script, format!(": SIMULATED PROCESSING{end}{end}").as_bytes(), true);
        pause(parts, script.timing.gap);
    }
    let mut seen = 0;
    for block in blocks {
        if script.cut == Cut::AfterContent(seen) && block.kind != FrameKind::Role {
            return cut;
        }
        if block.kind == FrameKind::Content {
            pause(parts, if seen == 0 { script.timing.before_first } else { script.timing.gap });
            seen += 1;
        }
        push_body(parts, script, block.text.as_bytes(), true);
    }
    parts.push(Part::Bytes(Bytes::from_static(b"0\r\n\r\n")));
    kept(ask)
}

/// Body bytes: at once, or one by one where the script wants that; chunked if the framing needs it.
fn push_body(parts: &mut Vec<Part>, script: &Script, bytes: &[u8], chunked: bool) {
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

fn head(script: &Script, ask: &Ask<'_>, status: u16, content_type: &str, framing: &str) -> Bytes {
    let mut headers = vec![("server".to_owned(), "simulated-provider".to_owned())];
    let content_type = script.content_type.clone().unwrap_or_else(|| Some(content_type.to_owned()));
    headers.extend(content_type.map(|value| ("content-type".to_owned(), value)));
    headers.extend(script.headers.iter().cloned());
    if ask.close {
        headers.push(("connection".to_owned(), "close".to_owned()));
    }
    Response::head_bytes(status, &headers, framing)
}

fn half(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

fn kept(ask: &Ask<'_>) -> End {
    if ask.close { End::Close } else { End::KeepAlive }
}

fn pause(parts: &mut Vec<Part>, duration: Duration) {
    if !duration.is_zero() {
        parts.push(Part::Pause(duration));
    }
}
