//! What routing needs of a body: validated by the one-pass scan, then looked through as a value. (The scan knows OpenAI's
//! names only; a value costs memory in proportion to the body, which the server bounds.)

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::{Capabilities, Capability};
use router_core::usage::ServiceTier;
use serde_json::Value;

use super::names::{Object, camel, get, integer, list, object, text};
use crate::dialects::fields::scanned;
use crate::dialects::{Intake, RequestError, Route};
use crate::tokens::{self, TextCount};

/// Reads a body; model and kind of answer come from the path.
///
/// # Errors
/// [`RequestError`] with the code and the field at fault.
pub(super) fn read(route: &Route, body: &[u8]) -> Result<Intake, RequestError> {
    let scan = scanned(body)?;
    let broken =
        |error| RequestError { code: "invalid_json", param: None, message: format!("The body is not JSON: {error}.") };
    let value: Value = serde_json::from_slice(body).map_err(broken)?;
    let empty = Object::new();
    let top = value.as_object().unwrap_or(&empty);
    let named = || text(top, "model").map(|model| model.trim_start_matches("models/").to_owned());
    let model = route.model.clone().or_else(named).ok_or_else(|| RequestError::missing("model"))?;
    let field = match (route.endpoint, route.method) {
        (Endpoint::Embeddings, Some(_)) => "requests",
        (Endpoint::Embeddings, None) => "content",
        _ => "contents",
    };
    let wrapped = get(top, "generateContentRequest").is_some();
    if get(top, field).is_none() && !wrapped {
        return Err(RequestError::missing(field));
    }
    if get(top, field).is_some_and(|value| matches!(value, Value::Array(list) if list.is_empty())) {
        return Err(RequestError::invalid(field, "a list that is not empty"));
    }
    let mut used = Used::default();
    used.object(top, 0);
    let config = object(top, "generationConfig").unwrap_or(&empty);
    let generates = route.endpoint == Endpoint::GenerateContent;
    let stream = route.stream.unwrap_or(false);
    let max_output_tokens = match get(config, "maxOutputTokens") {
        None => None,
        Some(value) => {
            let most = integer(config, "maxOutputTokens").and_then(|most| u64::try_from(most).ok());
            match most.or_else(|| value.as_u64()) {
                Some(most) if most > 0 => Some(most),
                _ => return Err(RequestError::invalid("generationConfig.maxOutputTokens", "a positive integer")),
            }
        }
    };
    let candidates = integer(config, "candidateCount").and_then(|count| u64::try_from(count).ok());
    let thinking = object(config, "thinkingConfig");
    let reasoning_wanted = thinking.is_some_and(|thinking| integer(thinking, "thinkingBudget") != Some(0));
    let tokens = used.text.tokens() + used.schema.div_ceil(4) + used.turns * tokens::PER_MESSAGE;
    let ask = Ask {
        endpoint: route.endpoint,
        model,
        stream,
        needs: needs(&used, config, route.endpoint, stream),
        input_tokens: tokens + used.images * tokens::IMAGE + used.audio_bytes / 1_000 + used.file_bytes / 16,
        input_tokens_bound: (body.len() as u64).saturating_sub(used.media_bytes)
            + used.turns * tokens::PER_MESSAGE_BOUND
            + tokens::TOOLS_BOUND * u64::from(used.functions)
            + used.images * tokens::IMAGE_BOUND
            + used.audio_bytes / 16
            + used.file_bytes,
        max_output_tokens: max_output_tokens.filter(|_| generates),
        answers: candidates.filter(|_| generates).unwrap_or(1).clamp(1, 128),
        service: ServiceTier::named(&text(top, "serviceTier").unwrap_or_default().to_ascii_lowercase()),
        ..Ask::default()
    };
    let (array, method) = (route.array, route.method);
    Ok(Intake { ask, scan, usage_wanted: true, reasoning_wanted, array, method, cache_key: None, state: None })
}

fn needs(used: &Used, config: &Object, endpoint: Endpoint, stream: bool) -> Capabilities {
    use Capability as C;
    let json = text(config, "responseMimeType") == Some("application/json");
    let schema = get(config, "responseSchema").or_else(|| get(config, "responseJsonSchema")).is_some();
    let modality = |name: &str| {
        let list = list(config, "responseModalities").iter().filter_map(Value::as_str);
        list.into_iter().any(|modality| modality.eq_ignore_ascii_case(name))
    };
    [
        (C::FunctionCalling, used.functions),
        (C::Vision, used.images > 0),
        (C::AudioInput, used.audios > 0),
        (C::FileInput, used.files > 0),
        (C::JsonSchema, schema),
        (C::JsonMode, json && !schema),
        (C::AudioOutput, modality("AUDIO")),
        (C::ImageOutput, modality("IMAGE")),
        (C::WebSearch, used.search),
        (C::Streaming, stream),
    ]
    .into_iter()
    .filter_map(|(capability, needed)| needed.then_some(capability))
    .chain(endpoint.capability())
    .collect()
}

/// What a body uses.
#[derive(Default)]
struct Used {
    text: TextCount,
    turns: u64,
    images: u64,
    audios: u64,
    files: u64,
    audio_bytes: u64,
    file_bytes: u64,
    media_bytes: u64,
    /// Bytes of declarations and schemas.
    schema: u64,
    functions: bool,
    search: bool,
}

impl Used {
    /// The scan has passed, so nothing nests deeper than its limit.
    fn object(&mut self, members: &Object, depth: usize) {
        for (key, value) in members {
            match camel(key).as_str() {
                "inlineData" => self.media(value, "data"),
                "fileData" => self.media(value, "fileUri"),
                "functionDeclarations" => {
                    self.functions |= value.as_array().is_some_and(|list| !list.is_empty());
                    self.schema += value.to_string().len() as u64;
                }
                "responseSchema" | "responseJsonSchema" => self.schema += value.to_string().len() as u64,
                "googleSearch" | "googleSearchRetrieval" => self.search = true,
                "thoughtSignature" | "role" => {}
                "args" | "response" => self.text.add(value.to_string().as_bytes()),
                "parts" => {
                    self.turns += 1;
                    self.value(value, depth);
                }
                _ => self.value(value, depth),
            }
        }
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) => self.text.add(text.as_bytes()),
            Value::Array(list) => list.iter().for_each(|value| self.value(value, depth + 1)),
            Value::Object(members) => self.object(members, depth + 1),
            _ => {}
        }
    }

    fn media(&mut self, value: &Value, name: &str) {
        let empty = Object::new();
        let media = value.as_object().unwrap_or(&empty);
        let bytes = if name == "data" { text(media, name).map_or(0, str::len) as u64 } else { 0 };
        self.media_bytes += bytes;
        match text(media, "mimeType").unwrap_or_default().split('/').next() {
            Some("image") => self.images += 1,
            Some("audio") => {
                self.audios += 1;
                self.audio_bytes += bytes;
            }
            _ => {
                self.files += 1;
                self.file_bytes += bytes;
            }
        }
    }
}
