//! Reads a request: validates what routing depends on, notices what it needs, leaves everything else alone.
//!
//! Unknown fields and unknown values of known fields are never an error here: the provider knows its own vocabulary
//! better, and that changes every few months.

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::{Capabilities, Capability};

use crate::dialects::fields::{Fields, scanned};
use crate::dialects::{Intake, RequestError, Route, wish};
use crate::scan::{Features, Field, Kind, last_member};
use crate::tokens;

/// Most answers that one request may ask for.
const MAX_ANSWERS: u64 = 128;

/// Reads a body for that endpoint.
///
/// # Errors
/// [`RequestError`] with the code and the field at fault.
pub fn read(route: &Route, body: &[u8]) -> Result<Intake, RequestError> {
    let endpoint = route.endpoint;
    let scan = scanned(body)?;
    let fields = Fields { body, scan: &scan };
    let reader = Reader { fields, endpoint };
    let model = fields.model()?;
    reader.content()?;
    let stream = fields.flag(Field::Stream)?.unwrap_or(false) && endpoint != Endpoint::Embeddings;
    let usage_wanted = reader.usage_wanted()?;
    let max_output_tokens = reader.max_output_tokens()?;
    let answers = reader.answers()?;
    let mut ask = Ask {
        endpoint,
        model,
        stream,
        needs: reader.needs(stream),
        input_tokens: reader.input_tokens(),
        input_tokens_bound: reader.input_tokens_bound(),
        max_output_tokens,
        answers,
        service: fields.service(),
        ..Ask::default()
    };
    let reasoning_wanted = reader.reasoning_wanted();
    wish::read(body, &scan, &mut ask, reasoning_wanted)?;
    let cache_key = fields.string(Field::PromptCacheKey);
    let (array, method, state) = (false, None, None);
    Ok(Intake { ask, scan, usage_wanted, reasoning_wanted, array, method, cache_key, state })
}

struct Reader<'a> {
    fields: Fields<'a>,
    endpoint: Endpoint,
}

