//! The hostile provider: every way in which providers have been seen to fail or lie, as a list. Each behaviour is a [`Script`], and a
//! model of its name ([`Behaviour::model`]) gets it from a provider that is [`SimProvider::hostile`], in each dialect, streamed or not.
//!
//! A new fault from the field becomes an entry here; the suites that walk the list do the rest.

use crate::answers::Bend;
use crate::provider::SimProvider;
use crate::script::{Framing, LineEnd, Script};
use std::time::Duration;

/// A behaviour of the hostile provider.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Its name: small letters, digits, hyphens.
    pub name: &'static str,
    /// What it does; the argument is the pause between the pieces of what comes slowly or without end.
    pub script: fn(Duration) -> Script,
    /// What it does to a whole answer.
    pub whole: Harm,
    /// What it does to a stream.
    pub stream: Harm,
    /// Whether only the patience of whoever asks ends it.
    pub endless: bool,
}

/// What a behaviour does to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Odd, but all of it comes: whoever asks should get the answer.
    None,
    /// Nothing usable comes.
    Early,
    /// Contents come, the proper end does not.
    Late,
    /// The network decides how much of it comes, or it is broken in its substance: to take it as a whole answer and to take it as a
    /// broken one are both right.
    Unsure,
}

impl Behaviour {
    /// The model that behaves so.
    #[must_use]
    pub fn model(&self) -> String {
        format!("hostile-{}", self.name)
    }

    /// What it does to an answer of that kind.
    #[must_use]
    pub fn harm(&self, stream: bool) -> Harm {
        if stream { self.stream } else { self.whole }
    }
}

impl SimProvider {
    /// Every behaviour of [`BEHAVIOURS`], for the models of their names; `pause` as there.
    #[must_use]
    pub fn hostile(self, pause: Duration) -> Self {
        BEHAVIOURS
            .iter()
            .fold(self, |provider, behaviour| provider.on_model(&behaviour.model(), (behaviour.script)(pause)))
    }
}

/// What no client may ever see of a provider: the hostile one puts it into errors, pages and headers.
pub const SECRET: &str = "sk-hostile-4f1d7a20c95e4b38";

