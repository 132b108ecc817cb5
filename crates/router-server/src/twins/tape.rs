//! An answer while it comes and afterwards: written once, read by every client that asked for it, each at its own pace.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::response::Parts;
use tokio::sync::Notify;

use crate::http::intake::BodyPermit;

/// Largest answer that is held whole. A larger one is passed on to those who read it by then, and not kept.
pub(super) const MOST_OF_ONE: usize = 8 * 1024 * 1024;
/// Frames that the slowest reader of an answer that is not held may be behind.
const WINDOW: usize = 8;

/// An answer, as far as it has come.
#[derive(Debug)]
pub struct Tape {
    /// Id of the request that was sent for it.
    request: String,
    state: Mutex<State>,
    /// Something was written, or read where a writer may wait for that.
    moved: Notify,
}

#[derive(Debug)]
struct State {
    head: Option<Head>,
    frames: VecDeque<Bytes>,
    /// Frames before the first of `frames`: read by all, and let go.
    gone: usize,
    /// Which frame each reader takes next.
    readers: BTreeMap<u64, usize>,
    next_reader: u64,
    /// The answer is held from its first byte on.
    held: bool,
    memory: BodyPermit,
    bytes: usize,
    /// The request succeeded and is booked.
    good: bool,
    ended: bool,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// Status and headers.
    pub parts: Parts,
    /// The body is one piece.
    pub whole: bool,
}

/// What became of a frame that was offered.
#[derive(Debug, PartialEq, Eq)]
enum Offered {
    Taken,
    /// A reader has to read first.
    Wait,
    /// Nobody will ever read it.
    Nobody,
}

impl Tape {
    /// An empty one; what it holds counts in `memory`.
    pub(super) fn new(request: String, memory: BodyPermit) -> Arc<Self> {
        let state = State {
            head: None,
            frames: VecDeque::new(),
            gone: 0,
            readers: BTreeMap::new(),
            next_reader: 0,
            held: true,
            memory,
            bytes: 0,
            good: false,
            ended: false,
        };
        Arc::new(Self { request, state: Mutex::new(state), moved: Notify::new() })
    }

    /// A whole answer, which `memory` has room for.
    pub(super) fn of(request: String, memory: BodyPermit, head: Head, body: Bytes) -> Arc<Self> {
        let tape = Self::new(request, memory);
        tape.change(|state| {
            state.head = Some(head);
            state.frames = [body].into_iter().filter(|body| !body.is_empty()).collect();
            (state.good, state.ended) = (true, true);
        });
        tape
    }

    /// Id of the request whose answer this is.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Notes that the request succeeded and is booked: its answer is worth keeping once it has ended.
    pub fn succeeded(&self) {
        self.lock().good = true;
    }

    /// Writes the head.
    pub(super) fn begin(&self, head: Head) {
        self.change(|state| state.head = Some(head));
    }

    /// Writes a frame. Of an answer that is too large to be held, only once the slowest reader is near. `false`: nobody reads
    /// it any more, and nobody ever will.
    pub(super) async fn push(&self, frame: Bytes) -> bool {
        loop {
            let moved = self.moved.notified();
            let offered = self.lock().offer(&frame);
            match offered {
                Offered::Taken => {
                    self.moved.notify_waiters();
                    return true;
                }
                Offered::Nobody => return false,
                Offered::Wait => moved.await,
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// A reader, from the first byte on; `None` if that is no longer held.
    pub(super) fn reader(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        let id = state.next_reader;
        state.held.then(|| {
            state.next_reader += 1;
            state.readers.insert(id, 0);
            Reader { tape: Arc::clone(self), id }
        })
    }

    /// The whole answer, if it has ended, and well, and is held: head and body.
    pub(super) fn whole(&self) -> Option<(Head, Bytes)> {
        let state = self.lock();
        let head = state.head.clone().filter(|_| state.good && state.held && state.ended)?;
        // Anew, in one piece: frames are parts of larger buffers, which they would keep alive.
        let mut body = Vec::with_capacity(state.bytes);
        state.frames.iter().for_each(|frame| body.extend_from_slice(frame));
        Some((head, body.into()))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.moved.notify_waiters();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn offer(&mut self, frame: &Bytes) -> Offered {
        let fits = self.bytes.saturating_add(frame.len()) <= MOST_OF_ONE;
        self.held = self.held && fits && self.memory.grow(frame.len());
        if !self.held {
            let Some(slowest) = self.readers.values().min().copied() else { return Offered::Nobody };
            while self.gone < slowest && self.frames.pop_front().is_some() {
                self.gone += 1;
            }
            if self.frames.len() >= WINDOW {
                return Offered::Wait;
            }
        }
        self.bytes = self.bytes.saturating_add(frame.len());
        self.frames.push_back(frame.clone());
        Offered::Taken
    }
}

/// Reads an answer from its beginning.
#[derive(Debug)]
pub struct Reader {
    tape: Arc<Tape>,
    id: u64,
}

impl Reader {
    /// Whose answer it is: the id of the request that was sent for it.
    pub fn request(&self) -> &str {
        self.tape.request()
    }

    /// Waits for the head. `None`: the request was given up before it had an answer.
    pub async fn head(&self) -> Option<Head> {
        self.when(|state| match (&state.head, state.ended) {
            (Some(head), _) => Some(Some(head.clone())),
            (None, ended) => ended.then_some(None),
        })
        .await
    }

    /// Waits for the next frame; `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        let id = self.id;
        self.when(|state| {
            let at = state.readers.get_mut(&id)?;
            match state.frames.get(at.saturating_sub(state.gone)) {
                Some(frame) => {
                    *at += 1;
                    Some(Some(frame.clone()))
                }
                None => state.ended.then_some(None),
            }
        })
        .await
    }

    async fn when<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let moved = self.tape.moved.notified();
            let found = {
                let mut state = self.tape.lock();
                let found = look(&mut state);
                if found.is_some() && !state.held {
                    self.tape.moved.notify_waiters();
                }
                found
            };
            match found {
                Some(found) => return found,
                None => moved.await,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tape.change(|state| state.readers.remove(&self.id));
    }
}
