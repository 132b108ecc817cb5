//! What a request asks for, as far as routing needs to know.

use crate::catalog::Capabilities;
use crate::money::Nano;

/// The kind of work, which follows from the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/v1/chat/completions`
    ChatCompletions,
    /// `/v1/completions`
    Completions,
    /// `/v1/embeddings`
    Embeddings,
}

impl Endpoint {
    /// The name used in rows, metrics and decisions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
        }
    }
}

/// What routing knows of a request. Made by the wire crate from the body, completed by the server from headers.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The kind of work.
    pub endpoint: Endpoint,
    /// The model, group or expression that the client named.
    pub model: String,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// What the body uses: tools, images, JSON schema …; a candidate must have all of them.
    pub needs: Capabilities,
    /// Estimate of the input tokens, for ranking and context filters.
    pub input_tokens: u64,
    /// A bound that the input tokens do not exceed, for reservations.
    pub input_tokens_bound: u64,
    /// The client's limit on output tokens, if it named one.
    pub max_output_tokens: Option<u64>,
    /// Number of answers asked for (`n`), at least 1.
    pub answers: u64,
    /// The most that this request may cost (`x-router-max-cost`).
    pub max_cost: Option<Nano>,
    /// Another strategy for this request (`x-router-strategy`).
    pub strategy: Option<String>,
    /// Tags that a candidate must (or with `!` must not) have (`x-router-tags`).
    pub tags: Vec<String>,
    /// Stickiness key (`x-router-session` and kin), hashed by the caller.
    pub session: Option<u64>,
}
