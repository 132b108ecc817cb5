//! A reservation is a ticket: it is settled, voided, or, if it is only dropped, posted in full.

use super::ledger::Place;
use super::{Exceeded, Ledger, PeriodId, ScopeId};
use crate::money::Nano;

/// One counter that a [`LedgerDelta`] changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Whose.
    pub scope: ScopeId,
    /// Which day or month: the one in which the request started.
    pub period: PeriodId,
}

/// What the end of a reservation changed in the books: the journal's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerDelta {
    /// The counters; `spent` was added to each of them.
    pub postings: Vec<Posting>,
    /// What had been reserved and is released.
    pub reserved: Nano,
    /// What was posted.
    pub spent: Nano,
    /// More was spent than reserved: posted in full, to be flagged and alerted.
    pub overrun: bool,
    /// Nobody settled it: posted at the reserved amount.
    pub orphaned: bool,
}

/// Money held in the ledger for one request. Ends with [`settle`](Self::settle) or [`void`](Self::void).
/// Dropped without either, it posts its full amount and reports itself ([`Ledger::take_orphans`]): a fault of
/// ours must never make a request free.
#[derive(Debug)]
#[must_use = "a dropped reservation is posted in full"]
pub struct Reservation {
    ledger: Ledger,
    places: Vec<Place>,
    amount: Nano,
    open: bool,
}

impl Reservation {
    pub(super) const fn new(ledger: Ledger, places: Vec<Place>, amount: Nano) -> Self {
        Self { ledger, places, amount, open: true }
    }

    /// What is held.
    #[must_use]
    pub const fn amount(&self) -> Nano {
        self.amount
    }

    /// Raises the amount held to `total`, everywhere or nowhere: for a dearer candidate, or after a failed
    /// attempt that cost something. Never lowers it.
    ///
    /// # Errors
    /// The budget into which the rest does not fit; the reservation stays as it was.
    pub fn raise_to(&mut self, total: Nano) -> Result<(), Box<Exceeded>> {
        let more = total - self.amount;
        if more > Nano::ZERO {
            self.ledger.lock().hold(&self.places, more)?;
            self.amount = total;
        }
        Ok(())
    }

    /// Posts what the request cost and releases the rest. More than was reserved is posted in full and flagged.
    pub fn settle(mut self, actual: Nano) -> LedgerDelta {
        self.finish(actual.max(Nano::ZERO), false)
    }

    /// Releases everything: nothing was consumed.
    pub fn void(mut self) -> LedgerDelta {
        self.finish(Nano::ZERO, false)
    }

    fn finish(&mut self, spent: Nano, orphaned: bool) -> LedgerDelta {
        self.open = false;
        let delta = LedgerDelta {
            postings: self.places.iter().map(|p| Posting { scope: p.scope, period: p.period }).collect(),
            reserved: self.amount,
            spent,
            overrun: spent > self.amount,
            orphaned,
        };
        let mut inner = self.ledger.lock();
        inner.finish(&self.places, self.amount, spent);
        if orphaned {
            inner.orphan(delta.clone());
        }
        delta
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            self.finish(self.amount, true);
        }
    }
}
