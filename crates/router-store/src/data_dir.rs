//! The data folder: made private, refused when others can read it, locked by one instance at a time.
//!
//! Contents: `router.db`, `master.key`, `spool/`, `logs/`, and two files of ours: `.lock` (held while an instance lives)
//! and `.databases` (which SQLite files an earlier start has made, so that a vanished one is an error, never a new empty one).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// The data folder, locked for this process as long as the value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    first_start: bool,
    _lock: File,
}

impl DataDir {
    /// Makes the folder (0700) with `spool/` and `logs/` where missing, and locks it.
    ///
    /// # Errors
    /// `DataFolderInUse` when another instance holds it; `DataFolderUnusable` when others can read it or it cannot be written.
    pub fn open(path: impl Into<PathBuf>) -> StoreResult<Self> {
        let path = path.into();
        let first_start = !path.join(".lock").exists();
        for folder in [path.clone(), path.join("spool"), path.join("logs")] {
            create_private_dir(&folder)?;
        }
        refuse_shared(&path)?;
        let lock_path = path.join(".lock");
        let lock = private_file_options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| unusable(&lock_path, "cannot be opened", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, first_start, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::new(
                StoreErrorKind::DataFolderInUse,
                format!("the data folder {} is in use by another instance", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(unusable(&lock_path, "cannot be locked", error)),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether no instance has ever used the folder before this one.
    #[must_use]
    pub fn is_first_start(&self) -> bool {
        self.first_start
    }

    /// `router.db`, the default database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("router.db")
    }

    /// `master.key`.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// `spool/`.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// `logs/`.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Whether an earlier start has made this database, so that its absence is an error.
    #[must_use]
    pub fn knows_database(&self, url: &str) -> bool {
        fs::read_to_string(self.path.join(".databases")).is_ok_and(|text| text.lines().any(|line| line == url))
    }

    /// Notes that the database exists now. Call after the first successful migration.
    pub fn remember_database(&self, url: &str) -> StoreResult<()> {
        if self.knows_database(url) {
            return Ok(());
        }
        let path = self.path.join(".databases");
        let mut file = private_file_options()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| unusable(&path, "cannot be written", error))?;
        file.write_all(format!("{url}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| unusable(&path, "cannot be written", error))
    }
}

/// Options that make new files readable by the owner only.
pub(crate) fn private_file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder and its parents, the last one readable by the owner only.
pub(crate) fn create_private_dir(path: &Path) -> StoreResult<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| unusable(path, "cannot be made", error))
}

/// Refuses a file or folder that anybody but its owner may read or write.
pub(crate) fn refuse_shared(path: &Path) -> StoreResult<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let meta = fs::metadata(path).map_err(|error| unusable(path, "cannot be read", error))?;
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let right = if meta.is_dir() { "700" } else { "600" };
            return Err(StoreError::new(
                StoreErrorKind::DataFolderUnusable,
                format!(
                    "{} can be read by others (mode {mode:03o}); it holds secrets: chmod {right} {}",
                    path.display(),
                    path.display()
                ),
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn unusable(path: &Path, what: &str, error: std::io::Error) -> StoreError {
    StoreError::caused(StoreErrorKind::DataFolderUnusable, format!("{} {what}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instance_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = DataDir::open(&path).unwrap();
        assert!(first.is_first_start() && first.spool().is_dir() && first.logs().is_dir());
        assert_eq!(DataDir::open(&path).unwrap_err().kind(), StoreErrorKind::DataFolderInUse);
        drop(first);
        assert!(!DataDir::open(&path).unwrap().is_first_start());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        drop(DataDir::open(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::DataFolderUnusable);
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }

    #[test]
    fn known_databases_are_remembered() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(parent.path().join("data")).unwrap();
        assert!(!folder.knows_database("sqlite://a.db"));
        folder.remember_database("sqlite://a.db").unwrap();
        folder.remember_database("sqlite://a.db").unwrap();
        assert!(folder.knows_database("sqlite://a.db") && !folder.knows_database("sqlite://a"));
    }
}
