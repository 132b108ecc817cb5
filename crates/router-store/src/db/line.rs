//! The line to PostgreSQL. It may die without a word, which ends no wait: every wait for an answer has a bound here, and no
//! connection that was there when an answer did not come is used again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::error::Elapsed;

use super::StoreOptions;
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// How long a connection may take to say that it lives. Before it is used it is asked, and the first that is dead condemns the others.
const ALIVE_WITHIN: Duration = Duration::from_millis(500);

/// Connections to PostgreSQL.
#[derive(Debug)]
pub(crate) struct Line {
    pool: PgPool,
    silence: Arc<Silence>,
    /// One connection less than there are: whatever people ask for, one is left to the writer.
    shared: Arc<Semaphore>,
    acquire_timeout: Duration,
}

/// When an answer last failed to come.
#[derive(Debug, Default)]
struct Silence(Mutex<Option<Instant>>);

impl Silence {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of that age was there already.
    fn covers(&self, age: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|noted| age >= noted.elapsed())
    }

    /// Whether a connection is good for further use. A dead one never answers, so nothing here waits for its end.
    async fn allows(&self, connection: &mut PgConnection, age: Duration) -> Result<bool, sqlx::Error> {
        if self.covers(age) {
            return Ok(false);
        }
        match tokio::time::timeout(ALIVE_WITHIN, connection.ping()).await {
            Ok(asked) => asked.map(|()| true),
            Err(late) => {
                self.note();
                Err(sqlx::Error::Io(late.into()))
            }
        }
    }
}

impl Line {
    /// Connects, so that a database that is not there is known at once.
    pub(super) async fn open(connect: PgConnectOptions, options: &StoreOptions) -> StoreResult<Self> {
        let silence = Arc::new(Silence::default());
        let most = options.max_connections.max(2);
        let (before, after) = (Arc::clone(&silence), Arc::clone(&silence));
        let pool = PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(Duration::from_secs(300))
            // The pool's own question has no bound.
            .test_before_acquire(false)
            .before_acquire(move |connection, known| {
                let silence = Arc::clone(&before);
                Box::pin(async move { silence.allows(connection, known.age).await })
            })
            .after_release(move |connection, known| {
                let silence = Arc::clone(&after);
                Box::pin(async move { silence.allows(connection, known.age).await })
            })
            .connect_with(connect)
            .await?;
        let shared = Arc::new(Semaphore::new(usize::try_from(most - 1).unwrap_or(1)));
        Ok(Self { pool, silence, shared, acquire_timeout: options.acquire_timeout })
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection.
    pub(super) async fn connection(&self) -> StoreResult<Connection> {
        let busy = || StoreError::new(StoreErrorKind::Unavailable, "all connections to the database are in use");
        let wait = tokio::time::timeout(self.acquire_timeout, Arc::clone(&self.shared).acquire_owned());
        let turn = wait.await.ok().and_then(Result::ok).ok_or_else(busy)?;
        let mut connection = self.reserved().await?;
        connection.turn = Some(turn);
        Ok(connection)
    }

    /// A connection for the writer: one is always left to it.
    pub(super) async fn reserved(&self) -> StoreResult<Connection> {
        let connection = Some(self.pool.acquire().await?);
        Ok(Connection { connection, silence: Arc::clone(&self.silence), turn: None })
    }
}

/// A connection of the pool. It goes back only by [`Connection::done`]: one that is dropped in the middle of something is closed at
/// once, and what it had begun ends with it.
pub(crate) struct Connection {
    connection: Option<PoolConnection<Postgres>>,
    silence: Arc<Silence>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// What speaks to the database.
    pub(super) fn get(&mut self) -> StoreResult<&mut PgConnection> {
        self.connection.as_deref_mut().ok_or_else(silent)
    }

    /// What came of a bounded wait for an answer.
    pub(super) fn heard<T>(&mut self, answer: Result<Result<T, sqlx::Error>, Elapsed>) -> StoreResult<T> {
        if let Ok(answer) = answer {
            return Ok(answer?);
        }
        self.silence.note();
        self.close();
        Err(silent())
    }

    /// Gives it back.
    pub(super) fn done(mut self) {
        drop(self.connection.take());
        drop(self.turn.take());
    }

    fn close(&mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

fn silent() -> StoreError {
    StoreError::silence("the database did not answer in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_condemns_what_was_there_and_nothing_that_comes_after() {
        let silence = Silence::default();
        assert!(!silence.covers(Duration::from_secs(3_600)));
        silence.note();
        assert!(silence.covers(Duration::from_secs(3_600)));
        assert!(!silence.covers(Duration::ZERO));
    }
}
