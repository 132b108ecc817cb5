//! The ledger of one instance: counters by scope and period under one short lock.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reservation::{LedgerDelta, Posting, Reservation};
use super::{Period, PeriodId, Window, Zone};
use crate::money::Nano;

/// What can have a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeKind {
    /// The whole router.
    Router,
    /// A model group.
    Group,
    /// A client key.
    ClientKey,
    /// A channel.
    Channel,
    /// A provider key.
    ProviderKey,
}

impl ScopeKind {
    /// The word in rows (the database knows these and no others) and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Group => "group",
            Self::ClientKey => "key",
            Self::Channel => "channel",
            Self::ProviderKey => "provider_key",
        }
    }
}

/// A scope's number in one [`Ledger`]. Stays for the ledger's life; look it up once, not per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(u32);

/// One budget that a request must fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeBudget {
    /// Whose budget.
    pub scope: ScopeId,
    /// Per day or month.
    pub period: Period,
    /// The most that may be spent; `None` only counts.
    pub cap: Option<Nano>,
}

/// A reservation did not fit. Nothing was reserved anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which scope.
    pub scope: ScopeId,
    /// Its kind.
    pub kind: ScopeKind,
    /// Its id, for the message.
    pub id: Arc<str>,
    /// Which day or month.
    pub period: PeriodId,
    /// The cap.
    pub cap: Nano,
    /// Spent in the period.
    pub spent: Nano,
    /// Held by requests that run.
    pub reserved: Nano,
    /// What was asked for.
    pub asked: Nano,
    /// Unix milliseconds at which the budget starts anew.
    pub resets_at_ms: u64,
}

impl Exceeded {
    /// Spent and reserved together.
    #[must_use]
    pub fn used(&self) -> Nano {
        self.spent + self.reserved
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} budget of {} USD for {} is used up ({} USD spent, {} USD held by running requests, {} USD needed)",
            self.kind.as_str(),
            self.cap,
            self.period,
            self.spent,
            self.reserved,
            self.asked,
        )
    }
}

/// One line of [`Ledger::balances`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Kind of the scope.
    pub kind: ScopeKind,
    /// Id of the scope.
    pub id: Arc<str>,
    /// Which day or month.
    pub period: PeriodId,
    /// Posted.
    pub spent: Nano,
    /// Held by requests that run.
    pub reserved: Nano,
}

/// Orphans kept for the journal; beyond it they are only counted.
const MOST_ORPHANS: usize = 4_096;

/// All budgets of one instance. Cheap to clone; clones are the same ledger.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Mutex<Inner>>);

#[derive(Debug)]
pub(super) struct Inner {
    zone: Zone,
    day: Option<Window>,
    month: Option<Window>,
    numbers: HashMap<(ScopeKind, Arc<str>), ScopeId>,
    names: Vec<(ScopeKind, Arc<str>)>,
    counters: HashMap<(ScopeId, PeriodId), Counter>,
    orphans: Vec<LedgerDelta>,
    orphans_seen: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    pub(super) spent: Nano,
    pub(super) reserved: Nano,
}

