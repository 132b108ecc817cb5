//! What routing needs of a body: validated by the one-pass scan; then a look at messages, system and tools as raw bytes,
//! without building values of them.

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::{Capabilities, Capability};

use crate::dialects::fields::{Fields, scanned};
use crate::dialects::{Intake, RequestError, Route, wish};
use crate::scan::{Field, Kind, elements, last_member, members, string_inside, unescape};
use crate::tokens::{self, TextCount};

/// Deepest nesting of blocks in blocks that is looked into.
const DEPTH: usize = 4;

/// Reads a body.
///
/// # Errors
/// [`RequestError`] with the code and the field at fault.
pub(super) fn read(route: &Route, body: &[u8]) -> Result<Intake, RequestError> {
    let scan = scanned(body)?;
    let fields = Fields { body, scan: &scan };
    let reader = Reader { fields };
    let counts = route.endpoint == Endpoint::CountTokens;
    let model = fields.model()?;
    reader.messages()?;
    // Required by the API. 0 asks for nothing but a warm cache, and is reserved as one token.
    let max_tokens = if counts { None } else { fields.integer(Field::MaxTokens, 0, u64::MAX)? };
    if !counts && max_tokens.is_none() {
        return Err(RequestError::missing("max_tokens"));
    }
    let max_output_tokens = max_tokens.map(|most| most.max(1));
    let stream = fields.flag(Field::Stream)?.unwrap_or(false) && !counts;
    let used = reader.used();
    let prompt = used.text.tokens() + used.schema.div_ceil(4) + used.messages * tokens::PER_MESSAGE + tokens::PRIMING;
    let mut ask = Ask {
        endpoint: route.endpoint,
        model,
        stream,
        needs: reader.needs(&used, route.endpoint, stream),
        input_tokens: prompt + used.images * tokens::IMAGE + used.file_bytes / 16,
        input_tokens_bound: (body.len() as u64).saturating_sub(used.media_bytes)
            + used.messages * tokens::PER_MESSAGE_BOUND
            + tokens::TOOLS_BOUND * u64::from(used.tools > 0)
            + used.images * tokens::IMAGE_BOUND
            + used.file_bytes,
        max_output_tokens,
        answers: 1,
        ..Ask::default()
    };
    wish::read(body, &scan, &mut ask, reader.thinks())?;
    let user = fields.object(Field::Metadata).and_then(|raw| string_inside(last_member(raw, "user_id")?));
    Ok(Intake {
        ask,
        usage_wanted: true,
        reasoning_wanted: reader.thinks(),
        array: false,
        method: None,
        cache_key: user.filter(|user| !user.is_empty()).map(|user| unescape(user).into_owned()),
        state: None,
        scan,
    })
}

struct Reader<'a> {
    fields: Fields<'a>,
}

