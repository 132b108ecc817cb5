//! What a request asks, whatever its dialect: each dialect reads its own body into this, and [`super::reply`] answers it,
//! so that all dialects say the same.

use serde_json::Value;

/// A request in neutral words.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    /// The last text of the user.
    pub(super) said: String,
    /// The results of tools in the last turn; where there are any, text is the answer.
    pub(super) results: Vec<String>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: ToolChoice,
    /// Whether several calls at once are allowed.
    pub(super) parallel: bool,
    pub(super) format: Format,
    /// The limit on output tokens.
    pub(super) limit: Option<u64>,
    pub(super) stops: Vec<String>,
    /// Whether the model should think before it answers.
    pub(super) thinks: bool,
    /// The number of answers asked for.
    pub(super) choices: usize,
    pub(super) input: Input,
    /// A word made from the request, the same each time.
    pub(super) id: String,
}

impl Default for Prompt {
    fn default() -> Self {
        Self {
            said: String::new(),
            results: Vec::new(),
            tools: Vec::new(),
            choice: ToolChoice::Auto,
            parallel: true,
            format: Format::Text,
            limit: None,
            stops: Vec::new(),
            thinks: false,
            choices: 1,
            input: Input::default(),
            id: String::new(),
        }
    }
}

/// A tool on offer.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    /// The JSON schema of its arguments; `None`: it takes free text.
    pub(super) schema: Option<Value>,
}

/// Which tools may or must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolChoice {
    Auto,
    None,
    /// One of these; empty: any.
    Must(Vec<String>),
}

/// The form of the answer's text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    Text,
    Json,
    Schema(Value),
}

/// Tokens of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Input {
    /// All of them, cached and written included.
    pub(super) total: u64,
    /// Read from the cache.
    pub(super) cached: u64,
    /// Written to the cache for five minutes.
    pub(super) written: u64,
    /// Written to the cache for an hour.
    pub(super) written_hour: u64,
}
