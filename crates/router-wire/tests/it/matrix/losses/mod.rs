//! What each dialect cannot carry: the only differences that the matrix allows, and the source of the published table.
//!
//! One file a dialect. A loss is a function that does to the neutral form what the dialect does to it. The tests hold both
//! ways: what is not lost here must arrive, and what is said to be lost must really be.

mod anthropic;
mod common;
mod gemini;
mod ollama;
mod openai_chat;
mod openai_responses;

use router_wire::message::{Answer, Content, Part, Request, Signature};

/// The tables.
pub(in crate::matrix) const TABLES: &[&Table] =
    &[&openai_chat::TABLE, &openai_responses::TABLE, &anthropic::TABLE, &gemini::TABLE, &ollama::TABLE];

/// The losses of one dialect.
pub(in crate::matrix) struct Table {
    /// Name of the codec.
    pub(in crate::matrix) codec: &'static str,
    /// A model of a provider of the dialect, of the newest family: writers go by its name.
    pub(in crate::matrix) model: &'static str,
    /// What a provider of the dialect is not told, in the order in which it happens.
    pub(in crate::matrix) requests: &'static [Loss<Request>],
    /// What is refused, so that another candidate is asked.
    pub(in crate::matrix) refused: &'static [Refusal],
    /// What a client of the dialect is not told; nothing where no client speaks it.
    pub(in crate::matrix) answers: &'static [Loss<Answer>],
}

/// Something that changes on the way.
pub(in crate::matrix) struct Loss<T> {
    /// What: a row of the published table.
    pub(in crate::matrix) thing: &'static str,
    /// What happens instead, for people.
    pub(in crate::matrix) happens: &'static str,
    /// The name under which the client is told (`x-router-dropped`).
    pub(in crate::matrix) named: Option<&'static str>,
    /// The same, done to the neutral form.
    pub(in crate::matrix) change: fn(&mut T),
}

/// Something that a provider of the dialect cannot be asked.
pub(in crate::matrix) struct Refusal {
    /// What: a row of the published table.
    pub(in crate::matrix) thing: &'static str,
    /// The request of the corpus that shows it.
    pub(in crate::matrix) request: &'static str,
    /// The parameter that is named.
    pub(in crate::matrix) param: &'static str,
}

/// The table of a codec.
pub(in crate::matrix) fn table(codec: &str) -> &'static Table {
    let found = TABLES.iter().find(|table| table.codec == codec);
    found.unwrap_or_else(|| panic!("say in tests/it/matrix/losses what `{}` cannot carry", codec))
}

/// The answer as a client of the dialect has it.
pub(in crate::matrix) fn of_answer(codec: &str, answer: Answer) -> Answer {
    let mut answer = plain(answer);
    for loss in table(codec).answers {
        (loss.change)(&mut answer);
    }
    answer
}

/// An answer without what is always the router's own (id and model), and with the signature of a call on the call:
/// dialects that have no place there put it into reasoning before the call, under the call's id.
pub(in crate::matrix) fn plain(mut answer: Answer) -> Answer {
    (answer.id, answer.model) = (None, None);
    let mut parts: Vec<Part> = Vec::new();
    for mut part in answer.parts {
        if let Content::ToolCall(call) = &mut part.content
            && let Some(Part { content: Content::Reasoning(before), .. }) = parts.last()
            && before.signature.as_ref().and_then(|signature| signature.id.as_ref()) == Some(&call.id)
        {
            call.signature = before.signature.clone().map(|signature| Signature { id: None, ..signature });
            parts.pop();
        }
        parts.push(part);
    }
    answer.parts = parts;
    answer
}
