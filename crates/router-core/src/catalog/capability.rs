//! Capabilities of a model as a set of bits.

use std::fmt;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $text:literal),+ $(,)?) => {
        /// Something that a model can do and a request can need.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Capability { $($(#[$doc])* $name = $bit),+ }

        /// Every capability with the name used in configuration and API, in bit order.
        pub const CAPABILITIES: &[(Capability, &str)] = &[$((Capability::$name, $text)),+];
    };
}

capabilities! {
    /// Tool calls.
    FunctionCalling = 0 "function_calling",
    /// Images as input.
    Vision = 1 "vision",
    /// `response_format: json_object`.
    JsonMode = 2 "json_mode",
    /// `response_format: json_schema`.
    JsonSchema = 3 "json_schema",
    /// Server-sent events.
    Streaming = 4 "streaming",
    /// Thinks before it answers; takes a reasoning effort.
    Reasoning = 5 "reasoning",
    /// Good at code.
    CodeGeneration = 6 "code_generation",
    /// Good at Chinese.
    Chinese = 7 "chinese",
    /// Audio as input.
    AudioInput = 8 "audio_input",
    /// Audio as output.
    AudioOutput = 9 "audio_output",
    /// Embedding vectors.
    Embeddings = 10 "embeddings",
    /// The provider caches prompts.
    PromptCaching = 11 "prompt_caching",
    /// Hosted web search.
    WebSearch = 12 "web_search",
    /// Files (PDF) as input.
    FileInput = 13 "file_input",
    /// More than one tool call in one turn.
    ParallelTools = 14 "parallel_tools",
    /// Chat and text answers (what an embedding model lacks).
    Chat = 15 "chat",
    /// Makes images.
    ImageOutput = 16 "image_output",
}

/// A set of capabilities.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(u32);

impl Capabilities {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// This set with one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u8)
    }

    /// Whether the capability is in the set.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// Whether every capability of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set but not in `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in the set.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// As a number, to be stored: bits never change their meaning.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The inverse of [`Self::bits`].
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The names in the set, in bit order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        CAPABILITIES.iter().filter(move |(capability, _)| self.has(*capability)).map(|(_, name)| *name)
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(iter: I) -> Self {
        iter.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Capability {
    /// The capability of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        CAPABILITIES.iter().find(|(_, text)| *text == name).map(|(capability, _)| *capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_capability_and_bits_are_distinct() {
        let mut all = Capabilities::NONE;
        for (capability, name) in CAPABILITIES {
            assert_eq!(Capability::from_name(name), Some(*capability));
            assert!(!all.has(*capability), "{name} shares its bit");
            all = all.with(*capability);
        }
        assert_eq!(all.names().count(), CAPABILITIES.len());
    }
}
