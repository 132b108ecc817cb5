//! Reasoning on messages and deltas: the fields by which chat clients and providers carry it and its proofs.
//!
//! In order of trust: `reasoning_details` (OpenRouter: text, signatures, encrypted items, each with the format of its
//! family), `thinking_blocks` (LiteLLM: Anthropic's own blocks), and the plain texts `reasoning_content` (DeepSeek, vLLM) and
//! `reasoning` (Groq, OpenRouter, Ollama). Where several are there they say the same, so only the first is read.

use serde_json::{Map, Value, json};

use super::fields::{items, text};
use crate::message::{Reasoning, Signature, SignatureFormat};

/// One entry of `reasoning_details`, or of `thinking_blocks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detail {
    /// Text or summary.
    pub(super) text: String,
    /// The proof.
    pub(super) signature: Option<Signature>,
    /// It holds a proof and never a text of its own.
    pub(super) encrypted: bool,
    /// What ties a summary and its encrypted item together.
    pub(super) tie: (Option<String>, Option<u64>),
}

/// The details of a message or delta; empty if it has none.
pub(super) fn details(message: &Map<String, Value>) -> Vec<Detail> {
    let found: Vec<Detail> = items(message, "reasoning_details").filter_map(detail).collect();
    if found.is_empty() { items(message, "thinking_blocks").filter_map(block).collect() } else { found }
}

/// The plain text of the reasoning.
pub(super) fn plain(message: &Map<String, Value>) -> Option<&str> {
    ["reasoning_content", "reasoning"].into_iter().find_map(|key| text(message, key).filter(|text| !text.is_empty()))
}

/// All the reasoning of a whole message.
pub(super) fn read(message: &Map<String, Value>) -> Vec<Reasoning> {
    let mut found: Vec<Reasoning> = Vec::new();
    let mut tie = None;
    for detail in details(message) {
        if detail.text.is_empty() && detail.signature.is_none() {
            continue;
        }
        let tied = detail.encrypted && tie.as_ref().is_some_and(|tie| same(tie, &detail.tie));
        match found.last_mut().filter(|last| tied && last.signature.is_none()) {
            Some(last) => last.signature = detail.signature,
            None => {
                found.push(Reasoning { redacted: detail.encrypted, text: detail.text, signature: detail.signature })
            }
        }
        tie = Some(detail.tie);
    }
    if found.is_empty() {
        found.extend(plain(message).map(|text| Reasoning { text: text.to_owned(), ..Reasoning::default() }));
    }
    found
}

/// Whether two entries speak of one item.
pub(super) fn same(one: &(Option<String>, Option<u64>), other: &(Option<String>, Option<u64>)) -> bool {
    (one.0.is_some() && one.0 == other.0) || (one.1.is_some() && one == other)
}

/// The entries of `reasoning_details` that say this; `index` counts the pieces of reasoning of the message.
pub(super) fn write(reasoning: &Reasoning, index: usize) -> Vec<Value> {
    let Some(signature) = &reasoning.signature else {
        return vec![json!({"type": "reasoning.text", "text": reasoning.text, "index": index})];
    };
    let format = signature.format.as_str();
    let mut entries = if reasoning.redacted {
        vec![json!({"type": "reasoning.encrypted", "data": signature.data, "format": format, "index": index})]
    } else if signature.format == SignatureFormat::OpenAi {
        let summary = json!({"type": "reasoning.summary", "summary": reasoning.text, "format": format, "index": index});
        let proof = json!({"type": "reasoning.encrypted", "data": signature.data, "format": format, "index": index});
        vec![summary, proof]
    } else {
        let (text, data) = (&reasoning.text, &signature.data);
        vec![json!({"type": "reasoning.text", "text": text, "signature": data, "format": format, "index": index})]
    };
    if let Some(id) = &signature.id {
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            entry.insert("id".to_owned(), Value::from(id.as_str()));
        }
    }
    entries
}

fn detail(entry: &Value) -> Option<Detail> {
    let entry = entry.as_object()?;
    let kind = text(entry, "type").unwrap_or_default();
    let format = SignatureFormat::from_name(text(entry, "format").unwrap_or("unknown"));
    let id = text(entry, "id").map(str::to_owned);
    let index = entry.get("index").and_then(Value::as_u64);
    let encrypted = kind == "reasoning.encrypted";
    let proof = text(entry, if encrypted { "data" } else { "signature" }).filter(|proof| !proof.is_empty());
    let said = ["text", "summary"].into_iter().find_map(|key| text(entry, key)).unwrap_or_default();
    Some(Detail {
        text: if encrypted { String::new() } else { said.to_owned() },
        signature: proof.map(|proof| Signature { format, data: proof.to_owned(), id: id.clone() }),
        encrypted,
        tie: (id, index),
    })
}

fn block(block: &Value) -> Option<Detail> {
    let block = block.as_object()?;
    let redacted = text(block, "type") == Some("redacted_thinking");
    let proof = text(block, if redacted { "data" } else { "signature" }).filter(|proof| !proof.is_empty());
    Some(Detail {
        text: text(block, "thinking").unwrap_or_default().to_owned(),
        signature: proof.map(|proof| Signature::unpack(proof, SignatureFormat::Anthropic)),
        encrypted: redacted,
        tie: (None, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &Value) -> Vec<Reasoning> {
        read(message.as_object().unwrap())
    }

    #[test]
    fn what_was_written_is_read_again() {
        let sign = |format, id: Option<&str>| Some(Signature { format, data: "p==".into(), id: id.map(str::to_owned) });
        let all = vec![
            Reasoning { text: "a".into(), signature: sign(SignatureFormat::Anthropic, None), redacted: false },
            Reasoning { text: String::new(), signature: sign(SignatureFormat::Anthropic, None), redacted: true },
            Reasoning { text: "sum".into(), signature: sign(SignatureFormat::OpenAi, Some("rs_1")), redacted: false },
            Reasoning { text: "sum".into(), signature: sign(SignatureFormat::OpenAi, None), redacted: false },
            Reasoning { text: String::new(), signature: sign(SignatureFormat::OpenAi, Some("rs_2")), redacted: true },
            Reasoning {
                text: "x".into(),
                signature: sign(SignatureFormat::Other("x-v1".into()), None),
                redacted: false,
            },
            Reasoning { text: "plain".into(), ..Reasoning::default() },
        ];
        let entries: Vec<Value> = all.iter().enumerate().flat_map(|(index, one)| write(one, index)).collect();
        assert_eq!(of(&json!({"reasoning_details": entries, "reasoning": "ignored"})), all);
    }

    #[test]
    fn every_carrier_is_understood() {
        let blocks = json!([{"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]);
        let found = of(&json!({"thinking_blocks": blocks, "reasoning_content": "a"}));
        assert_eq!((found.len(), found[0].text.as_str(), found[1].redacted), (2, "a", true));
        assert!(found.iter().all(|one| one.signature.as_ref().unwrap().format == SignatureFormat::Anthropic));
        assert_eq!(of(&json!({"reasoning_content": "", "reasoning": "b"}))[0].text, "b");
        assert_eq!(of(&json!({"reasoning": {"x": 1}, "reasoning_details": [7, {}]})), []);
    }
}
