//! Has anything changed? A digest of the files for whoever polls; no watcher, so it works on every mount.

use sha2::{Digest, Sha256};

use super::secret::hex;
use super::sources::{Source, SourceFile, read};

/// Digest of names and contents of the files.
#[must_use]
pub fn digest(files: &[SourceFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        for part in [&file.name, &file.text] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hex(&hasher.finalize())
}

/// Reads the files of the source and digests them. Unreadable files have a digest too, so that a file that
/// vanishes is a change. Compare two readings in a row before reloading: a file may be half written.
#[must_use]
pub fn content_digest(source: &Source) -> String {
    match read(source) {
        Ok(files) => digest(&files),
        Err(problems) => digest(&[SourceFile { name: "unreadable".to_owned(), text: problems.to_string() }]),
    }
}
