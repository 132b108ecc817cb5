//! Translation to and from this dialect, and where its providers have what is asked of them.

use std::borrow::Cow;

use router_core::ask::Endpoint as E;

use super::{answer_in, answer_out, embed, request_in, request_out, stream_in, stream_out};
use crate::adapters::Call;
use crate::dialects::{ClientCodec, Framing, ProviderCodec};

/// Clients of the dialect.
pub static CLIENT: ClientCodec = ClientCodec {
    name: "openai_chat",
    read_request: request_in::read_request,
    write_answer: answer_out::write_answer,
    encoder: stream_out::encoder,
    embed: Some(&embed::CLIENT),
};

/// Providers of the dialect.
pub static PROVIDER: ProviderCodec = ProviderCodec {
    name: "openai_chat",
    path,
    framing: Framing::Sse,
    last_event: b"",
    write_request: request_out::write_request,
    kind: |_| 0,
    read_answer: answer_in::read_answer,
    decoder: stream_in::decoder,
    kept: None,
    embed: Some(&embed::PROVIDER),
    bound: None,
};

fn path(call: &Call<'_>) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(match call.endpoint {
        E::Completions => "/completions",
        E::Embeddings => "/embeddings",
        E::Rerank => "/rerank",
        E::Moderations => "/moderations",
        E::ImageGenerations => "/images/generations",
        E::ImageEdits => "/images/edits",
        E::Transcriptions => "/audio/transcriptions",
        E::Translations => "/audio/translations",
        E::Speech => "/audio/speech",
        E::CountTokens | E::Estimate => return None,
        E::ChatCompletions | E::Responses | E::Messages | E::GenerateContent => "/chat/completions",
    }))
}
