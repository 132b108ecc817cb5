//! Anthropic Messages: what Claude Code and Anthropic's SDKs speak, and Anthropic and its imitators answer.

mod answer;
mod blocks;
mod decoder;
mod encoder;
mod family;
mod intake;
mod media;
mod pass;
mod read_request;
mod render;
mod schema;
mod signed;
mod thinking;
mod turns;
mod usage;
mod write_request;

use std::borrow::Cow;

use router_core::ask::Endpoint;
use router_core::catalog::Capability;

use super::{ClientCodec, Dialect, Framing, ProviderCodec, Watched, no_dynamic_route};
use crate::adapters::Call;

/// Clients of the dialect.
pub static CLIENT: ClientCodec = ClientCodec {
    name: "anthropic",
    read_request: read_request::read_request,
    write_answer: answer::write_answer,
    encoder: encoder::encoder,
    embed: None,
};

/// Providers of the dialect.
pub static PROVIDER: ProviderCodec = ProviderCodec {
    name: "anthropic",
    path,
    framing: Framing::Sse,
    last_event: b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    write_request: write_request::write_request,
    kind: |model| u8::from(family::Family::of(model).continues()),
    read_answer: answer::read_answer,
    decoder: decoder::decoder,
    kept: None,
    embed: None,
    bound: None,
};

fn path(call: &Call<'_>) -> Option<Cow<'static, str>> {
    match call.endpoint {
        Endpoint::CountTokens => Some(Cow::Borrowed("/messages/count_tokens")),
        endpoint => endpoint.is_generation().then_some(Cow::Borrowed("/messages")),
    }
}

/// The dialect's entry in the registry. Streams end with their last event.
pub const DIALECT: Dialect = Dialect {
    name: "anthropic",
    spoken: "anthropic",
    routes: &[("/v1/messages", Endpoint::Messages), ("/v1/messages/count_tokens", Endpoint::CountTokens)],
    route: no_dynamic_route,
    dynamic: &[],
    prefixes: &["/v1/messages", "/messages"],
    mark: Some("anthropic-version"),
    query_key: None,
    read: intake::read,
    params: &[
        (Capability::FunctionCalling, "tools"),
        (Capability::Vision, "messages"),
        (Capability::FileInput, "messages"),
        (Capability::JsonSchema, "output_config"),
        (Capability::WebSearch, "tools"),
    ],
    splice: pass::splice,
    watched: Watched::ByDecoder,
    codec: Some(&CLIENT),
    budget_status: 402,
    count_tokens: Some(render::count_tokens_body),
    error_body: render::error_body,
    error_event: render::error_event,
    stream_end: b"",
    late_event: None,
    keep_alive: b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
    stream_content_type: "text/event-stream; charset=utf-8",
    // The version and the betas belong to the body that they came with.
    forwarded: &["anthropic-version", "anthropic-beta"],
    returned: &[],
};

/// The service tier that was used, in neutral words.
fn tier_in(tier: &str) -> &str {
    if tier == "standard" { "default" } else { tier }
}

/// The service tier that was used, in this dialect's words.
fn tier_out(tier: &str) -> &str {
    if tier == "default" { "standard" } else { tier }
}

/// The id of a call; made from the answer's where the provider gave none.
fn call_id<'a>(id: &'a str, answer: &str, index: usize) -> Cow<'a, str> {
    if id.is_empty() { Cow::Owned(format!("toolu_{answer}_{index}")) } else { Cow::Borrowed(id) }
}
