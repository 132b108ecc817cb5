//! From attempts to the books.

use proptest::prelude::*;
use router_core::fault::{Fault, FaultKind};
use router_core::money::Nano;
use router_core::pricing::{Price, Rate};
use router_core::request::{AttemptRecord, Metered, Outcome};
use router_core::settle::{Settlement, Tariff, settle};
use router_core::usage::{Usage, UsageSource};

fn metered(input: u64, output: u64) -> Metered {
    Metered { usage: Usage { input, output, ..Usage::default() }, source: UsageSource::Reported }
}

fn attempt(candidate: usize, outcome: Outcome, relayed: bool, metered: Option<Metered>) -> AttemptRecord {
    AttemptRecord {
        candidate,
        key: None,
        started_ms: 0,
        first_byte_ms: None,
        ended_ms: Some(1),
        outcome,
        metered,
        relayed,
    }
}

fn cut() -> Outcome {
    Outcome::Failed(Fault::new(FaultKind::Cut, ""))
}

fn price(input: i64, output: i64) -> Price {
    Price { input: Rate(input), output: Rate(output), ..Price::default() }
}

/// The price of a provider whose own figures are not believed.
fn listed(price: Option<&Price>) -> Tariff<'_> {
    Tariff { price, believes_provider: false }
}

#[test]
fn a_bill_that_is_believed_is_booked_to_the_last_nano() {
    let price = price(1_000_000, 2_000_000);
    let says = |nano| Usage { input: 100, output: 10, reported_cost: Some(Nano(nano)), ..Usage::default() };
    for (price, believes_provider, claimed, booked, unpriced) in [
        (Some(&price), true, 7_654_321, 7_654_321, false),
        (Some(&price), true, 0, 0, false),
        (Some(&price), true, -1, 120, false),
        (Some(&price), false, 7_654_321, 120, false),
        (None, true, 7_654_321, 7_654_321, false),
        (None, true, -1, 0, true),
        (None, false, 7_654_321, 0, true),
    ] {
        let metered = Metered { usage: says(claimed), source: UsageSource::Reported };
        let settlement =
            settle(&[attempt(0, Outcome::Completed, true, Some(metered))], |_| Tariff { price, believes_provider });
        assert_eq!((settlement.cost, settlement.unpriced), (Nano(booked), unpriced), "{claimed} {believes_provider}");
    }
}

#[test]
fn failed_attempts_cost_too_and_the_answer_shows_its_own_tokens() {
    let prices = [price(1_000_000, 2_000_000), price(3_000_000, 5_000_000)];
    let attempts = [
        attempt(0, cut(), false, Some(metered(100, 10))),
        attempt(1, Outcome::Failed(Fault::new(FaultKind::Connect, "")), false, None),
        attempt(1, Outcome::Completed, true, Some(metered(100, 20))),
    ];
    let settlement = settle(&attempts, |place| listed(prices.get(place)));
    assert_eq!(
        settlement,
        Settlement {
            cost: Nano(120 + 400),
            attempt_costs: vec![Nano(120), Nano(0), Nano(400)],
            answer: metered(100, 20),
            odd_usage: false,
            unpriced: false,
        }
    );
}

#[test]
fn what_the_client_was_getting_is_shown_whatever_became_of_it() {
    let prices = [price(1, 1)];
    for (outcome, relayed, shown) in [
        (cut(), true, 7),
        (Outcome::ClientClosed, true, 7),
        (Outcome::Completed, false, 7),
        (cut(), false, 0),
        (Outcome::ClientClosed, false, 7),
    ] {
        let word = outcome.as_str();
        let settlement =
            settle(&[attempt(0, outcome, relayed, Some(metered(0, 7)))], |place| listed(prices.get(place)));
        assert_eq!(settlement.answer.usage.output, shown, "{word} {relayed}");
        assert_eq!(settlement.cost, Nano(1), "booked in any case");
    }
    assert_eq!(settle(&[], |_| listed(None)), Settlement::default());
}

#[test]
fn what_is_odd_or_has_no_price_is_flagged() {
    let odd = Metered { usage: Usage { input: 5, cached_input: 9, ..Usage::default() }, ..Metered::default() };
    let prices = [price(1_000_000, 0)];
    let settlement = settle(&[attempt(0, Outcome::Completed, false, Some(odd))], |place| listed(prices.get(place)));
    assert!(settlement.odd_usage && !settlement.unpriced);
    assert_eq!((settlement.cost, settlement.answer.usage.cached_input), (Nano(5), 5));
    let settlement = settle(&[attempt(0, Outcome::Completed, false, Some(metered(5, 5)))], |_| listed(None));
    assert!(settlement.unpriced && settlement.cost == Nano::ZERO);
    let settlement = settle(&[attempt(0, cut(), false, None)], |_| listed(None));
    assert!(!settlement.unpriced, "nothing was consumed");
}

proptest! {
    /// One rounding: shares add up to the whole, and the whole is less than one nano-USD above the exact sum.
    #[test]
    fn shares_add_up_and_a_request_rounds_once(parts in proptest::collection::vec((0..5_000_000i64, 0..5_000u64), 1..6)) {
        let prices: Vec<_> = parts.iter().map(|(rate, _)| price(*rate, 0)).collect();
        let attempts: Vec<_> =
            parts.iter().enumerate().map(|(i, (_, tokens))| attempt(i, cut(), false, Some(metered(*tokens, 0)))).collect();
        let settlement = settle(&attempts, |place| listed(prices.get(place)));
        let exact: i128 = parts.iter().map(|(rate, tokens)| i128::from(*rate) * i128::from(*tokens)).sum();
        prop_assert_eq!(settlement.attempt_costs.iter().copied().sum::<Nano>(), settlement.cost);
        prop_assert_eq!(i128::from(settlement.cost.0), (exact + 999_999) / 1_000_000);
        prop_assert!(settlement.attempt_costs.iter().all(|cost| *cost >= Nano::ZERO));
    }
}
