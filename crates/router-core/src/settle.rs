//! From attempts to the books: what a request cost, and which usage the row shows.

use crate::money::Nano;
use crate::pricing::{ExactCost, Price, booked_cost};
use crate::request::{AttemptRecord, Metered, Outcome, answering};

/// What a request came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Cost of all attempts, failed ones too, rounded up once.
    pub cost: Nano,
    /// The share of each attempt, in order. They add up to `cost` exactly.
    pub attempt_costs: Vec<Nano>,
    /// Usage of the attempt whose answer the client got, was getting or was waiting for when it left, sanitised; zero
    /// if every attempt failed.
    pub answer: Metered,
    /// A provider reported counts that cannot be true; what could be kept was kept.
    pub odd_usage: bool,
    /// An attempt consumed something that has no price: booked as nothing, to be flagged.
    pub unpriced: bool,
}

/// What is known about the bill of a candidate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tariff<'p> {
    /// Its real price, after `budgets.unknown_price` was applied; `None` is unknown.
    pub price: Option<&'p Price>,
    /// Whether what the provider says that it cost is booked instead ([`booked_cost`]).
    pub believes_provider: bool,
}

/// Adds the attempts up. `tariff` tells of a candidate by its place in the plan.
#[must_use]
pub fn settle<'p>(attempts: &[AttemptRecord], tariff: impl Fn(usize) -> Tariff<'p>) -> Settlement {
    let mut settlement = Settlement::default();
    let mut sum = ExactCost::default();
    for attempt in attempts {
        let before = sum.round_up();
        if let Some(metered) = attempt.metered {
            let (usage, odd) = metered.usage.sanitized();
            settlement.odd_usage |= odd;
            let tariff = tariff(attempt.candidate);
            match booked_cost(tariff.price, &usage, tariff.believes_provider) {
                Some(cost) => sum = sum + cost,
                None => settlement.unpriced = true,
            }
        }
        settlement.attempt_costs.push(sum.round_up() - before);
    }
    settlement.cost = sum.round_up();
    let answer = answering(attempts).and_then(|place| attempts.get(place));
    let answer = answer.filter(|attempt| attempt.relayed || !matches!(attempt.outcome, Outcome::Failed(_)));
    if let Some(metered) = answer.and_then(|attempt| attempt.metered) {
        settlement.answer = Metered { usage: metered.usage.sanitized().0, source: metered.source };
    }
    settlement
}
