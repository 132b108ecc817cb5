//! The ledger: exact under concurrency, all or nothing, nothing lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proptest::prelude::*;
use router_core::budget::{Ledger, Period, Reservation, ScopeBudget, ScopeId, ScopeKind, Window, Zone};
use router_core::money::Nano;

/// 2026-11-23T23:59:59.999Z
const LATE: u64 = 1_795_478_399_999;
const CENT: Nano = Nano(10_000_000);

fn ledger() -> Ledger {
    Ledger::new(Zone::utc())
}

fn day(scope: ScopeId, cap: i64) -> ScopeBudget {
    ScopeBudget { scope, period: Period::Day, cap: Some(Nano(cap)) }
}

fn month(scope: ScopeId, cap: i64) -> ScopeBudget {
    ScopeBudget { scope, period: Period::Month, cap: Some(Nano(cap)) }
}

#[test]
fn a_thousand_at_once_on_one_dollar_are_exactly_a_hundred() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    let router = ledger.scope(ScopeKind::Router, "");
    let budgets = [day(router, i64::MAX), day(key, 1_000_000_000)];
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let mut held: Vec<Reservation> = Vec::new();
                for _ in 0..125 {
                    match ledger.reserve(&budgets, CENT, LATE) {
                        Ok(reservation) => held.push(reservation),
                        Err(_) => _ = refused.fetch_add(1, Ordering::Relaxed),
                    }
                }
                answered.fetch_add(held.len(), Ordering::Relaxed);
                for reservation in held {
                    assert!(!reservation.settle(CENT).overrun);
                }
            });
        }
    });
    assert_eq!((answered.into_inner(), refused.into_inner()), (100, 900));
    for scope in [key, router] {
        assert_eq!(ledger.used(scope, Period::Day, LATE), (Nano::usd(1), Nano::ZERO));
    }
    assert_eq!(ledger.used(key, Period::Day, LATE).0.to_string(), "1.000000000");
}

#[test]
fn many_threads_that_reserve_and_settle_never_pass_the_cap() {
    let ledger = ledger();
    let shared = ledger.scope(ScopeKind::Group, "auto:cheap");
    thread::scope(|threads| {
        for number in 0..8i64 {
            let ledger = ledger.clone();
            threads.spawn(move || {
                let own = ledger.scope(ScopeKind::ClientKey, &format!("k{number}"));
                let budgets = [day(shared, 500), month(own, 90)];
                for turn in 0..400i64 {
                    let Ok(mut held) = ledger.reserve(&budgets, Nano(1 + turn % 7), LATE) else { continue };
                    let raised = held.raise_to(Nano(5)).is_ok();
                    match turn % 3 {
                        0 => _ = held.void(),
                        _ => _ = held.settle(Nano(i64::from(raised))),
                    }
                    let (spent, reserved) = ledger.used(shared, Period::Day, LATE);
                    assert!(spent + reserved <= Nano(500));
                }
            });
        }
    });
    let (spent, reserved) = ledger.used(shared, Period::Day, LATE);
    assert_eq!(reserved, Nano::ZERO);
    let keys: Nano = ledger.balances().iter().filter(|b| b.kind == ScopeKind::ClientKey).map(|b| b.spent).sum();
    assert_eq!(spent, keys, "what the keys spent, the group spent");
}

#[test]
fn a_refusal_reserves_nowhere_and_says_what_and_until_when() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    let group = ledger.scope(ScopeKind::Group, "auto:fast");
    let held = ledger.reserve(&[day(group, 100)], Nano(60), LATE).expect("fits");
    let refusal = ledger.reserve(&[month(key, 1_000), day(group, 100)], Nano(50), LATE).expect_err("too much");
    assert_eq!((refusal.kind, &*refusal.id, refusal.scope), (ScopeKind::Group, "auto:fast", group));
    assert_eq!((refusal.cap, refusal.used(), refusal.asked), (Nano(100), Nano(60), Nano(50)));
    assert_eq!(refusal.resets_at_ms, LATE + 1);
    assert_eq!(
        refusal.to_string(),
        "group budget of 0.000000100 USD for 2026-11-23 is used up (0.000000000 USD spent, 0.000000060 USD held by \
         running requests, 0.000000050 USD needed)"
    );
    assert_eq!(ledger.used(key, Period::Month, LATE), (Nano::ZERO, Nano::ZERO));
    held.void();
    assert!(ledger.reserve(&[month(key, 1_000), day(group, 100)], Nano(50), LATE).is_ok_and(|held| {
        held.void();
        true
    }));
}

