//! The usage meter: looks at a stream of OpenAI's shape while it passes, and holds back the little that must not pass.
//!
//! Held back until the first content: everything, so that another candidate can still answer. Held back for good:
//! `[DONE]` (the server sends exactly one, after the books are written), error events (the server classifies them and
//! speaks in the client's dialect), what follows either, and, where the client did not ask for usage, the event that has
//! nothing but usage and the `"usage":null` of the others. All else passes as the provider sent it.

use bytes::Bytes;
use router_core::fault::FaultKind;
use router_core::usage::{ServiceTier, Usage};

use super::chunk::Chunk;
use super::opening::Opening;
use super::pattern::{Pattern, without_null_usage};
use crate::dialects::Framing;
use crate::sse::{self, Frames, Splitter};
use crate::tokens::TextCount;

/// How a meter behaves. Sizes are bytes.
#[derive(Clone, Copy, Debug)]
pub struct MeterOptions {
    /// The client did not ask for usage: it sees none that we asked for.
    pub hide_usage: bool,
    /// Largest event.
    pub max_event: usize,
    /// Largest stream.
    pub max_stream: usize,
    /// Most that may come before the first content.
    pub max_prelude: usize,
    /// Largest JSON answer in place of a stream.
    pub max_body: usize,
}

impl MeterOptions {
    /// What bounds every stream.
    pub(super) const USUAL: Self = Self {
        hide_usage: false,
        max_event: 16 << 20,
        max_stream: 64 << 20,
        max_prelude: 16 << 20,
        max_body: 32 << 20,
    };
}

impl Default for MeterOptions {
    fn default() -> Self {
        Self::USUAL
    }
}

/// The stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct StreamFault {
    /// The class.
    pub kind: FaultKind,
    /// What is wrong.
    pub what: &'static str,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// With `[DONE]`, or with a finish reason on every choice. The client's terminator may follow.
    Complete,
    /// In the middle: neither was seen.
    Cut,
    /// Properly or not, but without any content.
    Empty,
    /// With an error event: [`StreamMeter::error`].
    Failed,
    /// It was no stream but one JSON answer, which is here: examine it, then [`super::synthesize_stream`].
    Json(Bytes),
}

/// What to do with a frame.
enum Verdict {
    Pass,
    Withhold,
    Replace(Bytes),
}

/// Feed it every chunk; forward what it gives.
#[derive(Debug)]
pub struct StreamMeter {
    options: MeterOptions,
    splitter: Splitter,
    pattern: Option<Pattern>,
    opening: Opening,
    held: Vec<Bytes>,
    held_bytes: usize,
    passed: usize,
    content: bool,
    done: bool,
    error: Option<Bytes>,
    text: TextCount,
    seen: u128,
    finished: u128,
    usage: Option<Usage>,
    service: ServiceTier,
    model: Option<String>,
    skipped: u64,
}

impl StreamMeter {
    /// A meter for one stream.
    #[must_use]
    pub fn new(options: MeterOptions) -> Self {
        Self {
            options,
            splitter: Splitter::new(options.max_event),
            pattern: None,
            opening: Opening::new(Framing::Sse),
            held: Vec::new(),
            held_bytes: 0,
            passed: 0,
            content: false,
            done: false,
            error: None,
            text: TextCount::default(),
            seen: 0,
            finished: 0,
            usage: None,
            service: ServiceTier::Standard,
            model: None,
            skipped: 0,
        }
    }