impl Reader<'_> {
    fn messages(&self) -> Result<(), RequestError> {
        match self.fields.value(Field::Messages) {
            None => Err(RequestError::missing("messages")),
            Some((Kind::Array, _)) if self.fields.scan.features.messages > 0 => Ok(()),
            Some(_) => Err(RequestError::invalid("messages", "a list of at least one message")),
        }
    }

    fn thinks(&self) -> bool {
        let thinking = self.fields.object(Field::Thinking);
        thinking.is_some_and(|raw| last_member(raw, "type") != Some(br#""disabled""#))
    }

    fn needs(&self, used: &Used, endpoint: Endpoint, stream: bool) -> Capabilities {
        use Capability as C;
        let format = self.fields.object(Field::OutputConfig).and_then(|raw| last_member(raw, "format"));
        let format = format.and_then(|raw| last_member(raw, "type")).unwrap_or_default();
        [
            (C::FunctionCalling, used.tools > 0),
            (C::Vision, used.images > 0),
            (C::FileInput, used.files > 0),
            (C::JsonSchema, format == br#""json_schema""#),
            (C::Streaming, stream),
        ]
        .into_iter()
        .filter_map(|(capability, needed)| needed.then_some(capability))
        .chain(endpoint.capability())
        .collect()
    }

    fn used(&self) -> Used {
        let mut used = Used { messages: self.fields.scan.features.messages, ..Used::default() };
        if let Some((_, raw)) = self.fields.value(Field::System) {
            used.content(raw, 0);
        }
        if let Some((_, raw)) = self.fields.value(Field::Messages) {
            elements(raw, |message| {
                if let Some(content) = last_member(message, "content") {
                    used.content(content, 0);
                }
            });
        }
        if let Some((Kind::Array, raw)) = self.fields.value(Field::Tools) {
            elements(raw, |_| used.tools += 1);
            used.schema += raw.len() as u64;
        }
        used.schema += self.fields.object(Field::OutputConfig).map_or(0, |raw| raw.len() as u64);
        used
    }
}

/// What a body uses.
#[derive(Default)]
struct Used {
    text: TextCount,
    messages: u64,
    tools: u64,
    images: u64,
    /// Documents that are not plain text.
    files: u64,
    file_bytes: u64,
    media_bytes: u64,
    /// Bytes of tools and schemas.
    schema: u64,
}

impl Used {
    fn content(&mut self, content: &[u8], depth: usize) {
        if let Some(inside) = string_inside(content) {
            self.text.add_json(inside);
        } else if depth < DEPTH {
            elements(content, |block| self.block(block, depth));
        }
    }

    fn block(&mut self, block: &[u8], depth: usize) {
        let kind = last_member(block, "type").and_then(string_inside).unwrap_or_default();
        match kind {
            b"image" | b"document" => self.media(kind == b"image", block, depth),
            // Proofs are no text that a model reads.
            b"redacted_thinking" => {}
            _ => {
                members(block, |key, value| {
                    match key {
                        b"text" | b"thinking" | b"title" | b"source" | b"name" => self.string(value),
                        b"content" => self.content(value, depth + 1),
                        b"input" => self.text.add(value),
                        _ => {}
                    }
                    true
                });
            }
        }
    }

    fn string(&mut self, value: &[u8]) {
        if let Some(inside) = string_inside(value) {
            self.text.add_json(inside);
        }
    }

    fn media(&mut self, image: bool, block: &[u8], depth: usize) {
        let source = last_member(block, "source").unwrap_or_default();
        let kind = last_member(source, "type").and_then(string_inside).unwrap_or_default();
        let data = last_member(source, "data").and_then(string_inside).unwrap_or_default();
        match kind {
            b"text" => return self.text.add_json(data),
            b"content" => return self.content(last_member(source, "content").unwrap_or_default(), depth + 1),
            _ => {}
        }
        let bytes = data.len() as u64;
        self.media_bytes += bytes;
        if image {
            self.images += 1;
        } else {
            self.files += 1;
            self.file_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(endpoint: Endpoint, body: &str) -> Result<Intake, RequestError> {
        read(&Route::fixed(endpoint), body.as_bytes())
    }

    #[test]
    fn what_a_body_needs_is_seen_wherever_it_stands() {
        let image = r#"{"type":"image","source":{"data":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","type":"base64"}}"#;
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"stream":true,"system":[{{"type":"text","text":"漢字漢字"}}],"thinking":{{"type":"adaptive"}},
            "metadata":{{"user_id":"{{\"s\":1}}"}},"output_config":{{"format":{{"type":"json_schema","schema":{{}}}}}},
            "tools":[{{"name":"f","input_schema":{{}}}}],"messages":[{{"role":"user","content":[
            {{"type":"tool_result","tool_use_id":"t","content":[{image}]}},
            {{"type":"document","source":{{"type":"base64","media_type":"application/pdf","data":"JVBER"}}}}]}}]}}"#
        );
        let intake = look(Endpoint::Messages, &body).unwrap();
        use Capability as C;
        let all = [C::Chat, C::FunctionCalling, C::Vision, C::FileInput, C::JsonSchema, C::Streaming];
        assert_eq!(intake.ask.needs, all.into_iter().collect());
        assert_eq!((intake.ask.max_output_tokens, intake.ask.stream, intake.reasoning_wanted), (Some(9), true, true));
        assert_eq!(intake.cache_key.as_deref(), Some(r#"{"s":1}"#));
        let tokens = intake.ask.input_tokens;
        assert!((tokens::IMAGE + 4..tokens::IMAGE + 100).contains(&tokens), "{tokens}");
        assert!(intake.ask.input_tokens_bound > tokens::IMAGE_BOUND);
    }

    #[test]
    fn faults_are_named_and_counting_needs_no_limit() {
        for (body, code, param) in [
            (r#"{"messages":[{}],"max_tokens":1}"#, "missing_required_parameter", Some("model")),
            (r#"{"model":"m","max_tokens":1}"#, "missing_required_parameter", Some("messages")),
            (r#"{"model":"m","messages":[],"max_tokens":1}"#, "invalid_value", Some("messages")),
            (r#"{"model":"m","messages":[{}]}"#, "missing_required_parameter", Some("max_tokens")),
            (r#"{"model":"m","messages":[{}],"max_tokens":-1}"#, "invalid_value", Some("max_tokens")),
            (r#"{"model":"m","messages":[{}],"max_tokens":1,"stream":1}"#, "invalid_value", Some("stream")),
            (r#"{"model":"m","system":"a","system":"b"}"#, "duplicate_key", Some("system")),
            ("{", "invalid_json", None),
        ] {
            let error = look(Endpoint::Messages, body).unwrap_err();
            assert_eq!((error.code, error.param.as_deref()), (code, param), "{body}");
        }
        let intake =
            look(Endpoint::CountTokens, r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#).unwrap();
        assert_eq!((intake.ask.max_output_tokens, intake.ask.stream), (None, false));
        assert!(intake.ask.input_tokens > 0 && !intake.reasoning_wanted);
        let warm = look(Endpoint::Messages, r#"{"model":"m","messages":[{}],"max_tokens":0}"#).unwrap();
        assert_eq!(warm.ask.max_output_tokens, Some(1));
    }
}
