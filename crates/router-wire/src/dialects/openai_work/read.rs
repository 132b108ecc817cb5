//! Reads a request as far as routing and limits need it: the model, whether it streams, about how much it is.

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::Capabilities;

use super::multipart;
use crate::dialects::fields::{Fields, scanned};
use crate::dialects::{DIALECTS, Intake, RequestError, Route, dialect, wish};
use crate::scan::{Field, Kind, Scan, last_member};

/// Reads a body for that endpoint.
///
/// # Errors
/// [`RequestError`] with the code and the field at fault.
pub fn read(route: &Route, body: &[u8]) -> Result<Intake, RequestError> {
    match route.endpoint {
        Endpoint::Estimate => estimate(body),
        Endpoint::ImageEdits | Endpoint::Transcriptions | Endpoint::Translations if multipart::is(body) => {
            form(route.endpoint, body)
        }
        endpoint => json(endpoint, body),
    }
}

/// The model that OpenAI takes where none is named.
const fn default_model(endpoint: Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::Moderations => Some("omni-moderation-latest"),
        Endpoint::ImageGenerations | Endpoint::ImageEdits => Some("gpt-image-1"),
        _ => None,
    }
}

fn form(endpoint: Endpoint, body: &[u8]) -> Result<Intake, RequestError> {
    if multipart::is_twice(body, "model") {
        let message = "The part `model` stands twice.".to_owned();
        return Err(RequestError { code: "duplicate_key", param: Some("model".into()), message });
    }
    let named = multipart::field(body, "model").map(str::trim).filter(|model| !model.is_empty());
    let model = named.or(default_model(endpoint)).ok_or_else(|| RequestError::missing("model"))?;
    let stream = multipart::field(body, "stream").is_some_and(|value| value.trim() == "true");
    let tokens = tokens_of(multipart::largest(body) as u64);
    let scan = scanned(b"{}")?;
    Ok(intake(endpoint, model.to_owned(), stream, (tokens, body.len() as u64), scan))
}

/// About a token for each kilobyte of sound; a picture costs about as much as its size says, too.
const fn tokens_of(file: u64) -> u64 {
    file / 1_000
}

/// Corrects what was read of the beginning of a form: it has so many bytes in all.
pub fn sized(intake: &mut Intake, bytes: u64) {
    intake.ask.input_tokens = tokens_of(bytes);
    intake.ask.input_tokens_bound = bytes;
}

fn json(endpoint: Endpoint, body: &[u8]) -> Result<Intake, RequestError> {
    let scan = scanned(body)?;
    let named = Fields { body, scan: &scan }.model_if_named()?.or_else(|| default_model(endpoint).map(str::to_owned));
    let model = named.ok_or_else(|| RequestError::missing("model"))?;
    let wanted: &[&str] = match endpoint {
        Endpoint::Rerank => &["query", "documents"],
        Endpoint::ImageGenerations => &["prompt"],
        _ => &["input"],
    };
    if let Some(missing) =
        wanted.iter().find(|name| endpoint != Endpoint::ImageEdits && last_member(body, name).is_none())
    {
        return Err(RequestError::missing(missing));
    }
    let events = last_member(body, "stream_format") == Some(br#""sse""#);
    let stream = events || scan.value(body, Field::Stream).is_some_and(|(kind, _)| kind == Kind::True);
    let size = body.len() as u64;
    let mut intake = intake(endpoint, model, stream, (size.div_ceil(4), size), scan);
    let answers = intake.scan.value(body, Field::N).and_then(|(_, raw)| std::str::from_utf8(raw).ok()?.parse().ok());
    intake.ask.answers = answers.unwrap_or(1).clamp(1, 128);
    wish::read(body, &intake.scan, &mut intake.ask, false)?;
    Ok(intake)
}

fn intake(endpoint: Endpoint, model: String, stream: bool, (tokens, bound): (u64, u64), scan: Scan) -> Intake {
    let ask = Ask {
        endpoint,
        model,
        stream,
        needs: Capabilities::NONE,
        input_tokens: tokens,
        input_tokens_bound: bound,
        max_output_tokens: None,
        answers: 1,
        ..Ask::default()
    };
    Intake {
        ask,
        scan,
        usage_wanted: false,
        reasoning_wanted: false,
        array: false,
        method: None,
        cache_key: None,
        state: None,
    }
}

/// A conversation in whatever dialect its fields are of: only its price is asked for.
fn estimate(body: &[u8]) -> Result<Intake, RequestError> {
    let has = |name: &str| last_member(body, name).is_some();
    let (name, endpoint) = if has("contents") {
        ("gemini", Endpoint::GenerateContent)
    } else if has("input") && !has("messages") {
        ("openai_responses", Endpoint::Responses)
    } else {
        ("openai_chat", Endpoint::ChatCompletions)
    };
    let dialect = dialect(name).or_else(|| DIALECTS.first()).ok_or_else(|| RequestError::missing("messages"))?;
    let mut route = Route::fixed(endpoint);
    // Gemini's body names no model; here it does.
    route.model =
        last_member(body, "model").and_then(|raw| serde_json::from_slice(raw).ok()).filter(|_| name == "gemini");
    let mut intake = (dialect.read)(&route, body)?;
    intake.ask.endpoint = Endpoint::Estimate;
    Ok(intake)
}
