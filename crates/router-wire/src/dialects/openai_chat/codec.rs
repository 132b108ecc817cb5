//! Translation to and from this dialect.

use super::{answer_in, answer_out, request_in, request_out, stream_in, stream_out};
use crate::dialects::{Codec, Framing};
use crate::message::SignatureFormat;

/// The dialect's codec.
pub static CODEC: Codec = Codec {
    name: "openai_chat",
    framing: Framing::Sse,
    signatures: SignatureFormat::OpenAi,
    read_request: request_in::read_request,
    write_request: request_out::write_request,
    kind: |_| 0,
    read_answer: answer_in::read_answer,
    write_answer: answer_out::write_answer,
    decoder: stream_in::decoder,
    encoder: stream_out::encoder,
    kept: None,
};