impl Reader<'_> {
    fn features(&self) -> &Features {
        &self.fields.scan.features
    }

    /// What the model is to work on: `messages`, `prompt` or `input`.
    fn content(&self) -> Result<(), RequestError> {
        let (field, allowed) = match self.endpoint {
            Endpoint::ChatCompletions => (Field::Messages, "a list of at least one message"),
            // Completions without a prompt begin a new document, as at OpenAI.
            Endpoint::Completions => (Field::Prompt, "a string or a list"),
            _ => (Field::Input, "a string or a list that is not empty"),
        };
        let fits = match self.fields.value(field) {
            None if self.endpoint == Endpoint::Completions => true,
            None => return Err(RequestError::missing(field.name())),
            Some((kind, _)) => match self.endpoint {
                Endpoint::ChatCompletions => kind == Kind::Array && self.features().messages > 0,
                Endpoint::Completions => matches!(kind, Kind::String | Kind::Array),
                _ => {
                    kind == Kind::String
                        || (kind == Kind::Array && self.features().inputs + self.features().token_ids > 0)
                }
            },
        };
        if fits { Ok(()) } else { Err(RequestError::invalid(field.name(), allowed)) }
    }

    /// The larger of the two parameters: which of them a provider obeys differs, and a reservation must hold for both.
    fn max_output_tokens(&self) -> Result<Option<u64>, RequestError> {
        let old = self.fields.integer(Field::MaxTokens, 1, u64::MAX)?;
        Ok(old.max(self.fields.integer(Field::MaxCompletionTokens, 1, u64::MAX)?))
    }

    /// Answers that are generated and paid: `n`, or `best_of` of the old endpoint, times its prompts.
    fn answers(&self) -> Result<u64, RequestError> {
        let n = self.fields.integer(Field::N, 1, MAX_ANSWERS)?.unwrap_or(1);
        if self.endpoint != Endpoint::Completions {
            return Ok(n);
        }
        let best = self.fields.integer(Field::BestOf, 1, MAX_ANSWERS)?.unwrap_or(1);
        Ok(n.max(best).saturating_mul(self.features().inputs.max(1)))
    }

    fn usage_wanted(&self) -> Result<bool, RequestError> {
        match self.fields.value(Field::StreamOptions) {
            None => Ok(false),
            Some((Kind::Object, raw)) => Ok(last_member(raw, "include_usage") == Some(b"true")),
            Some(_) => Err(RequestError::invalid("stream_options", "an object")),
        }
    }

    fn needs(&self, stream: bool) -> Capabilities {
        use Capability as C;
        let used = self.features();
        let holds = |field, word: &[u8]| {
            self.fields.value(field).is_some_and(|(_, raw)| memchr::memmem::find(raw, word).is_some())
        };
        let format = self.fields.value(Field::ResponseFormat).filter(|(kind, _)| *kind == Kind::Object);
        let format = format.and_then(|(_, raw)| last_member(raw, "type")).unwrap_or_default();
        let main = if self.endpoint == Endpoint::Embeddings { C::Embeddings } else { C::Chat };
        [
            (C::FunctionCalling, used.tools > 0),
            (C::Vision, used.images > 0),
            (C::AudioInput, used.audios > 0),
            (C::FileInput, used.files > 0),
            (C::JsonMode, format == br#""json_object""#),
            (C::JsonSchema, format == br#""json_schema""#),
            (C::AudioOutput, holds(Field::Modalities, br#""audio""#)),
            (C::ImageOutput, holds(Field::Modalities, br#""image""#)),
            (C::WebSearch, self.fields.value(Field::WebSearchOptions).is_some()),
            (C::Streaming, stream),
        ]
        .into_iter()
        .filter_map(|(capability, needed)| needed.then_some(capability))
        .chain([main])
        .collect()
    }

    fn reasoning_wanted(&self) -> bool {
        let effort = self.fields.value(Field::ReasoningEffort);
        effort.is_some_and(|(kind, raw)| kind == Kind::String && raw != br#""none""#)
            || self.fields.value(Field::Reasoning).is_some_and(|(kind, _)| kind == Kind::Object)
    }

    /// Bytes of the fields that describe tools and schemas; they are part of the prompt.
    fn schema_bytes(&self) -> u64 {
        [Field::Tools, Field::Functions, Field::ResponseFormat]
            .into_iter()
            .filter_map(|field| self.fields.value(field))
            .map(|(_, raw)| raw.len() as u64)
            .sum()
    }

    /// Estimate: characters by class, schemas at a quarter token a byte, fixed prices for images, audio by its size.
    fn input_tokens(&self) -> u64 {
        let used = self.features();
        let chat = if self.endpoint == Endpoint::ChatCompletions { tokens::PRIMING } else { 0 };
        used.text.tokens()
            + used.token_ids
            + self.schema_bytes().div_ceil(4)
            + used.messages * tokens::PER_MESSAGE
            + chat
            + used.images_low * 85
            + (used.images - used.images_low) * tokens::IMAGE
            + used.audio_bytes / 1_000
            + used.file_bytes / 16
    }

    /// A bound that the provider's count does not exceed: a token is at least one byte of text, so every byte of the
    /// body counts as a token except those of images, audio and files, which get bounds of their own; templates and
    /// tool prompts are added. Not covered, because the body does not say: files by id or address, compressed files.
    fn input_tokens_bound(&self) -> u64 {
        let used = self.features();
        let text = (self.fields.body.len() as u64).saturating_sub(used.media_bytes);
        text + used.messages * tokens::PER_MESSAGE_BOUND
            + tokens::TOOLS_BOUND * u64::from(used.tools > 0)
            + used.images_low * tokens::IMAGE_LOW_BOUND
            + (used.images - used.images_low) * tokens::IMAGE_BOUND
            + used.audio_bytes / 16
            + used.file_bytes
    }
}
