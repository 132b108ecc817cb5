//! From a script and a request to a plan: the exact bytes on the wire, the pauses between them, and the end.
//! Pure, so that every behaviour is a transformation of data and the connection only carries it out.

mod wire;

use crate::answers::{
    self, Bend, Call, Dialect, Endpoint, Failure, Frame, FrameKind, Refusal, Shape, UsageMode, Voice,
};
use crate::record::Received;
use crate::script::{Act, AfterCut, Cut, LineEnd, Script};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;
use wire::{interim, pause, plan_body, plan_stream, written};

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
    /// The last part again and again, this long apart.
    Endless(Duration),
}

/// A request as far as answering it needs.
#[derive(Debug)]
pub(crate) struct Ask<'r> {
    received: &'r Received,
    endpoint: Endpoint,
    dialect: Dialect,
    body: Value,
    stream: bool,
    form: Form,
    without_body: bool,
    close: bool,
}

/// How the events of a stream stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Server-sent events with `[DONE]` at the end.
    Done,
    /// Server-sent events that end by themselves.
    Events,
    /// The elements of one JSON array (Gemini without `alt=sse`).
    Array,
    /// A JSON value a line (Ollama).
    Lines,
}

impl<'r> Ask<'r> {
    pub(crate) fn new(received: &'r Received) -> Self {
        let body = received.json();
        let endpoint = Endpoint::of(&received.method, &received.path);
        let dialect = received.dialect();
        let asked = body.get("stream").and_then(Value::as_bool);
        Self {
            received,
            endpoint,
            dialect,
            stream: match endpoint {
                Endpoint::GenerateStream => true,
                Endpoint::OllamaChat => asked.unwrap_or(true),
                endpoint => endpoint.streams() && endpoint != Endpoint::Generate && asked.unwrap_or(false),
            },
            form: match dialect {
                Dialect::Chat(_) => Form::Done,
                Dialect::Gemini if !received.query.contains("alt=sse") => Form::Array,
                Dialect::Ollama => Form::Lines,
                _ => Form::Events,
            },
            body,
            without_body: received.method == "HEAD",
            close: received.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
                || received.head.first_line.ends_with("HTTP/1.0"),
        }
    }

    fn call<'a>(&'a self, voice: &'a Voice, shape: &'a Shape) -> Call<'a> {
        Call {
            endpoint: self.endpoint,
            dialect: self.dialect,
            path: &self.received.path,
            query: &self.received.query,
            head: &self.received.head,
            key: self.received.key(),
            body: &self.body,
            voice,
            shape,
        }
    }

    /// The content type of a stream.
    fn stream_type(&self) -> &'static str {
        match self.form {
            Form::Done | Form::Events => "text/event-stream; charset=utf-8",
            Form::Array => "application/json; charset=UTF-8",
            Form::Lines => "application/x-ndjson",
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
        AfterCut::Comments(pause) | AfterCut::Repeat(pause) => End::Endless(pause),
    };
    if let Some(end) = interim(&mut parts, script.interim) {
        return Plan { parts, end };
    }
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
    let natural = if ask.stream { ask.stream_type() } else { "application/json" };
    match &script.act {
        Act::Fixed { status, content_type, body } => Content::Body {
            status: *status,
            content_type: content_type.clone().unwrap_or_else(|| natural.to_owned()),
            bytes: body.clone(),
        },
        Act::Blocks(blocks) => {
            Content::Stream(blocks.iter().map(|text| Block { kind: FrameKind::Content, text: text.clone() }).collect())
        }
        Act::Failure(failure) => json_body(failure.status, &failure.body(ask.dialect)),
        Act::ErrorWith200(failure) if ask.stream => {
            Content::Stream(assembled(script, ask, &[failed(failure, ask, 0)], false))
        }
        Act::ErrorWith200(failure) => json_body(200, &failure.body(ask.dialect)),
        Act::NoChoices => no_choices(script, ask),
        Act::WrongKind => faithful(script, ask, voice, !ask.stream),
        _ => faithful(script, ask, voice, ask.stream),
    }
}

/// A faithful answer, or the refusal that the request deserves.
fn faithful(script: &Script, ask: &Ask<'_>, voice: &Voice, stream: bool) -> Content {
    let refused = |refusal: Refusal| json_body(refusal.status, &refusal.body);
    let call = ask.call(voice, &script.shape);
    if ask.body.is_null() && ask.endpoint.streams() {
        let failure = Failure::new(
            400,
            "invalid_request_error",
            Some("invalid_json"),
            "We could not parse the JSON body of your request.",
        );
        return refused(Refusal::of(ask.dialect, &failure));
    }
    if stream && ask.endpoint.streams() {
        return answers::frames(&call).map_or_else(refused, |frames| Content::Stream(blocks(script, ask, &frames)));
    }
    answers::whole(&call).map_or_else(refused, |body| Content::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        bytes: written(script, &reported(script, &body)),
    })
}

