//! Scripts: how a simulated provider behaves for one call. A script is plain data; [`Script::ok`] is a faithful
//! answer, the constructors choose a fault, the modifiers shape timing, framing and content and can be combined.

mod modifiers;

use crate::answers::{Failure, Shape};
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

/// The behaviour for one call.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) act: Act,
    pub(crate) timing: Timing,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) cut: Cut,
    pub(crate) after_cut: AfterCut,
    /// `Some(None)`: no content type at all.
    pub(crate) content_type: Option<Option<String>>,
    pub(crate) stream: StreamForm,
    pub(crate) shape: Shape,
    pub(crate) interim: Interim,
    pub(crate) framing: Framing,
    /// Each replacement character of the answer goes out as a byte that no UTF-8 has.
    pub(crate) broken_text: bool,
}

/// What kind of answer is given.
#[derive(Clone, Debug, Default)]
pub(crate) enum Act {
    /// A faithful answer to the request.
    #[default]
    Answer,
    /// Status, content type (`None`: what fits the request) and body, whatever was asked.
    Fixed { status: u16, content_type: Option<String>, body: Bytes },
    /// A failure in the form of the request's dialect.
    Failure(Failure),
    /// Exactly these bytes on the wire, head included, then close.
    Wire(Bytes),
    /// Status 200 and these SSE blocks, each sent on its own.
    Blocks(Vec<String>),
    /// Status 200 with an error object: as the body, or as the first event of a stream.
    ErrorWith200(Failure),
    /// Status 200 and no content, in chat `"choices": []`.
    NoChoices,
    /// The other body kind than the request asked for.
    WrongKind,
    /// Accept and never answer.
    Hang,
}

/// When the parts of an answer are sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) before_head: Duration,
    pub(crate) before_first: Duration,
    pub(crate) gap: Duration,
    /// One byte of the body per this long.
    pub(crate) trickle: Option<Duration>,
}

/// Where the connection is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cut {
    #[default]
    Never,
    BeforeHead,
    InHead,
    /// After this many content events (of a stream) or, for other bodies, bytes.
    AfterContent(usize),
    /// With all its content, but before what ends it: a stream's finish, another body's last byte.
    BeforeEnd,
    /// Before the last chunk, which is empty: the answer is whole, its framing is not.
    BeforeLastChunk,
}

/// What happens where an answer is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AfterCut {
    #[default]
    Close,
    Reset,
    Silence,
    /// Comments, one each of these times, without end; where the form has none, white space.
    Comments(Duration),
    /// The last content of a stream again, each of these times, without end.
    Repeat(Duration),
}

/// Heads before the head of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Interim {
    #[default]
    None,
    /// `103 Early Hints`, once.
    Hints,
    /// `100 Continue`, each of these times, without end.
    Continue(Duration),
    /// `101 Switching Protocols`, which nobody asked for; the answer follows.
    Upgrade,
}

/// How the body of an answer is framed, truly or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// By a content-length; a stream in chunks.
    #[default]
    Natural,
    /// In chunks, a whole answer too.
    Chunked,
    /// As HTTP/1.0 does it: until the connection closes.
    UntilClose,
    /// The content-length promises 100 bytes more than come.
    LengthTooLong,
    /// The content-length promises half of what comes.
    LengthTooShort,
    /// Two content-lengths that differ.
    LengthTwice,
    /// A content-length below zero.
    LengthNegative,
    /// In chunks, the first of which announces more than 64 bits can hold.
    ChunkOverflow,
    /// In chunks, and fields of a head behind the last one.
    Trailers,
    /// Naturally, and behind it another answer that nobody asked for.
    AnswerTwice,
    /// Naturally; the connection closes behind it, without a word of that before.
    ThenClose,
}

impl Framing {
    /// Whether the body comes in chunks, where that is what comes naturally or not.
    pub(crate) fn is_chunked(self, naturally: bool) -> bool {
        match self {
            Self::Natural | Self::AnswerTwice | Self::ThenClose => naturally,
            Self::Chunked | Self::ChunkOverflow | Self::Trailers => true,
            _ => false,
        }
    }
}

/// How a stream looks on the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamForm {
    /// `None`: as the dialect ends its lines.
    pub(crate) line_end: Option<LineEnd>,
    pub(crate) bom: bool,
    pub(crate) comments: usize,
    pub(crate) byte_by_byte: bool,
    pub(crate) no_done: bool,
    /// Each event's data on two lines.
    pub(crate) data_lines: bool,
    pub(crate) error_after: Option<(usize, Failure)>,
}

/// The line end of server-sent events; the standard knows three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`, as OpenAI sends it.
    #[default]
    Lf,
    /// `\r\n`, as Gemini sends it.
    CrLf,
    /// `\r`, legal and rare.
    Cr,
}

impl LineEnd {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Cr => "\r",
        }
    }
}

/// Whole behaviours.
impl Script {
    /// A faithful answer.
    #[must_use]
    pub fn ok() -> Self {
        Self::default()
    }

