//! Appending: the one thing that a request waits for. Encoding happens outside the lock, the write inside.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::frame::{Kind, Payload, encode};
use super::lane::Frame;
use super::medium::{Medium, is_full};
use super::read::Position;
use super::recent::{Placed, Recent};
use super::segment::path_of;
use super::{Durability, SpoolOptions, Ticket};
use crate::data_dir::private_file_options;
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// A thread's buffer that has grown beyond this is given back.
const KEEP_BUFFER: usize = 256 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The writing end of a spool.
#[derive(Debug)]
pub(super) struct Appender {
    folder: PathBuf,
    medium: Medium,
    segment_bytes: u64,
    headroom_bytes: u64,
    durability: Durability,
    state: Mutex<State>,
    /// Tells the syncing thread that there is something to sync.
    pub(super) appended_signal: Condvar,
    appended: AtomicU64,
    accepting: AtomicBool,
    pub(super) recent: Recent,
}

#[derive(Debug)]
pub(super) struct State {
    file: Arc<File>,
    number: u64,
    length: u64,
    /// Counts appends of this process; tickets are its values.
    pub(super) sequence: u64,
    /// Files with appends that no sync has covered. Used in `full` only.
    pub(super) unsynced: Vec<Arc<File>>,
    has_headroom: bool,
    /// Settlements and voids that found no room.
    parked: VecDeque<Vec<u8>>,
    pub(super) closing: bool,
}

impl Appender {
    pub(super) fn open(
        folder: &Path,
        number: u64,
        records: u64,
        medium: Medium,
        options: &SpoolOptions,
    ) -> StoreResult<Self> {
        let failed = |error| StoreError::caused(StoreErrorKind::SpoolFailed, "beginning a spool segment", error);
        let file = Arc::new(Medium::create(&path_of(folder, number)).map_err(failed)?);
        let has_headroom = fs::metadata(folder.join("headroom")).is_ok_and(|meta| meta.len() == options.headroom_bytes);
        let appender = Self {
            folder: folder.to_owned(),
            medium,
            segment_bytes: options.segment_bytes,
            headroom_bytes: options.headroom_bytes,
            durability: options.durability,
            state: Mutex::new(State {
                file,
                number,
                length: 0,
                sequence: 0,
                unsynced: Vec::new(),
                has_headroom,
                parked: VecDeque::new(),
                closing: false,
            }),
            appended_signal: Condvar::new(),
            appended: AtomicU64::new(records),
            accepting: AtomicBool::new(has_headroom),
            recent: Recent::default(),
        };
        appender.maintain();
        Ok(appender)
    }

