//! The writer: one task that takes the spool over into the database, in batches, each record exactly once.
//!
//! A batch is one transaction that also stores how far the spool has been read; rows that the database already has change
//! nothing. So it may be repeated after any failure. While the database is away the task waits and tries again; appenders
//! never notice.

mod apply;
mod patience;
mod rollup;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use patience::Patience;
pub use rollup::{HISTOGRAM_BOUNDS_MS, Histogram};
pub(crate) use rollup::{LATENCY_COLUMNS, TTFT_COLUMNS};

use crate::db::Store;
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::spool::{Batch, Spool, SpoolReader};

/// How the writer works.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    /// Most rows in one transaction.
    pub batch_rows: usize,
    /// Longest wait for a batch to fill.
    pub batch_wait: Duration,
    /// Longest wait before a failed batch is tried again.
    pub max_backoff: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { batch_rows: 2_000, batch_wait: Duration::from_millis(200), max_backoff: Duration::from_secs(1) }
    }
}

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// How often a spool without headroom is asked to make it again.
const UPKEEP: Duration = Duration::from_secs(1);

/// The task itself: spawn [`Writer::run`] once.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    spool: Arc<Spool>,
    options: WriterOptions,
    wake: Arc<Notify>,
    drained: watch::Sender<u64>,
    closing: watch::Receiver<Option<Instant>>,
    next_upkeep: Instant,
    patience: Patience,
}

/// What others may ask of the writer.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    spool: Arc<Spool>,
    wake: Arc<Notify>,
    drained: watch::Receiver<u64>,
    closing: Arc<watch::Sender<Option<Instant>>>,
}

impl WriterHandle {
    /// Waits until everything that is in the spool now is in the database.
    ///
    /// # Errors
    /// `Unavailable` when that takes longer than `limit`; the writer goes on.
    pub async fn flush(&self, limit: Duration) -> StoreResult<()> {
        let target = self.spool.appended();
        let mut drained = self.drained.clone();
        self.wake.notify_one();
        match tokio::time::timeout(limit, drained.wait_for(|drained| *drained >= target)).await {
            Ok(Ok(_)) => Ok(()),
            _ if self.spool.drained() >= target => Ok(()),
            _ => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!("{} records are not in the database yet", self.spool.pending()),
            )),
        }
    }

    /// Lets the writer finish what is in the spool, at most until `limit` is over, and end. Returns how many records
    /// stayed in the spool for the next start. Call when nothing appends any more.
    pub async fn close(&self, limit: Duration) -> u64 {
        let target = self.spool.appended();
        let mut drained = self.drained.clone();
        self.closing.send_replace(Some(Instant::now() + limit));
        self.wake.notify_one();
        // A little longer than the writer itself gives up; an ended writer closes the channel.
        let _ =
            tokio::time::timeout(limit + Duration::from_millis(100), drained.wait_for(|drained| *drained >= target))
                .await;
        self.spool.pending()
    }
}

impl Writer {
    /// A writer from the spool into the store, and the handle to it.
    #[must_use]
    pub fn new(store: Store, spool: Arc<Spool>, options: WriterOptions) -> (Self, WriterHandle) {
        let wake = Arc::new(Notify::new());
        let (drained_sender, drained) = watch::channel(0);
        let (closing_sender, closing) = watch::channel(None);
        let handle = WriterHandle {
            spool: Arc::clone(&spool),
            wake: Arc::clone(&wake),
            drained,
            closing: Arc::new(closing_sender),
        };
        let (next_upkeep, patience) = (Instant::now(), Patience::new(store.answer_within()));
        let writer = Self { store, spool, options, wake, drained: drained_sender, closing, next_upkeep, patience };
        (writer, handle)
    }

