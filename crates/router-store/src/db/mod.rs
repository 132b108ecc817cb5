//! The database: one facade over SQLite and PostgreSQL.
//!
//! `sql` is the thin layer that runs one statement text on either engine, `insert` writes many rows with it; `open` makes
//! the pools; `line` bounds the waits for PostgreSQL; `migrate` brings the schema up. What can be asked stands in
//! `crate::query`; what the spool brings is written by `crate::writer`.

mod insert;
mod line;
mod migrate;
mod open;
mod sql;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use insert::{insert_many, insert_returning};
pub use migrate::{MigrationState, MigrationStatus};
#[cfg(test)]
pub(crate) use open::IDLE_IN_TRANSACTION;
pub use open::StoreOptions;
pub(crate) use sql::{Row, SharedTexts, Sql, Tx, Value};

use crate::error::StoreResult;

/// Which database engine a store runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file, one instance.
    Sqlite,
    /// A server, many instances.
    Postgres,
}

/// The database, shared by cloning.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    backend: Backend,
    options: StoreOptions,
    calls: AtomicU64,
    #[cfg(any(test, feature = "faults"))]
    failing: std::sync::atomic::AtomicBool,
    #[cfg(any(test, feature = "faults"))]
    callers: std::sync::Mutex<std::collections::BTreeMap<String, u64>>,
}

#[derive(Debug)]
pub(crate) enum Backend {
    /// `writer` holds one connection; a file in WAL mode lets `reader` go on meanwhile.
    Sqlite {
        writer: sqlx::SqlitePool,
        reader: sqlx::SqlitePool,
        file: Option<std::path::PathBuf>,
    },
    Postgres(line::Line),
}

impl Store {
    /// Which engine this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.inner.backend {
            Backend::Sqlite { .. } => Engine::Sqlite,
            Backend::Postgres(_) => Engine::Postgres,
        }
    }

    /// How many times the database has been called: statements and transactions. A request of a client adds none.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.calls.load(Ordering::Relaxed)
    }

    /// From now on (or no longer) every call fails as if the database were gone. Test builds only.
    #[cfg(any(test, feature = "faults"))]
    pub fn fail_every_call(&self, failing: bool) {
        self.inner.failing.store(failing, Ordering::Relaxed);
    }

    /// How many calls came from which thread, by its name. Test builds only.
    #[cfg(any(test, feature = "faults"))]
    #[must_use]
    pub fn calls_by_thread(&self) -> std::collections::BTreeMap<String, u64> {
        self.inner.callers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether the database answers now.
    pub async fn ping(&self) -> StoreResult<()> {
        self.rows(Sql::new("SELECT CAST(1 AS BIGINT) AS one")).await.map(drop)
    }

    /// Closes the pools; open statements end first. Later calls fail as `Unavailable`.
    pub async fn close(&self) {
        match &self.inner.backend {
            Backend::Sqlite { writer, reader, .. } => {
                reader.close().await;
                writer.close().await;
            }
            Backend::Postgres(line) => line.pool().close().await,
        }
    }

    /// Counts a call, and fails it where a test wants that.
    fn gate(&self) -> StoreResult<()> {
        self.inner.calls.fetch_add(1, Ordering::Relaxed);
        #[cfg(any(test, feature = "faults"))]
        {
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            *self.inner.callers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(thread).or_default() +=
                1;
        }
        #[cfg(any(test, feature = "faults"))]
        if self.inner.failing.load(Ordering::Relaxed) {
            return Err(crate::error::StoreError::new(
                crate::error::StoreErrorKind::Unavailable,
                "injected fault: the database is gone",
            ));
        }
        Ok(())
    }
}
