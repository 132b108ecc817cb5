//! The master key: 32 bytes, from the environment's base64 text or from `master.key` in the data folder.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::digest::hex;
use super::{hmac_sha256, random};
use crate::data_dir::{private_file_options, refuse_shared};
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// The key under which all secrets are sealed.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A key of the given bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the base64 text of `SMART_AI_ROUTER_MASTER_KEY`.
    ///
    /// # Errors
    /// `MasterKeyWrong` when it is not base64 of exactly 32 bytes.
    pub fn parse(text: &str) -> StoreResult<Self> {
        let wrong = || {
            StoreError::new(
                StoreErrorKind::MasterKeyWrong,
                "the master key must be 32 bytes in base64 (44 characters); make one with: openssl rand -base64 32",
            )
        };
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| wrong())?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| wrong())?;
        Ok(Self::from_bytes(bytes))
    }

    /// Reads the file, or makes it (mode 0600) where `create` allows.
    ///
    /// # Errors
    /// `MasterKeyMissing` when there is none and none may be made, `MasterKeyWrong` when the file does not hold a key,
    /// `DataFolderUnusable` when others can read it.
    pub fn load_or_create(path: &Path, create: bool) -> StoreResult<Self> {
        match fs::read_to_string(path) {
            Ok(text) => {
                refuse_shared(path)?;
                return Self::parse(&Zeroizing::new(text)).map_err(|error| error.context(&path.display().to_string()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {}
            Err(error) => {
                return Err(StoreError::caused(
                    StoreErrorKind::MasterKeyMissing,
                    format!("cannot read the master key {}", path.display()),
                    error,
                ));
            }
        }
        let key = Self::from_bytes(random::<32>()?);
        let failed = |error| {
            StoreError::caused(
                StoreErrorKind::DataFolderUnusable,
                format!("cannot write the master key {}", path.display()),
                error,
            )
        };
        // A crash must not leave half a key under the real name: write beside it, sync, then rename.
        let beside = path.with_extension("key.new");
        let _ = fs::remove_file(&beside);
        let mut file = private_file_options().write(true).create_new(true).open(&beside).map_err(failed)?;
        let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.bytes())));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)?;
        Ok(key)
    }

    /// A public name of the key: 8 hex characters, one-way.
    #[must_use]
    pub fn id(&self) -> String {
        let mac = hmac_sha256(self.bytes(), b"smart-ai-router key id");
        hex(mac.first_chunk::<4>().unwrap_or(&[0; 4]))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert_eq!(MasterKey::load_or_create(&path, false).unwrap_err().kind(), StoreErrorKind::MasterKeyMissing);
        let made = MasterKey::load_or_create(&path, true).unwrap();
        let read = MasterKey::load_or_create(&path, true).unwrap();
        assert_eq!(made.bytes(), read.bytes());
        assert_eq!(MasterKey::parse(&fs::read_to_string(&path).unwrap()).unwrap().id(), made.id());
        assert!(!format!("{made:?}").contains(&STANDARD.encode(made.bytes())));
    }

    #[test]
    fn a_short_or_garbled_key_is_refused() {
        for text in ["", "AAAA", "not base64 at all", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert_eq!(MasterKey::parse(text).unwrap_err().kind(), StoreErrorKind::MasterKeyWrong, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::load_or_create(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(MasterKey::load_or_create(&path, true).unwrap_err().kind(), StoreErrorKind::DataFolderUnusable);
    }
}
