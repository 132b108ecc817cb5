//! Providers' whole answers, for every client's dialect; their errors, the waits that they ask for, and what they report as used.

use http::{HeaderMap, HeaderName, HeaderValue};
use router_core::ask::Endpoint;
use router_core::money::Nano;
use router_core::usage::Usage;
use router_wire::adapters::ADAPTERS;
use router_wire::answer::{NotAnAnswer, examine};
use router_wire::dialects::{ClientCodec, DIALECTS, ErrorView, ProviderCodec, provider};
use router_wire::message::{EmbedForm, Names};
use router_wire::relay::{Neutral, synthesize_stream};
use router_wire::usage::{from_anthropic, from_gemini, from_ollama, from_openai_value, from_responses, reported_cost};

use super::Input;
use super::input::{ECHO, assert_json};

/// 2026-11-23T12:00:00Z
const NOW: u64 = 1_795_435_200_000;
const STATUSES: &[u16] =
    &[200, 302, 400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 429, 498, 500, 502, 503, 504, 524, 529, 600, 999];
const HEADERS: &[&str] = &[
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-requests",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-requests-remaining",
    "ratelimit-reset",
    "x-should-retry",
    "x-request-id",
];

/// `[provider, client, endpoint, adapter, status, header, length] header's value, body`
pub(super) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let (provider, client) = (input.provider(), input.client());
    let endpoint = *input.choose(Endpoint::ALL);
    let adapter = input.choose(ADAPTERS);
    let (status, header) = (*input.choose(STATUSES), *input.choose(HEADERS));
    let value = input.piece();
    let body = input.rest();

    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(HeaderName::from_static(header), value);
    }
    let fault = adapter.classify(status, &headers, body, NOW);
    if let Some(error) = &fault.client_error {
        let code = error.code.as_deref();
        told(&error.message, error.param.as_deref(), code);
    }
    assert!(!fault.rule().class.is_empty());

    translated(provider, client, body);
    if let Ok(answer) = examine(endpoint, body) {
        assert!(answer.text.chars() < u64::MAX / 2);
    }
    if let Some(stream) = synthesize_stream(body, true) {
        assert!(stream.ends_with(b"\n\n") || stream.is_empty());
    }
    embedded(provider, client, body);
    if let Ok(usage) = serde_json::from_slice(body) {
        let all = [from_openai_value, from_responses, from_anthropic, from_gemini, from_ollama];
        all.iter().filter_map(|read| read(&usage)).for_each(|usage| sane(&usage));
        assert!(reported_cost(&usage).is_none_or(|cost| cost >= Nano::ZERO), "{usage}");
    }
}

/// A provider's answer in the client's dialect, whole and as the stream that it would have been.
fn translated(codec: &ProviderCodec, client: &ClientCodec, body: &[u8]) {
    let read = || Neutral::read(codec, &Names::default(), body);
    let (Ok(whole), Ok(streamed)) = (read(), read()) else { return };
    whole.answer.usage.iter().for_each(sane);
    let chars = whole.text.chars();
    assert_json(&whole.write(client, &ECHO, &Usage::default()), client.name);
    let (events, end) = streamed.stream(client, &ECHO, &Usage::default());
    let stream = [events, end].concat();
    let own = provider(client.name).expect("every dialect of clients has providers");
    let again = Neutral::read(own, &Names::default(), &stream);
    // A proof without words means nothing to most clients.
    let silent = chars == 0 && matches!(again, Err(NotAnAnswer::Empty));
    assert!(
        again.is_ok() || silent,
        "{} to {}: {again:?}: {}",
        codec.name,
        client.name,
        String::from_utf8_lossy(&stream)
    );
}

/// Vectors in the client's dialect, in each of its forms: its own providers would answer so.
fn embedded(codec: &ProviderCodec, client: &ClientCodec, body: &[u8]) {
    let Some((theirs, own)) = codec.embed.zip(client.embed) else { return };
    let Ok(vectors) = (theirs.read_answer)(body) else { return };
    let provider =
        provider(client.name).and_then(|provider| provider.embed).expect("who is asked for vectors makes them");
    for packed in [false, true] {
        let form = EmbedForm { single: false, packed };
        let written = (own.write_answer)(&vectors, form, "m", &Usage::default());
        assert_json(&written, client.name);
        let again = (provider.read_answer)(&written).expect("what we write is read again");
        assert_eq!(again.list.len(), vectors.list.len(), "{}", String::from_utf8_lossy(&written));
    }
    let form = EmbedForm { single: true, packed: false };
    assert_json(&(own.write_answer)(&vectors, form, "m", &Usage::default()), client.name);
}

/// An error as every dialect tells it.
fn told(message: &str, param: Option<&str>, code: Option<&str>) {
    let kind = "invalid_request_error";
    let error = router_core::fault::ErrorCode::InvalidValue;
    let view = ErrorView { message, kind, param, code, status: 400, error, request_id: None };
    DIALECTS.iter().for_each(|dialect| assert_json(&(dialect.error_body)(&view), dialect.name));
}

/// Once it is made fit for the books, parts of the usage are no more than the whole.
fn sane(usage: &Usage) {
    let (booked, _) = usage.sanitized();
    assert!(booked.reasoning <= booked.output && booked.cached_input <= booked.input, "{usage:?}: {booked:?}");
    assert_eq!(booked.sanitized(), (booked, false), "{usage:?}");
}
