//! The top-level fields that routing knows by name.

/// A range of bytes, from `start` to before `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// The bytes of that range; `None` if the range is not of these bytes.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start..self.end)
    }

    /// Number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the range holds no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// Where a top-level field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpan {
    /// The key with its quotes.
    pub key: Span,
    /// The value, strings with their quotes.
    pub value: Span,
    /// The kind of the value.
    pub kind: Kind,
    /// Which field it is, from 0, in the order of the body.
    pub ordinal: usize,
    /// Offset of the comma before the key (of the opening brace for the first field).
    pub comma: usize,
}

macro_rules! fields {
    ($($name:ident $text:literal),+ $(,)?) => {
        /// A top-level field of a request body that routing, splicing or validation needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Field { $($name),+ }

        impl Field {
            /// All fields with their names.
            pub const ALL: &'static [(Field, &'static str)] = &[$((Field::$name, $text)),+];
            /// Number of known fields.
            pub const COUNT: usize = Self::ALL.len();

            /// The field of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The name in the body.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

fields! {
    Model "model",
    Stream "stream",
    StreamOptions "stream_options",
    MaxTokens "max_tokens",
    MaxCompletionTokens "max_completion_tokens",
    MaxOutputTokens "max_output_tokens",
    N "n",
    BestOf "best_of",
    Messages "messages",
    Input "input",
    Instructions "instructions",
    PreviousResponseId "previous_response_id",
    Conversation "conversation",
    Text "text",
    Prompt "prompt",
    Tools "tools",
    ToolChoice "tool_choice",
    ParallelToolCalls "parallel_tool_calls",
    Functions "functions",
    ResponseFormat "response_format",
    PromptCacheKey "prompt_cache_key",
    User "user",
    SafetyIdentifier "safety_identifier",
    Models "models",
    Provider "provider",
    Route "route",
    Router "router",
    ReasoningEffort "reasoning_effort",
    Reasoning "reasoning",
    Modalities "modalities",
    Audio "audio",
    WebSearchOptions "web_search_options",
    Temperature "temperature",
    ServiceTier "service_tier",
    EncodingFormat "encoding_format",
    Suffix "suffix",
    System "system",
    Thinking "thinking",
    OutputConfig "output_config",
    Metadata "metadata",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_stands_at_its_index() {
        for (index, (field, name)) in Field::ALL.iter().enumerate() {
            assert_eq!(*field as usize, index);
            assert_eq!(Field::from_name(name), Some(*field));
            assert_eq!(field.name(), *name);
        }
        assert_eq!(Field::from_name("foo"), None);
    }
}
