//! The way of a stream from a provider to a client, in one shape for the server: chat through the meter, another dialect
//! through its own decoder byte for byte, a change of dialect through the neutral form.
//!
//! All three hold everything back until the first content, so that another candidate may still answer; keep errors for the
//! server to classify; and keep the end of the stream, which the server sends when the books are written.

use bytes::Bytes;
use router_core::usage::Usage;

use super::MeterOptions;
use super::array::JsonArray;
use super::cutter::Cutter;
use super::meter::{StreamEnd, StreamFault, StreamMeter, bad};
use super::opening::Opening;
use super::raw::Raw;
use super::watch::Watch;
use crate::dialects::{Dialect, ErrorView, NoteKept, ProviderCodec, StreamDecoder, StreamEncoder, restore_names};
use crate::message::{Event, Names};
use crate::scan::elements;
use crate::tokens::TextCount;

/// A stream on its way.
#[derive(Debug)]
pub struct Passage {
    way: Way,
    /// What ends the client's stream in its dialect, where the stream itself does not bring it.
    end: &'static [u8],
    /// The client gets one JSON array.
    array: Option<JsonArray>,
}

#[derive(Debug)]
enum Way {
    Chat(Box<StreamMeter>),
    Read(Box<Reader>),
    Raw(Box<Raw>),
}

impl Passage {
    /// OpenAI's chat to chat: the meter.
    #[must_use]
    pub fn chat(client: &Dialect, hide_usage: bool) -> Self {
        let meter = StreamMeter::new(MeterOptions { hide_usage, ..MeterOptions::default() });
        Self { way: Way::Chat(Box::new(meter)), end: client.stream_end, array: None }
    }

    /// The same dialect on both sides, watched by its decoder.
    #[must_use]
    pub fn same(codec: &ProviderCodec) -> Self {
        Self::read(codec, None, Names::default())
    }

    /// From the provider's dialect to the client's.
    #[must_use]
    pub fn translated(provider: &ProviderCodec, client: Box<dyn StreamEncoder>, names: Names) -> Self {
        Self::read(provider, Some(client), names)
    }

    /// Bytes of any kind (audio): content from the first one on, an end where the connection ends.
    #[must_use]
    pub fn raw() -> Self {
        Self { way: Way::Raw(Box::default()), end: b"", array: None }
    }

    fn read(codec: &ProviderCodec, encoder: Option<Box<dyn StreamEncoder>>, names: Names) -> Self {
        let reader = Reader {
            decoder: (codec.decoder)(),
            encoder,
            names,
            last_event: codec.last_event,
            kept: codec.kept,
            kept_ids: Vec::new(),
            frames: Cutter::new(codec.framing, LIMITS.max_event),
            watch: Watch::default(),
            opening: Opening::new(codec.framing),
            events: Vec::new(),
            held: Vec::new(),
            passed: 0,
            written: Vec::new(),
            tail: Vec::new(),
        };
        Self { way: Way::Read(Box::new(reader)), end: b"", array: None }
    }

    /// The client gets one JSON array in place of server-sent events.
    #[must_use]
    pub fn as_array(self) -> Self {
        Self { array: Some(JsonArray::new()), ..self }
    }

