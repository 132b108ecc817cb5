//! Numbers of requests among those for the same target.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::hash64;

/// Cells; targets that share one only make each other's turns less regular.
const CELLS: usize = 1_024;

/// Counters of requests by the name that they ask for.
#[derive(Debug)]
pub struct Turns(Vec<AtomicU64>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..CELLS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Turns {
    /// The number of this request among those for the same target.
    #[must_use]
    pub fn next(&self, target: &str) -> u64 {
        let place = usize::try_from(hash64(target.as_bytes()) % CELLS as u64).unwrap_or(0);
        self.0.get(place).map_or(0, |cell| cell.fetch_add(1, Ordering::Relaxed))
    }
}
