//! Who may run now: the waiting around the core's admission arithmetic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use router_core::admission::{Admission, AdmissionConfig, Entry, Place};
use tokio::sync::oneshot;

/// The gate of the whole router.
#[derive(Debug)]
pub struct Gate {
    admission: Mutex<Admission<oneshot::Sender<()>>>,
    patience: Duration,
}

/// Why a request does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The queue is full.
    QueueFull,
    /// It waited for its whole time.
    QueueTimeout,
}

impl Turned {
    /// The word of the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
        }
    }
}

/// A running request; the next in the queue runs when it is dropped.
#[derive(Debug)]
pub struct GatePermit(Arc<Gate>);

impl Drop for GatePermit {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Gate {
    /// A gate. `patience` is the longest wait.
    #[must_use]
    pub fn new(config: AdmissionConfig, patience: Duration) -> Arc<Self> {
        Arc::new(Self { admission: Mutex::new(Admission::new(config)), patience })
    }

    /// Waits for a permit, at most for the gate's patience. `key` is any stable number of the client key.
    ///
    /// # Errors
    /// [`Turned`] if there is no room.
    pub async fn enter(self: &Arc<Self>, key: u64) -> Result<GatePermit, Turned> {
        let mut woken = None;
        let entry = self.lock().enter(key, || {
            let (waker, wait) = oneshot::channel();
            woken = Some(wait);
            waker
        });
        let place = match entry {
            Entry::Run => return Ok(GatePermit(Arc::clone(self))),
            Entry::Shed => return Err(Turned::QueueFull),
            Entry::Wait(place) => place,
        };
        let mut waiting = Waiting { gate: self, place: Some(place) };
        let Some(woken) = woken else { return Err(Turned::QueueFull) };
        match tokio::time::timeout(self.patience, woken).await {
            Ok(Ok(())) => {
                waiting.place = None;
                Ok(GatePermit(Arc::clone(self)))
            }
            _ => Err(Turned::QueueTimeout),
        }
    }

    /// Requests that run, and requests that wait.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let admission = self.lock();
        (admission.running(), admission.waiting())
    }

    fn leave(&self) {
        // A waiter that has gone meanwhile gives its permit on.
        let mut next = self.lock().leave();
        while let Some(waker) = next {
            if waker.send(()).is_ok() {
                return;
            }
            next = self.lock().leave();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Admission<oneshot::Sender<()>>> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the queue if the wait ends in any other way than with a permit: time over, or the client gone.
struct Waiting<'a> {
    gate: &'a Gate,
    place: Option<Place>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let in_queue = self.gate.lock().abandon(place);
        if !in_queue {
            self.gate.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(max_in_flight: usize, queue: usize) -> Arc<Gate> {
        Gate::new(AdmissionConfig { max_in_flight, queue }, Duration::from_secs(2))
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_runs_when_a_permit_is_dropped() {
        let gate = gate(1, 1);
        let first = gate.enter(1).await.unwrap();
        let mut waiter = Box::pin(gate.enter(2));
        assert!(futures_util::poll!(&mut waiter).is_pending());
        assert_eq!(gate.load(), (1, 1));
        drop(first);
        assert_eq!(waiter.await.map(drop), Ok(()));
        assert_eq!(gate.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_bounded_in_number_and_time_and_leak_nothing() {
        let gate = gate(1, 1);
        let first = gate.enter(1).await.unwrap();
        let mut waiter = Box::pin(gate.enter(1));
        assert!(futures_util::poll!(&mut waiter).is_pending());
        assert_eq!(gate.enter(1).await.err(), Some(Turned::QueueFull));
        assert_eq!(waiter.await.err(), Some(Turned::QueueTimeout));
        let mut gone = Box::pin(gate.enter(1));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(first);
        drop(gone);
        assert_eq!(gate.load(), (0, 0), "a waiter that left with its permit gave it back");
    }
}