    fn of(act: Act) -> Self {
        Self { act, ..Self::default() }
    }

    /// A status with an error body that suits it, in the form of the request's dialect.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::of(Act::Failure(Failure::with_status(status, &format!("simulated failure with status {status}"))))
    }

    /// A status with an error of the given type, code and message (in dialects other than OpenAI's the status tells the type).
    #[must_use]
    pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        Self::of(Act::Failure(Failure::new(status, kind, code, message)))
    }

    /// 429 `rate_limit_exceeded`; with `Retry-After` in seconds if given.
    #[must_use]
    pub fn rate_limited(retry_after_seconds: Option<u64>) -> Self {
        let script = Self::status(429);
        match retry_after_seconds {
            Some(seconds) => script.header("retry-after", &seconds.to_string()),
            None => script,
        }
    }

    /// 401 `invalid_api_key`.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::status(401)
    }

    /// 400 with a code, the parameter at fault and a message.
    #[must_use]
    pub fn bad_request(code: &str, param: Option<&str>, message: &str) -> Self {
        Self::of(Act::Failure(Failure::new(400, "invalid_request_error", Some(code), message).about(param)))
    }

    /// A status with this JSON body, also for stream requests.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// A status with exactly these body bytes.
    #[must_use]
    pub fn body(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::of(Act::Fixed { status, content_type: Some(content_type.to_owned()), body: body.into() })
    }

    /// Exactly these bytes on the wire, head included; then the connection closes.
    #[must_use]
    pub fn wire(bytes: impl Into<Bytes>) -> Self {
        Self::of(Act::Wire(bytes.into()))
    }

    /// Status 200 and a stream of exactly these data payloads, each as one event; nothing is added, no `[DONE]`.
    #[must_use]
    pub fn events<T: AsRef<str>>(payloads: impl IntoIterator<Item = T>) -> Self {
        Self::blocks(payloads.into_iter().map(|data| format!("data: {}\n\n", data.as_ref())))
    }

    /// Status 200 and a stream of exactly these text blocks, byte for byte, each sent on its own.
    #[must_use]
    pub fn blocks(blocks: impl IntoIterator<Item = String>) -> Self {
        Self::of(Act::Blocks(blocks.into_iter().collect()))
    }

    /// Status 200, an empty body.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Act::Fixed { status: 200, content_type: None, body: Bytes::new() })
    }

    /// Status 200 and no content, in chat `"choices": []` (in a stream: one such chunk, then `[DONE]`).
    #[must_use]
    pub fn no_choices() -> Self {
        Self::of(Act::NoChoices)
    }

    /// Status 200 and a web page, as resellers send for a wrong path.
    #[must_use]
    pub fn html() -> Self {
        Self::body(200, "text/html; charset=utf-8", "<!doctype html><html><body>Simulated page</body></html>")
    }

    /// Status 200 with an error object of the dialect: the body, or the first event of a stream.
    #[must_use]
    pub fn error_with_200(kind: &str, code: Option<&str>, message: &str) -> Self {
        Self::of(Act::ErrorWith200(Failure::new(500, kind, code, message)))
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::body(302, "text/plain", "").header("location", location)
    }

    /// JSON for a stream request, a stream for any other.
    #[must_use]
    pub fn wrong_kind() -> Self {
        Self::of(Act::WrongKind)
    }

    /// Take the request and never answer.
    #[must_use]
    pub fn hang() -> Self {
        Self::of(Act::Hang)
    }

    /// Take the request and close.
    #[must_use]
    pub fn cut_before_head() -> Self {
        Self { cut: Cut::BeforeHead, ..Self::default() }
    }

    /// Close in the middle of the response head.
    #[must_use]
    pub fn cut_in_head() -> Self {
        Self { cut: Cut::InHead, ..Self::default() }
    }

    /// Start the stream, send the role chunk, close. (Other bodies: head only.)
    #[must_use]
    pub fn cut_before_first_token() -> Self {
        Self::cut_after(0)
    }

    /// Close after `count` content events of a stream, without finish or `[DONE]`. (Other bodies: bytes.)
    #[must_use]
    pub fn cut_after(count: usize) -> Self {
        Self::ok().cut_at(count)
    }

    /// Close with all content sent, but before what ends the answer: a stream's finish, another body's last byte.
    #[must_use]
    pub fn cut_before_end() -> Self {
        Self { cut: Cut::BeforeEnd, ..Self::default() }
    }

    /// Close where only the last, empty chunk is missing. (A whole answer comes in chunks for that.)
    #[must_use]
    pub fn cut_before_last_chunk() -> Self {
        Self { cut: Cut::BeforeLastChunk, framing: Framing::Chunked, ..Self::default() }
    }

    /// After `count` content events an error event, then the end without `[DONE]`.
    #[must_use]
    pub fn error_after(count: usize, message: &str) -> Self {
        let mut script = Self::ok();
        script.stream.error_after = Some((count, Failure::new(500, "server_error", None, message)));
        script
    }
}