#[test]
fn zero_always_fits_and_no_cap_only_counts() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    ledger.post(&[day(key, 0)], Nano(10), LATE);
    assert_eq!(ledger.reserve(&[day(key, 0)], Nano::ZERO, LATE).expect("free").settle(Nano::ZERO).spent, Nano::ZERO);
    assert!(ledger.reserve(&[day(key, 0)], Nano(1), LATE).is_err());
    let counted = ScopeBudget { cap: None, ..day(key, 0) };
    ledger.reserve(&[counted], Nano(7), LATE).expect("no cap").settle(Nano(7));
    assert_eq!(ledger.used(key, Period::Day, LATE).0, Nano(17));
    assert_eq!(ledger.used_ratio(&counted, LATE), None);
    assert_eq!(ledger.used_ratio(&day(key, 34), LATE), Some(0.5));
    assert_eq!(ledger.used_ratio(&day(key, 0), LATE), Some(1.0));
}

#[test]
fn the_same_budget_twice_is_reserved_once() {
    let ledger = ledger();
    let group = ledger.scope(ScopeKind::Group, "a");
    let held = ledger.reserve(&[day(group, 10), day(group, 10)], Nano(10), LATE).expect("fits");
    assert_eq!(ledger.used(group, Period::Day, LATE).1, Nano(10));
    assert_eq!(held.settle(Nano(4)).postings.len(), 1);
    assert_eq!(ledger.used(group, Period::Day, LATE), (Nano(4), Nano::ZERO));
}

#[test]
fn more_than_reserved_is_posted_in_full_and_flagged() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    let delta = ledger.reserve(&[day(key, 100)], Nano(90), LATE).expect("fits").settle(Nano(150));
    assert!(delta.overrun && !delta.orphaned);
    assert_eq!((delta.reserved, delta.spent), (Nano(90), Nano(150)));
    assert_eq!(ledger.used(key, Period::Day, LATE), (Nano(150), Nano::ZERO));
    assert_eq!(ledger.used_ratio(&day(key, 100), LATE), Some(1.5));
}

#[test]
fn a_dropped_reservation_is_posted_in_full_and_reported() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    let panicked = thread::scope(|threads| {
        threads
            .spawn(|| {
                let _held = ledger.reserve(&[day(key, 100)], Nano(40), LATE).expect("fits");
                std::panic::resume_unwind(Box::new("a fault in a request"));
            })
            .join()
    });
    assert!(panicked.is_err());
    assert_eq!(ledger.used(key, Period::Day, LATE), (Nano(40), Nano::ZERO));
    let (orphans, seen) = ledger.take_orphans();
    assert_eq!((orphans.len(), seen), (1, 1));
    assert!(orphans[0].orphaned && orphans[0].spent == Nano(40));
    assert_eq!(ledger.take_orphans(), (vec![], 1));
}

#[test]
fn over_midnight_is_booked_where_it_started_and_the_new_day_is_empty() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    let held = ledger.reserve(&[day(key, 100)], Nano(100), LATE).expect("fits");
    let tomorrow = LATE + 1;
    let next = ledger.reserve(&[day(key, 100)], Nano(100), tomorrow).expect("a new day");
    let delta = held.settle(Nano(30));
    assert_eq!(delta.postings[0].period.to_string(), "2026-11-23");
    assert_eq!(next.settle(Nano(20)).postings[0].period.to_string(), "2026-11-24");
    assert_eq!(ledger.used(key, Period::Day, tomorrow), (Nano(20), Nano::ZERO));
    let days: Vec<_> = ledger.balances().into_iter().map(|b| (b.period.to_string(), b.spent)).collect();
    assert_eq!(days, [("2026-11-23".to_owned(), Nano(30)), ("2026-11-24".to_owned(), Nano(20))]);
    // two days later the first one is only in the books
    let _ = ledger.used(key, Period::Day, tomorrow + 2 * 86_400_000);
    assert!(ledger.balances().iter().all(|b| b.period.to_string() != "2026-11-23"));
}

#[test]
fn a_clock_that_goes_back_does_not_reopen_a_day() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    ledger.reserve(&[day(key, 100)], Nano(100), LATE + 1).expect("fits").settle(Nano(100));
    let refusal = ledger.reserve(&[day(key, 100)], Nano(1), LATE).expect_err("still the later day");
    assert_eq!(refusal.period.to_string(), "2026-11-24");
}