    /// Takes a chunk and appends to `out` what is to be forwarded now.
    ///
    /// # Errors
    /// [`StreamFault`] where a bound is exceeded or the answer is a web page.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        let before = out.len();
        let fed = match &mut self.way {
            Way::Chat(meter) => meter.feed(chunk, out),
            Way::Read(reader) => reader.feed(chunk, out),
            Way::Raw(raw) => raw.feed(chunk, out),
        };
        self.reframe(out, before);
        fed
    }

    /// The provider closed the stream: what was still held, and the verdict.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> StreamEnd {
        let before = out.len();
        let end = match &mut self.way {
            Way::Chat(meter) => meter.finish(out),
            Way::Read(reader) => reader.finish(out),
            Way::Raw(raw) => raw.finish(),
        };
        self.reframe(out, before);
        end
    }

    /// What goes to the client when all is booked: the end of the stream in its dialect.
    pub fn ending(&mut self, usage: Option<&Usage>) -> Bytes {
        let mut out = match &mut self.way {
            Way::Read(reader) => reader.ending(usage),
            Way::Chat(_) | Way::Raw(_) => vec![Bytes::from_static(self.end)],
        };
        let end = if out.len() == 1 { out.pop().unwrap_or_default() } else { out.concat().into() };
        self.framed_end(end)
    }

    /// Events that were made of a whole answer, as this stream has to show them.
    #[must_use]
    pub fn framed(&mut self, events: Bytes) -> Bytes {
        match &mut self.array {
            Some(array) => array.push(events),
            None => events,
        }
    }

    /// The same for their end.
    #[must_use]
    pub fn framed_end(&mut self, end: Bytes) -> Bytes {
        match &mut self.array {
            Some(array) => [array.push(end), array.end()].concat().into(),
            None => end,
        }
    }

    /// An error as this stream has to tell it: by the client's encoder where that knows numbers and ids, else as the dialect does.
    #[must_use]
    pub fn error_event(&mut self, client: &Dialect, error: &ErrorView<'_>) -> Bytes {
        let mut event = Vec::new();
        let told = match &mut self.way {
            Way::Read(reader) => reader.encoder.as_mut().is_some_and(|encoder| encoder.error(error, &mut event)),
            Way::Chat(_) | Way::Raw(_) => false,
        };
        if !told {
            event = (client.error_event)(error);
        }
        // A client that reads an array cannot use one that is not closed, not even its error.
        self.framed_end(event.into())
    }

    fn reframe(&mut self, out: &mut [Bytes], before: usize) {
        if let Some(array) = &mut self.array {
            for block in out.iter_mut().skip(before) {
                *block = array.push(std::mem::take(block));
            }
        }
    }

    /// Whether content has come, so that the answer is committed to this provider.
    #[must_use]
    pub fn content_started(&self) -> bool {
        match &self.way {
            Way::Chat(meter) => meter.content_started(),
            Way::Read(reader) => reader.watch.content,
            Way::Raw(raw) => raw.content(),
        }
    }

    /// Whether the proper end has come: the connection need not be read further.
    #[must_use]
    pub fn done(&self) -> bool {
        match &self.way {
            Way::Chat(meter) => meter.done(),
            Way::Read(reader) => reader.decoder.done(),
            Way::Raw(_) => false,
        }
    }

    /// The error that the provider sent inside the stream.
    #[must_use]
    pub fn error(&self) -> Option<&Bytes> {
        match &self.way {
            Way::Chat(meter) => meter.error(),
            Way::Read(reader) => reader.watch.error.as_ref(),
            Way::Raw(_) => None,
        }
    }

    /// The provider's usage: the last one that made sense.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match &self.way {
            Way::Chat(meter) => meter.usage(),
            Way::Read(reader) => reader.watch.usage(),
            Way::Raw(raw) => raw.usage(),
        }
    }

    /// Ids under which the provider keeps the answer; none where the client gets other ids than the provider's.
    #[must_use]
    pub fn kept_ids(&self) -> &[String] {
        match &self.way {
            Way::Read(reader) if reader.encoder.is_none() => &reader.kept_ids,
            _ => &[],
        }
    }

    /// Characters that passed, for counting where usage is missing.
    #[must_use]
    pub fn text(&self) -> TextCount {
        match &self.way {
            Way::Chat(meter) => meter.text(),
            Way::Read(reader) => reader.watch.text,
            Way::Raw(_) => TextCount::default(),
        }
    }
}

const LIMITS: MeterOptions = MeterOptions::USUAL;

/// Reads a stream through the provider's decoder; passes its frames, or writes the client's.
#[derive(Debug)]
struct Reader {
    decoder: Box<dyn StreamDecoder>,
    encoder: Option<Box<dyn StreamEncoder>>,
    names: Names,
    last_event: &'static [u8],
    kept: Option<NoteKept>,
    kept_ids: Vec<String>,
    frames: Cutter,
    watch: Watch,
    opening: Opening,
    /// Of the frame in hand; kept for its memory.
    events: Vec<Event>,
    /// What waits for the first content.
    held: Vec<Bytes>,
    passed: usize,
    written: Vec<u8>,
    /// From the frame that says why the model stopped: it waits for the books.
    tail: Vec<Bytes>,
}