/// The behaviours, by area.
pub const BEHAVIOURS: &[Behaviour] = &[
    // Silence and pace.
    odd("ordinary", |_| Script::ok()),
    endless("silent", Harm::Early, Harm::Early, |_| Script::hang()),
    endless("slow-bytes", Harm::Early, Harm::Early, |pause| Script::ok().trickle(pause)),
    endless("comments", Harm::Early, Harm::Early, |pause| Script::cut_after(0).with_comments(pause)),
    endless("comments-after-content", Harm::Early, Harm::Late, |pause| Script::cut_after(2).with_comments(pause)),
    endless("content", Harm::Early, Harm::Late, |pause| Script::cut_after(2).with_repeats(pause)),
    // The connection.
    early("close-before-head", |_| Script::cut_before_head()),
    early("close-in-head", |_| Script::cut_in_head()),
    late("close-in-body", |_| Script::cut_after(2)),
    late("close-before-end", |_| Script::cut_before_end()),
    whole_only("close-before-last-chunk", |_| Script::cut_before_last_chunk()),
    early("reset-before-head", |_| Script::cut_before_head().with_reset()),
    early("reset-in-head", |_| Script::cut_in_head().with_reset()),
    late("reset-in-body", |_| Script::cut_after(2).with_reset()),
    late("reset-before-end", |_| Script::cut_before_end().with_reset()),
    // A reset overtakes what still waits to be sent.
    Behaviour {
        stream: Harm::Unsure,
        ..late("reset-before-last-chunk", |_| Script::cut_before_last_chunk().with_reset())
    },
    endless("silent-in-head", Harm::Early, Harm::Early, |_| Script::cut_in_head().with_silence()),
    endless("silent-in-body", Harm::Early, Harm::Late, |_| Script::cut_after(2).with_silence()),
    endless("silent-before-end", Harm::Early, Harm::Late, |_| Script::cut_before_end().with_silence()),
    // Framing.
    whole_only("length-too-long", |_| Script::ok().framing(Framing::LengthTooLong)),
    late("length-too-short", |_| Script::ok().framing(Framing::LengthTooShort)),
    early("length-twice", |_| Script::ok().framing(Framing::LengthTwice)),
    early("length-negative", |_| Script::ok().framing(Framing::LengthNegative)),
    early("chunk-overflow", |_| Script::ok().framing(Framing::ChunkOverflow)),
    odd("http-1-0", |_| Script::ok().framing(Framing::UntilClose)),
    odd("chunked", |_| Script::ok().framing(Framing::Chunked)),
    odd("early-hints", |_| Script::ok().early_hints()),
    endless("continue", Harm::Early, Harm::Early, |pause| Script::ok().endless_continue(pause)),
    early("upgrade", |_| Script::ok().upgrade()),
    early("many-headers", |_| Script::ok().huge_headers(1_000, 1_024)),
    early("long-header", |_| Script::ok().huge_headers(1, 64 * 1_024)),
    early("hints-without-answer", |_| Script::wire("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000))),
    early("no-http", |_| Script::wire("simulated nonsense\r\n\r\n")),
    early("http-0-9", |_| Script::wire("{\"choices\": []}")),
    early("status-of-two-digits", |_| Script::wire("HTTP/1.1 99 Simulated\r\ncontent-length: 0\r\n\r\n")),
    odd("trailers", |_| Script::ok().framing(Framing::Trailers)),
    odd("answer-twice", |_| Script::ok().framing(Framing::AnswerTwice)),
    // Streams.
    odd("split-at-every-byte", |_| Script::ok().byte_by_byte()),
    odd("lf", |_| Script::ok().line_end(LineEnd::Lf)),
    odd("cr", |_| Script::ok().line_end(LineEnd::Cr)),
    odd("crlf", |_| Script::ok().line_end(LineEnd::CrLf)),
    odd("byte-order-mark", |_| Script::ok().bom()),
    odd("data-lines", |_| Script::ok().data_lines()),
    unsure("invalid-utf-8", |_| Script::ok().text("bro\u{fffd}ken text, ended properly").broken_text()),
    Behaviour {
        whole: Harm::None,
        ..late("error-event", |_| Script::error_after(2, &format!("simulated failure of {SECRET}")))
    },
    unsure("cut-arguments", |_| Script::ok().cut_arguments()),
    // Answers.
    early("page", |_| Script::body(200, "text/html", format!("<!doctype html><html>Simulated page {SECRET}</html>"))),
    early("error-with-200", |_| {
        Script::error_with_200("server_error", None, &format!("simulated failure of {SECRET}"))
    }),
    odd("other-model", |_| Script::ok().answering_as("somebody-else")),
    odd("other-kind", |_| Script::wrong_kind()),
    early("empty", |_| Script::empty()),
    early("no-content", |_| Script::body(204, "application/json", "")),
    early("empty-object", |_| Script::body(200, "application/json", "{}")),
    early("null", |_| Script::body(200, "application/json", "null")),
    early("half-json", |_| Script::body(200, "application/json", "{\"choices\": [{\"message\":")),
    early("deep-json", |_| Script::body(200, "application/json", "[".repeat(100_000))),
    early("compressed", |_| Script::body(200, "application/json", COMPRESSED).header("content-encoding", "gzip")),
    early("no-choices", |_| Script::no_choices()),
    early("redirect", |_| Script::redirect("http://127.0.0.1:9/elsewhere")),
    early("status-500", |_| failed(500)),
    early("status-503", |_| failed(503)),
    early("status-529", |_| failed(529)),
    early("status-999", |_| failed(999)),
    early("retry-after-zero", |_| failed(429).header("retry-after", "0")),
    early("retry-after-negative", |_| failed(429).header("retry-after", "-1")),
    early("retry-after-huge", |_| failed(429).header("retry-after", "1000000000")),
    early("retry-after-date", |_| failed(429).header("retry-after", "Fri, 31 Dec 2099 23:59:59 GMT")),
    early("retry-after-garbage", |_| failed(429).header("retry-after", "soon; \u{fffd}")),
    odd("own-headers", |_| own_headers(Script::ok())),
    early("own-headers-of-a-failure", |_| own_headers(failed(500))),
    // Usage.
    odd("usage-missing", |_| Script::ok().no_usage()),
    odd("usage-negative", |_| Script::ok().bent_usage(Bend::Negative)),
    odd("usage-huge", |_| Script::ok().bent_usage(Bend::Huge)),
    odd("usage-text", |_| Script::ok().bent_usage(Bend::Text)),
    odd("usage-fraction", |_| Script::ok().bent_usage(Bend::Fraction)),
    odd("usage-twice", |_| Script::ok().bent_usage(Bend::Twice)),
];

/// `{}` as gzip packs it, which nobody accepts.
const COMPRESSED: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 171, 174, 5, 0, 67, 191, 166, 163, 2, 0, 0, 0];

/// A failure with a secret in its words.
fn failed(status: u16) -> Script {
    Script::error(status, "server_error", None, &format!("simulated failure of {SECRET}"))
}

/// Headers that are no client's business, or that a client would take for the router's own.
fn own_headers(script: Script) -> Script {
    let names = [
        "set-cookie",
        "x-api-key",
        "authorization",
        "location",
        "access-control-allow-origin",
        "x-router-channel",
        "x-router-cost",
        "x-request-id",
        "x-should-retry",
        "retry-after",
        "alt-svc",
        "strict-transport-security",
    ];
    names.iter().fold(script, |script, name| script.header(name, SECRET))
}

const fn odd(name: &'static str, script: fn(Duration) -> Script) -> Behaviour {
    Behaviour { name, script, whole: Harm::None, stream: Harm::None, endless: false }
}

const fn early(name: &'static str, script: fn(Duration) -> Script) -> Behaviour {
    Behaviour { name, script, whole: Harm::Early, stream: Harm::Early, endless: false }
}

const fn late(name: &'static str, script: fn(Duration) -> Script) -> Behaviour {
    Behaviour { name, script, whole: Harm::Early, stream: Harm::Late, endless: false }
}

/// Harms a whole answer; a stream says itself where it ends.
const fn whole_only(name: &'static str, script: fn(Duration) -> Script) -> Behaviour {
    Behaviour { name, script, whole: Harm::Early, stream: Harm::None, endless: false }
}

const fn unsure(name: &'static str, script: fn(Duration) -> Script) -> Behaviour {
    Behaviour { name, script, whole: Harm::Unsure, stream: Harm::Unsure, endless: false }
}

const fn endless(name: &'static str, whole: Harm, stream: Harm, script: fn(Duration) -> Script) -> Behaviour {
    Behaviour { name, script, whole, stream, endless: true }
}
