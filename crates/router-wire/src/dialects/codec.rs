//! What a dialect needs so that it can be translated: to and from the neutral form, whole and streamed. A dialect of clients has
//! the client's half, one of providers the provider's; most have both.

use std::borrow::Cow;

use router_core::usage::Usage;

use crate::adapters::{Call, Quirks};

use crate::answer::NotAnAnswer;
use crate::dialects::{ErrorView, RequestError};
use crate::message::{Answer, EmbedForm, EmbedRequest, Encoded, Event, Names, Request, Unsupported, Vectors};

/// Appends the ids under which a provider keeps an answer, given its bytes.
pub type NoteKept = fn(&[u8], &mut Vec<String>);

/// A dialect as its clients speak it: pure functions.
#[derive(Clone, Debug)]
pub struct ClientCodec {
    /// Name of the dialect.
    pub name: &'static str,
    /// A client's body → neutral.
    pub read_request: fn(&[u8]) -> Result<Request, RequestError>,
    /// Neutral → a whole answer for a client.
    pub write_answer: fn(&Answer, &Echo<'_>) -> Vec<u8>,
    /// Neutral → a client's stream.
    pub encoder: fn(&Echo<'_>) -> Box<dyn StreamEncoder>,
    /// Embeddings, if clients of the dialect ask for them.
    pub embed: Option<&'static ClientEmbed>,
}

/// Embeddings as clients of a dialect ask for them.
#[derive(Clone, Debug)]
pub struct ClientEmbed {
    /// A client's body → neutral.
    pub read_request: fn(&[u8]) -> Result<EmbedRequest, Unsupported>,
    /// Neutral → an answer for a client, given the model as it named it and what will be booked.
    pub write_answer: fn(&Vectors, EmbedForm, &str, &Usage) -> Vec<u8>,
}

/// A dialect as its providers speak it: pure functions. Decoders of streams are right for any chunking of their input, because
/// framing is done before them ([`Framing`]).
#[derive(Clone, Debug)]
pub struct ProviderCodec {
    /// Name of the dialect, as presets name it.
    pub name: &'static str,
    /// Where a call goes below the base URL; `None` if the dialect has no such endpoint.
    pub path: fn(&Call<'_>) -> Option<Cow<'static, str>>,
    /// How events are cut out of the bytes of a stream.
    pub framing: Framing,
    /// The last event of a stream, for clients of the dialect whose provider said why it stopped and then left it out. Empty where
    /// saying why is the end, or where nothing stands for it.
    pub last_event: &'static [u8],
    /// Neutral → a provider's body.
    pub write_request: fn(&Request, &Target<'_>) -> Result<Encoded, Unsupported>,
    /// The kind of an upstream's model, by its name: of one kind, all take a request or none. 0 where the name does not matter.
    pub kind: fn(&str) -> u8,
    /// A provider's whole answer → neutral.
    pub read_answer: fn(&[u8]) -> Result<Answer, NotAnAnswer>,
    /// A provider's stream → neutral.
    pub decoder: fn() -> Box<dyn StreamDecoder>,
    /// Appends the ids under which the provider keeps an answer, given it whole or an event of its stream that begins or ends
    /// it; `None` where providers keep nothing.
    pub kept: Option<NoteKept>,
    /// Embeddings, if providers of the dialect make them.
    pub embed: Option<&'static ProviderEmbed>,
    /// What of a request may mean something to one account only; `None` where there is no such thing.
    pub bound: Option<&'static AccountBound>,
}

/// Parts of a body for a provider that only the account that made them can read: encrypted reasoning. Without them a model goes
/// on with the conversation as it stands.
#[derive(Clone, Debug)]
pub struct AccountBound {
    /// The parameter that names them to a client.
    pub param: &'static str,
    /// Whether a body may hold any; quick.
    pub holds: fn(&[u8]) -> bool,
    /// The body without them; `None` if it holds none.
    pub without: fn(&[u8]) -> Option<Vec<u8>>,
}

/// Embeddings as providers of a dialect make them.
#[derive(Clone, Debug)]
pub struct ProviderEmbed {
    /// The method, where there are several ([`Call::method`]).
    pub method: Option<&'static str>,
    /// Neutral → a provider's body.
    pub write_request: fn(&EmbedRequest, &Target<'_>) -> Result<Encoded, Unsupported>,
    /// A provider's answer → neutral.
    pub read_answer: fn(&[u8]) -> Result<Vectors, NotAnAnswer>,
}

/// How a stream is cut into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events; the decoder gets the joined `data` of each.
    Sse,
    /// One JSON value a line (Ollama).
    Lines,
}

/// The channel model that a request is written for.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The upstream's name of the model.
    pub model: &'a str,
    /// Tokens of input and output together that it holds, from the catalogue.
    pub context_length: Option<u64>,
    /// The model's own limit on output tokens, from the catalogue.
    pub model_max_output: Option<u64>,
    /// Whether the catalogue says that it thinks.
    pub thinks: bool,
    /// The cap that the reservation used, where the client named none and money is limited.
    pub output_cap: Option<u64>,
    /// Habits of the vendor.
    pub quirks: &'a Quirks,
}

impl<'a> Target<'a> {
    /// A model of which nothing but its name is known.
    #[must_use]
    pub const fn new(model: &'a str, quirks: &'a Quirks) -> Self {
        Self { model, context_length: None, model_max_output: None, thinks: false, output_cap: None, quirks }
    }
}

/// What an answer repeats of its request, and what only the server can give.
#[derive(Clone, Debug)]
pub struct Echo<'a> {
    /// The model as the client named it.
    pub model: &'a str,
    /// A fresh unique word for ids (letters and digits), from which the dialect makes `chatcmpl-…`, `msg_…`, `resp_…`.
    pub id: &'a str,
    /// Unix seconds.
    pub created: u64,
    /// The client asked for usage in the stream (chat only).
    pub usage_wanted: bool,
    /// Our estimate of the input, for dialects whose stream begins with it (Anthropic's `message_start`).
    pub input_tokens: u64,
    /// The request, for dialects that repeat parts of it in their answer (Responses).
    pub request: Option<&'a Request>,
}

/// Reads a provider's stream. `Send` and `Sync` because the task of a request, which may move between threads, borrows it across waits.
pub trait StreamDecoder: Send + Sync + std::fmt::Debug {
    /// Takes the data of one event and appends what it says. What cannot be understood says nothing.
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>);

    /// The bytes are over: what was still held back. `true` if the stream had its proper end.
    fn end(&mut self, out: &mut Vec<Event>) -> bool;

    /// Whether the proper end has come, so that the connection need not be read further.
    fn done(&self) -> bool;
}

/// Writes a client's stream.
pub trait StreamEncoder: Send + Sync + std::fmt::Debug {
    /// Takes the next event and appends whole frames of the dialect, or nothing yet.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>);

    /// The stream ended well: appends what is left, the dialect's terminator included. Called at most once, and not after an
    /// error. `usage` is what will be booked, also where the provider reported none.
    fn end(&mut self, usage: Option<&Usage>, out: &mut Vec<u8>);

    /// The stream ends with this error: appends the dialect's event, where it needs ids or numbers that only the encoder knows.
    /// False where it does not: [`crate::dialects::Dialect::error_event`] has all that is needed.
    fn error(&mut self, _error: &ErrorView<'_>, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// Restores names of tools in events on their way to the client.
pub fn restore_names(names: &Names, events: &mut [Event]) {
    if names.is_empty() {
        return;
    }
    for event in events {
        if let Event::ToolStart { name, .. } = event {
            *name = names.down(name).to_owned();
        }
    }
}
