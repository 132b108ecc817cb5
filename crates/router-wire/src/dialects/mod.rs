//! What clients and providers speak. One folder a dialect; one line in [`DIALECTS`] if clients speak it, one in [`PROVIDERS`] if
//! providers do.

pub mod anthropic;
mod codec;
mod fields;
pub mod gemini;
pub mod ollama;
pub mod openai_chat;
pub mod openai_responses;
pub mod openai_work;
mod prefix;
mod wish;

pub use codec::{
    AccountBound, ClientCodec, ClientEmbed, Echo, Framing, NoteKept, ProviderCodec, ProviderEmbed, StreamDecoder,
    StreamEncoder, Target, restore_names,
};
pub use prefix::conversation;

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::Capability;
use router_core::fault::ErrorCode;

use crate::scan::{Edits, Field, ROUTING_FIELDS, Scan, splice};

/// A client dialect: pure functions between its bytes and our values.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Name in rows and decisions.
    pub name: &'static str,
    /// What a provider speaks, in the words of presets, that speaks this dialect: its name, or that of the one it is a part of.
    pub spoken: &'static str,
    /// Fixed paths of the dialect and the work that each stands for, from `/v1` on; they are served without `/v1` too.
    pub routes: &'static [(&'static str, Endpoint)],
    /// Paths that hold the model or the method (Gemini): path and query → route. The path is as the client sent it.
    pub route: fn(&str, &str) -> Option<Route>,
    /// The kinds of work behind such paths.
    pub dynamic: &'static [Endpoint],
    /// Paths that begin so are the dialect's in their errors, whatever stands behind: 404s, refused keys.
    pub prefixes: &'static [&'static str],
    /// A header by which its clients are known at any path: they read no other errors.
    pub mark: Option<&'static str>,
    /// The parameter of a query in which its clients may send their key.
    pub query_key: Option<&'static str>,
    /// Reads and validates a request body.
    pub read: fn(&Route, &[u8]) -> Result<Intake, RequestError>,
    /// Where a request says that it needs something: the parameter that a refusal names.
    pub params: &'static [(Capability, &'static str)],
    /// The body for a provider that speaks this dialect too: the client's bytes with what routing must change.
    pub splice: fn(&Passing<'_>) -> Vec<u8>,
    /// How the answer of such a provider is watched on its way.
    pub watched: Watched,
    /// To and from the neutral form; `None` where there is nothing to translate.
    pub codec: Option<&'static ClientCodec>,
    /// Status of a spent budget: 402, or 429 where clients stop at nothing else.
    pub budget_status: u16,
    /// A count of input tokens as the body of an answer; `None` where the dialect has no path that asks for one.
    pub count_tokens: Option<fn(u64) -> Vec<u8>>,
    /// An error as the body of an answer.
    pub error_body: fn(&ErrorView<'_>) -> Vec<u8>,
    /// An error as an event of a stream that has begun; no terminator follows it.
    pub error_event: fn(&ErrorView<'_>) -> Vec<u8>,
    /// What ends a stream that went well; sent exactly once. Empty where the last event is the end.
    pub stream_end: &'static [u8],
    /// An event without content, for what is still to be said where the last one has gone. `None`: the last one is held back
    /// until all is known.
    pub late_event: Option<fn(&Echo<'_>) -> Vec<u8>>,
    /// What keeps a waiting stream alive.
    pub keep_alive: &'static [u8],
    /// Content type of a stream.
    pub stream_content_type: &'static str,
    /// Headers of a client that go to a provider of the same dialect.
    pub forwarded: &'static [&'static str],
    /// Headers of a provider of the same dialect that go to the client, beside those of [`crate::headers::returned`].
    pub returned: &'static [&'static str],
}

/// How an answer passes that is in the client's own dialect already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// A meter looks for the few fields that count.
    ByMeter,
    /// Read as for a translation.
    ByDecoder,
    /// Of any form: counted in bytes.
    AsBytes,
}

