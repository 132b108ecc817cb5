//! OpenAI Responses: items instead of messages, flat tools, a stream that builds a whole response object.
//!
//! Stored state (`previous_response_id`, conversations, prompts, item references) belongs to one provider account: a request
//! that needs it is `unsupported` for every other dialect. Nothing that was translated is stored, whatever `store` says.
//!
//! What lets an agent's turn succeed elsewhere: tools in a `namespace` get flat names (and theirs back in the answer), hosted
//! `web_search` and `tool_search` are dropped and named, unknown fields of items are dropped, unknown items dropped and named.

mod answer;
mod decode;
mod encode;
mod input;
mod item;
mod output;
mod reasoning;
mod request;
mod response;
mod tools;
mod write;
mod write_input;

use crate::dialects::{Codec, Framing};
use crate::message::SignatureFormat;

/// To and from the neutral form.
pub static CODEC: Codec = Codec {
    name: "openai_responses",
    framing: Framing::Sse,
    signatures: SignatureFormat::OpenAi,
    read_request: request::read_request,
    write_request: write::write_request,
    read_answer: answer::read_answer,
    write_answer: encode::write_answer,
    decoder: decode::decoder,
    encoder: encode::encoder,
};

/// The text of a member, if it is a string that is not empty.
fn word<'a>(value: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}
