//! Who may run now: a bounded number of requests, and behind it a bounded queue that serves client keys in turn.
//!
//! Pure arithmetic; the server holds it in a mutex and does the waiting. `W` is whatever wakes a waiter.

use std::collections::{HashMap, VecDeque};

/// Bounds of the whole router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Requests that run at a time.
    pub max_in_flight: usize,
    /// Requests that wait.
    pub queue: usize,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self { max_in_flight: 1_000, queue: 1_000 }
    }
}

/// A waiter's place; needed to leave the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    key: u64,
    number: u64,
}

/// What happens to a request that arrives.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// It runs. Call [`Admission::leave`] when it ends.
    Run,
    /// It waits until [`Admission::leave`] hands out its waker, or leaves with [`Admission::abandon`].
    Wait(Place),
    /// The queue is full: 503 `overloaded`.
    Shed,
}

/// The permits and the queue.
#[derive(Debug)]
pub struct Admission<W> {
    config: AdmissionConfig,
    running: usize,
    waiting: usize,
    /// First come, first served within a key.
    queues: HashMap<u64, VecDeque<(u64, W)>>,
    /// The keys that have waiters, in the order of their turns.
    turns: VecDeque<u64>,
    next_number: u64,
}

impl<W> Admission<W> {
    /// All permits free.
    #[must_use]
    pub fn new(config: AdmissionConfig) -> Self {
        Self { config, running: 0, waiting: 0, queues: HashMap::new(), turns: VecDeque::new(), next_number: 0 }
    }

    /// Takes over changed bounds; what runs or waits stays. Returns waiters that may run now.
    pub fn configure(&mut self, config: AdmissionConfig) -> Vec<W> {
        self.config = config;
        let mut woken = Vec::new();
        while self.running < self.config.max_in_flight {
            let Some(waker) = self.next() else { break };
            self.running += 1;
            woken.push(waker);
        }
        woken
    }

    /// A request of client key `key` (any stable number) arrives. `waker` is made only if it has to wait. One
    /// key's waiters never fill more than their share of the queue: all of it while no other key waits, half
    /// with one other, and so on. A key without a waiter still gets a place in a full queue, so that one client
    /// cannot lock the others out; more than twice the queue never waits.
    pub fn enter(&mut self, key: u64, waker: impl FnOnce() -> W) -> Entry {
        if self.running < self.config.max_in_flight && self.waiting == 0 {
            self.running += 1;
            return Entry::Run;
        }
        let own = self.queues.get(&key).map_or(0, VecDeque::len);
        let others = self.turns.len() - usize::from(own > 0);
        let share = self.config.queue.div_ceil(others + 1);
        let places = if own == 0 { self.config.queue.saturating_mul(2) } else { self.config.queue };
        if own >= share || self.waiting >= places {
            return Entry::Shed;
        }
        let number = self.next_number;
        self.next_number += 1;
        if own == 0 {
            self.turns.push_back(key);
        }
        self.queues.entry(key).or_default().push_back((number, waker()));
        self.waiting += 1;
        Entry::Wait(Place { key, number })
    }

    /// A running request ended. If somebody waits, its permit passes to the waiter returned, which runs now (and
    /// whose end is again told by `leave`, also if it has gone away meanwhile).
    pub fn leave(&mut self) -> Option<W> {
        if self.running <= self.config.max_in_flight
            && let Some(waker) = self.next()
        {
            return Some(waker);
        }
        self.running = self.running.saturating_sub(1);
        None
    }

    /// A waiter gives up (time is over, the client left). `false`: it is not in the queue any more, so the
    /// permit is already its own and has to be given back with [`Self::leave`].
    pub fn abandon(&mut self, place: Place) -> bool {
        let Some(queue) = self.queues.get_mut(&place.key) else { return false };
        let Some(at) = queue.iter().position(|(number, _)| *number == place.number) else { return false };
        queue.remove(at);
        self.waiting -= 1;
        if queue.is_empty() {
            self.queues.remove(&place.key);
            self.turns.retain(|key| *key != place.key);
        }
        true
    }

    /// Requests that run.
    #[must_use]
    pub const fn running(&self) -> usize {
        self.running
    }

    /// Requests that wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    fn next(&mut self) -> Option<W> {
        let key = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&key)?;
        let (_, waker) = queue.pop_front()?;
        self.waiting -= 1;
        if queue.is_empty() {
            self.queues.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        Some(waker)
    }
}
