//! Reasoning items and the proofs in them.
//!
//! A proof of OpenAI's own stands in `encrypted_content` as it is. One of another family stands there packed, whether the client
//! asked for encrypted reasoning or not: the field is opaque and optional, and without it the next turn of an agent could not
//! go back to the family that made the proof. Two marks ride inside the packed word: a proof whose text its provider keeps to
//! itself has `redacted/` before its format, and a proof that belongs to a call of a tool has the call's id.

use serde_json::{Value, json};

use crate::message::{Reasoning, Signature, SignatureFormat};

const REDACTED: &str = "redacted/";
/// Between the pieces of a summary, which the neutral form keeps as one text.
pub(super) const BETWEEN: &str = "\n\n";

/// The word for `encrypted_content`.
pub(super) fn pack(signature: &Signature, redacted: bool) -> String {
    if signature.format == SignatureFormat::OpenAi {
        return signature.data.clone();
    }
    if !redacted {
        return signature.pack();
    }
    let format = SignatureFormat::Other(format!("{REDACTED}{}", signature.format.as_str()));
    Signature { format, ..signature.clone() }.pack()
}

/// The proof of a call, packed so that it finds the call again.
pub(super) fn pack_for_call(signature: &Signature, call: &str) -> String {
    Signature { id: Some(call.to_owned()), ..signature.clone() }.pack()
}

/// What a reasoning item says; `None` if it is only an id, whose content is stored elsewhere.
pub(super) fn read(item: &Value) -> Option<Reasoning> {
    let texts = |name: &str| -> String {
        let pieces = item.get(name).and_then(Value::as_array).into_iter().flatten();
        pieces.filter_map(|piece| piece.get("text")?.as_str()).collect::<Vec<_>>().join(BETWEEN)
    };
    let summary = texts("summary");
    let text = if summary.is_empty() { texts("content") } else { summary };
    let signature = super::word(item, "encrypted_content").map(|word| unpack(word, super::word(item, "id")));
    if text.is_empty() && signature.is_none() {
        return None;
    }
    let (signature, marked) = match signature {
        Some((signature, marked)) => (Some(signature), marked),
        None => (None, false),
    };
    let ours = signature.as_ref().is_some_and(|signature| signature.format == SignatureFormat::OpenAi);
    let redacted = marked || (ours && text.is_empty());
    Some(Reasoning { text, signature, redacted })
}

fn unpack(word: &str, id: Option<&str>) -> (Signature, bool) {
    let mut signature = Signature::unpack(word, SignatureFormat::OpenAi);
    if signature.format == SignatureFormat::OpenAi {
        signature.id = signature.id.or_else(|| id.map(str::to_owned));
        return (signature, false);
    }
    let plain = match &signature.format {
        SignatureFormat::Other(name) => name.strip_prefix(REDACTED).map(SignatureFormat::from_name),
        _ => None,
    };
    let marked = plain.is_some();
    signature.format = plain.unwrap_or(signature.format);
    (signature, marked)
}

/// The call that a proof from [`pack_for_call`] belongs to.
pub(super) fn call_of(reasoning: &Reasoning) -> Option<&str> {
    let signature = reasoning.signature.as_ref().filter(|_| reasoning.text.is_empty())?;
    signature.id.as_deref().filter(|_| signature.format != SignatureFormat::OpenAi)
}

/// A piece of a summary.
pub(super) fn piece(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// A reasoning item. `encrypted` is the word for `encrypted_content`.
pub(super) fn item(id: Option<&str>, text: &str, encrypted: Option<&str>) -> Value {
    let summary = if text.is_empty() { json!([]) } else { json!([piece(text)]) };
    let mut item = json!({"type": "reasoning", "summary": summary});
    if let Some(object) = item.as_object_mut() {
        if let Some(id) = id {
            object.insert("id".into(), id.into());
        }
        if let Some(encrypted) = encrypted {
            object.insert("encrypted_content".into(), encrypted.into());
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_every_family_come_back() {
        let foreign = Signature::new(SignatureFormat::Anthropic, "sig");
        let own = Signature { format: SignatureFormat::OpenAi, data: "gAAA".into(), id: Some("rs_1".into()) };
        for (text, signature, redacted) in [
            ("hm", Some(foreign.clone()), false),
            ("", Some(foreign.clone()), true),
            ("", Some(foreign), false),
            ("hm", Some(own.clone()), false),
            ("", Some(own), true),
            ("hm", None, false),
        ] {
            let encrypted = signature.as_ref().map(|signature| pack(signature, redacted));
            let read = read(&item(Some("rs_1"), text, encrypted.as_deref())).unwrap();
            assert_eq!(read, Reasoning { text: text.into(), signature, redacted });
            assert_eq!(call_of(&read), None);
        }
        assert_eq!(read(&item(Some("rs_1"), "", None)), None);
    }

    #[test]
    fn a_proof_of_a_call_knows_its_call() {
        let signature = Signature::new(SignatureFormat::Gemini, "sig");
        let word = pack_for_call(&signature, "call_1");
        let read = read(&item(Some("rs_1"), "", Some(&word))).unwrap();
        assert_eq!(call_of(&read), Some("call_1"));
    }
}
