//! What OpenAI-shaped servers do beside conversation: rerank (Jina's and Cohere's shape), moderations, images, audio; and our
//! own `/v1/estimate`. Bodies pass as they came but for the model; JSON or `multipart/form-data`.

mod multipart;
mod read;
mod watch;

pub use multipart::without_boundary;
pub use read::{read, sized};
pub use watch::{Flaw, FormWatch};

use router_core::ask::Endpoint;

use super::openai_chat::{error_body, error_event};
use super::{Dialect, Passing, Watched, no_dynamic_route};

/// The dialect's entry in the registry. To providers it is part of `openai_chat`.
pub const DIALECT: Dialect = Dialect {
    name: "openai",
    spoken: super::openai_chat::DIALECT.name,
    routes: &[
        ("/v1/rerank", Endpoint::Rerank),
        ("/v1/moderations", Endpoint::Moderations),
        ("/v1/images/generations", Endpoint::ImageGenerations),
        ("/v1/images/edits", Endpoint::ImageEdits),
        ("/v1/audio/transcriptions", Endpoint::Transcriptions),
        ("/v1/audio/translations", Endpoint::Translations),
        ("/v1/audio/speech", Endpoint::Speech),
        ("/v1/estimate", Endpoint::Estimate),
    ],
    route: no_dynamic_route,
    dynamic: &[],
    prefixes: &[],
    mark: None,
    query_key: None,
    read,
    params: &[],
    splice,
    // Sounds, and the events of what is no conversation.
    watched: Watched::AsBytes,
    codec: None,
    budget_status: 402,
    count_tokens: None,
    error_body,
    error_event,
    stream_end: b"",
    late_event: None,
    keep_alive: b": keep-alive\n\n",
    stream_content_type: "text/event-stream; charset=utf-8",
    // The boundary of a form stands in its content type; what an answer may be is between client and provider.
    forwarded: &["content-type", "accept"],
    returned: &[],
};

/// The client's body with the upstream's name of the model.
fn splice(passing: &Passing<'_>) -> Vec<u8> {
    if multipart::is(passing.body) { multipart::with_model(passing.body, passing.model) } else { passing.with_model() }
}
