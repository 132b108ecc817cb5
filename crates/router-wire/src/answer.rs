//! Answers that come whole: is it a proper answer, what did it use. The bytes themselves pass unchanged.
//!
//! **What counts as an answer.** Chat: at least one choice whose message has text, reasoning, a refusal, a tool call,
//! audio or an image; or whose finish reason is `length` or `content_filter`, which explain why there is no text (a
//! reasoning model that ran out of tokens while it thought in secret). A message with nothing in it and `stop` is an
//! empty answer: another candidate may do better. Completions: the same with `text`. Embeddings: a `data` list (Gemini:
//! `embeddings`, `embedding`) that is not empty.

use router_core::ask::Endpoint;
use router_core::fault::FaultKind;
use router_core::usage::Usage;

use crate::relay::{Chunk, is_filled, is_something};
use crate::scan::{elements, members, string_inside, unescape};
use crate::tokens::TextCount;
use crate::usage;

/// What a proper answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The provider's usage, if it sent one that makes sense.
    pub usage: Option<Usage>,
    /// Characters of the answer, for counting where usage is missing.
    pub text: TextCount,
    /// The model that the provider named.
    pub model: Option<String>,
}

/// Why a body with status 200 is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAnswer {
    /// Nothing in it.
    Empty,
    /// Not of the protocol: a web page, broken JSON, another object.
    Bad(&'static str),
    /// A stream where none was asked for: [`crate::relay::aggregate`] may save it.
    Stream,
    /// The provider works on it and will keep what comes of it (`background`).
    Unfinished,
    /// An error object: the adapter classifies it.
    Error,
}

impl NotAnAnswer {
    /// The class of fault, before an adapter has looked at an error object.
    #[must_use]
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Empty => FaultKind::EmptyAnswer,
            Self::Bad(_) | Self::Stream | Self::Unfinished => FaultKind::BadAnswer,
            Self::Error => FaultKind::Temporary,
        }
    }
}

/// Examines a whole answer, in one pass.
///
/// # Errors
/// [`NotAnAnswer`] if the client should not get it.
pub fn examine(endpoint: Endpoint, body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match body.first() {
        None => return Err(NotAnAnswer::Empty),
        // Text, subtitles, sounds: whatever the client asked for.
        Some(first) if is_free(endpoint) && !matches!(first, b'{' | b'<') => return Ok(Answer::default()),
        Some(b'<') => return Err(NotAnAnswer::Bad("the answer is a web page")),
        Some(b'{') => {}
        Some(b'd' | b':' | b'e' | b'i' | b'r') if looks_like_events(body) => return Err(NotAnAnswer::Stream),
        Some(_) if body == b"null" || body == b"[]" || body == b"\"\"" => return Err(NotAnAnswer::Empty),
        Some(b'"') => return Err(NotAnAnswer::Error),
        Some(_) => return Err(NotAnAnswer::Bad("the answer is not a JSON object")),
    }
    if !is_filled(body) {
        return Err(NotAnAnswer::Empty);
    }
    match endpoint {
        Endpoint::Embeddings => embeddings(body),
        _ if !endpoint.makes_text() => other(endpoint, body),
        _ => chat(body),
    }
}

/// Whether an answer may be something else than JSON.
const fn is_free(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::Transcriptions | Endpoint::Translations | Endpoint::Speech)
}

/// What is no conversation: any object that is no error. Counting tokens costs nothing; images are counted.
fn other(endpoint: Endpoint, body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let mut answer = Answer::default();
    let (mut error, mut images) = (false, 0);
    let whole = members(body, |key, value| {
        match key {
            b"usage" => answer.usage = usage::from_openai(value),
            b"data" if matches!(endpoint, Endpoint::ImageGenerations | Endpoint::ImageEdits) => {
                elements(value, |_| images += 1);
            }
            b"model" => answer.model = string_inside(value).map(|name| unescape(name).into_owned()),
            b"error" => error |= is_something(value),
            _ => {}
        }
        true
    });
    if !whole {
        return Err(NotAnAnswer::Bad("the answer is broken JSON"));
    }
    if error {
        return Err(NotAnAnswer::Error);
    }
    if images > 0 {
        answer.usage.get_or_insert_default().images = images;
    }
    if endpoint == Endpoint::CountTokens {
        answer.usage = Some(Usage::default());
    }
    Ok(answer)
}

fn looks_like_events(body: &[u8]) -> bool {
    [&b"data:"[..], b":", b"event:", b"id:", b"retry:"].iter().any(|start| body.starts_with(start))
}

fn chat(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let Some(found) = Chunk::read(body) else { return Err(NotAnAnswer::Bad("the answer is broken JSON")) };
    if found.error {
        return Err(NotAnAnswer::Error);
    }
    if !found.content && !found.ends_without_content {
        return Err(if found.has_choices || has_member(body, b"choices") { NotAnAnswer::Empty } else { strange(body) });
    }
    let service = found.service.unwrap_or_default();
    let usage = found.usage.map(|usage| Usage { service, ..usage });
    Ok(Answer { usage, text: found.text, model: found.model })
}

fn has_member(body: &[u8], name: &[u8]) -> bool {
    let mut found = false;
    members(body, |key, _| {
        found |= key == name;
        !found
    });
    found
}

/// An object of another shape: some gateways put their errors at the top (`message`, `msg`, `detail`, `success`).
fn strange(body: &[u8]) -> NotAnAnswer {
    let mut error = false;
    members(body, |key, value| {
        error |= matches!(key, b"message" | b"msg" | b"err" | b"error_msg" | b"detail") && is_something(value);
        true
    });
    if error { NotAnAnswer::Error } else { NotAnAnswer::Bad("the answer has no choices") }
}

fn embeddings(body: &[u8]) -> Result<Answer, NotAnAnswer> {
    let mut answer = Answer::default();
    let (mut data, mut error) = (None, false);
    let whole = members(body, |key, value| {
        match key {
            b"data" | b"embeddings" | b"embedding" => data = Some(is_filled(value)),
            b"usage" => answer.usage = usage::from_openai(value),
            b"usageMetadata" => {
                answer.usage = serde_json::from_slice(value).ok().and_then(|it| usage::from_gemini(&it))
            }
            b"model" => answer.model = string_inside(value).map(|name| unescape(name).into_owned()),
            b"error" => error |= is_something(value),
            b"object" => error |= value == b"\"error\"",
            _ => {}
        }
        true
    });
    match data {
        _ if !whole => Err(NotAnAnswer::Bad("the answer is broken JSON")),
        _ if error => Err(NotAnAnswer::Error),
        Some(true) => Ok(answer),
        Some(false) => Err(NotAnAnswer::Empty),
        None => Err(strange(body)),
    }
}
