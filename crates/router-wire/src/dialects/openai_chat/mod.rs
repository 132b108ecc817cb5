//! OpenAI Chat Completions, with its elder sibling Completions and with Embeddings: one shape of request and error.

mod answer_in;
mod answer_out;
mod calls_in;
mod codec;
mod content_in;
mod content_out;
mod embed;
mod fields;
mod messages_in;
mod messages_out;
mod pass;
mod read;
mod reasoning;
mod render;
mod request_in;
mod request_out;
mod stream_in;
mod stream_out;
mod tools_in;
mod words;

pub use codec::{CLIENT, PROVIDER};
pub use read::read;
pub use render::{error_body, error_event};

use router_core::ask::Endpoint;
use router_core::catalog::Capability;

use super::{Dialect, Watched, no_dynamic_route};

/// The dialect's entry in the registry.
pub const DIALECT: Dialect = Dialect {
    name: "openai_chat",
    spoken: "openai_chat",
    routes: &[
        ("/v1/chat/completions", Endpoint::ChatCompletions),
        ("/v1/completions", Endpoint::Completions),
        ("/v1/embeddings", Endpoint::Embeddings),
    ],
    route: no_dynamic_route,
    dynamic: &[],
    prefixes: &[],
    mark: None,
    query_key: None,
    read,
    params: &[
        (Capability::FunctionCalling, "tools"),
        (Capability::Vision, "messages"),
        (Capability::AudioInput, "messages"),
        (Capability::FileInput, "messages"),
        (Capability::JsonMode, "response_format"),
        (Capability::JsonSchema, "response_format"),
        (Capability::AudioOutput, "modalities"),
        (Capability::ImageOutput, "modalities"),
        (Capability::WebSearch, "web_search_options"),
    ],
    splice: pass::splice,
    watched: Watched::ByMeter,
    codec: Some(&CLIENT),
    budget_status: 402,
    count_tokens: None,
    error_body,
    error_event,
    stream_end: b"data: [DONE]\n\n",
    late_event: Some(stream_out::late_chunk),
    keep_alive: b": keep-alive\n\n",
    stream_content_type: "text/event-stream; charset=utf-8",
    forwarded: &[],
    returned: &[],
};