fn no_choices(script: &Script, ask: &Ask<'_>) -> Content {
    let body = answers::hollow(ask.dialect, &ask.body, ask.stream);
    if !ask.stream {
        return json_body(200, &body);
    }
    let data = match ask.dialect {
        Dialect::Messages => json!({"type": "message_start", "message": body}),
        Dialect::Responses => json!({"type": "response.completed", "sequence_number": 0, "response": body}),
        _ => body,
    };
    let frame = Frame { kind: FrameKind::Role, name: name_of(&data, ask), data: data.to_string() };
    Content::Stream(blocks(script, ask, &[frame]))
}

fn json_body(status: u16, body: &Value) -> Content {
    Content::Body { status, content_type: "application/json".to_owned(), bytes: body.to_string().into() }
}

/// A failure inside a stream that has `sent` events behind it.
fn failed(failure: &Failure, ask: &Ask<'_>, sent: usize) -> Frame {
    let mut data = failure.body(ask.dialect);
    if ask.dialect == Dialect::Responses {
        let error = data.get("error").cloned().unwrap_or_default();
        data = json!({"type": "error", "sequence_number": sent, "code": error.get("code"), "message": error.get("message"), "param": error.get("param")});
    }
    Frame { kind: FrameKind::Content, name: name_of(&data, ask), data: data.to_string() }
}

/// The name on an event's `event:` line: its type, in the dialects that name events.
fn name_of(data: &Value, ask: &Ask<'_>) -> Option<String> {
    let named = matches!(ask.dialect, Dialect::Messages | Dialect::Responses);
    data.get("type").and_then(Value::as_str).filter(|_| named).map(str::to_owned)
}

/// Frames as blocks, an error event where the script wants one.
fn blocks(script: &Script, ask: &Ask<'_>, frames: &[Frame]) -> Vec<Block> {
    let mut chosen = Vec::with_capacity(frames.len());
    let mut seen = 0;
    for frame in frames {
        if let Some((count, failure)) = &script.stream.error_after
            && seen == *count
            && !matches!(frame.kind, FrameKind::Role | FrameKind::Comment)
        {
            chosen.push(failed(failure, ask, chosen.len()));
            return assembled(script, ask, &chosen, false);
        }
        seen += usize::from(frame.kind == FrameKind::Content);
        chosen.push(frame.clone());
    }
    assembled(script, ask, &chosen, true)
}

/// Frames in the form of the stream; `ended` adds the proper end, unless the script leaves it out.
fn assembled(script: &Script, ask: &Ask<'_>, frames: &[Frame], ended: bool) -> Vec<Block> {
    let mut blocks: Vec<Block> = frames
        .iter()
        .enumerate()
        .map(|(number, frame)| Block { kind: frame.kind, text: framed(script, ask, number == 0, frame) })
        .collect();
    let end = match ask.form {
        Form::Done => Frame::data(FrameKind::Finish, "[DONE]".to_owned()),
        // An array is closed even after an error; a cut leaves it open.
        Form::Array => {
            blocks.push(Block { kind: FrameKind::Finish, text: "]".to_owned() });
            return blocks;
        }
        Form::Events | Form::Lines => return blocks,
    };
    if ended && !script.stream.no_done {
        blocks.push(Block { kind: FrameKind::Finish, text: framed(script, ask, false, &end) });
    }
    blocks
}

/// The text of an answer or event as the script wants its usage reported.
fn reported(script: &Script, text: &str) -> String {
    match script.shape.usage {
        UsageMode::Bent(Bend::Twice) => answers::said_twice(text),
        _ => text.to_owned(),
    }
}

fn framed(script: &Script, ask: &Ask<'_>, first: bool, frame: &Frame) -> String {
    let end = line_end(script, ask).text();
    let data = reported(script, &frame.data);
    let data = match (script.stream.data_lines, ask.form) {
        // A line end is white space between the members of an object.
        (true, Form::Done | Form::Events) => data.replacen('{', &format!("{{{end}data: "), 1),
        _ => data,
    };
    match (ask.form, &frame.name) {
        (Form::Lines, _) => format!("{data}\n"),
        (Form::Array, _) if first => format!("[{data}"),
        (Form::Array, _) => format!(",\r\n{data}"),
        (_, _) if frame.kind == FrameKind::Comment => format!(": {data}{end}{end}"),
        (_, Some(name)) => format!("event: {name}{end}data: {data}{end}{end}"),
        (_, None) => format!("data: {data}{end}{end}"),
    }
}

/// Google ends its lines as HTTP does; a script may say otherwise.
fn line_end(script: &Script, ask: &Ask<'_>) -> LineEnd {
    let natural = if ask.dialect == Dialect::Gemini { LineEnd::CrLf } else { LineEnd::Lf };
    script.stream.line_end.unwrap_or(natural)
}
