//! Reading: the one reader that hands records to the writer and deletes segments that nothing needs any more.
//!
//! A segment may go when the database has all of it, every older one is gone, and no request that began in it is still
//! running: its reservation must be found there if this process dies.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Spool;
use super::frame::Passing;
use super::recent::Placed;
use super::segment::{self, Found, SegmentReader, path_of};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::RequestRecord;

/// A place in the spool: everything before it has been taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// Records in order, and the place behind the last.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The terminal rows among them.
    pub(crate) settled: Vec<RequestRecord>,
    /// How many records of any kind.
    pub(crate) records: u64,
    pub(crate) end: Position,
    /// Whether more may be read at once.
    pub(crate) full: bool,
    /// With nothing left to read: how many records had been appended by then.
    reached: u64,
    oldest_ms: i64,
}

/// The reading end of a spool. There is one.
#[derive(Debug)]
pub(crate) struct SpoolReader {
    spool: Arc<Spool>,
    at: Position,
    current: Option<SegmentReader>,
    /// Up to where whole records of the current segment are known to stand. Asking costs a lock that requests need, or a
    /// system call, so it is asked only when all of them have been read.
    known_end: u64,
    /// Records that were taken from memory, still to come.
    recent: VecDeque<Placed>,
    /// Reservations of this process that have not ended: request id to segment.
    open: HashMap<String, u64>,
    open_in: BTreeMap<u64, usize>,
}

impl SpoolReader {
    /// A reader that begins where the database says that it stands. An unknown or impossible place means the beginning:
    /// taking a record over twice changes nothing.
    pub(crate) fn new(spool: Arc<Spool>, known: Option<Position>) -> StoreResult<Self> {
        let segments = segment::list(&spool.folder).map_err(failed)?;
        let oldest = segments.first().copied().unwrap_or(spool.first_segment);
        // A place in a segment of this very process cannot be known from before: the folder was restored from a copy.
        let at = known
            .filter(|known| known.segment < spool.first_segment && segments.contains(&known.segment))
            .unwrap_or(Position { segment: oldest, offset: 0 });
        let mut reader = Self {
            spool,
            at: Position { segment: oldest, offset: 0 },
            current: None,
            known_end: 0,
            recent: VecDeque::new(),
            open: HashMap::new(),
            open_in: BTreeMap::new(),
        };
        // What lies before the known place is in the database already: count it off.
        let mut skipped = 0;
        while reader.at < at {
            let Some((_, behind)) = reader.next_record(Some(at))? else { break };
            skipped += 1;
            reader.at.offset = behind;
        }
        reader.spool.drained.fetch_add(skipped, Ordering::Relaxed);
        Ok(reader)
    }

    /// The next records: at most `max_rows` terminal rows, and at most eight times as many records.
    pub(crate) fn next_batch(&mut self, max_rows: usize) -> StoreResult<Batch> {
        let appended = self.spool.appended();
        let mut batch = Batch { end: self.at, ..Batch::default() };
        while batch.settled.len() < max_rows && batch.records < 8 * max_rows as u64 {
            let Some((record, behind)) = self.next_record(None)? else {
                batch.reached = appended;
                batch.end = self.at;
                return Ok(self.noted(batch));
            };
            self.at.offset = behind;
            batch.end = self.at;
            batch.records += 1;
            if batch.oldest_ms == 0 {
                batch.oldest_ms = match &record {
                    Passing::Reserved { at_ms, .. } => *at_ms,
                    Passing::Settled(record) => record.ended_at(),
                    Passing::Voided { .. } => 0,
                };
            }
            self.follow(&record);
            if let Passing::Settled(record) = record {
                batch.settled.push(record.bounded());
            }
        }
        batch.full = true;
        Ok(self.noted(batch))
    }

    /// To be called when the database holds the batch: counts it off and deletes what is no longer needed.
    pub(crate) fn committed(&mut self, batch: &Batch) -> StoreResult<()> {
        self.spool.drained.fetch_add(batch.records, Ordering::Relaxed);
        // Records that damage has swallowed are not pending for ever.
        self.spool.drained.fetch_max(batch.reached, Ordering::Relaxed);
        self.spool.oldest_ms.store(0, Ordering::Relaxed);
        for number in segment::list(&self.spool.folder).map_err(failed)? {
            // A settlement that waits for room may belong to a reservation of an earlier process.
            let earlier = number < self.spool.first_segment && self.spool.appender.has_parked();
            let running = self.open_in.get(&number).is_some_and(|open| *open > 0);
            if number >= batch.end.segment || running || earlier {
                break;
            }
            self.spool.appender.medium().remove(&path_of(&self.spool.folder, number)).map_err(failed)?;
            self.open_in.remove(&number);
        }
        Ok(())
    }

