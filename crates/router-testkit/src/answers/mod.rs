//! Faithful answers, deterministic: the same request gets the same answer, in every dialect the same one.
//!
//! **Dialects**: OpenAI chat (with the habits of vendors, [`Flavor`]), completions, embeddings and Responses, Anthropic
//! Messages, Gemini, Ollama's own. The end of the path says which; each has a file that reads its requests into one neutral
//! [`prompt`] and writes one neutral [`reply`], and a list of what the real one refuses.
//!
//! **The answer**: plain text echoes the last user message. With `tools` the tools named in the last user message are called
//! (else the first one; with the word "parallel", several), arguments made from their schema, or as the text dictates them:
//! `call NAME with {"a": 1}`. After tool results the answer is text again. With a JSON schema the text is the smallest
//! plausible document for it. Where thinking is asked for there is a thought, signed where the dialect signs; the signature
//! is verified when it comes back.
//!
//! **Usage**: one token per four characters, rounded up, per text; 4 per message; 85 per image; tool and schema
//! definitions by the length of their JSON; the thought counts as output. So a test can compute what must be booked.

mod anthropic;
mod chat;
mod completions;
mod embeddings;
mod endpoint;
mod fault;
mod gemini;
mod look;
mod models;
mod ollama;
mod prompt;
mod reply;
mod responses;
mod schema;
mod sign;
mod text;
mod usage;

pub use chat::Flavor;
pub use endpoint::{Dialect, Endpoint, model_in};
pub use fault::Failure;
pub use schema::example;
pub(crate) use usage::said_twice;
pub use usage::{Bend, Usage, UsageMode, tokens_of};

use serde_json::{Value, json};

/// Who speaks: what differs between the providers of a test or the demo.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Put before the echo of the user's message.
    pub greeting: String,
    /// The models of the list.
    pub models: Vec<String>,
    /// Whether a model outside the list is refused with 404.
    pub strict_models: bool,
    /// `created`, Unix seconds; a constant keeps answers deterministic.
    pub created: u64,
    /// Models on a page of the lists that have pages, however many are asked for.
    pub page: usize,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            greeting: "Simulated answer to: ".to_owned(),
            models: ["gpt-4o-mini", "gpt-4o", "text-embedding-3-small"].map(str::to_owned).to_vec(),
            strict_models: false,
            created: 1_790_000_000,
            page: 1_000,
        }
    }
}

/// What a script changes about the content.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The text instead of the echo.
    pub text: Option<String>,
    /// The number of content events of a stream.
    pub pieces: Option<usize>,
    /// The finish reason, in the dialect's own words.
    pub finish: Option<String>,
    /// What is said about usage.
    pub usage: UsageMode,
    /// The model that the answer names, instead of the one that was asked.
    pub model: Option<String>,
    /// The arguments of calls end in their middle.
    pub cut_arguments: bool,
}

/// A request as answering it needs it.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub endpoint: Endpoint,
    /// In which dialect.
    pub dialect: Dialect,
    /// The path without the query.
    pub path: &'a str,
    /// The query without the question mark.
    pub query: &'a str,
    /// The headers.
    pub head: &'a crate::http1::Head,
    /// The credential, in whatever form it came.
    pub key: Option<&'a str>,
    /// The body; `Null` if it is no JSON.
    pub body: &'a Value,
    /// Who speaks.
    pub voice: &'a Voice,
    /// What the script changes.
    pub shape: &'a Shape,
}

/// One event of a stream, without framing.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it carries; cuts and delays count by this.
    pub kind: FrameKind,
    /// The name on its `event:` line, if it has one.
    pub name: Option<String>,
    /// The JSON text of its `data`; of a comment, its words.
    pub data: String,
}

impl Frame {
    /// An event without a name.
    #[must_use]
    pub fn data(kind: FrameKind, data: String) -> Self {
        Self { kind, name: None, data }
    }

    /// An event that is named as the `type` in its data says.
    fn typed(kind: FrameKind, data: &Value) -> Self {
        Self { kind, name: Some(look::text(data, "type").to_owned()), data: data.to_string() }
    }

    /// A comment.
    fn comment(words: &str) -> Self {
        Self { kind: FrameKind::Comment, name: None, data: words.to_owned() }
    }
}

/// What an event of a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The role only, or what merely opens and closes: no content.
    Role,
    /// Text, thought or a piece of a tool call.
    Content,
    /// The finish reason.
    Finish,
    /// The extra usage chunk.
    Usage,
    /// Not an event at all: a comment line.
    Comment,
}

/// A refusal: status and body.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The body, in the dialect of the request.
    pub body: Value,
}

impl Refusal {
    /// A failure in the form of a dialect.
    #[must_use]
    pub fn of(dialect: Dialect, failure: &Failure) -> Self {
        Self { status: failure.status, body: failure.body(dialect) }
    }
}

