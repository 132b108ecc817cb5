//! A request in the neutral form.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::names::Names;
use super::part::Part;
use super::tool::{Namespaced, Tool, ToolChoice};

/// Who speaks in a turn. Results of tools are parts of the user's turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions in the middle of a conversation; those at its beginning are [`Request::system`].
    System,
    /// The user, and the results of tools.
    User,
    /// The model.
    Assistant,
}

/// A turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// How numbers are drawn. Numbers stay as the client wrote them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// Temperature; its range differs by dialect.
    pub temperature: Option<Number>,
    /// Nucleus.
    pub top_p: Option<Number>,
    /// Number of likeliest tokens.
    pub top_k: Option<Number>,
    /// OpenAI, Gemini.
    pub frequency_penalty: Option<Number>,
    /// OpenAI, Gemini.
    pub presence_penalty: Option<Number>,
    /// OpenAI, Gemini.
    pub seed: Option<Number>,
    /// OpenAI: token id → bias.
    pub logit_bias: Option<Value>,
    /// Log probabilities of the output tokens.
    pub logprobs: Option<bool>,
    /// Number of alternatives with them.
    pub top_logprobs: Option<u64>,
}

/// The form that the text of the answer must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Format {
    /// Any.
    #[default]
    Text,
    /// A JSON object.
    Json,
    /// JSON of this schema.
    Schema {
        /// Name (OpenAI's; others get or need none).
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// JSON Schema.
        schema: Value,
        /// The answer must match exactly.
        strict: Option<bool>,
    },
}

/// How hard the model should think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// Somewhat.
    Medium,
    /// Much.
    High,
    /// More.
    XHigh,
    /// As much as possible.
    Max,
}

/// What the client wants of the model's reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasoningWish {
    /// By effort.
    pub effort: Option<Effort>,
    /// By tokens; goes before the effort where a provider understands it.
    pub budget: Option<u64>,
    /// The model decides how much (Anthropic `adaptive`, Gemini budget −1).
    pub adaptive: bool,
    /// Thoughts shall be shown (Gemini `includeThoughts`, OpenAI `summary`). `None`: the dialect's own default.
    pub show: Option<bool>,
    /// Encrypted reasoning shall be part of the answer (Responses `include`).
    pub encrypted: bool,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model as the client named it.
    pub model: String,
    /// Instructions at the beginning: text parts.
    pub system: Vec<Part>,
    /// The conversation.
    pub turns: Vec<Turn>,
    /// Tools.
    pub tools: Vec<Tool>,
    /// Which of them stand in a namespace at the client (Responses), where their names get shorter again.
    pub namespaces: Vec<Namespaced>,
    /// Whether they must be called. `None`: the client did not say.
    pub tool_choice: Option<ToolChoice>,
    /// Several calls in one answer are allowed. `None`: the client did not say.
    pub parallel_tool_calls: Option<bool>,
    /// Most tokens of the answer.
    pub max_output_tokens: Option<u64>,
    /// How it is drawn.
    pub sampling: Sampling,
    /// Sequences that end the answer.
    pub stop: Vec<String>,
    /// Form of the text.
    pub format: Format,
    /// OpenAI's `verbosity`: low, medium, high.
    pub verbosity: Option<String>,
    /// Reasoning.
    pub reasoning: Option<ReasoningWish>,
    /// The answer is a stream.
    pub stream: bool,
    /// The client's own user, for the provider's abuse control.
    pub user: Option<String>,
    /// Service tier that the client wants.
    pub service_tier: Option<String>,
    /// OpenAI's `prompt_cache_key`.
    pub prompt_cache_key: Option<String>,
    /// OpenAI's `metadata`.
    pub metadata: Option<Value>,
    /// Fields of the client's body that the neutral form has no place for, such as `logit_bias` or `tools[2]`; they are named to
    /// the client in `x-router-dropped`. Nothing that changes the meaning stands here: that is [`Self::unsupported`].
    pub dropped: Vec<String>,
    /// Those of them at the top of the body that the client's dialect does not know: they may be a vendor's own, which its writer
    /// takes ([`Encoded::taken`]).
    pub extras: Map<String, Value>,
    /// Names of those who speak (`messages[].name`), one for each message that has one. They are dropped, too; where the provider gets
    /// the client's own body they are words like others.
    pub speakers: Vec<String>,
    /// Fields without which the answer would mean something else and that only the client's own dialect has (`n` above 1,
    /// stored state, hosted tools): no provider of another dialect may answer.
    pub unsupported: Vec<Unsupported>,
}

/// What a provider's dialect (or the neutral form) cannot carry and must not lose. Another candidate may; with none left the
/// client gets 400 `unsupported_parameter`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{param}`: {message}")]
pub struct Unsupported {
    /// The client's parameter.
    pub param: String,
    /// Why it cannot go.
    pub message: String,
}

impl Unsupported {
    /// With a message for people.
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: param.into(), message: message.into() }
    }
}

/// A request in a provider's dialect.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// Hints that the provider's dialect has no place for, in the client's words where they are known; those of
    /// [`Request::dropped`] are not among them ([`Self::lost`]).
    pub dropped: Vec<String>,
    /// How names of tools were changed; answers are changed back.
    pub names: Names,
    /// Names of [`Request::extras`] that it holds after all.
    pub taken: Vec<&'static str>,
}

impl Encoded {
    /// What the provider does not get of a client's request of which `unread` had no place in the neutral form; each name once.
    #[must_use]
    pub fn lost(&self, unread: &[String]) -> Vec<String> {
        let mut seen = HashSet::new();
        let unread = unread.iter().filter(|name| !self.taken.contains(&name.as_str()));
        unread.chain(&self.dropped).filter(|name| seen.insert(name.as_str())).cloned().collect()
    }
}
