//! Exit codes, as the contract lists them.

use router_store::StoreErrorKind;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something failed.
    Failure = 1,
    /// Usage or configuration; also a taken port and a folder that cannot be written.
    Usage = 2,
    /// Master key missing or wrong.
    MasterKey = 3,
    /// The database is newer than the program.
    DatabaseNewer = 4,
    /// Another instance uses the data folder.
    DataFolderInUse = 5,
}

impl From<StoreErrorKind> for Exit {
    fn from(kind: StoreErrorKind) -> Self {
        match kind {
            StoreErrorKind::MasterKeyMissing | StoreErrorKind::MasterKeyWrong => Self::MasterKey,
            StoreErrorKind::DatabaseNewer => Self::DatabaseNewer,
            StoreErrorKind::DataFolderInUse => Self::DataFolderInUse,
            StoreErrorKind::DataFolderUnusable | StoreErrorKind::Invalid => Self::Usage,
            _ => Self::Failure,
        }
    }
}

/// An error that knows the exit code; its text is for the operator.
#[derive(Debug)]
pub struct Failed {
    /// With which code.
    pub exit: Exit,
    /// What to print.
    pub message: String,
}

impl Failed {
    /// A failure with a code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl From<router_store::StoreError> for Failed {
    fn from(error: router_store::StoreError) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failure, format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failure, error.to_string())
    }
}
