//! Requests that a client sends twice under one `idempotency-key`: the first is sent, the others get its answer.
//!
//! In memory, by client key and idempotency key. Whoever comes while the first one runs waits for it; whoever comes later gets the
//! answer that was kept, for [`KEPT_MS`] and as long as there is room: at most [`MOST`] answers and [`MEMORY`] bytes, the oldest go
//! first. Only answers of requests that succeeded are kept, so that a retry of a failed one is a new attempt. Answers are not written
//! to the disk: no body is, unless somebody asks for that.

mod tape;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::http::intake::BodyMemory;
use crate::kept::{Place, place};

pub use tape::{Head, Reader, Tape};

/// For how long an answer is kept, from the arrival of its request on.
pub const KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// Answers in memory.
pub const MOST: usize = 10_000;
/// Bytes of all answers together, those included that are still coming.
pub const MEMORY: usize = 64 * 1024 * 1024;
/// What an answer takes beside its body.
const OVERHEAD: usize = 2 * 1024;

/// What tells a request from another one under the same key: a digest of all that it asks for.
pub type Print = [u8; 32];

/// The requests that came with an idempotency key, and their answers.
#[derive(Debug)]
pub struct Twins {
    shelf: Mutex<Shelf>,
    memory: BodyMemory,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Place, Entry>,
    /// The answers that are kept, the oldest first.
    kept: VecDeque<(Place, Arc<Tape>)>,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    tape: Arc<Tape>,
    since_ms: u64,
}

/// A request with an idempotency key.
#[derive(Debug)]
pub struct Named<'a> {
    /// Id of the client key.
    pub owner: &'a str,
    /// The idempotency key.
    pub name: &'a [u8],
    /// What it asks for.
    pub print: Print,
    /// Its own id.
    pub request: &'a str,
    /// When it arrived; unix milliseconds.
    pub now_ms: u64,
}

/// What a request with an idempotency key is.
#[derive(Debug)]
pub enum Claimed {
    /// The first of its name: it has to be sent.
    First(Claim),
    /// The same as an earlier one, whose answer this reads.
    Twin(Reader),
    /// Not what was asked under this name before.
    Mismatch,
}

impl Default for Twins {
    fn default() -> Self {
        Self::new(MEMORY)
    }
}

impl Twins {
    /// With room for so many bytes.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        Self { shelf: Mutex::default(), memory: BodyMemory::new(memory) }
    }

    /// Whether this is the first request of its name.
    pub fn claim(self: &Arc<Self>, named: &Named<'_>) -> Claimed {
        let place = place(named.owner, named.name);
        let oldest_ms = named.now_ms.saturating_sub(KEPT_MS);
        let mut shelf = self.lock();
        shelf.forget_older_than(oldest_ms);
        if let Some(entry) = shelf.entries.get(&place).filter(|entry| entry.since_ms >= oldest_ms) {
            if entry.print != named.print {
                return Claimed::Mismatch;
            }
            // One that outgrew the memory is not to be had any more: it is sent again.
            if let Some(reader) = entry.tape.reader() {
                return Claimed::Twin(reader);
            }
        }
        let tape = Tape::new(named.request.to_owned(), self.memory.nothing());
        let entry = Entry { print: named.print, tape: Arc::clone(&tape), since_ms: named.now_ms };
        shelf.entries.insert(place, entry);
        Claimed::First(Claim { twins: Arc::clone(self), place, tape })
    }

    /// Lets the oldest answers go until there is room for so many bytes more.
    fn make_room(&self, bytes: usize) {
        while self.memory.free() < bytes {
            // Dropped after the lock: an answer may be large.
            let oldest = self.lock().pop();
            if oldest.is_none() {
                return;
            }
        }
    }

    /// Puts the whole answer in the place of the tape, or forgets it.
    fn settle(&self, place: &Place, tape: &Arc<Tape>) {
        let kept = tape.whole().and_then(|(head, body)| {
            let size = body.len().saturating_add(OVERHEAD);
            self.make_room(size);
            Some(Tape::of(tape.request().to_owned(), self.memory.take(size)?, head, body))
        });
        let mut shelf = self.lock();
        // Another one may have taken the place of a tape that outgrew the memory.
        let Some(entry) = shelf.entries.get_mut(place).filter(|entry| Arc::ptr_eq(&entry.tape, tape)) else { return };
        let Some(kept) = kept else {
            shelf.entries.remove(place);
            return;
        };
        entry.tape = Arc::clone(&kept);
        shelf.kept.push_back((*place, kept));
        if shelf.kept.len() > MOST {
            shelf.pop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn forget_older_than(&mut self, oldest_ms: u64) {
        while let Some((place, _)) = self.kept.front()
            && self.entries.get(place).is_none_or(|entry| entry.since_ms < oldest_ms)
        {
            self.pop();
        }
    }

    /// Lets the oldest kept answer go.
    fn pop(&mut self) -> Option<Arc<Tape>> {
        let (place, tape) = self.kept.pop_front()?;
        if self.entries.get(&place).is_some_and(|entry| Arc::ptr_eq(&entry.tape, &tape)) {
            self.entries.remove(&place);
        }
        Some(tape)
    }
}

/// The right and the duty to send a request. Dropped without an answer it gives the place to the next that comes, or waits.
#[derive(Debug)]
pub struct Claim {
    twins: Arc<Twins>,
    place: Place,
    tape: Arc<Tape>,
}

impl Claim {
    /// The answer as it comes.
    #[must_use]
    pub const fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// A reader for the client that asked first.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        self.tape.reader()
    }

    /// Writes the head of the answer.
    pub fn begin(&self, head: Head) {
        self.tape.begin(head);
    }

    /// Writes a part of the body. `false`: nobody will ever read it.
    pub async fn push(&self, frame: Bytes) -> bool {
        self.twins.make_room(frame.len());
        self.tape.push(frame).await
    }

    /// The answer is whole; if the request succeeded, it is kept.
    pub fn finish(self) {
        self.tape.end();
    }
}

