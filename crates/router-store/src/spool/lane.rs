//! Lanes: what one worker appends in the same turn goes out in one write.
//!
//! An append is a system call under a lock that all workers share; under load, several requests of a worker come to it
//! within one turn of its runtime. Each gives the others their turn; the first that comes back writes for all.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::frame::{Kind, Passing, Payload, encode};
use super::{Spool, Ticket};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::{RequestRecord, Reservation};

/// A worker's way into the spool. Cheap to share within the worker; another worker gets one of its own.
#[derive(Debug)]
pub struct Lane {
    spool: Arc<Spool>,
    waiting: Mutex<Waiting>,
}

/// Frames that wait for the turn to end.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
    turn: Arc<Turn>,
}

/// How the frames that were written together went, in their order; empty until then.
#[derive(Debug, Default)]
struct Turn(OnceLock<Vec<StoreResult<Ticket>>>);

/// A frame among the bytes that wait.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) length: usize,
    /// What it holds, for the reader.
    pub(super) record: Passing,
}

/// A turn's buffer that has grown beyond this is given back.
const KEEP_BUFFER: usize = 256 << 10;

impl Lane {
    /// A lane into that spool.
    #[must_use]
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool, waiting: Mutex::default() }
    }

    /// The spool, for what cannot wait.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Appends a reservation. Before the first upstream byte.
    ///
    /// # Errors
    /// As [`Spool::reserve`].
    pub async fn reserve(&self, reservation: Reservation<'_>) -> StoreResult<Ticket> {
        self.append(Kind::Reserved, reservation, |reservation| Passing::Reserved {
            request_id: reservation.request_id.into_owned(),
            at_ms: reservation.at_ms,
        })
        .await
    }

    /// Appends a terminal row. Before the answer ends.
    ///
    /// # Errors
    /// As [`Spool::settle`].
    pub async fn settle(&self, record: RequestRecord) -> StoreResult<Ticket> {
        self.append(Kind::Settled, record, |record| Passing::Settled(Box::new(record))).await
    }

    async fn append<P: Payload>(
        &self,
        kind: Kind,
        payload: P,
        passing: impl FnOnce(P) -> Passing,
    ) -> StoreResult<Ticket> {
        let (turn, place) = {
            let mut waiting = self.lock();
            let before = waiting.bytes.len();
            if let Err(error) = encode(&mut waiting.bytes, kind, &payload) {
                waiting.bytes.truncate(before);
                return Err(error);
            }
            let length = waiting.bytes.len() - before;
            waiting.frames.push(Frame { kind, length, record: passing(payload) });
            (Arc::clone(&waiting.turn), waiting.frames.len() - 1)
        };
        // Dropped early (its task was cancelled), it still writes.
        let duty = Duty { lane: self, turn: &turn };
        tokio::task::yield_now().await;
        drop(duty);
        match turn.0.get().and_then(|written| written.get(place)) {
            Some(written) => written.clone(),
            None => Err(StoreError::new(StoreErrorKind::Internal, "a spool append was lost")),
        }
    }

    fn write(&self) {
        let (mut bytes, frames, turn) = {
            let mut waiting = self.lock();
            let Waiting { bytes, frames, turn } = &mut *waiting;
            (std::mem::take(bytes), std::mem::take(frames), std::mem::take(turn))
        };
        let _ = turn.0.set(self.spool.appender.append_all(&bytes, frames));
        if bytes.capacity() <= KEEP_BUFFER {
            bytes.clear();
            let mut waiting = self.lock();
            if waiting.bytes.capacity() == 0 {
                waiting.bytes = bytes;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The duty to write what has gathered, unless another has.
struct Duty<'a> {
    lane: &'a Lane,
    turn: &'a Turn,
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        if self.turn.0.get().is_none() {
            self.lane.write();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{SimulatedDisk, SpoolOptions, SpoolReader};

    fn row(id: usize) -> RequestRecord {
        RequestRecord { id: format!("r{id:02}"), ..RequestRecord::default() }
    }

    fn lane(folder: &std::path::Path, options: &SpoolOptions) -> Arc<Lane> {
        Arc::new(Lane::new(Arc::new(Spool::open(folder, options).unwrap())))
    }

    /// Appends rows 0…19 from tasks of one turn; what each was told.
    #[expect(clippy::disallowed_methods, reason = "a test awaits its tasks itself")]
    async fn append_twenty(lane: &Arc<Lane>) -> Vec<StoreResult<Ticket>> {
        let tasks: Vec<_> = (0..20)
            .map(|id| {
                let lane = Arc::clone(lane);
                tokio::spawn(async move { lane.settle(row(id)).await })
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }

    fn ids(lane: &Lane) -> Vec<String> {
        let mut reader = SpoolReader::new(Arc::clone(&lane.spool), None).unwrap();
        reader.next_batch(100).unwrap().settled.into_iter().map(|row| row.id).collect()
    }

    #[tokio::test]
    async fn rows_of_one_turn_stand_in_order_with_their_tickets() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(folder.path(), &SpoolOptions { headroom_bytes: 4096, ..SpoolOptions::default() });
        let tickets: Vec<_> = append_twenty(&lane).await.into_iter().map(|ticket| ticket.unwrap().0).collect();
        assert_eq!(tickets, (1..=20).collect::<Vec<u64>>());
        assert_eq!(ids(&lane), (0..20).map(|id| row(id).id).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_cancelled_first_one_still_writes_for_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(folder.path(), &SpoolOptions { headroom_bytes: 4096, ..SpoolOptions::default() });
        let mut first = Box::pin(lane.settle(row(0)));
        let mut turn = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(first.as_mut().poll(&mut turn).is_pending());
        let mut second = Box::pin(lane.settle(row(1)));
        assert!(second.as_mut().poll(&mut turn).is_pending());
        drop(first);
        assert!(second.await.is_ok());
        assert_eq!(ids(&lane), ["r00", "r01"]);
    }

    #[tokio::test]
    async fn what_finds_no_room_together_is_tried_alone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = SimulatedDisk::new(1 << 20);
        let options = SpoolOptions { headroom_bytes: 4096, disk: Some(disk.clone()), ..SpoolOptions::default() };
        let lane = lane(folder.path(), &options);
        disk.set_free(100);
        let results = append_twenty(&lane).await;
        let standing = results.iter().filter(|result| result.is_ok()).count();
        // Without room the headroom is given up; what that does not free either waits in memory.
        assert_eq!(ids(&lane).len(), standing);
        disk.set_free(1 << 20);
        lane.spool().maintain();
        assert_eq!(ids(&lane).len(), 20);
    }
}