    /// Appends one record.
    pub(super) fn append(&self, kind: Kind, payload: &impl Payload) -> StoreResult<Ticket> {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            encode(buffer, kind, payload)?;
            let ticket = self.append_frame(kind, buffer);
            if buffer.capacity() > KEEP_BUFFER {
                *buffer = Vec::new();
            }
            ticket
        })
    }

    /// Appends several frames that lie behind one another, in one write if all goes well, and says of each how it went.
    pub(super) fn append_all(&self, bytes: &[u8], frames: Vec<Frame>) -> Vec<StoreResult<Ticket>> {
        let mut state = self.lock();
        let at_once = frames.len() > 1
            && self.accepting.load(Ordering::Relaxed)
            && self.write_counted(&mut state, bytes, frames.len() as u64).is_ok();
        let mut rest = bytes;
        let first = state.sequence.saturating_sub(frames.len() as u64);
        let mut told = Vec::with_capacity(frames.len());
        for (place, Frame { kind, length, record }) in frames.into_iter().enumerate() {
            let Some((frame, behind)) = rest.split_at_checked(length) else { break };
            rest = behind;
            let written = match at_once {
                true => Ok(Ticket(first + place as u64 + 1)),
                false => self.append_locked(&mut state, kind, frame),
            };
            if written.is_ok() {
                let end = state.length - if at_once { rest.len() as u64 } else { 0 };
                let start = Position { segment: state.number, offset: end - length as u64 };
                self.recent.keep(Placed { start, end, record });
            }
            told.push(written);
        }
        told
    }

    fn append_frame(&self, kind: Kind, frame: &[u8]) -> StoreResult<Ticket> {
        self.append_locked(&mut self.lock(), kind, frame)
    }

    fn append_locked(&self, state: &mut State, kind: Kind, frame: &[u8]) -> StoreResult<Ticket> {
        if kind == Kind::Reserved && !self.accepting.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::SpoolFull, "the spool has no room for new requests"));
        }
        let written = match self.write(state, frame) {
            Err(error) if kind != Kind::Reserved && is_full(&error) && state.has_headroom => {
                self.release_headroom(state);
                self.write(state, frame)
            }
            other => other,
        };
        match written {
            Ok(()) => Ok(Ticket(state.sequence)),
            Err(error) => {
                if kind != Kind::Reserved {
                    state.parked.push_back(frame.to_owned());
                    self.accepting.store(false, Ordering::Relaxed);
                }
                let kind = if is_full(&error) { StoreErrorKind::SpoolFull } else { StoreErrorKind::SpoolFailed };
                Err(StoreError::caused(kind, "the spool cannot be written", error))
            }
        }
    }

    /// Writes a frame to the present segment, all or nothing.
    fn write(&self, state: &mut State, frame: &[u8]) -> io::Result<()> {
        self.write_counted(state, frame, 1)
    }

    /// Writes `count` frames to the present segment, all or nothing.
    fn write_counted(&self, state: &mut State, frame: &[u8], count: u64) -> io::Result<()> {
        if state.length > 0 && state.length + frame.len() as u64 > self.segment_bytes {
            // A new segment that cannot be begun (full disk) is no reason to refuse: the present one goes on.
            let _ = self.rotate(state);
        }
        if let Err(error) = self.medium.append(&state.file, frame) {
            // A part may stand there now. If it cannot be cut off, this segment ends here and the reader cuts it.
            if self.medium.truncate(&state.file, state.length).is_err() {
                let _ = self.rotate(state);
            }
            return Err(error);
        }
        state.length += frame.len() as u64;
        state.sequence += count;
        self.appended.fetch_add(count, Ordering::Relaxed);
        if self.durability == Durability::Full {
            self.appended_signal.notify_one();
        }
        Ok(())
    }

    fn rotate(&self, state: &mut State) -> io::Result<()> {
        let next = Medium::create(&path_of(&self.folder, state.number + 1))?;
        let before = std::mem::replace(&mut state.file, Arc::new(next));
        if self.durability == Durability::Full {
            state.unsynced.push(before);
        }
        state.number += 1;
        state.length = 0;
        Ok(())
    }

    fn release_headroom(&self, state: &mut State) {
        tracing::error!("the disk is full: spool headroom given up, new requests are refused");
        self.accepting.store(false, Ordering::Relaxed);
        state.has_headroom = self.medium.remove(&self.folder.join("headroom")).is_err();
    }

    /// Appends what waits, then makes headroom again; both only as far as there is room.
    pub(super) fn maintain(&self) {
        if self.is_accepting() {
            return;
        }
        let mut state = self.lock();
        while let Some(frame) = state.parked.pop_front() {
            if self.write(&mut state, &frame).is_err() {
                state.parked.push_front(frame);
                return;
            }
        }
        if state.has_headroom || self.make_headroom().is_ok() {
            state.has_headroom = true;
            self.accepting.store(true, Ordering::Relaxed);
            tracing::info!("spool headroom is there, requests are taken");
        }
    }

    /// Writes the file of zeros. Under the lock: nothing else can be taken meanwhile anyway.
    fn make_headroom(&self) -> io::Result<()> {
        let beside = self.folder.join("headroom.new");
        self.medium.remove(&beside)?;
        let file = private_file_options().append(true).create_new(true).open(&beside)?;
        let zeros = vec![0_u8; 256 << 10];
        let mut left = self.headroom_bytes;
        while left > 0 {
            let part = zeros.get(..usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len())).unwrap_or(&zeros);
            if let Err(error) = self.medium.append(&file, part) {
                self.medium.remove(&beside)?;
                return Err(error);
            }
            left -= part.len() as u64;
        }
        fs::rename(&beside, self.folder.join("headroom"))
    }

    /// Syncs every segment from the given one on, in the caller's thread.
    pub(super) fn sync_from(&self, first: u64) -> io::Result<()> {
        let last = self.lock().number;
        (first..=last).try_for_each(|number| File::open(path_of(&self.folder, number))?.sync_all())
    }

    /// The present segment and how much of it is written.
    pub(super) fn end(&self) -> (u64, u64) {
        let state = self.lock();
        (state.number, state.length)
    }

    /// What a sync has to cover now: the files, and the last ticket in them.
    pub(super) fn take_unsynced(state: &mut State) -> (Vec<Arc<File>>, u64) {
        let mut files = std::mem::take(&mut state.unsynced);
        files.push(Arc::clone(&state.file));
        (files, state.sequence)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether settlements wait for room.
    pub(super) fn has_parked(&self) -> bool {
        !self.is_accepting() && !self.lock().parked.is_empty()
    }

    pub(super) fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Relaxed)
    }

    pub(super) fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    pub(super) fn medium(&self) -> &Medium {
        &self.medium
    }
}
