//! Admission: bounded, first come first served within a key, keys in turn, nothing leaks.

use proptest::prelude::*;
use router_core::admission::{Admission, AdmissionConfig, Entry, Place};

fn admission(max_in_flight: usize, queue: usize) -> Admission<&'static str> {
    Admission::new(AdmissionConfig { max_in_flight, queue })
}

fn wait(admission: &mut Admission<&'static str>, key: u64, name: &'static str) -> Place {
    match admission.enter(key, || name) {
        Entry::Wait(place) => place,
        other => panic!("{name} should wait: {other:?}"),
    }
}

#[test]
fn runs_then_waits_then_sheds() {
    let mut admission = admission(1, 2);
    assert_eq!(admission.enter(1, || "a"), Entry::Run);
    wait(&mut admission, 1, "b");
    wait(&mut admission, 1, "c");
    assert_eq!(admission.enter(1, || "d"), Entry::Shed);
    assert_eq!((admission.running(), admission.waiting()), (1, 2));
    assert_eq!(admission.leave(), Some("b"));
    assert_eq!(admission.leave(), Some("c"));
    assert_eq!(admission.leave(), None);
    assert_eq!((admission.running(), admission.waiting()), (0, 0));
}

#[test]
fn keys_take_turns() {
    let mut admission = admission(1, 100);
    assert_eq!(admission.enter(1, || "first"), Entry::Run);
    for name in ["a1", "a2", "a3"] {
        wait(&mut admission, 1, name);
    }
    wait(&mut admission, 2, "b1");
    wait(&mut admission, 2, "b2");
    wait(&mut admission, 3, "c1");
    let order: Vec<_> = std::iter::from_fn(|| admission.leave()).collect();
    assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
}

#[test]
fn nobody_jumps_the_queue() {
    let mut admission = admission(2, 10);
    assert_eq!(admission.enter(1, || "a"), Entry::Run);
    assert_eq!(admission.enter(1, || "b"), Entry::Run);
    wait(&mut admission, 1, "c");
    // the bound grows: the waiter first
    assert_eq!(admission.configure(AdmissionConfig { max_in_flight: 3, queue: 10 }), ["c"]);
    assert_eq!(admission.running(), 3);
    // it shrinks: those that run end, nobody new comes in
    assert!(admission.configure(AdmissionConfig { max_in_flight: 1, queue: 10 }).is_empty());
    wait(&mut admission, 2, "d");
    assert_eq!((admission.leave(), admission.leave()), (None, None));
    assert_eq!(admission.leave(), Some("d"));
}

#[test]
fn one_client_cannot_fill_the_queue_against_others() {
    let mut admission = admission(0, 4);
    for _ in 0..4 {
        wait(&mut admission, 1, "greedy");
    }
    assert_eq!(admission.enter(1, || "greedy"), Entry::Shed);
    wait(&mut admission, 2, "other");
    assert_eq!(admission.enter(2, || "other again, the queue is full"), Entry::Shed);
    // three more keys, then even these stop
    for key in 3..6 {
        wait(&mut admission, key, "others");
    }
    assert_eq!(admission.enter(6, || "one too many"), Entry::Shed);
    assert_eq!(admission.waiting(), 8);
}

#[test]
fn two_keys_share_the_queue_in_halves() {
    let mut admission = admission(0, 4);
    wait(&mut admission, 1, "a");
    wait(&mut admission, 2, "b");
    wait(&mut admission, 2, "b");
    assert_eq!(admission.enter(2, || "a third of four, half is two"), Entry::Shed);
    wait(&mut admission, 1, "a");
    assert_eq!(admission.waiting(), 4);
}

#[test]
fn those_who_give_up_leave_no_trace() {
    let mut admission = admission(1, 10);
    assert_eq!(admission.enter(1, || "a"), Entry::Run);
    let second = wait(&mut admission, 1, "b");
    let third = wait(&mut admission, 2, "c");
    assert!(admission.abandon(second));
    assert!(!admission.abandon(second), "only once");
    assert_eq!(admission.leave(), Some("c"));
    assert!(!admission.abandon(third), "it runs already and has to leave");
    assert_eq!(admission.leave(), None);
    assert_eq!((admission.running(), admission.waiting()), (0, 0));
}

proptest! {
    #[test]
    fn bounds_hold_and_everyone_is_served(steps in proptest::collection::vec((0..3u8, 0..4u64), 1..200)) {
        let config = AdmissionConfig { max_in_flight: 3, queue: 5 };
        let mut admission: Admission<u64> = Admission::new(config);
        let (mut running, mut waiting) = (0usize, Vec::<Place>::new());
        let mut woken = 0usize;
        for (what, key) in steps {
            match what {
                0 => match admission.enter(key, || key) {
                    Entry::Run => running += 1,
                    Entry::Wait(place) => {
                        prop_assert_eq!(running, config.max_in_flight);
                        waiting.push(place);
                    }
                    Entry::Shed => prop_assert!(running == config.max_in_flight && admission.waiting() > 0),
                },
                1 if running > 0 => match admission.leave() {
                    Some(_) => woken += 1,
                    None => {
                        prop_assert_eq!(admission.waiting(), 0);
                        running -= 1;
                    }
                },
                2 => {
                    if let Some(place) = waiting.pop()
                        && !admission.abandon(place) {
                            woken -= 1; // it had been handed a permit
                        }
                }
                _ => {}
            }
            prop_assert_eq!(admission.running(), running);
            prop_assert!(admission.running() <= config.max_in_flight);
            prop_assert!(admission.waiting() <= 2 * config.queue);
            prop_assert!(waiting.len() == admission.waiting() + woken);
        }
        for _ in 0..running {
            while admission.leave().is_some() {}
        }
        prop_assert_eq!((admission.running(), admission.waiting()), (0, 0));
    }
}
