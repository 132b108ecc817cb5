//! What a request consumed, in one shape for every dialect.

/// Token counts of one attempt or request. `input` holds all input tokens, the cached and the written ones
/// included; `output` holds the reasoning tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// All input tokens.
    pub input: u64,
    /// Of `input`: read from the provider's prompt cache.
    pub cached_input: u64,
    /// Of `input`: written to the prompt cache (5 minutes, or where no lifetime is named).
    pub cache_write: u64,
    /// Of `input`: written to the prompt cache for an hour.
    pub cache_write_1h: u64,
    /// Of `input`: audio.
    pub audio_input: u64,
    /// All output tokens.
    pub output: u64,
    /// Of `output`: reasoning.
    pub reasoning: u64,
    /// Of `output`: audio.
    pub audio_output: u64,
    /// Images made.
    pub images: u64,
}

/// Where the numbers of a [`Usage`] come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider said so.
    Reported,
    /// We counted what passed.
    Counted,
    /// Neither: an estimate from sizes.
    #[default]
    Estimated,
}

impl UsageSource {
    /// The word of the request row.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }
}
