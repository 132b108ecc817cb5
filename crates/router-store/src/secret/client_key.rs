//! Client keys of the router: 256 random bits in base62 behind a prefix; only the SHA-256 digest is ever stored.

use std::fmt;

use super::{SecretString, random, sha256_hex};
use crate::error::StoreResult;

/// The prefix of generated keys unless configured otherwise.
pub const CLIENT_KEY_PREFIX: &str = "sk-router-";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that has just been made: shown once, then only its digest remains.
pub struct NewClientKey {
    /// The key itself, to be printed once.
    pub secret: SecretString,
    /// SHA-256 of the whole key, 64 hex characters.
    pub digest: String,
}

impl NewClientKey {
    /// Makes a key with the prefix (normally [`CLIENT_KEY_PREFIX`]).
    pub fn generate(prefix: &str) -> StoreResult<Self> {
        let text = format!("{prefix}{}", base62(&random::<32>()?));
        Ok(Self { digest: client_key_digest(&text), secret: SecretString::new(text) })
    }
}

impl fmt::Debug for NewClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewClientKey")
    }
}

/// The digest under which a client key is stored and found.
#[must_use]
pub fn client_key_digest(key: &str) -> String {
    sha256_hex(key.as_bytes())
}

/// Whether a text can be a client key at all: 8 to 256 characters of `A-Z a-z 0-9 - _ .`. Checked before any lookup.
#[must_use]
pub fn is_plausible_client_key(text: &str) -> bool {
    (8..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The bytes as one big-endian number in base 62, left-filled with zeros to the length that any such number fits.
pub(super) fn base62(bytes: &[u8]) -> String {
    // 62^n >= 256^len  <=>  n >= len * 8 / log2(62); log2(62) = 5.954…
    let length = (bytes.len() * 8 * 1000).div_ceil(5954);
    let mut number = bytes.to_vec();
    let mut digits: Vec<u8> = (0..length)
        .map(|_| {
            let remainder = number.iter_mut().fold(0_u32, |carry, byte| {
                let value = carry * 256 + u32::from(*byte);
                *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
                value % 62
            });
            ALPHABET.get(remainder as usize).copied().unwrap_or(b'0')
        })
        .collect();
    digits.reverse();
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn generated_keys_have_the_agreed_form_and_differ() {
        let keys: Vec<_> = (0..100).map(|_| NewClientKey::generate(CLIENT_KEY_PREFIX).unwrap()).collect();
        for key in &keys {
            let text = key.secret.expose();
            assert!(text.starts_with("sk-router-") && text.len() == "sk-router-".len() + 43, "{}", text.len());
            assert!(is_plausible_client_key(text));
            assert_eq!(key.digest, client_key_digest(text));
        }
        assert_eq!(keys.iter().map(|key| &key.digest).collect::<HashSet<_>>().len(), 100);
    }

    #[test]
    fn base62_is_positional() {
        assert_eq!(base62(&[0; 32]), "0".repeat(43));
        assert_eq!(base62(&[61]), "0z");
        assert_eq!(base62(&[62]), "10");
        assert_eq!(base62(&[255, 255]), "H31");
        // 2^256 - 1 fits into 43 digits and does not wrap.
        assert_eq!(base62(&[255; 32]).len(), 43);
        assert_ne!(base62(&[255; 32]).chars().next(), Some('0'));
    }

    #[test]
    fn implausible_texts_are_refused_before_any_lookup() {
        for (text, ok) in [
            ("sk-router-abc", true),
            ("short", false),
            ("", false),
            ("sk-router-abc'; DROP", false),
            ("sk-router-ключ-ключ", false),
            ("a b c d e f g", false),
        ] {
            assert_eq!(is_plausible_client_key(text), ok, "{text}");
        }
        assert!(!is_plausible_client_key(&"a".repeat(257)));
    }
}
