//! Secrets: the only place, beside the upstream connector, where they are in clear.
//!
//! `text` is the type that cannot be printed, `vault` seals it at rest, `master` finds or makes the master key,
//! `client_key` makes and digests what clients of the router authenticate with.

mod client_key;
mod digest;
mod master;
mod text;
mod vault;

pub use client_key::{CLIENT_KEY_PREFIX, NewClientKey, client_key_digest, is_plausible_client_key};
pub use digest::{digests_match, hmac_sha256, sha256_hex};
pub use master::MasterKey;
pub use text::SecretString;
pub use vault::{SecretPlace, Vault};

use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// Fills a fresh buffer from the operating system's random source.
pub(crate) fn random<const N: usize>() -> StoreResult<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        StoreError::new(StoreErrorKind::Internal, format!("the system's random source failed: {error}"))
    })?;
    Ok(bytes)
}

/// A fresh row id: the prefix and 20 random base62 characters (119 bits).
pub(crate) fn random_id(prefix: &str) -> StoreResult<String> {
    let text = client_key::base62(&random::<15>()?);
    Ok(format!("{prefix}_{text}"))
}
