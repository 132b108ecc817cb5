//! The end of the spool, kept in memory: what this process has just written need not be read and parsed again.
//!
//! A cache and nothing else. What is not here (after a restart, or when the writer has fallen far behind) is read from the
//! segments; what is here stands there too, at the place that is noted with it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::frame::Passing;
use super::read::Position;

/// Records kept, some 20 MB of them. Beyond that nothing is added until the reader has taken them. Enough for what a machine
/// at its limit writes between two looks of the writer.
const MOST: usize = 16_384;

/// A record and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) start: Position,
    /// Offset behind it, in the same segment.
    pub(super) end: u64,
    pub(super) record: Passing,
}

/// Records in the order of the spool, some of which may be missing.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<Placed>>);

impl Recent {
    /// Keeps a record, if there is room.
    pub(super) fn keep(&self, placed: Placed) {
        let mut kept = self.lock();
        if kept.len() < MOST {
            kept.push_back(placed);
        }
    }

    /// Takes all that is kept into an empty queue, whose room the next records get.
    pub(super) fn take_into(&self, empty: &mut VecDeque<Placed>) {
        std::mem::swap(&mut *self.lock(), empty);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Placed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::{AttemptRecord, RequestRecord, Reservation};
    use crate::spool::{Lane, Spool, SpoolOptions, SpoolReader};

    fn row(id: usize) -> RequestRecord {
        RequestRecord {
            id: format!("r{id:05}"),
            model: "m".repeat(id % 50),
            created_at: 1_000 + i64::try_from(id).unwrap(),
            throughput_tps: id.is_multiple_of(3).then_some(id as f64 / 7.0),
            attempts: vec![AttemptRecord { n: 1, cost_nano: 7, ..AttemptRecord::default() }; id % 3],
            decision: id.is_multiple_of(2).then(|| format!("{{\"n\":{id},\"é\":\"\\n\"}}").into()),
            ..RequestRecord::default()
        }
    }

    fn spool(folder: &std::path::Path, segment_bytes: u64) -> Arc<Spool> {
        let options = SpoolOptions { segment_bytes, headroom_bytes: 4096, ..SpoolOptions::default() };
        Arc::new(Spool::open(folder, &options).unwrap())
    }

    fn read_all(reader: &mut SpoolReader, max_rows: usize) -> Vec<RequestRecord> {
        let mut rows = Vec::new();
        loop {
            let batch = reader.next_batch(max_rows).unwrap();
            let done = batch.records == 0;
            reader.committed(&batch).unwrap();
            rows.extend(batch.settled);
            if done {
                return rows;
            }
        }
    }

    /// Whoever writes (a lane, or a guard that cannot wait), however small the segments, however late the reader: each row
    /// comes once, in order, as it was written.
    #[tokio::test]
    async fn memory_and_file_together_give_every_row_once() {
        for (segment_bytes, batch, late) in [(900, 3, 1), (900, 200, 40), (1 << 20, 7, 13), (4_000, 1, 600)] {
            let folder = tempfile::tempdir().unwrap();
            let spool = spool(folder.path(), segment_bytes);
            let lane = Lane::new(Arc::clone(&spool));
            let mut reader = SpoolReader::new(Arc::clone(&spool), None).unwrap();
            let mut rows = Vec::new();
            for id in 0..600 {
                let reservation = Reservation { request_id: row(id).id.into(), at_ms: 5, ..Reservation::default() };
                match id % 5 {
                    0 => spool.reserve(&reservation).map(drop).unwrap(),
                    _ => lane.reserve(reservation).await.map(drop).unwrap(),
                }
                match id % 7 {
                    0 => spool.settle(&row(id)).map(drop).unwrap(),
                    _ => lane.settle(row(id)).await.map(drop).unwrap(),
                }
                if id % late == 0 {
                    rows.extend(read_all(&mut reader, batch));
                }
            }
            rows.extend(read_all(&mut reader, batch));
            assert_eq!(rows, (0..600).map(row).collect::<Vec<_>>(), "{segment_bytes} {batch} {late}");
            assert_eq!(spool.pending(), 0);
        }
    }

    /// Beyond the bound the file takes over, and memory again once the reader has caught up.
    #[tokio::test]
    async fn a_reader_far_behind_reads_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path(), 64 << 10);
        let lane = Lane::new(Arc::clone(&spool));
        let count = MOST + 1_000;
        for id in 0..count {
            lane.settle(row(id)).await.unwrap();
        }
        assert_eq!(spool.appender.recent.lock().len(), MOST);
        let mut reader = SpoolReader::new(Arc::clone(&spool), None).unwrap();
        let mut rows = read_all(&mut reader, 500);
        lane.settle(row(count)).await.unwrap();
        assert_eq!(spool.appender.recent.lock().len(), 1);
        rows.extend(read_all(&mut reader, 500));
        assert_eq!(rows, (0..=count).map(row).collect::<Vec<_>>());
    }

    /// The file is not even looked at.
    #[tokio::test]
    async fn what_is_in_memory_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path(), 1 << 20);
        let lane = Lane::new(Arc::clone(&spool));
        lane.settle(row(1)).await.unwrap();
        let (segment, length) = spool.appender.end();
        let path = crate::spool::segment::path_of(folder.path(), segment);
        std::fs::write(&path, vec![0; usize::try_from(length).unwrap()]).unwrap();
        let mut reader = SpoolReader::new(Arc::clone(&spool), None).unwrap();
        assert_eq!(reader.next_batch(10).unwrap().settled, [row(1)]);
    }
}