impl Ledger {
    /// An empty ledger whose days and months turn over in `zone`.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            zone,
            day: None,
            month: None,
            numbers: HashMap::new(),
            names: Vec::new(),
            counters: HashMap::new(),
            orphans: Vec::new(),
            orphans_seen: 0,
        })))
    }

    /// The number of a scope, given out at the first call. `id` is the stable id of the configuration; for the
    /// router it is empty.
    #[must_use]
    pub fn scope(&self, kind: ScopeKind, id: &str) -> ScopeId {
        let mut inner = self.lock();
        let key = (kind, Arc::from(id));
        if let Some(&number) = inner.numbers.get(&key) {
            return number;
        }
        let number = ScopeId(u32::try_from(inner.names.len()).unwrap_or(u32::MAX));
        inner.names.push(key.clone());
        inner.numbers.insert(key, number);
        number
    }

    /// Kind and id of a scope of this ledger.
    #[must_use]
    pub fn describe(&self, scope: ScopeId) -> Option<(ScopeKind, Arc<str>)> {
        self.lock().name(scope)
    }

    /// Lets days and months turn over in another zone from now on.
    pub fn set_zone(&self, zone: Zone) {
        let mut inner = self.lock();
        if inner.zone != zone {
            inner.zone = zone;
            inner.day = None;
            inner.month = None;
        }
    }

    /// Sets what was spent in a period, as the books say. For start-up; what is reserved stays.
    pub fn load(&self, scope: ScopeId, period: PeriodId, spent: Nano) {
        self.lock().counters.entry((scope, period)).or_default().spent = spent;
    }

    /// Reserves `amount` (an upper bound, ≥ 0) against every budget at once, or against none. Booked in the
    /// periods that hold `now_ms`, also if it is settled after midnight. An amount of zero always fits.
    ///
    /// # Errors
    /// The first budget, in the order given, into which the amount does not fit.
    pub fn reserve(&self, budgets: &[ScopeBudget], amount: Nano, now_ms: u64) -> Result<Reservation, Box<Exceeded>> {
        let amount = amount.max(Nano::ZERO);
        let mut inner = self.lock();
        let places = inner.places(budgets, now_ms);
        inner.hold(&places, amount)?;
        drop(inner);
        Ok(Reservation::new(self.clone(), places, amount))
    }

    /// Whether [`Self::reserve`] would find room now. Takes nothing.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    pub fn room(&self, budgets: &[ScopeBudget], amount: Nano, now_ms: u64) -> Result<(), Box<Exceeded>> {
        let mut inner = self.lock();
        let places = inner.places(budgets, now_ms);
        inner.room(&places, amount)
    }

    /// Posts a cost that was never reserved here (found in the spool after a crash, say), in full.
    pub fn post(&self, budgets: &[ScopeBudget], amount: Nano, now_ms: u64) -> LedgerDelta {
        let mut inner = self.lock();
        let mut postings = Vec::with_capacity(budgets.len());
        for budget in budgets {
            let period = inner.window(budget.period, now_ms).id;
            inner.counters.entry((budget.scope, period)).or_default().spent += amount;
            postings.push(Posting { scope: budget.scope, period });
        }
        LedgerDelta { postings, reserved: Nano::ZERO, spent: amount, overrun: false, orphaned: false }
    }

    /// What a scope has spent and reserved in the current day or month.
    #[must_use]
    pub fn used(&self, scope: ScopeId, period: Period, now_ms: u64) -> (Nano, Nano) {
        let mut inner = self.lock();
        let id = inner.window(period, now_ms).id;
        let counter = inner.counters.get(&(scope, id)).copied().unwrap_or_default();
        (counter.spent, counter.reserved)
    }

    /// The used share of a budget, spent and reserved, for metrics and scores: 0 for an unused one, above 1
    /// after an overrun, 1 for a cap of zero.
    #[must_use]
    pub fn used_ratio(&self, budget: &ScopeBudget, now_ms: u64) -> Option<f64> {
        let cap = budget.cap?;
        let (spent, reserved) = self.used(budget.scope, budget.period, now_ms);
        Some(if cap <= Nano::ZERO { 1.0 } else { (spent + reserved).as_usd_f64() / cap.as_usd_f64() })
    }

    /// All counters, ordered by kind, id and period.
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        let inner = self.lock();
        let mut lines: Vec<Balance> = inner
            .counters
            .iter()
            .filter_map(|(&(scope, period), counter)| {
                let (kind, id) = inner.name(scope)?;
                Some(Balance { kind, id, period, spent: counter.spent, reserved: counter.reserved })
            })
            .collect();
        lines.sort_by(|a, b| (a.kind, &a.id, a.period).cmp(&(b.kind, &b.id, b.period)));
        lines
    }

    /// Reservations that were dropped without a settlement since the last call, each posted at its full amount
    /// already, for the journal; and how many there ever were. A number above zero is a fault of ours.
    pub fn take_orphans(&self) -> (Vec<LedgerDelta>, u64) {
        let mut inner = self.lock();
        (std::mem::take(&mut inner.orphans), inner.orphans_seen)
    }

    /// A panic while the lock is held cannot leave counters half-changed (each change is one assignment), so a
    /// poisoned lock is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a reservation holds money.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) scope: ScopeId,
    pub(super) period: PeriodId,
    cap: Option<Nano>,
    end_ms: u64,
}