#[test]
fn counters_are_loaded_scopes_described_zones_changed() {
    let ledger = ledger();
    let key = ledger.scope(ScopeKind::ClientKey, "k1");
    assert_eq!(ledger.scope(ScopeKind::ClientKey, "k1"), key, "numbers stay");
    assert_ne!(ledger.scope(ScopeKind::ProviderKey, "k1"), key);
    let (kind, id) = ledger.describe(key).expect("known");
    assert_eq!((kind.as_str(), &*id), ("key", "k1"));
    ledger.load(key, Window::at(Period::Month, &Zone::utc(), LATE).id, Nano(70));
    assert!(ledger.reserve(&[month(key, 100)], Nano(31), LATE).is_err());
    // in Shanghai it is tomorrow already
    ledger.set_zone(Zone::named("Asia/Shanghai").expect("a zone"));
    let delta = ledger.reserve(&[day(key, 100)], Nano(1), LATE).expect("fits").void();
    assert_eq!(delta.postings[0].period.to_string(), "2026-11-24");
    let words: Vec<_> = [ScopeKind::Router, ScopeKind::Channel].iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words, ["router", "channel"]);
}

#[derive(Clone, Debug)]
enum Step {
    Reserve { places: u8, amount: i64 },
    Settle { which: usize, actual: i64 },
    Void { which: usize },
    Raise { which: usize, total: i64 },
    Drop { which: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..8u8, 0..60i64).prop_map(|(places, amount)| Step::Reserve { places, amount }),
        2 => (any::<usize>(), 0..80i64).prop_map(|(which, actual)| Step::Settle { which, actual }),
        1 => any::<usize>().prop_map(|which| Step::Void { which }),
        1 => (any::<usize>(), 0..90i64).prop_map(|(which, total)| Step::Raise { which, total }),
        1 => any::<usize>().prop_map(|which| Step::Drop { which }),
    ]
}

proptest! {
    /// Nested budgets, any interleaving: a plain model kept beside, compared after every step.
    #[test]
    fn posted_and_reserved_never_pass_a_cap_but_by_flagged_overruns(steps in proptest::collection::vec(any_step(), 1..80)) {
        const CAPS: [i64; 3] = [200, 120, 100];
        let ledger = ledger();
        let kinds = [ScopeKind::Router, ScopeKind::Group, ScopeKind::ClientKey];
        let scopes = kinds.map(|kind| ledger.scope(kind, "x"));
        let chosen = |places: u8| (0..3).filter(move |place| places & (1 << place) != 0);
        let (mut spent, mut reserved, mut overrun) = ([0i64; 3], [0i64; 3], [0i64; 3]);
        let mut held: Vec<(u8, Reservation)> = Vec::new();
        for step in steps {
            match step {
                Step::Reserve { places, amount } => {
                    let budgets: Vec<_> = chosen(places).map(|i| day(scopes[i], CAPS[i])).collect();
                    let fits = amount == 0 || chosen(places).all(|i| spent[i] + reserved[i] + amount <= CAPS[i]);
                    let result = ledger.reserve(&budgets, Nano(amount), LATE);
                    prop_assert_eq!(result.is_ok(), fits);
                    if let Ok(reservation) = result {
                        chosen(places).for_each(|i| reserved[i] += amount);
                        held.push((places, reservation));
                    }
                }
                Step::Raise { which, total } if !held.is_empty() => {
                    let place = which % held.len();
                    let (places, reservation) = &mut held[place];
                    let more = (total - reservation.amount().0).max(0);
                    let fits = more == 0 || chosen(*places).all(|i| spent[i] + reserved[i] + more <= CAPS[i]);
                    prop_assert_eq!(reservation.raise_to(Nano(total)).is_ok(), fits);
                    if fits {
                        chosen(*places).for_each(|i| reserved[i] += more);
                    }
                }
                Step::Settle { which, .. } | Step::Void { which } | Step::Drop { which } if !held.is_empty() => {
                    let (places, reservation) = held.swap_remove(which % held.len());
                    let amount = reservation.amount().0;
                    let actual = match step {
                        Step::Settle { actual, .. } => {
                            let delta = reservation.settle(Nano(actual));
                            prop_assert_eq!(delta.overrun, actual > amount);
                            actual
                        }
                        Step::Void { .. } => {
                            prop_assert_eq!(reservation.void().spent, Nano::ZERO);
                            0
                        }
                        _ => {
                            drop(reservation);
                            amount
                        }
                    };
                    for i in chosen(places) {
                        reserved[i] -= amount;
                        spent[i] += actual;
                        overrun[i] += (actual - amount).max(0);
                    }
                }
                _ => {}
            }
            for i in 0..3 {
                prop_assert_eq!(ledger.used(scopes[i], Period::Day, LATE), (Nano(spent[i]), Nano(reserved[i])));
                prop_assert!(spent[i] + reserved[i] <= CAPS[i] + overrun[i]);
            }
        }
        held.into_iter().for_each(|(_, reservation)| _ = reservation.void());
        prop_assert!(ledger.balances().iter().all(|balance| balance.reserved == Nano::ZERO));
    }
}
