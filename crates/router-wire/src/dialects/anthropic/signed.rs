//! Proofs of reasoning as words of this dialect: Anthropic's own as they are, others packed.
//!
//! Thinking without any proof gets a packed word that says so. Clients send it back like a signature, and it is known again:
//! Anthropic, which would refuse it, never sees it ([`super::pass`]).

use crate::message::{Signature, SignatureFormat};

const UNSIGNED: &str = "unsigned";
/// How every packed word begins: base64 of the first 21 bytes of what is packed.
pub(super) const PACKED: &str = "c21hcnQtcm91dGVyLXNpZ25hdHVy";

/// The word for a proof.
pub(super) fn to_word(signature: Option<&Signature>) -> String {
    match signature {
        Some(signature) if signature.format == SignatureFormat::Anthropic => signature.data.clone(),
        Some(signature) => signature.pack(),
        None => Signature::new(SignatureFormat::Other(UNSIGNED.into()), "").pack(),
    }
}

/// The proof of a word; `None` if it says that there is none.
pub(super) fn from_word(word: &str) -> Option<Signature> {
    let word = Some(word).filter(|word| !word.is_empty())?;
    let signature = Signature::unpack(word, SignatureFormat::Anthropic);
    Some(signature).filter(|found| found.format != SignatureFormat::Other(UNSIGNED.into()))
}

/// A call's proof (Gemini's), as a word that stands before the call and names it.
pub(super) fn of_call(signature: &Signature, call: &str) -> String {
    Signature { id: Some(call.to_owned()), ..signature.clone() }.pack()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_come_back_and_no_proof_is_none() {
        let native = Signature::new(SignatureFormat::Anthropic, "EqQB");
        let foreign = Signature::new(SignatureFormat::Gemini, "g");
        assert_eq!(to_word(Some(&native)), "EqQB");
        for signature in [Some(native), Some(foreign), None] {
            let word = to_word(signature.as_ref());
            assert_eq!(word.starts_with(PACKED), word != "EqQB");
            assert_eq!(from_word(&word), signature);
        }
        assert_eq!(from_word(""), None);
    }
}
