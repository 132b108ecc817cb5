//! The neutral form: what a request, an answer and a stream mean, whatever dialect they were written in.
//!
//! Built only where client and provider speak different dialects; the same dialect passes as bytes. Every dialect reads
//! into this form and writes out of it ([`crate::dialects::ClientCodec`], [`crate::dialects::ProviderCodec`]), so *n* dialects need *n* codecs, not *n²* translators.
//! What the form cannot hold is named in [`Request::dropped`]; what a provider's dialect cannot hold is a [`Unsupported`]
//! (another candidate may) or a dropped hint.

mod answer;
mod event;
mod media;
mod names;
mod part;
mod request;
mod signature;
mod tool;
mod vectors;
mod words;

pub use answer::{Answer, Stop};
pub use event::{Collector, Event};
pub use media::{Media, MediaSource};
pub use names::{NameRule, Names};
pub use part::{CacheLife, Content, Part, Reasoning};
pub use request::{Effort, Encoded, Format, ReasoningWish, Request, Role, Sampling, Turn, Unsupported};
pub use signature::{Signature, SignatureFormat};
pub use tool::{Namespaced, Tool, ToolCall, ToolChoice, ToolResult};
pub use vectors::{EmbedForm, EmbedRequest, Vector, Vectors};
pub use words::Words;