impl Dialect {
    /// Whether its clients can ask for that work.
    #[must_use]
    pub fn serves(&self, endpoint: Endpoint) -> bool {
        self.dynamic.contains(&endpoint) || self.routes.iter().any(|(_, served)| *served == endpoint)
    }

    /// The key in a query of a request at that path, where clients of the path's dialect may send it so. Keys of ours need no
    /// escapes.
    #[must_use]
    pub fn key_in_query<'a>(path: &str, query: &'a str) -> Option<&'a str> {
        let name = by_path(path, query).map_or_else(|| of_errors(path, |_| false), |(dialect, _)| dialect).query_key?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// No path of a dialect holds anything but its name.
#[must_use]
pub const fn no_dynamic_route(_: &str, _: &str) -> Option<Route> {
    None
}

/// The client dialects. The first one is that of paths which belong to nobody.
pub static DIALECTS: &[Dialect] =
    &[openai_chat::DIALECT, openai_responses::DIALECT, openai_work::DIALECT, anthropic::DIALECT, gemini::DIALECT];

/// What providers speak: a request of any client that has a codec can be written for each of these.
pub static PROVIDERS: &[&ProviderCodec] =
    &[&openai_chat::PROVIDER, &openai_responses::PROVIDER, &anthropic::PROVIDER, &gemini::PROVIDER, &ollama::PROVIDER];

/// What providers speak under that name.
#[must_use]
pub fn provider(name: &str) -> Option<&'static ProviderCodec> {
    PROVIDERS.iter().find(|codec| codec.name == name).copied()
}

/// What clients speak that can be translated: a request of each can be written for every provider.
pub fn clients() -> impl Iterator<Item = &'static ClientCodec> {
    DIALECTS.iter().filter_map(|dialect| dialect.codec)
}

/// The dialect of that name.
#[must_use]
pub fn dialect(name: &str) -> Option<&'static Dialect> {
    DIALECTS.iter().find(|dialect| dialect.name == name)
}

/// Where a request goes, as its path says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The kind of work.
    pub endpoint: Endpoint,
    /// The model, where the path names it; it goes before the body's.
    pub model: Option<String>,
    /// Whether the answer is a stream, where the path says it; it goes before the body.
    pub stream: Option<bool>,
    /// The stream is one JSON array, not server-sent events (Gemini without `alt=sse`).
    pub array: bool,
    /// Another method of the same work (Gemini's `batchEmbedContents`), for the provider's path.
    pub method: Option<&'static str>,
}

impl Route {
    /// A fixed path.
    #[must_use]
    pub const fn fixed(endpoint: Endpoint) -> Self {
        Self { endpoint, model: None, stream: None, array: false, method: None }
    }
}

/// The dialect and the route behind a path such as `/v1/chat/completions`; `query` is without its question mark.
#[must_use]
pub fn by_path(path: &str, query: &str) -> Option<(&'static Dialect, Route)> {
    let fits = |fixed: &str| fixed == path || fixed.strip_prefix("/v1") == Some(path);
    DIALECTS.iter().find_map(|dialect| {
        let fixed = dialect.routes.iter().find(|(fixed, _)| fits(fixed)).map(|(_, endpoint)| Route::fixed(*endpoint));
        Some((dialect, fixed.or_else(|| (dialect.route)(path, query))?))
    })
}

/// The dialect in which errors at that path are told: the client's by a header that it sent (`has` says which), else by the path's
/// beginning, else OpenAI's.
#[must_use]
pub fn of_errors(path: &str, has: impl Fn(&str) -> bool) -> &'static Dialect {
    const PLAIN: &Dialect = &openai_chat::DIALECT;
    let marked = DIALECTS.iter().find(|dialect| dialect.mark.is_some_and(&has));
    let of_path = || DIALECTS.iter().find(|dialect| dialect.prefixes.iter().any(|prefix| path.starts_with(prefix)));
    marked.or_else(of_path).unwrap_or(PLAIN)
}

