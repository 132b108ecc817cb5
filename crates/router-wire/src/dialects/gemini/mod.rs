//! Gemini's `generateContent` family: names in lower camel case (snake case is understood too), model and method in the
//! path, streams of whole answers without a terminator.

mod answer;
mod embed;
mod intake;
mod model;
mod names;
mod pass;
mod path;
mod read;
mod read_parts;
mod render;
mod schema;
mod stream;
mod usage;
mod write;
mod write_parts;

pub use usage::from_gemini;

use super::{ClientCodec, Dialect, Framing, ProviderCodec, Watched};
use router_core::ask::Endpoint;
use router_core::catalog::Capability;

/// Clients of the dialect.
pub static CLIENT: ClientCodec = ClientCodec {
    name: "gemini",
    read_request: read::read_request,
    write_answer: answer::write_answer,
    encoder: |echo| Box::new(stream::Encoder::new(echo)),
    embed: Some(&embed::CLIENT),
};

/// Providers of the dialect.
pub static PROVIDER: ProviderCodec = ProviderCodec {
    name: "gemini",
    path: path::provider,
    framing: Framing::Sse,
    last_event: b"",
    write_request: write::write_request,
    kind: |model| model::Model::new(model).generation as u8,
    read_answer: answer::read_answer,
    decoder: || Box::new(stream::Decoder::default()),
    kept: None,
    embed: Some(&embed::PROVIDER),
    bound: None,
};

/// The dialect's entry in the registry. Streams end with their last event, and nothing keeps a waiting one alive: Google's SDK
/// takes every line for an answer.
pub const DIALECT: Dialect = Dialect {
    name: "gemini",
    spoken: "gemini",
    routes: &[],
    route: path::route,
    dynamic: &[Endpoint::GenerateContent, Endpoint::CountTokens, Endpoint::Embeddings],
    prefixes: &["/v1beta/", "/v1alpha/"],
    mark: None,
    query_key: Some("key"),
    read: intake::read,
    params: &[
        (Capability::FunctionCalling, "tools"),
        (Capability::Vision, "contents"),
        (Capability::AudioInput, "contents"),
        (Capability::FileInput, "contents"),
        (Capability::JsonMode, "generationConfig.responseMimeType"),
        (Capability::JsonSchema, "generationConfig.responseSchema"),
        (Capability::AudioOutput, "generationConfig.responseModalities"),
        (Capability::ImageOutput, "generationConfig.responseModalities"),
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
    keep_alive: b"",
    stream_content_type: "text/event-stream; charset=utf-8",
    forwarded: &["x-goog-api-client"],
    returned: &[],
};
