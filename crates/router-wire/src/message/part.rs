//! The pieces that turns and answers are made of.

use serde_json::Value;

use super::media::Media;
use super::signature::Signature;
use super::tool::{ToolCall, ToolResult};

/// How long the prompt up to a mark stays in the provider's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheLife {
    /// Five minutes, Anthropic's default.
    Minutes5,
    /// One hour.
    Hour1,
}

/// A piece, and the prompt-cache mark behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Prompt-cache mark (Anthropic's `cache_control`).
    pub cache: Option<CacheLife>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text, and the citations that an answer puts on it (in the words of its dialect with a `url` where there is one).
    Text {
        /// The text.
        text: String,
        /// `{"url","title",…}` objects; only in answers.
        citations: Vec<Value>,
    },
    /// An image.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A document or another file.
    File(Media),
    /// What the model thought.
    Reasoning(Reasoning),
    /// A call of a tool.
    ToolCall(ToolCall),
    /// The result of one.
    ToolResult(ToolResult),
    /// The model's words when it refuses.
    Refusal(String),
}

/// A piece of reasoning. Without text it is the signature alone (Anthropic's redacted thinking, OpenAI's encrypted reasoning).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// The text, possibly a summary.
    pub text: String,
    /// Its proof.
    pub signature: Option<Signature>,
    /// The provider keeps the text to itself: Anthropic's `redacted_thinking`, OpenAI's encrypted items.
    pub redacted: bool,
}

impl Part {
    /// A piece without a cache mark.
    #[must_use]
    pub const fn new(content: Content) -> Self {
        Self { content, cache: None }
    }

    /// A piece of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text { text: text.into(), citations: Vec::new() })
    }

    /// The text of a text piece.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}
