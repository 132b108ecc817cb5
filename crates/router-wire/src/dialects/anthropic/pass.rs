//! The body for a provider of the same dialect: the client's bytes with the upstream's model name and without our routing
//! fields.
//!
//! One thing more, in conversations that another family has taken part in: thinking whose proof is a packed word
//! ([`super::signed`]) is taken out, because Anthropic refuses the whole request for it.

use memchr::memmem;

use super::signed::PACKED;
use crate::dialects::Passing;
use crate::scan::{Edits, Field, Span, elements, last_member, members, scan, splice as splice_body, string_inside};

/// Writes the body.
pub(super) fn splice(passing: &Passing<'_>) -> Vec<u8> {
    cleaned(passing).unwrap_or_else(|| passing.with_model())
}

/// The body without foreign thinking; `None` if it has none.
fn cleaned(passing: &Passing<'_>) -> Option<Vec<u8>> {
    memmem::find(passing.body, PACKED.as_bytes())?;
    let Span { start, end } = passing.intake.scan.field(Field::Messages)?.value;
    let messages = without_foreign(passing.body.get(start..end)?)?;
    let mut body = passing.body.get(..start)?.to_vec();
    body.extend_from_slice(&messages);
    body.extend_from_slice(passing.body.get(end..)?);
    let scan = scan(&body).ok()?;
    // A turn that has lost its thinking may not be gone on with by a budget.
    let thinking = scan.value(&body, Field::Thinking).and_then(|(_, raw)| last_member(raw, "type"));
    let mut remove = passing.routing_fields().to_vec();
    if thinking == Some(br#""enabled""#) {
        remove.push(Field::Thinking);
    }
    Some(splice_body(&body, &scan, &Edits { model: passing.model, remove: &remove, ..Edits::default() }))
}

/// `messages` without blocks whose proof is packed, and without messages that have nothing else. Everything else is copied.
fn without_foreign(messages: &[u8]) -> Option<Vec<u8>> {
    let mut changed = false;
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let whole = elements(messages, |message| {
        let blocks = last_member(message, "content").filter(|content| content.starts_with(b"["));
        let mut good: Vec<&[u8]> = Vec::new();
        let mut bad = 0;
        elements(blocks.unwrap_or_default(), |block| if is_foreign(block) { bad += 1 } else { good.push(block) });
        if bad == 0 {
            return kept.push(message.to_vec());
        }
        changed = true;
        if !good.is_empty() {
            kept.push(with_content(message, &list(&good)));
        }
    });
    (whole && changed).then(|| list(&kept))
}

fn is_foreign(block: &[u8]) -> bool {
    let kind = last_member(block, "type").and_then(string_inside).unwrap_or_default();
    let word = match kind {
        b"thinking" => last_member(block, "signature"),
        b"redacted_thinking" => last_member(block, "data"),
        _ => None,
    };
    word.and_then(string_inside).is_some_and(|word| word.starts_with(PACKED.as_bytes()))
}

fn with_content(message: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = b"{".to_vec();
    members(message, |key, value| {
        if out.len() > 1 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(key);
        out.extend_from_slice(b"\":");
        out.extend_from_slice(if key == b"content" { content } else { value });
        true
    });
    out.push(b'}');
    out
}

fn list<T: AsRef<[u8]>>(elements: &[T]) -> Vec<u8> {
    let mut out = b"[".to_vec();
    for element in elements {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(element.as_ref());
    }
    out.push(b']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::UpstreamPreset;
    use crate::dialects::Route;
    use crate::message::{Signature, SignatureFormat};
    use router_core::ask::Endpoint;

    fn passed(body: &str) -> String {
        let intake = super::super::intake::read(&Route::fixed(Endpoint::Messages), body.as_bytes()).unwrap();
        let preset = UpstreamPreset::default();
        let passing =
            Passing { body: body.as_bytes(), intake: &intake, model: "claude-x", output_cap: None, preset: &preset };
        String::from_utf8(splice(&passing)).unwrap()
    }

    #[test]
    fn only_the_model_changes() {
        let body = r#"{ "max_tokens" : 10, "model":"m", "x":1.0e2,"messages":[{"role":"user","content":[{"type":"thinking","signature":"EqQB"}]}]}"#;
        assert_eq!(passed(body), body.replace("\"m\"", "\"claude-x\""));
    }

    #[test]
    fn foreign_thinking_is_taken_out_and_nothing_else() {
        let word = Signature::new(SignatureFormat::Gemini, "g").pack();
        let body = |foreign: &str, alone: &str, thinking: &str| {
            format!(
                r#"{{"model":"claude-x","max_tokens":10,{thinking}"messages":[{{"role":"user","content":"a"}},{alone}{{"role":"assistant","content":[{foreign}{{"type":"tool_use","id":"t","name":"f","input":{{"n":1.0}}}}]}}]}}"#
            )
        };
        let block = format!(r#"{{"type":"thinking","thinking":"x","signature":"{word}"}},"#);
        let alone = format!(r#"{{"role":"assistant","content":[{{"type":"redacted_thinking","data":"{word}"}}]}},"#);
        let enabled = r#""thinking":{"type":"enabled","budget_tokens":1024},"#;
        assert_eq!(passed(&body(&block, &alone, enabled)), body("", "", ""));
        let adaptive = r#""thinking":{"type":"adaptive"},"#;
        assert_eq!(passed(&body(&block, "", adaptive)), body("", "", adaptive));
    }
}
