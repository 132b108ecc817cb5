//! Memory of bodies whose attempts run at a channel: one that hangs leaves memory for the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes. A body that is no larger is not counted: ten thousand of them are 40 MB, less than what others are left.
const SMALL: u64 = 4 * 1024;

/// Bytes of the larger bodies of the attempts that run at a channel.
#[derive(Debug, Default)]
pub struct Bodies(Arc<AtomicU64>);

/// What one running attempt takes of [`Bodies`]; given back when dropped.
#[derive(Debug)]
pub(super) struct Body(Option<(Arc<AtomicU64>, u64)>);

impl Bodies {
    /// Bytes that are counted now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a body of so many bytes; `None` if all of them would then be above `most`. A single one is let through however
    /// large it is: nobody else could serve it either.
    pub(super) fn enter(&self, bytes: u64, most: u64) -> Option<Body> {
        if bytes <= SMALL {
            return Some(Body(None));
        }
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let body = Body(Some((Arc::clone(&self.0), bytes)));
        (before == 0 || before.saturating_add(bytes) <= most).then_some(body)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some((of, bytes)) = self.0.take() {
            of.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}