/// A request on its way to a provider of the client's own dialect.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// The client's body.
    pub body: &'a [u8],
    /// What was read of it.
    pub intake: &'a Intake,
    /// The upstream's name of the model.
    pub model: &'a str,
    /// The cap that the reservation used, where the client named none and money is limited.
    pub output_cap: Option<u64>,
    /// The vendor.
    pub preset: &'a crate::adapters::UpstreamPreset,
}

impl Passing<'_> {
    /// The fields that speak to this router and not to that provider.
    #[must_use]
    pub const fn routing_fields(&self) -> &'static [Field] {
        if self.preset.keeps_routing_fields { &[Field::Router] } else { ROUTING_FIELDS }
    }

    /// Only the model changes, and our routing fields go: what most dialects need.
    #[must_use]
    pub fn with_model(&self) -> Vec<u8> {
        let edits = Edits { model: self.model, remove: self.routing_fields(), ..Edits::default() };
        splice(self.body, &self.intake.scan, &edits)
    }
}

/// A request as the client's dialect was read: what routing needs, beside the untouched body.
#[derive(Clone, Debug)]
pub struct Intake {
    /// For routing. Headers (`max_cost`, `strategy`, `tags`, `session`) are the server's to add.
    pub ask: Ask,
    /// Ranges into the body, for the splice. (Where the body is no JSON: of an empty object.)
    pub scan: Scan,
    /// The client asked for usage in the stream; else the extra chunk must not reach it.
    pub usage_wanted: bool,
    /// The client named a reasoning effort other than none: a hint for ranking, not a need.
    pub reasoning_wanted: bool,
    /// The stream that the client gets is one JSON array ([`Route::array`]).
    pub array: bool,
    /// Another method of the same work ([`Route::method`]).
    pub method: Option<&'static str>,
    /// `prompt_cache_key`: requests with the same one should go to the same channel.
    pub cache_key: Option<String>,
    /// State that one provider account keeps and this request builds on.
    pub state: Option<StateId>,
}

/// State that one provider account keeps (an earlier answer, a conversation): only the channel and key that made it know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateId {
    /// The provider's id.
    pub id: String,
    /// The parameter that names it.
    pub param: &'static str,
}

/// A request that is refused before routing; always a 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// Code of the table of client errors: `invalid_json`, `missing_required_parameter`, `invalid_value`,
    /// `duplicate_key`, `json_too_deep`.
    pub code: &'static str,
    /// The field at fault.
    pub param: Option<String>,
    /// For the client.
    pub message: String,
}

impl RequestError {
    pub(crate) fn missing(param: &str) -> Self {
        Self {
            code: "missing_required_parameter",
            param: Some(param.into()),
            message: format!("Missing required parameter: `{param}`."),
        }
    }

    pub(crate) fn invalid(param: &str, allowed: &str) -> Self {
        Self {
            code: "invalid_value",
            param: Some(param.into()),
            message: format!("Invalid value for `{param}`: it must be {allowed}."),
        }
    }
}

/// An error as a dialect renders it.
#[derive(Clone, Copy, Debug)]
pub struct ErrorView<'a> {
    /// For people.
    pub message: &'a str,
    /// The class, in OpenAI's words (`invalid_request_error`, `rate_limit_error`, `server_error` …).
    pub kind: &'a str,
    /// The field at fault.
    pub param: Option<&'a str>,
    /// Our code in OpenAI's words, or the provider's own.
    pub code: Option<&'a str>,
    /// Status of the answer, as the table of errors has it.
    pub status: u16,
    /// Which error it is; `x-router-error` names it in every dialect.
    pub error: ErrorCode,
    /// The id that the client sees, for dialects whose errors name it (Anthropic).
    pub request_id: Option<&'a str>,
}
