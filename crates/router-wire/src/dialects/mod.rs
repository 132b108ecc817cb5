//! What clients speak. One folder a dialect, one line in [`DIALECTS`].

mod codec;
pub mod openai_chat;

pub use codec::{Codec, Echo, Framing, StreamDecoder, StreamEncoder, Target, restore_names};

use router_core::ask::{Ask, Endpoint};

use crate::scan::Scan;

/// A client dialect: pure functions between its bytes and our values.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Name in rows and decisions.
    pub name: &'static str,
    /// Paths of the dialect (below the root of the server) and the work that each stands for.
    pub routes: &'static [(&'static str, Endpoint)],
    /// Reads and validates a request body.
    pub read: fn(Endpoint, &[u8]) -> Result<Intake, RequestError>,
    /// An error as the body of an answer.
    pub error_body: fn(&ErrorView<'_>) -> Vec<u8>,
    /// An error as an event of a stream that has begun; no terminator follows it.
    pub error_event: fn(&ErrorView<'_>) -> Vec<u8>,
    /// What ends a stream that went well; sent exactly once.
    pub stream_end: &'static [u8],
    /// What keeps a waiting stream alive.
    pub keep_alive: &'static [u8],
    /// Content type of a stream.
    pub stream_content_type: &'static str,
}

/// The client dialects.
pub static DIALECTS: &[Dialect] = &[openai_chat::DIALECT];

/// What can be translated: every pair of these.
pub static CODECS: &[&Codec] = &[];

/// The codec of that name.
#[must_use]
pub fn codec(name: &str) -> Option<&'static Codec> {
    CODECS.iter().find(|codec| codec.name == name).copied()
}

/// The dialect and the kind of work behind a path such as `/v1/chat/completions`.
#[must_use]
pub fn by_path(path: &str) -> Option<(&'static Dialect, Endpoint)> {
    DIALECTS.iter().find_map(|dialect| {
        dialect.routes.iter().find(|(route, _)| *route == path).map(|(_, endpoint)| (dialect, *endpoint))
    })
}

/// A request as the client's dialect was read: what routing needs, beside the untouched body.
#[derive(Clone, Debug)]
pub struct Intake {
    /// For routing. Headers (`max_cost`, `strategy`, `tags`, `session`) are the server's to add.
    pub ask: Ask,
    /// Ranges into the body, for the splice.
    pub scan: Scan,
    /// The client asked for usage in the stream; else the extra chunk must not reach it.
    pub usage_wanted: bool,
    /// The client named a reasoning effort other than none: a hint for ranking, not a need.
    pub reasoning_wanted: bool,
    /// `models`: further models to try in this order (OpenRouter's field).
    pub fallback_models: Vec<String>,
    /// `prompt_cache_key`: requests with the same one should go to the same channel.
    pub cache_key: Option<String>,
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
    /// Our code.
    pub code: Option<&'a str>,
}
