//! What a request asks for, as far as routing needs to know.

use crate::catalog::{Capabilities, Capability};
use crate::health::Shape;
use crate::money::Nano;
use crate::routing::Held;
use crate::usage::ServiceTier;
use crate::wish::ProviderWish;

macro_rules! endpoints {
    ($($(#[$doc:meta])* $name:ident $text:literal),+ $(,)?) => {
        /// The kind of work, which follows from the path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Endpoint { $($(#[$doc])* #[serde(rename = $text)] $name),+ }

        impl Endpoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name used in rows, metrics and decisions.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

endpoints! {
    /// `/v1/chat/completions`
    ChatCompletions "chat_completions",
    /// `/v1/responses`
    Responses "responses",
    /// `/v1/messages`
    Messages "messages",
    /// `/v1beta/models/{model}:generateContent` and `:streamGenerateContent`
    GenerateContent "generate_content",
    /// `/v1/completions`
    Completions "completions",
    /// `/v1/embeddings` and Gemini's `:embedContent`
    Embeddings "embeddings",
    /// `/v1/messages/count_tokens` and Gemini's `:countTokens`
    CountTokens "count_tokens",
    /// `/v1/rerank`
    Rerank "rerank",
    /// `/v1/moderations`
    Moderations "moderations",
    /// `/v1/images/generations`
    ImageGenerations "image_generations",
    /// `/v1/images/edits`
    ImageEdits "image_edits",
    /// `/v1/audio/transcriptions`
    Transcriptions "audio_transcriptions",
    /// `/v1/audio/translations`
    Translations "audio_translations",
    /// `/v1/audio/speech`
    Speech "audio_speech",
    /// `/v1/estimate`
    Estimate "estimate",
}

impl Endpoint {
    /// Whether it is a conversation with a model, in whatever dialect: what can be translated from one dialect to another.
    #[must_use]
    pub const fn is_generation(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Responses | Self::Messages | Self::GenerateContent)
    }

    /// Whether the answer is text, which costs output tokens and can be limited.
    #[must_use]
    pub const fn makes_text(self) -> bool {
        self.is_generation() || matches!(self, Self::Completions | Self::Estimate)
    }

    /// What a model must be able to do to serve it; `None` where lists of capabilities say nothing about it.
    #[must_use]
    pub const fn capability(self) -> Option<Capability> {
        match self {
            Self::Embeddings => Some(Capability::Embeddings),
            Self::CountTokens => Some(Capability::Chat),
            _ if self.makes_text() => Some(Capability::Chat),
            _ => None,
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
    /// Memory that the body takes for as long as the request runs, bytes.
    pub body_bytes: u64,
    /// The client's limit on output tokens, if it named one.
    pub max_output_tokens: Option<u64>,
    /// Number of answers asked for (`n`), at least 1.
    pub answers: u64,
    /// The service tier that the client asks for.
    pub service: ServiceTier,
    /// The most that this request may cost (`x-router-max-cost`).
    pub max_cost: Option<Nano>,
    /// Further models to try in this order, where the first cannot (OpenRouter's `models`).
    pub models: Vec<String>,
    /// Wishes about providers (OpenRouter's `provider`).
    pub provider: Option<Box<ProviderWish>>,
    /// Another strategy for this request (`x-router-strategy`).
    pub strategy: Option<String>,
    /// Tags that a candidate must (or with `!` must not) have (`x-router-tags`).
    pub tags: Vec<String>,
    /// Stickiness key (`x-router-session` and kin), hashed by the caller.
    pub session: Option<u64>,
    /// Where the session's prompt cache is expected to be.
    pub held: Option<Held>,
}

impl Ask {
    /// How its answer comes. Speech goes on as it is made, without being asked to.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        if self.stream || matches!(self.endpoint, Endpoint::Speech) { Shape::Stream } else { Shape::Whole }
    }

    /// Tokens that the request takes from limits before it is known how many it uses.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.max_output_tokens.unwrap_or(0))
    }
}

impl Default for Ask {
    /// One short chat answer of no model: what the fields are filled into.
    fn default() -> Self {
        Self {
            endpoint: Endpoint::ChatCompletions,
            model: String::new(),
            stream: false,
            needs: Capabilities::NONE,
            input_tokens: 0,
            input_tokens_bound: 0,
            body_bytes: 0,
            max_output_tokens: None,
            answers: 1,
            service: ServiceTier::Standard,
            max_cost: None,
            models: Vec::new(),
            provider: None,
            strategy: None,
            tags: Vec::new(),
            session: None,
            held: None,
        }
    }
}
