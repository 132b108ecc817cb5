//! Signatures of simulated reasoning: made here, verified here on the next turn, so that a conversation whose proofs were
//! lost, mixed up or sent to another family is refused as the real provider refuses it.

use super::fingerprint;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A proof of `family` for `bound`, e.g. the thinking text, or the provider's key together with the item's id.
pub(super) fn sign(family: &str, bound: &str) -> String {
    let mark = fingerprint(format!("{family}\n{bound}").as_bytes());
    STANDARD.encode(format!("simulated {family} signature {mark:016x}"))
}

/// Whether `signature` is the one that [`sign`] makes.
pub(super) fn verify(family: &str, bound: &str, signature: &str) -> bool {
    sign(family, bound) == signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_belongs_to_its_family_and_its_text() {
        let signature = sign("anthropic", "a thought");
        assert!(verify("anthropic", "a thought", &signature));
        for (family, bound, signature) in
            [("gemini", "a thought", &*signature), ("anthropic", "another", &signature), ("anthropic", "a thought", "")]
        {
            assert!(!verify(family, bound, signature), "{family} {bound} {signature}");
        }
    }
}
