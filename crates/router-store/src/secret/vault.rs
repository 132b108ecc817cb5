//! Secrets at rest: XChaCha20-Poly1305 under the master key, bound to table, column and row.
//!
//! Sealed form (text): `v1:KEYID:BASE64(nonce ‖ ciphertext ‖ tag)`; the associated data is `v1|KEYID|table|column|row`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::digest::hex;
use super::{MasterKey, SecretString, hmac_sha256, random};
use crate::error::{StoreError, StoreErrorKind, StoreResult};

const FORMAT: &str = "v1";
const NONCE: usize = 24;

/// Where a sealed secret lives. A ciphertext moved elsewhere does not open.
#[derive(Debug, Clone, Copy)]
pub struct SecretPlace<'a> {
    /// Table name.
    pub table: &'a str,
    /// Column name.
    pub column: &'a str,
    /// Row id.
    pub row: &'a str,
}

/// Seals and opens secrets with one master key.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    key_id: String,
    fingerprint_key: [u8; 32],
}

impl Vault {
    /// A vault over the master key.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        let key = master.bytes();
        Self {
            cipher: XChaCha20Poly1305::new(key.into()),
            key_id: master.id(),
            fingerprint_key: hmac_sha256(key, b"smart-ai-router fingerprint"),
        }
    }

    /// The id of the master key, as it stands in front of what it sealed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals a secret for its place.
    pub fn seal(&self, secret: &SecretString, place: SecretPlace<'_>) -> StoreResult<String> {
        let nonce = random::<NONCE>()?;
        let aad = associated_data(&self.key_id, place);
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.expose().as_bytes(), aad: aad.as_bytes() })
            .map_err(|_| StoreError::new(StoreErrorKind::Internal, "encryption failed"))?;
        let body: Vec<u8> = nonce.into_iter().chain(sealed).collect();
        Ok(format!("{FORMAT}:{}:{}", self.key_id, STANDARD_NO_PAD.encode(body)))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// `MasterKeyWrong` when another key sealed it, `SecretDamaged` when it was changed, moved, or is of an unknown format.
    pub fn open(&self, sealed: &str, place: SecretPlace<'_>) -> StoreResult<SecretString> {
        let damaged = || {
            StoreError::new(
                StoreErrorKind::SecretDamaged,
                format!("the secret in {}.{} of row {} does not open", place.table, place.column, place.row),
            )
        };
        let mut parts = sealed.splitn(3, ':');
        let (Some(FORMAT), Some(key_id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(damaged());
        };
        if key_id != self.key_id {
            return Err(StoreError::new(
                StoreErrorKind::MasterKeyWrong,
                format!(
                    "the secret in {}.{} of row {} was sealed by master key {key_id}, the present one is {}",
                    place.table, place.column, place.row, self.key_id
                ),
            ));
        }
        let body = STANDARD_NO_PAD.decode(body).map_err(|_| damaged())?;
        let (nonce, ciphertext) = body.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        let aad = associated_data(key_id, place);
        let clear = self
            .cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: aad.as_bytes() })
            .map_err(|_| damaged())?;
        String::from_utf8(clear).map(SecretString::new).map_err(|_| damaged())
    }

    /// A short keyed fingerprint of a secret: equal secrets have equal ones, and it says nothing else without the master key.
    #[must_use]
    pub fn fingerprint(&self, secret: &SecretString) -> String {
        let mac = hmac_sha256(&self.fingerprint_key, secret.expose().as_bytes());
        hex(mac.first_chunk::<8>().unwrap_or(&[0; 8]))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn associated_data(key_id: &str, place: SecretPlace<'_>) -> String {
    format!("{FORMAT}|{key_id}|{}|{}|{}", place.table, place.column, place.row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: SecretPlace<'_> = SecretPlace { table: "provider_keys", column: "ciphertext", row: "pk_1" };

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_again_and_never_twice_the_same() {
        let vault = vault(1);
        for text in ["", "sk-123", &"x".repeat(10_000), "密钥"] {
            let secret = SecretString::from(text);
            let (one, two) = (vault.seal(&secret, PLACE).unwrap(), vault.seal(&secret, PLACE).unwrap());
            assert_ne!(one, two);
            assert!(text.is_empty() || !one.contains(text));
            assert_eq!(vault.open(&one, PLACE).unwrap().expose(), text);
        }
    }

    #[test]
    fn every_flipped_character_is_refused() {
        let vault = vault(1);
        let sealed = vault.seal(&SecretString::from("sk-live-1234567890"), PLACE).unwrap();
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(vault.open(&changed, PLACE).is_err(), "position {at}");
        }
        for cut in 0..sealed.len() {
            assert!(vault.open(&sealed[..cut], PLACE).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_moved_ciphertext_or_another_key_is_refused() {
        let sealed = vault(1).seal(&SecretString::from("sk"), PLACE).unwrap();
        for place in [
            SecretPlace { table: "other", ..PLACE },
            SecretPlace { column: "other", ..PLACE },
            SecretPlace { row: "pk_2", ..PLACE },
        ] {
            assert_eq!(vault(1).open(&sealed, place).unwrap_err().kind(), StoreErrorKind::SecretDamaged);
        }
        assert_eq!(vault(2).open(&sealed, PLACE).unwrap_err().kind(), StoreErrorKind::MasterKeyWrong);
    }

    #[test]
    fn fingerprints_are_stable_and_keyed() {
        let (a, b) = (SecretString::from("one"), SecretString::from("two"));
        assert_eq!(vault(1).fingerprint(&a), vault(1).fingerprint(&a));
        assert_ne!(vault(1).fingerprint(&a), vault(1).fingerprint(&b));
        assert_ne!(vault(1).fingerprint(&a), vault(2).fingerprint(&a));
    }
}
