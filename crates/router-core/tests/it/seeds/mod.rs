//! Deterministic simulation of the whole request machine: a world, its clients and its faults by a seed, the oracles over all
//! of it. `ROUTER_SEEDS` says how many seeds (2,000 where it is silent), `ROUTER_SEED` replays one.

mod oracles;
mod world;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use router_core::rehearsal::VirtualRouter;

use oracles::Oracles;
use world::Made;

/// After so many worlds it is told how many there were (seen with `--nocapture`).
const SIGN_OF_LIFE: u32 = 1_000;

/// Plays a seed to its end; what broke a rule, if any did.
fn play(seed: u64) -> Vec<String> {
    let Made { stage, provider, requests, ledger, caps, retries } = world::make(seed);
    let oracles = Oracles::new(&stage, retries);
    let mut router = VirtualRouter::new(stage, provider, oracles);
    router.run(requests);
    let open = router.open();
    let mut broken = router.watch.verdict(&ledger, &caps);
    if open > 0 {
        broken.push(format!("{open} requests never ended"));
    }
    broken
}

/// As [`play`]; a panic breaks a rule, too.
fn judge(seed: u64) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(|| play(seed))).unwrap_or_else(|_| vec!["it panicked".to_owned()])
}

#[expect(
    clippy::disallowed_methods,
    reason = "which seeds to play is the caller's to say, and a test has no arguments"
)]
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_seed_keeps_the_rules() {
    let seeds = match number("ROUTER_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("ROUTER_SEEDS").unwrap_or(2_000),
    };
    let mut played = 0_u32;
    for seed in seeds {
        let broken = judge(seed);
        assert!(
            broken.is_empty(),
            "seed {seed} breaks the rules: {}\nreplay: ROUTER_SEED={seed} cargo test -p router-core --test it every_seed",
            broken.join("\n")
        );
        played += 1;
        if played.is_multiple_of(SIGN_OF_LIFE) {
            println!("{played} worlds keep the rules");
        }
    }
}

/// The oracles see something: worlds in which everything of interest happens.
#[test]
fn the_seeds_reach_what_the_oracles_watch() {
    let mut seen = oracles::Seen::default();
    for seed in 1..=100 {
        let Made { stage, provider, requests, retries, .. } = world::make(seed);
        let oracles = Oracles::new(&stage, retries);
        let mut router = VirtualRouter::new(stage, provider, oracles);
        router.run(requests);
        seen.add(router.watch.seen);
    }
    assert!(seen.all(), "{seen:?}");
}