    /// Runs until closed. Never fails: what cannot be written now is tried again.
    pub async fn run(mut self) {
        let Some(mut reader) = self.begin_when_possible().await else {
            return;
        };
        loop {
            self.upkeep().await;
            let batch_rows = self.options.batch_rows;
            let Some((returned, batch)) = self.read(reader, batch_rows).await else { return };
            reader = returned;
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    if self.pause(self.options.max_backoff).await {
                        return;
                    }
                    continue;
                }
            };
            if batch.records > 0 && self.write_when_possible(&batch).await.is_none() {
                return;
            }
            if let Err(error) = reader.committed(&batch) {
                tracing::warn!(%error, "a spool segment could not be removed");
            }
            self.drained.send_replace(self.spool.drained());
            if !batch.full && self.pause(self.options.batch_wait).await && self.spool.pending() == 0 {
                return;
            }
            if self.deadline().is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
        }
    }

    /// Asks the database how far it stands and begins to read there.
    async fn begin(&self) -> StoreResult<SpoolReader> {
        let known = apply::known_position(&self.store, self.spool.id(), self.patience.time()).await?;
        let spool = Arc::clone(&self.spool);
        tokio::task::spawn_blocking(move || SpoolReader::new(spool, known))
            .await
            .map_err(|error| StoreError::caused(StoreErrorKind::Internal, "reading the spool", error))?
    }

    /// Reads a batch in a thread that may block. `None` only when the runtime ends.
    async fn read(&self, mut reader: SpoolReader, max_rows: usize) -> Option<(SpoolReader, StoreResult<Batch>)> {
        tokio::task::spawn_blocking(move || {
            let batch = reader.next_batch(max_rows);
            (reader, batch)
        })
        .await
        .ok()
    }

    /// Writes a batch; a row that the database refuses as data is set apart so that it does not hold up the others.
    async fn write(&self, batch: &Batch) -> StoreResult<()> {
        let patience = self.patience.time();
        let mut parts = vec![batch.settled.as_slice()];
        while let Some(rows) = parts.pop() {
            // Only the last part says how far the spool has been taken over; the earlier ones may safely come again.
            let position = parts.is_empty().then_some((self.spool.id(), batch.end));
            match (apply::apply(&self.store, rows, position, patience).await, rows) {
                (Ok(_), _) => {}
                (Err(error), [row]) if is_data_error(&error) => {
                    tracing::error!(request_id = row.id, %error, "the database refuses a row");
                    self.spool.quarantine_row(row)?;
                    if position.is_some() {
                        apply::apply(&self.store, &[], position, patience).await?;
                    }
                }
                (Err(error), rows) if is_data_error(&error) && rows.len() > 1 => {
                    let (front, back) = rows.split_at_checked(rows.len() / 2).unwrap_or((rows, &[]));
                    parts.push(back);
                    parts.push(front);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    /// A reader, as soon as the database says where to begin; `None` when closing and the time is over.
    async fn begin_when_possible(&mut self) -> Option<SpoolReader> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let begun = self.before_the_end(self.begin()).await?;
            match begun {
                Ok(reader) => return Some(reader),
                Err(error) => self.after_failure(&error, &mut backoff).await?,
            }
        }
    }

    /// Writes the batch, however often that has to be tried; `None` when closing and the time is over.
    async fn write_when_possible(&mut self, batch: &Batch) -> Option<()> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let began = Instant::now();
            let written = self.before_the_end(self.write(batch)).await?;
            self.patience.learn(&written, began.elapsed());
            match written {
                Ok(()) => return Some(()),
                Err(error) => self.after_failure(&error, &mut backoff).await?,
            }
        }
    }

    /// Waits a little longer each time; `None` when closing and the time is over.
    async fn after_failure(&mut self, error: &StoreError, backoff: &mut Duration) -> Option<()> {
        tracing::warn!(%error, pending = self.spool.pending(), retry_in_ms = backoff.as_millis(), "the spool cannot be written to the database");
        self.pause(*backoff).await;
        *backoff = (*backoff * 2).min(self.options.max_backoff);
        self.upkeep().await;
        self.deadline().is_none_or(|deadline| Instant::now() < deadline).then_some(())
    }

    /// Runs the work unless the time to close runs out first.
    async fn before_the_end<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut closing = self.closing.clone();
        let end = async {
            let deadline = closing.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = work => Some(done),
            () = end => None,
        }
    }

    /// Waits, or less when somebody wants everything written. Says whether the writer is closing.
    async fn pause(&self, time: Duration) -> bool {
        if self.deadline().is_none() {
            let _ = tokio::time::timeout(time, self.wake.notified()).await;
        } else {
            tokio::time::sleep(time.min(Duration::from_millis(10))).await;
        }
        self.deadline().is_some()
    }

    async fn upkeep(&mut self) {
        if self.spool.accepting() || Instant::now() < self.next_upkeep {
            return;
        }
        self.next_upkeep = Instant::now() + UPKEEP;
        let spool = Arc::clone(&self.spool);
        let _ = tokio::task::spawn_blocking(move || spool.maintain()).await;
    }

    fn deadline(&self) -> Option<Instant> {
        *self.closing.borrow()
    }
}

/// Whether the row itself is at fault, so that trying again is useless.
fn is_data_error(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Invalid | StoreErrorKind::Conflict)
}
