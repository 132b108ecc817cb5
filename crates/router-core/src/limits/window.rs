//! A sliding window that never lets through more than its limit in *any* span of its length.
//!
//! Why not GCRA or fixed buckets: GCRA with a burst of N lets nearly 2 N through in one minute, and so do
//! buckets that turn over. Here each event is kept with its time, exactly, until there are more than
//! [`MOST_ENTRIES`] different times; then those inside the same 1/256 of the window are merged into one that
//! carries the latest of their times. Merged events leave the window at most length/256 late (0.23 s of a
//! minute), never early, so the limit holds in all cases. Memory is bounded by 16 KiB a window, and an unused
//! one has none.

use std::collections::VecDeque;

/// Different times kept before merging.
const MOST_ENTRIES: usize = 1_024;
/// Parts of the window into which merging rounds.
const PARTS: u64 = 256;

/// Amounts (requests, tokens) over a sliding span of time.
#[derive(Clone, Debug)]
pub struct SlidingWindow {
    length_ms: u64,
    /// Ascending by time.
    entries: VecDeque<(u64, u64)>,
    sum: u64,
    /// Time never goes back.
    latest_ms: u64,
}

impl SlidingWindow {
    /// A window of that many milliseconds, at least one.
    #[must_use]
    pub fn new(length_ms: u64) -> Self {
        Self { length_ms: length_ms.max(1), entries: VecDeque::new(), sum: 0, latest_ms: 0 }
    }

    /// What is in the window that ends at `now_ms`.
    pub fn used(&mut self, now_ms: u64) -> u64 {
        self.forget(now_ms);
        self.sum
    }

    /// Adds an amount whether it fits or not. Returns the time under which it is kept, for [`Self::correct`].
    pub fn add(&mut self, amount: u64, now_ms: u64) -> u64 {
        let now_ms = self.forget(now_ms);
        if amount == 0 {
            return now_ms;
        }
        self.sum = self.sum.saturating_add(amount);
        match self.entries.back_mut().filter(|last| last.0 == now_ms) {
            Some(last) => last.1 = last.1.saturating_add(amount),
            None => self.entries.push_back((now_ms, amount)),
        }
        if self.entries.len() > MOST_ENTRIES {
            self.merge();
        }
        now_ms
    }

    /// Replaces an amount that was added at `at_ms` by another, as long as it is in the window.
    pub fn correct(&mut self, at_ms: u64, was: u64, is: u64, now_ms: u64) {
        self.forget(now_ms);
        // merging keeps the latest time, so the entry that holds it is the first at or after that time
        let place = self.entries.partition_point(|entry| entry.0 < at_ms);
        let Some(entry) = self.entries.get_mut(place) else { return };
        if at_ms.saturating_add(self.length_ms) <= self.latest_ms {
            return; // left already; the entry found is another's
        }
        self.sum = self.sum.saturating_sub(entry.1);
        entry.1 = entry.1.saturating_sub(was).saturating_add(is);
        self.sum = self.sum.saturating_add(entry.1);
    }

    /// Milliseconds until `amount` fits under `limit`: zero if it fits now, `None` if it never will.
    pub fn wait(&mut self, amount: u64, limit: u64, now_ms: u64) -> Option<u64> {
        let now_ms = self.forget(now_ms);
        if amount > limit {
            return None;
        }
        let mut surplus = self.sum.saturating_add(amount).saturating_sub(limit);
        if surplus == 0 {
            return Some(0);
        }
        for &(at_ms, held) in &self.entries {
            surplus = surplus.saturating_sub(held);
            if surplus == 0 {
                return Some((at_ms + self.length_ms).saturating_sub(now_ms));
            }
        }
        Some(self.length_ms)
    }

    /// Milliseconds until the window is empty.
    pub fn empty_in(&mut self, now_ms: u64) -> u64 {
        let now_ms = self.forget(now_ms);
        self.entries.back().map_or(0, |&(at_ms, _)| (at_ms + self.length_ms).saturating_sub(now_ms))
    }

    /// Drops what has left the window and returns the time that counts as now.
    fn forget(&mut self, now_ms: u64) -> u64 {
        self.latest_ms = self.latest_ms.max(now_ms);
        while let Some(&(at_ms, amount)) = self.entries.front() {
            if at_ms.saturating_add(self.length_ms) > self.latest_ms {
                break;
            }
            self.sum = self.sum.saturating_sub(amount);
            self.entries.pop_front();
        }
        self.latest_ms
    }

    fn merge(&mut self) {
        let part = (self.length_ms / PARTS).max(1);
        let mut merged: VecDeque<(u64, u64)> = VecDeque::with_capacity(MOST_ENTRIES / 2);
        for &(at_ms, amount) in &self.entries {
            match merged.back_mut().filter(|last| last.0 / part == at_ms / part) {
                Some(last) => *last = (at_ms, last.1.saturating_add(amount)),
                None => merged.push_back((at_ms, amount)),
            }
        }
        self.entries = merged;
    }
}
