//! Ollama's own API: `POST /api/chat` in lines of JSON, `POST /api/embed`. Providers speak it, clients do not.
//!
//! What it does that its OpenAI-compatible endpoint does not: thoughts can be asked for and left out, the context is as long as
//! the catalogue says, and a prompt that does not fit into it is an error and not cut.

mod answer;
mod embed;
mod messages;
mod write;

use std::borrow::Cow;

use router_core::ask::Endpoint;

use super::{Framing, ProviderCodec};
use crate::adapters::Call;

/// Providers of the dialect.
pub static PROVIDER: ProviderCodec = ProviderCodec {
    name: "ollama",
    path,
    framing: Framing::Lines,
    last_event: b"",
    write_request: write::write_request,
    kind: |_| 0,
    read_answer: answer::read_answer,
    decoder: || Box::new(answer::Decoder::default()),
    kept: None,
    embed: Some(&embed::PROVIDER),
    bound: None,
};

fn path(call: &Call<'_>) -> Option<Cow<'static, str>> {
    match call.endpoint {
        Endpoint::Embeddings => Some(Cow::Borrowed("/api/embed")),
        endpoint => endpoint.is_generation().then_some(Cow::Borrowed("/api/chat")),
    }
}
