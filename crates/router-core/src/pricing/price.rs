//! The shape of a price: nano-USD per million tokens, by token class, with tiers by context length.

use crate::money::{AmountError, Nano, parse_decimal};
use crate::usage::ServiceTier;

/// A price per million tokens in nano-USD (0.0375 USD per million = 37,500,000). Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Rate(pub i64);

impl Rate {
    /// Reads USD per million tokens from a decimal text, exactly.
    ///
    /// # Errors
    /// As [`AmountError`]; a negative price is `NotDecimal`.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        match parse_decimal(text, 9)? {
            nano if nano < 0 => Err(AmountError::NotDecimal(text.to_owned())),
            nano => Ok(Rate(nano)),
        }
    }
}

/// What a channel model costs. `None` means that the class has no price of its own and follows the rule
/// beside it; a missing [`Price`] as a whole means *unknown*, which is not free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Input tokens.
    pub input: Rate,
    /// Output tokens.
    pub output: Rate,
    /// Cached reads; else as input.
    pub cached_input: Option<Rate>,
    /// Cache writes (5 minutes); else as input.
    pub cache_write: Option<Rate>,
    /// Cache writes (1 hour); else as `cache_write`.
    pub cache_write_1h: Option<Rate>,
    /// Reasoning tokens; else as output.
    pub reasoning: Option<Rate>,
    /// Audio in; else as input.
    pub audio_input: Option<Rate>,
    /// Audio out; else as output.
    pub audio_output: Option<Rate>,
    /// For each image made.
    pub image: Option<Nano>,
    /// For each request.
    pub per_request: Nano,
    /// Dearer (or cheaper) rates for long inputs, ascending by threshold. The last tier whose threshold is
    /// strictly below the whole input (cached included) re-prices the whole request.
    pub tiers: Vec<Tier>,
    /// Whole prices of service tiers that have their own; the others cost the same.
    pub services: Vec<(ServiceTier, Price)>,
}

impl Price {
    /// The price of an answer in that service tier.
    #[must_use]
    pub fn of(&self, service: ServiceTier) -> &Self {
        self.services.iter().find(|(known, _)| *known == service).map_or(self, |(_, price)| price)
    }
}

/// Rates above a context length. A class that the tier does not name: for hour-long writes, reasoning and audio the dearer
/// of the price's own class and the tier's plain rate holds, so that the books are never below the bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// Applies when the input has strictly more tokens than this.
    pub above_tokens: u64,
    /// Input tokens.
    pub input: Rate,
    /// Output tokens.
    pub output: Rate,
    /// Cached reads; else as this tier's input.
    pub cached_input: Option<Rate>,
    /// Cache writes; else as this tier's input.
    pub cache_write: Option<Rate>,
    /// Cache writes for an hour.
    pub cache_write_1h: Option<Rate>,
    /// Reasoning tokens.
    pub reasoning: Option<Rate>,
    /// Audio in.
    pub audio_input: Option<Rate>,
    /// Audio out.
    pub audio_output: Option<Rate>,
    /// Applies from `above_tokens` on, not only above it (xAI).
    pub inclusive: bool,
}

impl Tier {
    /// Whether a request with that many input tokens, cached ones included, is priced by it.
    #[must_use]
    pub const fn applies(&self, input_tokens: u64) -> bool {
        input_tokens > self.above_tokens || (self.inclusive && input_tokens == self.above_tokens)
    }
}
