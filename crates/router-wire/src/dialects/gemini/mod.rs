//! Gemini's `generateContent` family: names in lower camel case (snake case is understood too), model and method in the
//! path, streams of whole answers without a terminator.

mod answer;
pub mod array;
mod model;
mod names;
mod read;
mod read_parts;
mod schema;
mod stream;
mod usage;
mod write;
mod write_parts;

pub use usage::from_gemini;

use super::{Codec, Framing};
use crate::message::SignatureFormat;

/// The dialect's entry in the registry of codecs.
pub static CODEC: Codec = Codec {
    name: "gemini",
    framing: Framing::Sse,
    signatures: SignatureFormat::Gemini,
    read_request: read::read_request,
    write_request: write::write_request,
    read_answer: answer::read_answer,
    write_answer: answer::write_answer,
    decoder: || Box::new(stream::Decoder::default()),
    encoder: |echo| Box::new(stream::Encoder::new(echo)),
};