impl Call<'_> {
    /// A refusal in the call's dialect: status, code, the field at fault, the sentence.
    fn refuse(&self, status: u16, code: &str, param: Option<&str>, message: &str) -> Refusal {
        let failure = Failure::new(status, "invalid_request_error", Some(code), message).about(param);
        Refusal::of(self.dialect, &failure)
    }

    /// 400 about a field.
    fn invalid(&self, code: &str, param: Option<&str>, message: &str) -> Refusal {
        self.refuse(400, code, param, message)
    }

    /// The requested model, checked: from the path where it stands there, else from the body.
    fn model(&self) -> Result<String, Refusal> {
        let named = model_in(self.path).or_else(|| self.body.get("model").and_then(Value::as_str).map(str::to_owned));
        let Some(model) = named.filter(|model| !model.is_empty()) else {
            let message = match self.dialect {
                Dialect::Messages => "model: Field required",
                Dialect::Ollama => "model is required",
                _ => "you must provide a model parameter",
            };
            return Err(self.invalid("missing_required_parameter", Some("model"), message));
        };
        if self.voice.strict_models && !self.voice.models.contains(&model) {
            return Err(self.no_model(&model));
        }
        Ok(model)
    }

    /// 404 for a model that does not exist (new-api: 503, see its distributor).
    fn no_model(&self, model: &str) -> Refusal {
        let (status, message) = match self.dialect {
            Dialect::Messages => (404, format!("model: {model}")),
            Dialect::Gemini => (
                404,
                format!("models/{model} is not found for API version v1beta, or is not supported for generateContent."),
            ),
            Dialect::Ollama => (404, format!("model '{model}' not found")),
            Dialect::Chat(Flavor::SiliconFlow) => (400, "Model does not exist. Please check it carefully.".to_owned()),
            Dialect::Chat(Flavor::NewApi) => {
                (503, format!("No available channel for model {model} under group default (distributor)"))
            }
            _ => (404, format!("The model `{model}` does not exist")),
        };
        self.refuse(status, "model_not_found", None, &message)
    }

    /// The model that the answer names: the one that was asked, unless the script has another.
    fn answering(&self) -> Result<String, Refusal> {
        let asked = self.model()?;
        Ok(self.shape.model.clone().unwrap_or(asked))
    }

    /// A word made from the request, the same each time.
    fn id(&self) -> String {
        format!("{:016x}", fingerprint(self.body.to_string().as_bytes()))
    }
}

/// The whole answer as the text of its body.
///
/// # Errors
/// A [`Refusal`] for what a provider would refuse: missing fields, an unknown model, an unknown path.
pub fn whole(call: &Call<'_>) -> Result<String, Refusal> {
    let body = match call.endpoint {
        Endpoint::Chat => return chat::compose(call).map(|answer| answer.body()),
        Endpoint::Completions => completions::compose(call).map(|answer| answer.whole())?,
        Endpoint::Embeddings => embeddings::answer(call)?,
        Endpoint::Models => models::list(call),
        Endpoint::Model => models::one(call)?,
        Endpoint::Messages => anthropic::compose(call).map(|answer| answer.whole())?,
        Endpoint::MessagesCount => anthropic::count(call)?,
        Endpoint::Generate | Endpoint::GenerateStream => gemini::compose(call).map(|answer| answer.whole())?,
        Endpoint::GenerateCount => gemini::count(call)?,
        Endpoint::EmbedContent | Endpoint::EmbedContents => gemini::embed(call)?,
        Endpoint::Responses => responses::compose(call).map(|answer| answer.whole())?,
        Endpoint::Response => responses::stored(call)?,
        Endpoint::OllamaChat => ollama::compose(call).map(|answer| answer.whole())?,
        Endpoint::OllamaEmbed => ollama::embed(call)?,
        Endpoint::OllamaTags => ollama::tags(call),
        Endpoint::OllamaShow => models::shown(call)?,
        Endpoint::Pricing => models::pricing(call),
        Endpoint::Unknown => {
            return Err(call.refuse(404, "unknown_url", None, &format!("Unknown request URL: {}", call.path)));
        }
    };
    Ok(body.to_string())
}

/// The events of a streamed answer, without `[DONE]`.
///
/// # Errors
/// As [`whole`]; also for endpoints that do not stream.
pub fn frames(call: &Call<'_>) -> Result<Vec<Frame>, Refusal> {
    match call.endpoint {
        Endpoint::Chat => chat::compose(call).map(|answer| answer.frames()),
        Endpoint::Completions => completions::compose(call).map(|answer| answer.frames()),
        Endpoint::Messages => anthropic::compose(call).map(|answer| answer.frames()),
        Endpoint::Generate | Endpoint::GenerateStream => gemini::compose(call).map(|answer| answer.frames()),
        Endpoint::Responses => responses::compose(call).map(|answer| answer.frames()),
        Endpoint::OllamaChat => ollama::compose(call).map(|answer| answer.frames()),
        _ => Err(call.refuse(404, "unknown_url", None, &format!("No stream at {}", call.path))),
    }
}

/// An answer with status 200 that holds nothing: no choice, no candidate, no block.
#[must_use]
pub fn hollow(dialect: Dialect, body: &Value, stream: bool) -> Value {
    let model = body.get("model");
    match dialect {
        Dialect::Messages => {
            json!({"id": "msg_empty", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 0}})
        }
        Dialect::Gemini => json!({"candidates": [], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}),
        Dialect::Responses => {
            json!({"id": "resp_empty", "object": "response", "created_at": 0, "status": "completed", "model": model, "output": []})
        }
        Dialect::Ollama => {
            json!({"model": model, "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop"})
        }
        Dialect::Chat(_) => {
            let object = if stream { "chat.completion.chunk" } else { "chat.completion" };
            json!({"id": "chatcmpl-empty", "object": object, "created": 0, "model": model, "choices": []})
        }
    }
}

/// Whether the request asks that usage be streamed.
fn wants_usage(body: &Value) -> bool {
    body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false)
}

/// FNV-1a, 64 bit.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