impl Reader {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        self.passed += chunk.len();
        if self.passed > LIMITS.max_stream {
            return Err(bad("the stream is longer than the limit"));
        }
        if self.decoder.done() || self.watch.error.is_some() {
            return Ok(());
        }
        let Some(chunk) = self.opening.take(chunk, LIMITS.max_body)? else { return Ok(()) };
        for frame in self.frames.cut(chunk)? {
            self.take(frame, out);
        }
        self.flush(out);
        if !self.watch.content && self.held.iter().map(Bytes::len).sum::<usize>() > LIMITS.max_prelude {
            return Err(bad("the stream sends too much before its first content"));
        }
        Ok(())
    }

    fn take(&mut self, frame: Bytes, out: &mut Vec<Bytes>) {
        if self.decoder.done() || self.watch.error.is_some() {
            return;
        }
        let mut events = std::mem::take(&mut self.events);
        self.frames.read(&frame, |data| {
            self.decoder.event(data, &mut events);
            let bounds = |event: &Event| matches!(event, Event::Start { .. } | Event::Stop(_));
            if let Some(kept) = self.kept.filter(|_| events.iter().any(bounds)) {
                kept(data, &mut self.kept_ids);
            }
        });
        self.note(Some(frame), &mut events, out);
        self.events = events;
    }

    /// Looks at events and hands on what they are for the client.
    fn note(&mut self, frame: Option<Bytes>, events: &mut Vec<Event>, out: &mut Vec<Bytes>) {
        restore_names(&self.names, events);
        let stopped = self.watch.stopped;
        let mut content = false;
        for event in events.iter() {
            content |= self.watch.see(event);
        }
        match &mut self.encoder {
            Some(encoder) => {
                for event in events.iter().filter(|event| !matches!(event, Event::Error(_))) {
                    encoder.event(event, &mut self.written);
                }
            }
            None if self.watch.error.is_some() => {}
            None => {
                if let Some(frame) = frame {
                    if stopped && content {
                        // It had not stopped after all.
                        self.held.append(&mut self.tail);
                    }
                    let last = self.watch.stopped || self.decoder.done();
                    if last { self.tail.push(frame) } else { self.held.push(frame) }
                }
            }
        }
        events.clear();
        self.flush(out);
    }

    /// Lets go what was held, once there is content.
    fn flush(&mut self, out: &mut Vec<Bytes>) {
        if !self.written.is_empty() {
            self.held.push(std::mem::take(&mut self.written).into());
        }
        if self.watch.content {
            out.append(&mut self.held);
        }
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> StreamEnd {
        if let Some(json) = self.opening.json() {
            if !json.starts_with(b"[") {
                return StreamEnd::Json(json);
            }
            // Gemini's other form of a stream: one array, an element for each event.
            let mut events = Vec::new();
            elements(&json, |element| self.decoder.event(element, &mut events));
            self.note(None, &mut events, out);
        }
        for frame in self.frames.rest() {
            self.take(frame, out);
        }
        let mut events = std::mem::take(&mut self.events);
        let seen = self.decoder.done();
        let proper = self.decoder.end(&mut events);
        self.note(None, &mut events, out);
        if proper && !seen && self.encoder.is_none() && !self.last_event.is_empty() {
            self.tail.push(Bytes::from_static(self.last_event));
        }
        if self.watch.error.is_some() {
            return StreamEnd::Failed;
        }
        match (self.watch.content, proper) {
            (true, true) => StreamEnd::Complete,
            (false, true) => StreamEnd::Empty,
            (false, false) if self.passed == 0 => StreamEnd::Empty,
            (_, false) => StreamEnd::Cut,
        }
    }

    fn ending(&mut self, usage: Option<&Usage>) -> Vec<Bytes> {
        match &mut self.encoder {
            None => std::mem::take(&mut self.tail),
            Some(encoder) => {
                encoder.end(usage, &mut self.written);
                vec![std::mem::take(&mut self.written).into()]
            }
        }
    }
}
