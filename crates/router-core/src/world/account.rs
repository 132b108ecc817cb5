//! What the attempts of one request hold of budgets, from before their first byte until the request is settled.

use super::{Target, World};
use crate::budget::{Exceeded, Ledger, LedgerDelta, Reservation, ScopeBudget};
use crate::catalog::{KeyIx, Snapshot};
use crate::money::Nano;
use crate::request::{AttemptRecord, Event};
use crate::settle::{Settlement, Tariff, settle};

/// What an attempt holds.
#[derive(Debug)]
pub struct Held {
    /// Where it goes.
    pub target: Target,
    /// The most that it may cost; nothing once it has failed without consuming anything.
    pub amount: Nano,
    /// The budgets with a cap that count it.
    pub scopes: Vec<ScopeBudget>,
    /// In them, where there are any.
    reservation: Option<Reservation>,
}

/// One entry for each attempt of a request's state machine, in its order.
#[derive(Debug, Default)]
pub struct Account {
    attempts: Vec<Held>,
}

impl Account {
    /// Reserves the most that an attempt may cost, in every budget that counts it or in none.
    ///
    /// # Errors
    /// The budget that is used up; then nothing is held for this attempt.
    pub fn hold(
        &mut self,
        world: &World,
        core: &Snapshot,
        key: Option<KeyIx>,
        target: Target,
        amount: Nano,
        now_ms: u64,
    ) -> Result<(), Box<Exceeded>> {
        let scopes = world.scopes(core, key, &target);
        let ledger: &Ledger = &world.ledger;
        let reservation = match scopes.as_slice() {
            [] => None,
            scopes => Some(ledger.reserve(scopes, amount, now_ms)?),
        };
        self.attempts.push(Held { target, amount, scopes, reservation });
        Ok(())
    }

    /// Notes an attempt that was never sent: the channel had no room for it.
    pub fn pass_over(&mut self, target: Target) {
        self.attempts.push(Held { target, amount: Nano::ZERO, scopes: Vec::new(), reservation: None });
    }

    /// Releases what the attempt at that place held, if it ended so that it has consumed nothing.
    pub fn ended(&mut self, place: usize, event: &Event) {
        if let Event::Failed(_, None) | Event::Deadline(None) = event {
            self.release(place);
        }
    }

    /// Releases what the attempt at that place held: it consumed nothing.
    pub fn release(&mut self, place: usize) {
        let Some(held) = self.attempts.get_mut(place) else { return };
        held.amount = Nano::ZERO;
        held.scopes.clear();
        if let Some(reservation) = held.reservation.take() {
            let _ = reservation.void();
        }
    }

    /// Forgets the last attempt: it could not be written down, so it is not made.
    pub fn forget_last(&mut self) {
        self.release(self.attempts.len().saturating_sub(1));
        self.attempts.pop();
    }

    /// What the attempts hold together.
    #[must_use]
    pub fn reserved(&self) -> Nano {
        self.attempts.iter().map(|held| held.amount).sum()
    }

    /// The attempts.
    #[must_use]
    pub fn attempts(&self) -> &[Held] {
        &self.attempts
    }

    /// What the attempts of the request came to.
    #[must_use]
    pub fn settlement(&self, world: &World, core: &Snapshot, attempts: &[AttemptRecord]) -> Settlement {
        // Attempts at one candidate, with whatever key, have one model and so one tariff.
        settle(attempts, |candidate| {
            let place = attempts.iter().position(|attempt| attempt.candidate == candidate);
            let Some(held) = place.and_then(|place| self.attempts.get(place)) else { return Tariff::default() };
            let channel = world.channel_of(core, held.target.model);
            Tariff {
                price: core.price(held.target.model),
                believes_provider: channel.is_some_and(|channel| channel.manners.believes_cost),
            }
        })
    }

    /// Posts each attempt's cost where it was reserved, and releases the rest.
    pub fn settle(&mut self, costs: &[Nano]) -> Vec<LedgerDelta> {
        let attempts = self.attempts.iter_mut().enumerate();
        let posted = attempts.filter_map(|(place, held)| {
            let cost = costs.get(place).copied().unwrap_or(Nano::ZERO);
            Some(held.reservation.take()?.settle(cost))
        });
        posted.collect()
    }
}