impl Drop for Claim {
    /// Keeps what is worth it, and wakes whoever waits for an answer that will not come.
    fn drop(&mut self) {
        self.twins.settle(&self.place, &self.tape);
        self.tape.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, now_ms: u64) -> Named<'_> {
        Named { owner: "anna", name: name.as_bytes(), print: [1; 32], request: "r", now_ms }
    }

    fn first(twins: &Arc<Twins>, name: &str, now_ms: u64) -> Claim {
        let Claimed::First(claim) = twins.claim(&named(name, now_ms)) else { panic!("{name} is taken") };
        claim
    }

    fn is_kept(twins: &Arc<Twins>, name: &str, now_ms: u64) -> bool {
        matches!(twins.claim(&named(name, now_ms)), Claimed::Twin(_))
    }

    fn head() -> Head {
        Head { parts: http::Response::new(()).into_parts().0, whole: false }
    }

    async fn answer(twins: &Arc<Twins>, name: &str, now_ms: u64, body: &'static [u8]) {
        let claim = first(twins, name, now_ms);
        claim.begin(head());
        assert!(claim.push(Bytes::from_static(body)).await);
        claim.tape().succeeded();
        claim.finish();
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_a_day() {
        let twins = Arc::new(Twins::default());
        answer(&twins, "a", 5, b"one").await;
        let Claimed::Twin(mut reader) = twins.claim(&named("a", 5 + KEPT_MS)) else { panic!("gone too early") };
        assert_eq!((reader.request(), reader.head().await.is_some()), ("r", true));
        assert_eq!((reader.next().await, reader.next().await), (Some(Bytes::from_static(b"one")), None));
        assert!(matches!(twins.claim(&Named { print: [2; 32], ..named("a", 6) }), Claimed::Mismatch));
        assert!(matches!(twins.claim(&Named { owner: "bert", ..named("a", 6) }), Claimed::First(_)));
        assert!(!is_kept(&twins, "a", 6 + KEPT_MS));
    }

    #[tokio::test]
    async fn what_did_not_succeed_or_end_is_not_kept() {
        let twins = Arc::new(Twins::default());
        let failed = first(&twins, "a", 1);
        failed.begin(head());
        failed.finish();
        assert!(!is_kept(&twins, "a", 1));
        let cut = first(&twins, "a", 1);
        let Claimed::Twin(waiting) = twins.claim(&named("a", 1)) else { panic!("nobody has it") };
        cut.tape().succeeded();
        drop(cut);
        assert!(waiting.head().await.is_none(), "it hears that there will be none");
        assert!(!is_kept(&twins, "a", 1));
        assert_eq!(twins.memory.free(), MEMORY);
    }

    #[tokio::test]
    async fn the_oldest_goes_when_memory_or_shelf_is_full() {
        let twins = Arc::new(Twins::new(3 * OVERHEAD));
        for (name, now_ms) in [("a", 1), ("b", 2), ("c", 3)] {
            answer(&twins, name, now_ms, b"one").await;
        }
        assert_eq!(["a", "b", "c"].map(|name| is_kept(&twins, name, 4)), [false, true, true]);
        let twins = Arc::new(Twins::default());
        for number in 0..=MOST {
            answer(&twins, &number.to_string(), 1, b"").await;
        }
        assert_eq!(["0", "1"].map(|name| is_kept(&twins, name, 1)), [false, true]);
        assert_eq!(twins.lock().kept.len(), MOST);
    }

    #[tokio::test]
    async fn a_large_answer_waits_for_its_slowest_reader_and_is_nobodys_without_one() {
        const FRAME: Bytes = Bytes::from_static(&[0; 1024]);
        let twins = Arc::new(Twins::new(64 * 1024));
        let claim = first(&twins, "a", 1);
        let mut reader = claim.reader().unwrap();
        let mut pushed = 0;
        while let Some(true) = futures_util::FutureExt::now_or_never(claim.push(FRAME)) {
            pushed += 1;
        }
        assert_eq!(pushed, 64, "as much as fits");
        assert!(claim.reader().is_none(), "a newcomer would miss its beginning");
        let second = first(&twins, "a", 1);
        for _ in 0..57 {
            assert_eq!(reader.next().await, Some(FRAME));
        }
        assert!(futures_util::FutureExt::now_or_never(claim.push(FRAME)).is_some_and(|taken| taken));
        assert!(futures_util::FutureExt::now_or_never(claim.push(FRAME)).is_none());
        drop(reader);
        assert!(!claim.push(FRAME).await, "nobody will ever read it");
        drop(claim);
        assert!(is_kept(&twins, "a", 1), "the second holder of the name is not forgotten with the first");
        drop(second);
    }
}
