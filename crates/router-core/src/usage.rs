//! What a request consumed, in one shape for every dialect.

use crate::money::Nano;

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
    /// What the provider says that it cost, in nano-USD. A claim, not a fact: [`crate::pricing::booked_cost`] takes it
    /// only from providers that are to be believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_cost: Option<Nano>,
    /// The service tier in which the provider says that it answered.
    #[serde(default, skip_serializing_if = "ServiceTier::is_standard")]
    pub service: ServiceTier,
}

/// How urgently a provider serves, where that has prices of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// As usual; also every word that names no price known here.
    #[default]
    Standard,
    /// Later and cheaper.
    Flex,
    /// Sooner and dearer.
    Priority,
}

impl ServiceTier {
    /// The tier of that name in requests and answers of every dialect.
    #[must_use]
    pub fn named(word: &str) -> Self {
        match word {
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            _ => Self::Standard,
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }

    /// Whether it is the usual one.
    #[must_use]
    pub const fn is_standard(&self) -> bool {
        matches!(self, Self::Standard)
    }
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

/// More tokens or images than any answer has: what lies above is a lie or a fault, not a count.
pub const ABSURD: u64 = 100_000_000;

impl Usage {
    /// Tokens of input and output together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Whether nothing was counted at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The usage with every part inside its whole, and whether anything had to be changed. Usage is hostile
    /// input: counts above [`ABSURD`] are cut there, parts that together exceed their whole are cut in the
    /// order cached, written for an hour, written, audio for input and reasoning, audio for output. The caller flags what was changed.
    #[must_use]
    pub fn sanitized(&self) -> (Self, bool) {
        let input = self.input.min(ABSURD);
        let output = self.output.min(ABSURD);
        let mut left = input;
        let mut part = |claimed: u64| {
            let taken = claimed.min(left);
            left -= taken;
            taken
        };
        let cached_input = part(self.cached_input);
        let cache_write_1h = part(self.cache_write_1h);
        let cache_write = part(self.cache_write);
        let audio_input = part(self.audio_input);
        let reasoning = self.reasoning.min(output);
        let audio_output = self.audio_output.min(output - reasoning);
        let images = self.images.min(ABSURD);
        let clean = Self {
            input,
            cached_input,
            cache_write,
            cache_write_1h,
            audio_input,
            output,
            reasoning,
            audio_output,
            images,
            reported_cost: self.reported_cost.filter(|cost| *cost >= Nano::ZERO),
            service: self.service,
        };
        (clean, clean != *self)
    }

    /// The larger of each count: what is booked when the client left in the middle and both a provider's
    /// report and our own count exist.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            cached_input: self.cached_input.max(other.cached_input),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            audio_input: self.audio_input.max(other.audio_input),
            output: self.output.max(other.output),
            reasoning: self.reasoning.max(other.reasoning),
            audio_output: self.audio_output.max(other.audio_output),
            images: self.images.max(other.images),
            reported_cost: self.reported_cost.max(other.reported_cost),
            service: self.service.max(other.service),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_exceed_their_whole() {
        let honest =
            Usage { input: 100, cached_input: 40, cache_write: 20, output: 50, reasoning: 50, ..Usage::default() };
        assert_eq!(honest.sanitized(), (honest, false));
        let lie =
            Usage { input: 10, cached_input: 40, cache_write: 5, output: 3, reasoning: 2, audio_output: 9, ..honest };
        let (clean, changed) = lie.sanitized();
        assert!(changed);
        assert_eq!((clean.cached_input, clean.cache_write, clean.audio_output), (10, 0, 1));
        let absurd = Usage { input: u64::MAX, output: u64::MAX, images: u64::MAX, ..Usage::default() };
        assert_eq!(absurd.sanitized().0.total(), 2 * ABSURD);
    }

    #[test]
    fn the_larger_count_is_booked() {
        let reported = Usage { input: 10, output: 0, ..Usage::default() };
        let counted = Usage { input: 8, output: 5, ..Usage::default() };
        assert_eq!(reported.max(counted), Usage { input: 10, output: 5, ..Usage::default() });
        assert_eq!(reported.max(counted).total(), 15);
        assert!(Usage::default().is_zero() && !reported.is_zero());
    }
}
