//! OpenAI Responses: items instead of messages, flat tools, a stream that builds a whole response object.
//!
//! Stored state (`previous_response_id`, conversations, prompts, item references) belongs to one provider account: a request
//! that needs it is `unsupported` for every other dialect, and [`ProviderCodec::kept`] tells which ids an answer leaves there. Nothing that was translated is stored, whatever `store` says.
//!
//! What lets an agent's turn succeed elsewhere: tools in a `namespace` get flat names (and theirs back in the answer), hosted
//! `web_search` and `tool_search` are dropped and named, unknown fields of items are dropped, unknown items dropped and named.

mod answer;
mod bound;
mod decode;
mod encode;
mod frame;
mod input;
mod intake;
mod item;
mod kept;
mod output;
mod pass;
mod reasoning;
mod render;
mod request;
mod response;
mod tools;
mod write;
mod write_input;

use std::borrow::Cow;

use router_core::ask::Endpoint;
use router_core::catalog::Capability;

use super::{ClientCodec, Dialect, Framing, ProviderCodec, Watched, no_dynamic_route, openai_chat};
use crate::adapters::Call;

/// Clients of the dialect.
pub static CLIENT: ClientCodec = ClientCodec {
    name: "openai_responses",
    read_request: request::read_request,
    write_answer: encode::write_answer,
    encoder: encode::encoder,
    embed: None,
};

/// Providers of the dialect.
pub static PROVIDER: ProviderCodec = ProviderCodec {
    name: "openai_responses",
    path,
    framing: Framing::Sse,
    last_event: b"",
    write_request: write::write_request,
    kind: |_| 0,
    read_answer: answer::read_answer,
    decoder: decode::decoder,
    kept: Some(kept::kept),
    embed: openai_chat::PROVIDER.embed,
    bound: Some(&bound::BOUND),
};

/// What is no conversation is where OpenAI has it.
fn path(call: &Call<'_>) -> Option<Cow<'static, str>> {
    if call.endpoint.is_generation() { Some(Cow::Borrowed("/responses")) } else { (openai_chat::PROVIDER.path)(call) }
}

/// The dialect's entry in the registry. Its agents stop at a spent budget only where the status is 429.
pub const DIALECT: Dialect = Dialect {
    name: "openai_responses",
    spoken: "openai_responses",
    routes: &[("/v1/responses", Endpoint::Responses), ("/v1/responses/input_tokens", Endpoint::CountTokens)],
    route: no_dynamic_route,
    dynamic: &[],
    prefixes: &["/v1/responses", "/responses"],
    mark: None,
    query_key: None,
    read: intake::read,
    params: &[
        (Capability::FunctionCalling, "tools"),
        (Capability::Vision, "input"),
        (Capability::AudioInput, "input"),
        (Capability::FileInput, "input"),
        (Capability::JsonMode, "text.format"),
        (Capability::JsonSchema, "text.format"),
        (Capability::WebSearch, "tools"),
    ],
    splice: pass::splice,
    watched: Watched::ByDecoder,
    codec: Some(&CLIENT),
    budget_status: 429,
    count_tokens: Some(render::count_tokens_body),
    error_body: render::error_body,
    error_event: render::error_event,
    stream_end: b"",
    late_event: None,
    keep_alive: b": keep-alive\n\n",
    stream_content_type: "text/event-stream; charset=utf-8",
    forwarded: &["openai-beta", "session_id", "session-id", "thread-id", "originator", "x-codex-turn-state"],
    returned: &["x-codex-turn-state"],
};

/// The text of a member, if it is a string that is not empty.
fn word<'a>(value: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}
