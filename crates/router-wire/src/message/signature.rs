//! Reasoning signatures: opaque proofs that one provider family demands back in the next turn.
//!
//! A client of another dialect has no place of that name, so the signature travels packed in whatever opaque field its
//! dialect has (Anthropic `redacted_thinking.data`, Responses `encrypted_content`, Gemini `thoughtSignature`, the
//! `reasoning_details` of chat) and comes out again when the conversation returns to the family that made it. To any
//! other family it is never sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whose proof it is. The names are OpenRouter's `format` values, which chat clients know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFormat {
    /// `anthropic-claude-v1`
    Anthropic,
    /// `openai-responses-v1`
    OpenAi,
    /// `google-gemini-v1`
    Gemini,
    /// Another one, by its name.
    Other(String),
}

impl SignatureFormat {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Anthropic => "anthropic-claude-v1",
            Self::OpenAi => "openai-responses-v1",
            Self::Gemini => "google-gemini-v1",
            Self::Other(name) => name,
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "anthropic-claude-v1" => Self::Anthropic,
            "openai-responses-v1" => Self::OpenAi,
            "google-gemini-v1" => Self::Gemini,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// An opaque proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose it is.
    pub format: SignatureFormat,
    /// The proof, as its family wrote it.
    pub data: String,
    /// The id of the item that it belongs to, where the family has one (OpenAI's reasoning items).
    pub id: Option<String>,
}

const PACKED: &str = "smart-router-signature:";

impl Signature {
    /// A signature of that family.
    #[must_use]
    pub fn new(format: SignatureFormat, data: impl Into<String>) -> Self {
        Self { format, data: data.into(), id: None }
    }

    /// The signature as one base64 word, for the opaque field of another family's dialect.
    #[must_use]
    pub fn pack(&self) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        STANDARD.encode(format!("{PACKED}{}\n{id}\n{}", self.format.as_str(), self.data))
    }

    /// What [`Self::pack`] made; else the word is the native signature of the dialect's own family.
    #[must_use]
    pub fn unpack(word: &str, native: SignatureFormat) -> Self {
        Self::packed(word).unwrap_or_else(|| Self::new(native, word))
    }

    fn packed(word: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(word).ok()?).ok()?;
        let (format, rest) = text.strip_prefix(PACKED)?.split_once('\n')?;
        let (id, data) = rest.split_once('\n')?;
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        Some(Self { format: SignatureFormat::from_name(format), data: data.to_owned(), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_signatures_come_out_as_they_went_in() {
        for (format, id) in [
            (SignatureFormat::Anthropic, None),
            (SignatureFormat::OpenAi, Some("rs_1".to_owned())),
            (SignatureFormat::Other("x-v2".into()), None),
        ] {
            let signature = Signature { format, data: "a\nb:c==".into(), id };
            assert_eq!(Signature::unpack(&signature.pack(), SignatureFormat::Gemini), signature);
        }
        let native = Signature::unpack("EqQBCg==", SignatureFormat::Anthropic);
        assert_eq!(native, Signature::new(SignatureFormat::Anthropic, "EqQBCg=="));
    }
}
