//! The one error type of this crate. The kind says what the caller does about it; the text is for operators, never for clients.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What went wrong, as far as the caller has to tell cases apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The database cannot be reached, is locked, or did not answer in time. Retrying helps.
    Unavailable,
    /// A migration has been applied that this program does not know (exit code 4).
    DatabaseNewer,
    /// Migrations are pending and this call needs all of them.
    DatabaseOlder,
    /// The database file of an earlier start is gone. It is never replaced by an empty one.
    DatabaseMissing,
    /// The database is damaged, or a migration was changed or left half done.
    DatabaseDamaged,
    /// No master key where one is required (exit code 3).
    MasterKeyMissing,
    /// The master key is not the one that sealed the secrets (exit code 3).
    MasterKeyWrong,
    /// A sealed secret does not open: changed, or moved to another row.
    SecretDamaged,
    /// Another instance uses the data folder (exit code 5).
    DataFolderInUse,
    /// The data folder cannot be used as it is: wrong mode, not a folder, not writable (exit code 2).
    DataFolderUnusable,
    /// The spool has no room for new work: answer 503 `accounting_unavailable`.
    SpoolFull,
    /// The spool could not be written or read.
    SpoolFailed,
    /// The object does not exist.
    NotFound,
    /// Another object has that name or value already.
    Conflict,
    /// An argument or a row that the database refuses as data. Retrying does not help.
    Invalid,
    /// A defect of ours or of the schema.
    Internal,
}

/// An error of the store. A clone has the same cause: what was written together fails together.
#[derive(Clone)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
    silence: bool,
}

/// The result of everything here.
pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// An error without a cause below it.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None, silence: false }
    }

    /// An error with its cause.
    pub fn caused(
        kind: StoreErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into().into()), ..Self::new(kind, message) }
    }

    /// `Unavailable`: the database took a statement, and no answer came.
    pub(crate) fn silence(message: impl Into<String>) -> Self {
        Self { silence: true, ..Self::new(StoreErrorKind::Unavailable, message) }
    }

    /// Whether it is one of [`StoreError::silence`].
    pub(crate) fn is_silence(&self) -> bool {
        self.silence
    }

    /// What the caller has to tell apart.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    pub(crate) fn context(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let kind = match &error {
            sqlx::Error::RowNotFound => StoreErrorKind::NotFound,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreErrorKind::Unavailable,
            sqlx::Error::Database(database) => database_kind(database.as_ref()),
            _ => StoreErrorKind::Internal,
        };
        Self::caused(kind, "database", error)
    }
}

/// Sorts a database's own error by its code: SQLSTATE for PostgreSQL, the (extended) result code for SQLite.
fn database_kind(error: &dyn sqlx::error::DatabaseError) -> StoreErrorKind {
    if error.is_unique_violation() {
        return StoreErrorKind::Conflict;
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return match code.get(..2).unwrap_or_default() {
            "22" | "23" => StoreErrorKind::Invalid,
            // 42: our SQL or schema; 0A: not supported. Everything else (connection, resources, shutdown, read-only, serialisation) may pass.
            "42" | "0A" => StoreErrorKind::Internal,
            "XX" => StoreErrorKind::DatabaseDamaged,
            _ => StoreErrorKind::Unavailable,
        };
    }
    // The primary result code is the low byte: https://sqlite.org/rescode.html
    match code.parse::<i64>().unwrap_or(1) & 0xff {
        11 | 26 => StoreErrorKind::DatabaseDamaged,
        18..=20 => StoreErrorKind::Invalid,
        1 | 21 | 25 => StoreErrorKind::Internal,
        _ => StoreErrorKind::Unavailable,
    }
}
