//! Reads a request's body: bounded in size, in time, and in the memory that all bodies take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

/// Memory for request bodies in all, bytes.
pub const BODY_MEMORY: usize = 192 * 1024 * 1024;

/// Memory for bodies, shared by all workers.
#[derive(Clone, Debug)]
pub struct BodyMemory {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// A part of the [`BodyMemory`], given back when dropped.
#[derive(Debug)]
pub struct BodyPermit {
    memory: BodyMemory,
    size: usize,
}

impl BodyMemory {
    /// Room for `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    /// Bytes that bodies take now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that are left.
    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// A permit for nothing, which may grow.
    pub(crate) fn nothing(&self) -> BodyPermit {
        BodyPermit { memory: self.clone(), size: 0 }
    }

    /// So many bytes, if they are left.
    pub(crate) fn take(&self, size: usize) -> Option<BodyPermit> {
        let mut permit = self.nothing();
        permit.grow(size).then_some(permit)
    }
}

impl BodyPermit {
    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Takes so many bytes more. `false`: there is no room for them, and the permit is as it was.
    pub(crate) fn grow(&mut self, size: usize) -> bool {
        let before = self.memory.used.fetch_add(size, Ordering::Relaxed);
        let fits = before.saturating_add(size) <= self.memory.limit;
        if fits {
            self.size += size;
        } else {
            self.memory.used.fetch_sub(size, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// Bounds of one body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Bytes.
    pub max_bytes: usize,
    /// For the whole body.
    pub total: Duration,
    /// After this long a body must have come at [`MIN_RATE`] at least.
    pub patience: Duration,
}

/// Bytes a second that a body must reach after its first seconds.
const MIN_RATE: u64 = 1024;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Larger than a request may be.
    TooLarge,
    /// No memory for it at the moment.
    NoMemory,
    /// Too slow.
    TooSlow,
    /// The client left or broke HTTP.
    Broken,
}

/// Reads the body. A body that came in one piece is not copied.
///
/// # Errors
/// As [`BodyError`].
pub async fn read(body: Incoming, limits: BodyLimits, memory: &BodyMemory) -> Result<(Bytes, BodyPermit), BodyError> {
    let (bytes, permit, _) = read_head(body, limits, memory, usize::MAX, |_| None::<()>).await?;
    Ok((bytes, permit))
}

/// What [`read_head`] gives: the bytes, what they take of the memory, and what was found in them with the rest of the body.
pub type Head<T> = (Bytes, BodyPermit, Option<(T, Incoming)>);

/// Reads the head of a body: from `enough` bytes on, as soon as `found` has what it looks for. A smaller body, or one in which
/// that is not found, is read whole.
///
/// # Errors
/// As [`BodyError`].
pub async fn read_head<T>(
    body: Incoming,
    limits: BodyLimits,
    memory: &BodyMemory,
    enough: usize,
    found: impl Fn(&[u8]) -> Option<T>,
) -> Result<Head<T>, BodyError> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|size| size > limits.max_bytes as u64) {
        return Err(BodyError::TooLarge);
    }
    let expected = announced.and_then(|size| usize::try_from(size).ok()).unwrap_or(0).min(enough);
    let permit = memory.take(expected).ok_or(BodyError::NoMemory)?;
    let read = collect(body, permit, (expected, enough), limits, found);
    tokio::time::timeout(limits.total, read).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn collect<T>(
    mut body: Incoming,
    mut permit: BodyPermit,
    (expected, mut enough): (usize, usize),
    limits: BodyLimits,
    found: impl Fn(&[u8]) -> Option<T>,
) -> Result<Head<T>, BodyError> {
    let mut whole = BytesMut::new();
    let mut started = None;
    loop {
        let Some(frame) = body.frame().await else { return Ok((whole.freeze(), permit, None)) };
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if whole.len() + data.len() > limits.max_bytes {
            return Err(BodyError::TooLarge);
        }
        if whole.is_empty() && body.is_end_stream() {
            return if data.len() <= expected || permit.grow(data.len() - expected) {
                Ok((data, permit, None))
            } else {
                Err(BodyError::NoMemory)
            };
        }
        if whole.len() + data.len() > permit.size && !permit.grow(whole.len() + data.len() - permit.size) {
            return Err(BodyError::NoMemory);
        }
        if whole.is_empty() {
            whole.reserve(expected.max(data.len()));
        }
        whole.extend_from_slice(&data);
        if whole.len() >= enough && !body.is_end_stream() {
            if let Some(found) = found(&whole) {
                return Ok((whole.freeze(), permit, Some((found, body))));
            }
            // Not after each frame: to look takes as long as what is there is long.
            enough = whole.len().saturating_mul(2);
        }
        let elapsed = started.get_or_insert_with(tokio::time::Instant::now).elapsed();
        if elapsed > limits.patience && (whole.len() as u64) < elapsed.as_secs() * MIN_RATE {
            return Err(BodyError::TooSlow);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_whatever_happens() {
        let memory = BodyMemory::new(100);
        let first = memory.take(60).unwrap();
        assert!(memory.take(60).is_none());
        let mut second = memory.take(40).unwrap();
        assert!(!second.grow(1));
        drop(first);
        drop(second);
        assert_eq!(memory.used(), 0);
    }
}
