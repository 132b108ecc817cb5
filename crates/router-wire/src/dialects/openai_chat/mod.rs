//! OpenAI Chat Completions, with its elder sibling Completions and with Embeddings: one shape of request and error.

mod read;
mod render;

pub use read::read;
pub use render::{error_body, error_event};

use router_core::ask::Endpoint;

use super::Dialect;

/// The dialect's entry in the registry.
pub const DIALECT: Dialect = Dialect {
    name: "openai_chat",
    routes: &[
        ("/v1/chat/completions", Endpoint::ChatCompletions),
        ("/v1/completions", Endpoint::Completions),
        ("/v1/embeddings", Endpoint::Embeddings),
    ],
    read,
    error_body,
    error_event,
    stream_end: b"data: [DONE]\n\n",
    keep_alive: b": keep-alive\n\n",
    stream_content_type: "text/event-stream; charset=utf-8",
};
