//! Opening: the database address becomes pools with the settings that the engine needs.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::line::Line;
use super::{Backend, Inner, Store};
use crate::data_dir::{create_private_dir, private_file_options};
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// After so long without a word from us PostgreSQL ends a transaction: behind a line that died nobody else would, and others wait for
/// what it has locked. Between two statements of ours there is no wait.
pub(crate) const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(3);

/// How to open a database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Readers (SQLite) or all connections (PostgreSQL), 1 or more.
    pub max_connections: u32,
    /// Whether a missing SQLite file may be made: only on the first start.
    pub create: bool,
    /// SQLite: sync at every commit (`durability: full`), not only at checkpoints.
    pub full_sync: bool,
    /// How long to wait for a connection of the pool.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// How long SQLite waits for another process's lock.
    pub busy_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            create: false,
            full_sync: false,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

impl Store {
    /// Opens `sqlite://PATH`, `sqlite::memory:` (tests), or `postgres://…`. Brings no schema up: see [`Store::migrate`].
    ///
    /// # Errors
    /// `Invalid` for another address, `DatabaseMissing` for a vanished or empty SQLite file where `create` is off,
    /// `Unavailable` when the server does not answer.
    pub async fn open(url: &str, options: StoreOptions) -> StoreResult<Self> {
        let backend = if url.starts_with("sqlite:") {
            open_sqlite(url, &options).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            open_postgres(url, &options).await?
        } else {
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "the database address must begin with sqlite:// or postgres://",
            ));
        };
        Ok(Self {
            inner: Arc::new(Inner {
                backend,
                options,
                calls: AtomicU64::new(0),
                #[cfg(any(test, feature = "faults"))]
                failing: std::sync::atomic::AtomicBool::new(false),
                #[cfg(any(test, feature = "faults"))]
                callers: std::sync::Mutex::default(),
            }),
        })
    }
}

async fn open_sqlite(url: &str, options: &StoreOptions) -> StoreResult<Backend> {
    let memory = url.contains(":memory:");
    let path =
        PathBuf::from(url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default());
    let connect = if memory {
        SqliteConnectOptions::from_str("sqlite::memory:")?
    } else {
        prepare_file(&path, options.create)?;
        SqliteConnectOptions::new().filename(&path).create_if_missing(false).journal_mode(SqliteJournalMode::Wal)
    };
    let connect = connect
        .foreign_keys(true)
        .synchronous(if options.full_sync { SqliteSynchronous::Full } else { SqliteSynchronous::Normal })
        .busy_timeout(options.busy_timeout)
        .pragma("secure_delete", "on")
        .pragma("temp_store", "memory")
        // Pages that many batches touch (indexes, roll-ups) go to the database file once for all of them.
        .pragma("wal_autocheckpoint", "2000")
        // Of new files. A row of the request log is above 1 KB, and the log is what is written most: fewer, larger writes.
        .page_size(16384)
        .optimize_on_close(true, Some(400))
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2))
        .log_statements(tracing::log::LevelFilter::Trace);
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(options.acquire_timeout.max(options.busy_timeout))
            .idle_timeout(None)
            .max_lifetime(None)
    };
    // Room for the pages that a batch changes, KiB: what does not fit is written to the log, and often again.
    let writer = pool(1).connect_with(connect.clone().pragma("cache_size", "-6000")).await?;
    let reader = if memory {
        writer.clone()
    } else {
        pool(options.max_connections.max(1)).connect_lazy_with(connect.read_only(true))
    };
    Ok(Backend::Sqlite { writer, reader, file: (!memory).then_some(path) })
}

/// Makes the file (0600) where that is allowed; otherwise it must be there and hold something.
fn prepare_file(path: &Path, create: bool) -> StoreResult<()> {
    let present = std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0);
    if present {
        return Ok(());
    }
    if !create {
        return Err(StoreError::new(
            StoreErrorKind::DatabaseMissing,
            format!(
                "the database {} existed at an earlier start and is gone or empty; restore it from a backup (router.db.backup-*), or remove the data folder's .databases file to begin anew",
                path.display()
            ),
        ));
    }
    let unusable = |error| {
        StoreError::caused(
            StoreErrorKind::DataFolderUnusable,
            format!("the database {} cannot be made", path.display()),
            error,
        )
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_private_dir(parent)?;
    }
    private_file_options().append(true).create(true).open(path).map(drop).map_err(unusable)
}

async fn open_postgres(url: &str, options: &StoreOptions) -> StoreResult<Backend> {
    // The address holds a password: no error may repeat it.
    let connect = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::new(StoreErrorKind::Invalid, "the PostgreSQL address cannot be read"))?;
    let connect = connect
        .application_name("smart-ai-router")
        .options([
            ("statement_timeout", options.statement_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION.as_millis().to_string()),
        ])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2))
        .log_statements(tracing::log::LevelFilter::Trace);
    Ok(Backend::Postgres(Line::open(connect, options).await?))
}
