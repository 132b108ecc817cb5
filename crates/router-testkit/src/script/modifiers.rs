//! What shapes a script beside its kind of answer: timing, transport, the form of streams, the content.

use super::{AfterCut, Cut, Framing, Interim, LineEnd, Script};
use crate::answers::{Bend, UsageMode};
use serde_json::{Value, json};
use std::time::Duration;

/// Modifiers: timing and transport.
impl Script {
    /// Wait before the response head.
    #[must_use]
    pub fn delay(mut self, before_head: Duration) -> Self {
        self.timing.before_head = before_head;
        self
    }

    /// Wait between the head (and role chunk) and the first content.
    #[must_use]
    pub fn delay_first(mut self, before_first: Duration) -> Self {
        self.timing.before_first = before_first;
        self
    }

    /// Wait between content events.
    #[must_use]
    pub fn gap(mut self, gap: Duration) -> Self {
        self.timing.gap = gap;
        self
    }

    /// Send the body byte by byte, each after this long.
    #[must_use]
    pub fn trickle(mut self, per_byte: Duration) -> Self {
        self.timing.trickle = Some(per_byte);
        self
    }

    /// Add a response header; may repeat.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Add `count` headers of `bytes` bytes each.
    #[must_use]
    pub fn huge_headers(mut self, count: usize, bytes: usize) -> Self {
        self.headers.extend((0..count).map(|number| (format!("x-huge-{number}"), "h".repeat(bytes))));
        self
    }

    /// Send this content type, whatever the body is.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(Some(content_type.to_owned()));
        self
    }

    /// Send no content type.
    #[must_use]
    pub fn no_content_type(mut self) -> Self {
        self.content_type = Some(None);
        self
    }

    /// Cut after `count` content events of a stream, whatever they are. (Other bodies: bytes.)
    #[must_use]
    pub fn cut_at(mut self, count: usize) -> Self {
        self.cut = Cut::AfterContent(count);
        self
    }

    /// Where the script cuts, cut with a TCP reset instead of a FIN.
    #[must_use]
    pub fn with_reset(mut self) -> Self {
        self.after_cut = AfterCut::Reset;
        self
    }

    /// Where the script cuts, fall silent with the connection open instead.
    #[must_use]
    pub fn with_silence(mut self) -> Self {
        self.after_cut = AfterCut::Silence;
        self
    }

    /// Where the script cuts, go on with comments instead, one each `pause`, for as long as somebody listens. (Where the form
    /// has no comments, white space.)
    #[must_use]
    pub fn with_comments(mut self, pause: Duration) -> Self {
        self.after_cut = AfterCut::Comments(pause);
        self
    }

    /// Where the script cuts a stream, go on with its last content instead, once each `pause`, for as long as somebody listens.
    #[must_use]
    pub fn with_repeats(mut self, pause: Duration) -> Self {
        self.after_cut = AfterCut::Repeat(pause);
        self
    }

    /// Frame the body so.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Send `103 Early Hints` before the head.
    #[must_use]
    pub fn early_hints(mut self) -> Self {
        self.interim = Interim::Hints;
        self
    }

    /// Send `100 Continue` each `pause`, and never the head.
    #[must_use]
    pub fn endless_continue(mut self, pause: Duration) -> Self {
        self.interim = Interim::Continue(pause);
        self
    }

    /// Send `101 Switching Protocols` before the head.
    #[must_use]
    pub fn upgrade(mut self) -> Self {
        self.interim = Interim::Upgrade;
        self
    }
}

/// Modifiers: the form of streams.
impl Script {
    /// End lines so.
    #[must_use]
    pub fn line_end(mut self, line_end: LineEnd) -> Self {
        self.stream.line_end = Some(line_end);
        self
    }

    /// Begin the stream with a byte order mark.
    #[must_use]
    pub fn bom(mut self) -> Self {
        self.stream.bom = true;
        self
    }

    /// Send this many comments before the first event; [`Script::gap`] applies between them.
    #[must_use]
    pub fn comments(mut self, count: usize) -> Self {
        self.stream.comments = count;
        self
    }

    /// Send the stream one byte per HTTP chunk and write.
    #[must_use]
    pub fn byte_by_byte(mut self) -> Self {
        self.stream.byte_by_byte = true;
        self
    }

    /// Send the data of each event on two lines.
    #[must_use]
    pub fn data_lines(mut self) -> Self {
        self.stream.data_lines = true;
        self
    }

    /// Leave `[DONE]` out; the body still ends properly.
    #[must_use]
    pub fn no_done(mut self) -> Self {
        self.stream.no_done = true;
        self
    }
}

/// Modifiers: the content of answers.
impl Script {
    /// Answer with this text (chat and completions).
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.shape.text = Some(text.to_owned());
        self
    }

    /// Answer with this many bytes of text.
    #[must_use]
    pub fn text_bytes(self, bytes: usize) -> Self {
        let text: String = "simulated ".chars().cycle().take(bytes).collect();
        self.text(&text)
    }

    /// Send the text in exactly this many content events (empty ones if the text is shorter).
    #[must_use]
    pub fn content_events(mut self, count: usize) -> Self {
        self.shape.pieces = Some(count);
        self
    }

    /// Finish with this reason, known or not.
    #[must_use]
    pub fn finish(mut self, reason: &str) -> Self {
        self.shape.finish = Some(reason.to_owned());
        self
    }

    /// Say that another model answered.
    #[must_use]
    pub fn answering_as(mut self, model: &str) -> Self {
        self.shape.model = Some(model.to_owned());
        self
    }

    /// End the arguments of tool calls in their middle.
    #[must_use]
    pub fn cut_arguments(mut self) -> Self {
        self.shape.cut_arguments = true;
        self
    }

    /// Send each replacement character (U+FFFD) of the answer as a byte that no UTF-8 has.
    #[must_use]
    pub fn broken_text(mut self) -> Self {
        self.broken_text = true;
        self
    }

    /// Report counts that are bent so, in the dialect's own fields.
    #[must_use]
    pub fn bent_usage(mut self, bend: Bend) -> Self {
        self.shape.usage = UsageMode::Bent(bend);
        self
    }

    /// Say nothing about usage.
    #[must_use]
    pub fn no_usage(mut self) -> Self {
        self.shape.usage = UsageMode::Missing;
        self
    }

    /// Report exactly this usage: negative, `1e18`, text, whatever a test needs.
    #[must_use]
    pub fn usage(mut self, usage: Value) -> Self {
        self.shape.usage = UsageMode::Exactly(usage);
        self
    }

    /// Absurd usage: negative prompt, enormous completion, text as total.
    #[must_use]
    pub fn absurd_usage(self) -> Self {
        self.usage(json!({"prompt_tokens": -5, "completion_tokens": 1e18, "total_tokens": "many"}))
    }
}
