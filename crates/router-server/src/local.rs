//! Shared values, counted by one thread alone.
//!
//! A request holds the snapshot and the router itself in a dozen places. Were all workers to count their holders in one
//! place, they would fight over that counter at every request.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::snapshot::ServerSnapshot;

/// A value that all threads share; clones are counted apart from those of other threads' [`Local`]s.
#[derive(Debug)]
#[expect(clippy::redundant_allocation, reason = "the outer count is the worker's own, the inner one everybody's")]
pub struct Local<T>(Arc<Arc<T>>);

impl<T> Local<T> {
    /// A count of its own for that value.
    #[must_use]
    pub fn new(shared: Arc<T>) -> Self {
        Self(Arc::new(shared))
    }

    /// Whether it is that very value.
    fn is(&self, shared: &Arc<T>) -> bool {
        Arc::ptr_eq(&*self.0, shared)
    }
}

impl<T> Clone for Local<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Local<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The present snapshot, for one worker. One that has been replaced lives until the worker's next request.
#[derive(Debug)]
pub struct Current(Mutex<Local<ServerSnapshot>>);

impl Current {
    /// The present snapshot.
    #[must_use]
    pub fn new(shared: &ArcSwap<ServerSnapshot>) -> Self {
        Self(Mutex::new(Local::new(shared.load_full())))
    }

    /// The present snapshot.
    pub fn get(&self, shared: &ArcSwap<ServerSnapshot>) -> Local<ServerSnapshot> {
        let present = shared.load();
        // Only this worker's thread comes here.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.is(&present) {
            *held = Local::new(Arc::clone(&present));
        }
        held.clone()
    }
}
