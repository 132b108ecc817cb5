//! Selectors that spread: their shares, their turns, their stickiness.

use std::collections::BTreeMap;

use router_core::ask::Ask;
use router_core::catalog::Snapshot;
use router_core::routing::{SELECTORS, selector};

use super::{World, ask, at, build, catalogue, channel, group, model, name, run};

const PICKS: u64 = 100_000;

fn world(algorithm: &str, weights: &[f64]) -> Snapshot {
    let channels = weights.iter().enumerate().map(|(number, weight)| {
        let mut spec = channel(&format!("c{number}"), vec![model("m", 10)]);
        spec.weight = *weight;
        spec
    });
    let mut group = group("g", "load_balance");
    group.algorithm = algorithm.into();
    build(catalogue(channels.collect(), vec![group]))
}

fn firsts(snapshot: &Snapshot, live: &World, picks: u64) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for number in 0..picks {
        let decision = run(snapshot, live, &ask("g"), at(number));
        let first = decision.chosen().expect("somebody");
        *counts.entry(name(snapshot, first.model)).or_default() += 1;
    }
    counts
}

#[test]
fn weighted_algorithms_keep_to_their_weights() {
    for algorithm in ["weighted_round_robin", "random"] {
        for weights in [vec![1.0, 2.0, 3.0, 0.0], vec![1.0, 1.0], vec![0.1, 10.0], vec![5.0, 0.0, 0.0]] {
            let snapshot = world(algorithm, &weights);
            let counts = firsts(&snapshot, &World::default(), PICKS);
            let total: f64 = weights.iter().sum();
            for (number, weight) in weights.iter().enumerate() {
                let p = weight / total;
                let sigma = (PICKS as f64 * p * (1.0 - p)).sqrt();
                let got = counts.get(&format!("c{number}")).copied().unwrap_or(0) as f64;
                let off = (got - PICKS as f64 * p).abs();
                assert!(off <= 3.0 * sigma + 1e-9, "{algorithm} {weights:?} c{number}: {got}");
            }
        }
    }
}

#[test]
fn turns_are_even_over_short_stretches() {
    let snapshot = world("weighted_round_robin", &[1.0, 1.0, 1.0]);
    for start in [0, 1, 17, 300] {
        let mut seen: Vec<String> = (start..start + 3)
            .map(|n| name(&snapshot, run(&snapshot, &World::default(), &ask("g"), at(n)).chosen().unwrap().model))
            .collect();
        seen.sort();
        assert_eq!(seen, ["c0", "c1", "c2"], "strict turns where weights are equal");
    }
    let counts = firsts(&world("weighted_round_robin", &[1.0, 2.0, 5.0]), &World::default(), 80);
    for (who, share) in [("c0", 10.0), ("c1", 20.0), ("c2", 50.0)] {
        assert!((counts[who] as f64 - share).abs() <= 2.0, "{counts:?}");
    }
}

#[test]
fn without_any_weight_everyone_is_still_there() {
    for selector in SELECTORS {
        let snapshot = world(selector.name, &[0.0, 0.0, 0.0]);
        let decision = run(&snapshot, &World::default(), &ask("g"), at(5));
        assert_eq!(decision.eligible(), 3, "{}", selector.name);
    }
}

#[test]
fn the_less_busy_goes_first() {
    let snapshot = world("least_in_flight", &[1.0, 1.0, 4.0]);
    let mut live = World::default();
    for (who, busy) in [("c0", 3), ("c1", 1), ("c2", 4)] {
        live.set(&snapshot, who, |m, _| m.in_flight = busy);
    }
    // loads with one more: 4/1, 2/1, 5/4
    let decision = run(&snapshot, &live, &ask("g"), at(1));
    assert_eq!(super::order(&snapshot, &decision), "c2 c1 c0");

    let snapshot = world("power_of_two", &[1.0; 4]);
    let mut live = World::default();
    live.set(&snapshot, "c3", |m, _| m.in_flight = 50);
    let counts = firsts(&snapshot, &live, 2_000);
    assert!(!counts.contains_key("c3"), "the busiest of two never goes first: {counts:?}");
    assert!(counts.values().all(|count| *count > 500), "{counts:?}");
}

#[test]
fn sessions_stay_and_move_only_when_they_must() {
    for algorithm in ["weighted_round_robin", "random", "power_of_two"] {
        let snapshot = world(algorithm, &[1.0, 2.0, 1.0]);
        let mut without = World::default();
        without.set(&snapshot, "c0", |m, _| m.away.cooldown_until_ms = u64::MAX);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for session in 0..4_000 {
            let request = Ask { session: Some(session), ..ask("g") };
            let first = |live: &World, n| {
                name(&snapshot, run(&snapshot, live, &request, at(n)).chosen().expect("somebody").model)
            };
            let home = first(&World::default(), 1);
            assert_eq!(first(&World::default(), session + 2), home, "{algorithm}");
            if home != "c0" {
                assert_eq!(first(&without, 3), home, "{algorithm}: only the sessions of c0 move");
            }
            *counts.entry(home).or_default() += 1;
        }
        assert!((1_800..2_200).contains(&counts["c1"]), "{algorithm} {counts:?}");
    }
}

#[test]
fn unknown_algorithms_are_explained() {
    let error = selector("dice").expect_err("none").to_string();
    assert!(error.starts_with("`dice` is no load-balancing algorithm; top_score, weighted_round_robin"), "{error}");
}
