//! Tools, calls of tools and their results.

use router_core::ids::hash64;
use serde_json::{Value, json};

use super::part::{CacheLife, Part};
use super::signature::Signature;

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name, as the client wrote it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON Schema of its arguments; `None` if it takes none.
    pub parameters: Option<Value>,
    /// Arguments must match the schema exactly. `None`: the dialect's own default.
    pub strict: Option<bool>,
    /// OpenAI's `custom` tool: takes free text (its `format`, or null), not JSON.
    pub custom: Option<Value>,
    /// Prompt-cache mark behind this tool.
    pub cache: Option<CacheLife>,
}

/// A tool that its client keeps in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaced {
    /// Its name among [`Tool`]s and calls.
    pub flat: String,
    /// The namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

/// Whether and what the model must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Nothing.
    None,
    /// Something.
    Required,
    /// This one.
    Named(String),
    /// Only these (OpenAI's `allowed_tools`, Gemini's `allowedFunctionNames`).
    Allowed {
        /// Names of the tools.
        names: Vec<String>,
        /// One of them must be called.
        required: bool,
    },
}

/// A call that the model makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Id that the result refers to.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments as the model wrote them: JSON text, possibly broken, possibly empty; free text of a custom tool.
    pub arguments: String,
    /// It calls a `custom` tool.
    pub custom: bool,
    /// Gemini's signature on the call.
    pub signature: Option<Signature>,
}

impl ToolCall {
    /// The arguments as the object that most dialects want. What is no object is kept as it is under a name of its own, so that
    /// the model sees what it wrote.
    #[must_use]
    pub fn input(&self) -> Value {
        match serde_json::from_str(&self.arguments) {
            _ if self.custom => json!({"input": self.arguments}),
            Ok(Value::Object(object)) => object.into(),
            Ok(Value::Null) => json!({}),
            _ if self.arguments.trim().is_empty() => json!({}),
            _ => json!({"_raw": self.arguments}),
        }
    }

    /// An id for a call that came without one: the same for the same words, which tell the call from every other.
    #[must_use]
    pub fn made_id(words: &[&str]) -> String {
        format!("call_{:016x}", hash64(words.join("\0").as_bytes()))
    }
}

impl Tool {
    /// The schema of a tool that takes free text, where a dialect knows only functions.
    #[must_use]
    pub fn free_text() -> Value {
        json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]})
    }
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// Id of the call.
    pub call_id: String,
    /// Name of the tool, where the dialect says it (Gemini); else found by the call's id.
    pub name: Option<String>,
    /// Text and images.
    pub parts: Vec<Part>,
    /// The tool failed.
    pub is_error: bool,
    /// The result of a `custom` tool.
    pub custom: bool,
}