impl Place {
    pub(super) const fn key(&self) -> (ScopeId, PeriodId) {
        (self.scope, self.period)
    }
}

impl Inner {
    fn name(&self, scope: ScopeId) -> Option<(ScopeKind, Arc<str>)> {
        self.names.get(scope.0 as usize).cloned()
    }

    /// The current window, computed once per turn. It never goes back: a clock that jumps back over midnight
    /// does not reopen a closed period.
    fn window(&mut self, period: Period, now_ms: u64) -> Window {
        let cached = match period {
            Period::Day => self.day,
            Period::Month => self.month,
        };
        if let Some(window) = cached.filter(|window| now_ms < window.end_ms) {
            return window;
        }
        let window = Window::at(period, &self.zone, now_ms);
        match period {
            Period::Day => self.day = Some(window),
            Period::Month => self.month = Some(window),
        }
        // What is closed and settled is in the books; the previous period stays for those who look at it late.
        if let Some(last) = cached {
            self.counters
                .retain(|(_, id), counter| id.period() != period || *id >= last.id || counter.reserved != Nano::ZERO);
        }
        window
    }

    /// Where those budgets are counted now, each once.
    fn places(&mut self, budgets: &[ScopeBudget], now_ms: u64) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::with_capacity(budgets.len());
        for budget in budgets {
            let window = self.window(budget.period, now_ms);
            let place = Place { scope: budget.scope, period: window.id, cap: budget.cap, end_ms: window.end_ms };
            if !places.iter().any(|known| known.key() == place.key()) {
                places.push(place);
            }
        }
        places
    }

    /// Whether all caps allow `more`.
    fn room(&self, places: &[Place], more: Nano) -> Result<(), Box<Exceeded>> {
        for place in places {
            let Some(cap) = place.cap else { continue };
            let Counter { spent, reserved } = self.counters.get(&place.key()).copied().unwrap_or_default();
            if more > Nano::ZERO && spent + reserved + more > cap {
                let (kind, id) = self.name(place.scope).unwrap_or((ScopeKind::Router, Arc::from("")));
                let (scope, period) = place.key();
                let resets_at_ms = place.end_ms;
                return Err(Box::new(Exceeded {
                    scope,
                    kind,
                    id,
                    period,
                    cap,
                    spent,
                    reserved,
                    asked: more,
                    resets_at_ms,
                }));
            }
        }
        Ok(())
    }

    /// Adds `more` to every place's reservation if all caps allow it.
    pub(super) fn hold(&mut self, places: &[Place], more: Nano) -> Result<(), Box<Exceeded>> {
        self.room(places, more)?;
        for place in places {
            self.counters.entry(place.key()).or_default().reserved += more;
        }
        Ok(())
    }

    /// Takes the reservation away and posts what it came to.
    pub(super) fn finish(&mut self, places: &[Place], reserved: Nano, spent: Nano) {
        for place in places {
            let counter = self.counters.entry(place.key()).or_default();
            counter.reserved -= reserved;
            counter.spent += spent;
        }
    }

    pub(super) fn orphan(&mut self, delta: LedgerDelta) {
        self.orphans_seen += 1;
        if self.orphans.len() < MOST_ORPHANS {
            self.orphans.push(delta);
        }
    }
}
