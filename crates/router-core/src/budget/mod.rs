//! Budgets: what each scope may spend in a day or month, reserved before a request and posted after it.
//!
//! The ledger holds `spent` and `reserved` for each scope and period. A reservation of the upper bound is
//! taken from every scope at once or from none; settling posts the actual cost and releases the rest. So any
//! number of requests at the same time never spend more than the cap, apart from usage above its reservation,
//! which is posted in full and flagged.

mod ledger;
mod period;
mod reservation;

pub use ledger::{Balance, Exceeded, Ledger, ScopeBudget, ScopeId, ScopeKind};
pub use period::{Period, PeriodId, UnknownZone, Window, Zone};
pub use reservation::{LedgerDelta, Posting, Reservation};
