//! A whole answer in the neutral form.

use router_core::usage::Usage;

use super::part::{Content, Part};

/// Why the model stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// It was done.
    #[default]
    End,
    /// It wrote one of the client's stop sequences (which one, where the provider says it).
    Sequence(Option<String>),
    /// The output limit or the context window was reached.
    Length,
    /// It waits for the results of tools.
    ToolUse,
    /// It, or the provider's filter, refused.
    Refusal,
    /// The turn is not finished; the client sends it back to go on (Anthropic's `pause_turn`).
    Pause,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The provider's id.
    pub id: Option<String>,
    /// The provider's model.
    pub model: Option<String>,
    /// Text, reasoning, calls, refusals and images in their order.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub stop: Stop,
    /// What was consumed; `None` if the provider did not say.
    pub usage: Option<Usage>,
    /// Service tier that the provider used.
    pub service_tier: Option<String>,
}

impl Answer {
    /// Whether anything in it is worth showing: text, reasoning, a call, a refusal, an image.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.parts.iter().any(|part| match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) => !text.is_empty(),
            Content::Reasoning(reasoning) => !reasoning.text.is_empty() || reasoning.signature.is_some(),
            _ => true,
        })
    }
}
