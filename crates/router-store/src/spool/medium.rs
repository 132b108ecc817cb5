//! The few file operations of the spool in one place, so that a test can give them a disk that runs full.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::data_dir::private_file_options;

/// A disk with so many bytes left. Test builds only.
#[cfg(any(test, feature = "faults"))]
#[derive(Debug, Clone)]
pub struct SimulatedDisk(std::sync::Arc<std::sync::Mutex<u64>>);

#[cfg(any(test, feature = "faults"))]
impl SimulatedDisk {
    /// A disk with `free` bytes left.
    #[must_use]
    pub fn new(free: u64) -> Self {
        Self(std::sync::Arc::new(std::sync::Mutex::new(free)))
    }

    /// Sets how much is left.
    pub fn set_free(&self, free: u64) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = free;
    }

    fn take(&self, wanted: usize) -> usize {
        let mut free = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let taken = wanted.min(usize::try_from(*free).unwrap_or(usize::MAX));
        *free -= taken as u64;
        taken
    }

    fn give(&self, bytes: u64) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += bytes;
    }
}

/// Where the spool lives.
#[derive(Debug, Clone, Default)]
pub(super) struct Medium {
    #[cfg(any(test, feature = "faults"))]
    pub(super) disk: Option<SimulatedDisk>,
}

impl Medium {
    /// A new private file for appending.
    pub(super) fn create(path: &Path) -> io::Result<File> {
        let file = private_file_options().append(true).create_new(true).open(path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    }

    /// Appends all or fails; after a failure the file may hold a part, see [`Self::truncate`].
    pub(super) fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        #[cfg(any(test, feature = "faults"))]
        if let Some(disk) = &self.disk {
            let room = disk.take(bytes.len());
            let (fits, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            file.write_all(fits)?;
            return if rest.is_empty() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) };
        }
        file.write_all(bytes)
    }

    /// Cuts a half-written record off.
    pub(super) fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        #[cfg(any(test, feature = "faults"))]
        if let Some(disk) = &self.disk {
            disk.give(file.metadata()?.len().saturating_sub(length));
        }
        file.set_len(length)
    }

    /// Removes a file; a missing one is fine.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        #[cfg(any(test, feature = "faults"))]
        let length = fs::metadata(path).map(|meta| meta.len()).unwrap_or(0);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        #[cfg(any(test, feature = "faults"))]
        if let Some(disk) = &self.disk {
            disk.give(length);
        }
        Ok(())
    }
}

/// Whether an error says that there is no room, as opposed to a broken disk.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
