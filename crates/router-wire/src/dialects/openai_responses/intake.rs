//! What routing needs of a request, from the one pass over its bytes.
//!
//! Unknown fields and values are never an error here. A `web_search` tool among others is no need: agents offer it to every
//! model, and it is dropped where nobody has it. Alone it is what the client asked for.

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::{Capabilities, Capability};

use crate::dialects::fields::{Fields, scanned};
use crate::dialects::{Intake, RequestError, Route, StateId, wish};
use crate::scan::{Field, Kind, elements, last_member, string_inside, unescape};
use crate::tokens::{self, TextCount};

/// Reads a body.
///
/// # Errors
/// [`RequestError`] with the code and the field at fault.
pub(super) fn read(route: &Route, body: &[u8]) -> Result<Intake, RequestError> {
    let scan = scanned(body)?;
    let fields = Fields { body, scan: &scan };
    let reader = Reader { fields, tools: Tools::default() };
    let reader = Reader { tools: reader.tools(), ..reader };
    let state = reader.state();
    reader.content(state.is_some())?;
    let generates = route.endpoint == Endpoint::Responses;
    let stream = fields.flag(Field::Stream)?.unwrap_or(false) && generates;
    let mut ask = Ask {
        endpoint: route.endpoint,
        model: fields.model()?,
        stream,
        needs: reader.needs(route.endpoint, stream),
        input_tokens: reader.input_tokens(),
        input_tokens_bound: reader.input_tokens_bound(),
        max_output_tokens: fields.integer(Field::MaxOutputTokens, 1, u64::MAX)?.filter(|_| generates),
        answers: 1,
        service: fields.service(),
        ..Ask::default()
    };
    let reasoning_wanted = reader.reasoning_wanted();
    wish::read(body, &scan, &mut ask, reasoning_wanted)?;
    let cache_key = fields.string(Field::PromptCacheKey);
    let (usage_wanted, array, method) = (true, false, None);
    Ok(Intake { ask, scan, usage_wanted, reasoning_wanted, array, method, cache_key, state })
}

/// The `id` of an object.
fn id_of(object: &[u8]) -> Option<String> {
    Some(unescape(string_inside(last_member(object, "id")?)?).into_owned())
}

/// Kinds of tools in a request.
#[derive(Clone, Copy, Default)]
struct Tools {
    calls: bool,
    search: bool,
    images: bool,
}

struct Reader<'a> {
    fields: Fields<'a>,
    tools: Tools,
}

impl Reader<'_> {
    /// `input` may be missing only where stored state or a stored prompt stands in.
    fn content(&self, stateful: bool) -> Result<(), RequestError> {
        match self.fields.value(Field::Input) {
            Some((Kind::String | Kind::Array, _)) => Ok(()),
            Some(_) => Err(RequestError::invalid("input", "a string or a list of items")),
            None if stateful || self.fields.value(Field::Prompt).is_some() => Ok(()),
            None => Err(RequestError::missing("input")),
        }
    }

    /// `previous_response_id`; or `conversation` as an id or an object with one; or an item of the input that only refers to one.
    fn state(&self) -> Option<StateId> {
        let named = |param, id: Option<String>| id.map(|id| StateId { id, param });
        named("previous_response_id", self.fields.string(Field::PreviousResponseId))
            .or_else(|| named("conversation", self.fields.string(Field::Conversation)))
            .or_else(|| named("conversation", id_of(self.fields.value(Field::Conversation)?.1)))
            .or_else(|| named("input", self.item_reference()))
    }

    /// The id of the last item that the input refers to in place of repeating it.
    fn item_reference(&self) -> Option<String> {
        let (Kind::Array, raw) = self.fields.value(Field::Input)? else { return None };
        // Few requests have one, and to look into every item of a long history takes time.
        memchr::memmem::find(raw, br#""item_reference""#)?;
        let mut last = None;
        elements(raw, |item| {
            if last_member(item, "type") == Some(br#""item_reference""#) {
                last = id_of(item);
            }
        });
        last
    }

    fn tools(&self) -> Tools {
        let mut tools = Tools::default();
        let Some((Kind::Array, raw)) = self.fields.value(Field::Tools) else { return tools };
        elements(raw, |tool| match last_member(tool, "type").and_then(string_inside).unwrap_or_default() {
            kind if kind.starts_with(b"web_search") => tools.search = true,
            b"tool_search" => {}
            b"image_generation" => tools.images = true,
            _ => tools.calls = true,
        });
        tools
    }

    fn needs(&self, endpoint: Endpoint, stream: bool) -> Capabilities {
        use Capability as C;
        let used = &self.fields.scan.features;
        let format = self.fields.value(Field::Text).and_then(|(_, text)| last_member(text, "format"));
        let format = format.and_then(|format| last_member(format, "type")).unwrap_or_default();
        [
            (C::FunctionCalling, self.tools.calls),
            (C::Vision, used.images > 0),
            (C::AudioInput, used.audios > 0),
            (C::FileInput, used.files > 0),
            (C::JsonMode, format == br#""json_object""#),
            (C::JsonSchema, format == br#""json_schema""#),
            (C::ImageOutput, self.tools.images),
            (C::WebSearch, self.tools.search && !self.tools.calls),
            (C::Streaming, stream),
        ]
        .into_iter()
        .filter_map(|(capability, needed)| needed.then_some(capability))
        .chain(endpoint.capability())
        .collect()
    }

    fn reasoning_wanted(&self) -> bool {
        let reasoning = self.fields.value(Field::Reasoning).filter(|(kind, _)| *kind == Kind::Object);
        reasoning.is_some_and(|(_, raw)| last_member(raw, "effort") != Some(br#""none""#))
    }

    /// Estimate: characters by class, schemas at a quarter token a byte, fixed prices for images, audio by its size.
    fn input_tokens(&self) -> u64 {
        let used = &self.fields.scan.features;
        let mut text = used.text;
        if let Some((Kind::String, raw)) = self.fields.value(Field::Instructions) {
            let mut instructions = TextCount::default();
            instructions.add_json(string_inside(raw).unwrap_or_default());
            text = text.plus(instructions);
        }
        let bytes = |field| self.fields.value(field).map_or(0, |(_, raw)| raw.len() as u64);
        text.tokens()
            + (bytes(Field::Tools) + bytes(Field::Text)).div_ceil(4)
            + used.inputs * tokens::PER_MESSAGE
            + tokens::PRIMING
            + used.images_low * 85
            + (used.images - used.images_low) * tokens::IMAGE
            + used.audio_bytes / 1_000
            + used.file_bytes / 16
    }

    /// A bound that the provider's count does not exceed, as for chat: every byte of the body that is no medium is a token at
    /// most. Not covered, because the body does not say: stored state, files by id or address.
    fn input_tokens_bound(&self) -> u64 {
        let used = &self.fields.scan.features;
        (self.fields.body.len() as u64).saturating_sub(used.media_bytes)
            + used.inputs.max(1) * tokens::PER_MESSAGE_BOUND
            + tokens::TOOLS_BOUND * u64::from(used.tools > 0)
            + used.images_low * tokens::IMAGE_LOW_BOUND
            + (used.images - used.images_low) * tokens::IMAGE_BOUND
            + used.audio_bytes / 16
            + used.file_bytes
    }
}