    /// Takes a chunk and appends to `out` what is to be forwarded now: nothing before the first content, the held
    /// events with the first content, then each whole event as a slice of its chunk. After `done()` or `error()`
    /// nothing more comes.
    ///
    /// # Errors
    /// [`StreamFault`] where a bound is exceeded or the answer is a web page.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        self.passed += chunk.len();
        if self.passed > self.options.max_stream {
            return Err(bad("the stream is longer than the limit"));
        }
        if self.done || self.error.is_some() {
            return Ok(());
        }
        let Some(chunk) = self.opening.take(chunk, self.options.max_body)? else { return Ok(()) };
        let Frames { joined, whole } =
            self.splitter.push(chunk).map_err(|_| bad("an event of the stream is larger than the limit"))?;
        self.block(joined, out);
        self.block(whole, out);
        if self.held_bytes > self.options.max_prelude {
            return Err(bad("the stream sends too much before its first content"));
        }
        Ok(())
    }

    /// The provider closed the stream: the last event, if its blank line was forgotten, and the verdict.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> StreamEnd {
        if let Some(json) = self.opening.json() {
            return StreamEnd::Json(json);
        }
        let rest = self.splitter.finish();
        self.block(rest, out);
        if self.error.is_some() {
            return StreamEnd::Failed;
        }
        let ended = self.done || (self.seen != 0 && self.seen & !self.finished == 0);
        match (self.content, ended) {
            (true, true) => StreamEnd::Complete,
            (false, true) => StreamEnd::Empty,
            (false, false) if self.passed == 0 => StreamEnd::Empty,
            (_, false) => StreamEnd::Cut,
        }
    }

    /// Whether content has come, so that the answer is committed to this provider.
    #[must_use]
    pub const fn content_started(&self) -> bool {
        self.content
    }

    /// Whether the terminator has come: nothing of use follows, the connection need not be read further.
    #[must_use]
    pub const fn done(&self) -> bool {
        self.done
    }

    /// The data of the error event that the provider sent inside the stream.
    #[must_use]
    pub const fn error(&self) -> Option<&Bytes> {
        self.error.as_ref()
    }

    /// The provider's usage: the last one. `None` if it sent none that makes sense.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage.map(|usage| Usage { service: self.service, ..usage })
    }

    /// Characters of text, reasoning and tool calls that passed, for counting where usage is missing.
    #[must_use]
    pub const fn text(&self) -> TextCount {
        self.text
    }

    /// The model that the provider named.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Data lines that were no JSON and were dropped.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Judges the frames of a block and forwards the runs that pass, as slices.
    fn block(&mut self, block: Bytes, out: &mut Vec<Bytes>) {
        let mut run = 0;
        let mut at = 0;
        for frame in sse::frames(&block) {
            let next = at + frame.len();
            if self.done || self.error.is_some() {
                break;
            }
            match self.judge(&frame) {
                Verdict::Pass => {}
                verdict => {
                    self.forward(block.slice(run..at), out);
                    if let Verdict::Replace(other) = verdict {
                        self.forward(other, out);
                    }
                    run = next;
                }
            }
            at = next;
        }
        self.forward(block.slice(run..at), out);
    }

    /// Hands bytes on, or holds them while there was no content.
    fn forward(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) {
        if bytes.is_empty() {
            return;
        }
        if self.content {
            out.append(&mut self.held);
            self.held_bytes = 0;
            out.push(bytes);
        } else {
            self.held_bytes += bytes.len();
            self.held.push(bytes);
        }
    }

    fn judge(&mut self, frame: &Bytes) -> Verdict {
        // Learned only from a frame with content, so the answer is under way.
        if let Some(pattern) = &self.pattern
            && let Some((inside, text)) = pattern.text(frame)
        {
            self.text.add_token(inside, text);
            return pattern.replaced(inside).map_or(Verdict::Pass, Verdict::Replace);
        }
        let event = sse::read(frame);
        if let Some(bare) = event.bare
            && Chunk::read(bare).is_some_and(|chunk| chunk.error)
        {
            return self.fail(bare);
        }
        let Some(data) = &event.data else { return Verdict::Pass };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return Verdict::Withhold;
        }
        if event.name == b"error" {
            return self.fail(data);
        }
        match Chunk::read(data) {
            Some(chunk) if chunk.error => {
                self.usage = chunk.usage.or(self.usage);
                self.fail(data)
            }
            Some(chunk) => {
                self.note(&chunk);
                let learned = Pattern::learn(frame, &chunk, self.options.hide_usage);
                self.pattern = learned.or_else(|| self.pattern.take());
                self.hide(frame, &chunk)
            }
            None if data.is_empty() => Verdict::Pass,
            None => {
                self.skipped += 1;
                Verdict::Withhold
            }
        }
    }

    fn fail(&mut self, data: &[u8]) -> Verdict {
        self.error = Some(Bytes::copy_from_slice(data));
        Verdict::Withhold
    }

    fn note(&mut self, chunk: &Chunk) {
        self.content |= chunk.content || chunk.ends_without_content;
        self.text = self.text.plus(chunk.text);
        self.seen |= chunk.seen;
        self.finished |= chunk.finished;
        self.usage = chunk.usage.or(self.usage);
        self.service = chunk.service.unwrap_or(self.service);
        if self.model.is_none() {
            self.model.clone_from(&chunk.model);
        }
    }

    fn hide(&self, frame: &Bytes, chunk: &Chunk) -> Verdict {
        if !self.options.hide_usage {
            return Verdict::Pass;
        }
        if chunk.is_usage_only() {
            return Verdict::Withhold;
        }
        without_null_usage(frame).map_or(Verdict::Pass, Verdict::Replace)
    }
}

pub(super) const fn bad(what: &'static str) -> StreamFault {
    StreamFault { kind: FaultKind::BadAnswer, what }
}
