//! Names that travel: request ids, client request ids, and the stable hash behind every seed.

/// How a request id begins.
pub const REQUEST_ID_PREFIX: &str = "req_";

/// Crockford's base32, lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters for 128 bits, five each; the first holds three.
const LENGTH: usize = 26;

/// The id of a request: 128 bits, a UUIDv7 by which ids sort by time. Text form: `req_` and 26 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    /// The id whose bytes the caller drew.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the text form, lower case only, so that each id has one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.strip_prefix(REQUEST_ID_PREFIX)?;
        if code.len() != LENGTH {
            return None;
        }
        let mut value: u128 = 0;
        for byte in code.bytes() {
            let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
            if value >> 123 != 0 {
                return None; // more than 128 bits
            }
            value = (value << 5) | digit as u128;
        }
        Some(Self(value.to_be_bytes()))
    }

    /// A seed that any machine derives alike.
    #[must_use]
    pub fn seed(&self) -> u64 {
        hash64(&self.0)
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = u128::from_be_bytes(self.0);
        // In one piece: a text that is made of it has its size at once.
        let mut text = *b"req_00000000000000000000000000";
        for (place, letter) in text.iter_mut().rev().take(LENGTH).enumerate() {
            let digit = (value >> (5 * place)) & 31;
            *letter = ALPHABET.get(digit as usize).copied().unwrap_or(b'0');
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Whether a client's `x-request-id` is kept: `[A-Za-z0-9._-]{1,64}`.
#[must_use]
pub fn is_client_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// A 64-bit hash that is the same on every machine and in every version: FNV-1a, then [`mix`], since FNV's
/// low bits alone are weak. For seeds, stickiness and order; never for secrets.
#[must_use]
pub fn hash64(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for &byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): spreads a number over all 64 bits.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_ids_are_canonical() {
        for (bytes, text) in [
            ([0; 16], "req_00000000000000000000000000"),
            ([0xff; 16], "req_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            (0x0190_0000_0000_7000_8000_0000_0000_002a_u128.to_be_bytes(), "req_01j0000000e00800000000001a"),
        ] {
            assert_eq!(RequestId(bytes).to_string(), text);
            assert_eq!(RequestId::parse(text), Some(RequestId(bytes)));
        }
        for text in [
            "",
            "req_",
            "req_0",
            "00000000000000000000000000",
            "req_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "req_0000000000000000000000000l",
            "req_0000000000000000000000000Z",
            "req_000000000000000000000000000",
        ] {
            assert_eq!(RequestId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn client_ids_are_kept_only_if_harmless() {
        let long = "a".repeat(64);
        for text in ["a", "A-1_b.2", long.as_str()] {
            assert!(is_client_request_id(text), "{text}");
        }
        let longer = "a".repeat(65);
        for text in ["", "a b", "é", "a\n", "a/b", longer.as_str()] {
            assert!(!is_client_request_id(text), "{text}");
        }
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash64(b""), mix(0xcbf2_9ce4_8422_2325));
        // the first output of SplitMix64 with seed 0, as published
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_ne!(hash64(b"a"), hash64(b"b"));
    }
}