    fn noted(&self, batch: Batch) -> Batch {
        self.spool.oldest_ms.store(batch.oldest_ms, Ordering::Relaxed);
        batch
    }

    /// The next readable record and the offset behind it; `None` when there is none yet (or none before `stop`).
    fn next_record(&mut self, stop: Option<Position>) -> StoreResult<Option<(Passing, u64)>> {
        loop {
            if stop.is_none()
                && let Some(remembered) = self.remembered()
            {
                return Ok(Some(remembered));
            }
            let at = self.at;
            let stop_here = stop.filter(|stop| stop.segment == at.segment);
            let limit = stop_here.map_or(self.known_end, |stop| self.known_end.min(stop.offset));
            let found = match &mut self.current {
                Some(current) if at.offset < limit => current.next(limit).map_err(failed)?,
                _ => Found::End,
            };
            match found {
                Found::Record(record, behind) => return Ok(Some((record, behind))),
                Found::Damage(bytes, behind) => {
                    if segment::quarantine(&self.spool.folder, at.segment, at.offset, &bytes)? {
                        self.spool.count_quarantined();
                    }
                    self.at.offset = behind;
                }
                Found::Torn | Found::End => match self.look_further()? {
                    Further::More => {}
                    Further::NextSegment(active) if stop_here.is_none() => self.advance(active)?,
                    Further::NextSegment(_) | Further::Nothing => return Ok(None),
                },
            }
        }
    }

    /// The record at the present place, if it is in memory.
    fn remembered(&mut self) -> Option<(Passing, u64)> {
        if self.recent.is_empty() {
            self.spool.appender.recent.take_into(&mut self.recent);
        }
        while self.recent.front()?.start < self.at {
            self.recent.pop_front();
        }
        let here = self.recent.pop_front_if(|placed| placed.start == self.at)?;
        // The file is not read along: it is opened anew where memory ends.
        self.current = None;
        self.known_end = 0;
        Some((here.record, here.end))
    }

    /// What comes when all known records of the current segment have been read.
    fn look_further(&mut self) -> StoreResult<Further> {
        let (active, written) = self.spool.appender.end();
        let at = self.at;
        let current = match &mut self.current {
            Some(current) => current,
            empty => match SegmentReader::open(&self.spool.folder, at.segment, at.offset) {
                Ok(opened) => empty.insert(opened),
                Err(error) if error.kind() == io::ErrorKind::NotFound && at.segment < active => {
                    return Ok(Further::NextSegment(active));
                }
                Err(error) => return Err(failed(error)),
            },
        };
        let end = if at.segment == active { written } else { current.file_length().map_err(failed)? };
        let before = std::mem::replace(&mut self.known_end, end);
        Ok(match () {
            () if end > before => Further::More,
            () if at.segment < active => Further::NextSegment(active),
            () => Further::Nothing,
        })
    }

    /// Goes on to the next segment that exists.
    fn advance(&mut self, active: u64) -> StoreResult<()> {
        let numbers = segment::list(&self.spool.folder).map_err(failed)?;
        let next = numbers.into_iter().find(|number| *number > self.at.segment).unwrap_or(active);
        self.at = Position { segment: next, offset: 0 };
        self.current = None;
        self.known_end = 0;
        Ok(())
    }

    fn follow(&mut self, record: &Passing) {
        // Reservations of earlier processes are settled in this process's first segment, synced: nothing of theirs is open.
        let ended = match record {
            Passing::Reserved { .. } if self.at.segment < self.spool.first_segment => return,
            Passing::Reserved { request_id, .. } => {
                if self.open.insert(request_id.clone(), self.at.segment).is_none() {
                    *self.open_in.entry(self.at.segment).or_default() += 1;
                }
                return;
            }
            Passing::Settled(record) => &record.id,
            Passing::Voided { request_id } => request_id,
        };
        if let Some(open) = self.open.remove(ended).and_then(|segment| self.open_in.get_mut(&segment)) {
            *open = open.saturating_sub(1);
        }
    }
}

/// What there is behind the records that are known.
enum Further {
    More,
    /// This segment is over; requests write to that one.
    NextSegment(u64),
    Nothing,
}

fn failed(error: io::Error) -> StoreError {
    StoreError::caused(StoreErrorKind::SpoolFailed, "reading the spool", error)
}
