//! A secret in clear, which no formatting and no serialisation shows.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::decode::{Decode, Faults, decode_scalar};
use super::node::{Node, Path};

/// A secret. `Debug` prints `[secret]`; serialised it is its SHA-256, so that a hash of the configuration
/// changes with it. The clear text leaves only through [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a clear text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The clear text, for encryption and for the upstream call only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the clear text.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("sha256:{}", hex(&self.digest())))
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A secret; better from the environment: ${NAME}",
        })
    }
}

impl Decode for Secret {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        // The text of a faulty secret is never shown: it may be a secret at the wrong place.
        decode_scalar(node, path, faults, "a text", |text, _| Some(Self(text.trim().to_owned())))
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
