//! Anthropic Messages: what Claude Code and Anthropic's SDKs speak, and Anthropic and its imitators answer.

mod answer;
mod blocks;
mod decoder;
mod encoder;
mod family;
mod media;
mod read_request;
mod schema;
mod signed;
mod thinking;
mod turns;
mod usage;
mod write_request;

use std::borrow::Cow;

use super::{Codec, Framing};
use crate::message::SignatureFormat;

/// Translation.
pub static CODEC: Codec = Codec {
    name: "anthropic",
    framing: Framing::Sse,
    signatures: SignatureFormat::Anthropic,
    read_request: read_request::read_request,
    write_request: write_request::write_request,
    read_answer: answer::read_answer,
    write_answer: answer::write_answer,
    decoder: decoder::decoder,
    encoder: encoder::encoder,
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
