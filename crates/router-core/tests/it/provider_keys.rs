//! Several provider keys on a channel: whose turn it is, what each may take, and what one that is kept away leaves to the others.

use std::collections::BTreeMap;

use proptest::prelude::*;
use router_core::budget::{Ledger, Zone};
use router_core::catalog::spec::{CatalogSpec, KeyRotation, ProviderKeySpec};
use router_core::catalog::{ChannelIx, ModelIx};
use router_core::fault::{Fault, FaultKind};
use router_core::ids::mix;
use router_core::limits::{Dimension, Limits};
use router_core::money::Nano;
use router_core::rehearsal::{Call, Note, Reply, Request, Stage, VirtualRouter, Watch};
use router_core::request::{Event, Metered};
use router_core::usage::{Usage, UsageSource};
use router_core::world::{Draw, Ended, Holding, KeyState, Rules, Target};

use crate::rehearsal::{By, ledger, request, stage, whole};
use crate::routing::{NOW, ask, catalogue, channel, group, model};

const ONLY: ChannelIx = ChannelIx(0);
const X: ModelIx = ModelIx(0);
const Y: ModelIx = ModelIx(1);

fn key(name: &str, limits: Limits) -> ProviderKeySpec {
    ProviderKeySpec { limits, ..ProviderKeySpec::plain(format!("only/{name}")) }
}

fn free(name: &str) -> ProviderKeySpec {
    key(name, Limits::default())
}

fn per_minute(requests: u64) -> Limits {
    Limits { requests_per_minute: Some(requests), ..Limits::default() }
}

/// One channel with models x and y, and those keys.
fn only(keys: Vec<ProviderKeySpec>) -> CatalogSpec {
    let mut only = channel("only", vec![model("x", 100), model("y", 100)]);
    only.keys = keys;
    catalogue(vec![only], vec![group("g", "cost_optimized")])
}

fn taken(stage: &Stage, model: ModelIx, key: usize, now_ms: u64) -> Result<Holding, Fault> {
    let target = Target { model, group: None, key };
    stage.world.take(&stage.core, &ask("x"), &target, false, now_ms)
}

fn take(stage: &Stage, model: ModelIx, key: usize, now_ms: u64) -> Holding {
    taken(stage, model, key, now_ms).expect("there is room")
}

fn end(stage: &Stage, holding: Holding, event: &Event, spent_until_ms: Option<u64>, now_ms: u64) {
    let ended = Ended {
        event,
        began_ms: 0,
        first_byte_ms: None,
        ended_ms: 0,
        total_ms: 1_000,
        now_ms,
        seed: 1,
        spent_until_ms,
        shape: None,
    };
    holding.report(&stage.world, &stage.core, &ended);
}

fn fails(kind: FaultKind, seconds: u64) -> Event {
    Event::Failed(Fault { retry_after_ms: Some(seconds * 1_000), ..Fault::new(kind, "") }, None)
}

fn good() -> Event {
    Event::Ended(Some(Metered { source: UsageSource::Reported, usage: Usage::default() }))
}

fn order(stage: &Stage, model: ModelIx, now_ms: u64) -> Vec<u16> {
    let draw = Draw { seed: 7, now_ms, pinned: None, session: None };
    stage.world.key_order(&stage.core, &ask("x"), model, &draw).into_owned()
}

/// Seconds until the model may be asked, with whatever key.
fn back(stage: &Stage, model: ModelIx, now_ms: u64) -> u64 {
    let tokens = ask("x").tokens();
    let wait = stage.world.earliest_return(&stage.core, [model].into_iter(), tokens, now_ms);
    wait.expect("a model").div_ceil(1_000)
}

#[test]
fn a_full_key_is_passed_over_and_the_channel_is_away_until_the_first_has_room() {
    let stage = stage(only(vec![key("a", per_minute(1)), key("b", per_minute(2))]), Rules::default(), &ledger());
    let _running = [take(&stage, X, 0, NOW), take(&stage, Y, 1, NOW + 10_000)];
    assert_eq!(order(&stage, X, NOW + 10_000), [1]);
    assert_eq!(back(&stage, X, NOW + 10_000), 0);
    let refused = taken(&stage, X, 0, NOW + 10_000).expect_err("it is full");
    assert_eq!((refused.kind, refused.retry_after_ms), (FaultKind::RateLimited, Some(50_000)));
    let _last = take(&stage, X, 1, NOW + 20_000);
    // Both are full; a comes back 60 seconds after its request, b after its first.
    assert_eq!([back(&stage, X, NOW + 20_000), back(&stage, Y, NOW + 20_000)], [40, 40]);
    let full = KeyState::Full { limit: Dimension::Requests, until_ms: Some(NOW + 60_000) };
    assert_eq!(stage.world.key_state(&stage.core, ONLY, 0, NOW + 20_000), Some(full));
    assert_eq!(order(&stage, Y, NOW + 60_000), [0]);
    assert_eq!(order(&stage, Y, NOW + 70_000).len(), 2);
}

#[test]
fn one_key_with_a_limit_keeps_its_channel_away() {
    let stage = stage(only(vec![key("a", per_minute(1))]), Rules::default(), &ledger());
    assert_eq!(back(&stage, X, NOW), 0);
    let _running = take(&stage, X, 0, NOW);
    assert_eq!(back(&stage, Y, NOW + 1_000), 59);
    assert!(taken(&stage, Y, 0, NOW + 1_000).is_err());
}

#[test]
fn a_refusal_of_one_limit_takes_nothing_from_the_others() {
    let mut spec = only(vec![key("a", Limits { requests_per_day: Some(3), ..per_minute(2) })]);
    spec.channels[0].limits.requests_per_day = Some(3);
    spec.groups[0].members = vec![crate::routing::member("x")];
    spec.groups[0].members[0].daily_limit = Some(1);
    let stage = stage(spec, Rules::default(), &ledger());
    let member = Target { model: X, group: stage.core.group_by_name("g"), key: 0 };
    let of_member = || stage.world.take(&stage.core, &ask("x"), &member, false, NOW);
    let _running = of_member().expect("there is room");
    for _ in 0..5 {
        let refused = of_member().expect_err("the member's day is used up");
        assert_eq!(refused.detail, "the group's daily limit for this member is reached");
    }
    // Key and channel have counted one: the key has room for one more in this minute, the channel for two more today.
    let _more = take(&stage, Y, 0, NOW);
    for _ in 0..5 {
        assert_eq!(
            taken(&stage, Y, 0, NOW).expect_err("full").detail,
            "our own limit for this provider key is reached"
        );
    }
    let _last = take(&stage, Y, 0, NOW + 60_000);
    assert_eq!(
        taken(&stage, Y, 0, NOW + 60_000).expect_err("full").detail,
        "our own limit for this channel is reached",
        "it counted what was refused"
    );
}

#[test]
fn limits_of_a_day_turn_over_by_clock_and_zone() {
    for (zone, hours) in [("UTC", 24), ("Asia/Shanghai", 16), ("America/New_York", 29)] {
        let mut spec = only(vec![key("a", Limits { requests_per_day: Some(1), ..Limits::default() })]);
        spec.budgets.timezone = zone.into();
        let ledger = Ledger::new(Zone::named(zone).expect("a zone"));
        let stage = stage(spec, Rules::default(), &ledger);
        let midnight = NOW - NOW % 86_400_000;
        drop(take(&stage, X, 0, midnight));
        let turn = midnight + hours % 24 * 3_600_000 + if hours == 24 { 86_400_000 } else { 0 };
        let seconds = (turn - midnight) / 1_000;
        assert_eq!(back(&stage, X, midnight), seconds, "{zone}");
        assert!(taken(&stage, X, 0, turn - 1).is_err(), "{zone}");
        drop(take(&stage, X, 0, turn));
    }
}

#[test]
fn too_many_requests_of_one_model_leave_the_key_to_the_others() {
    let stage = stage(only(vec![free("a"), free("b")]), Rules::default(), &ledger());
    end(&stage, take(&stage, X, 0, NOW), &fails(FaultKind::RateLimited, 30), None, NOW);
    assert_eq!((order(&stage, X, NOW), order(&stage, Y, NOW).len()), (vec![1], 2));
    assert_eq!([back(&stage, X, NOW), back(&stage, Y, NOW)], [0, 0]);
    assert_eq!(stage.world.key_state(&stage.core, ONLY, 0, NOW), Some(KeyState::Usable));
    let pair = stage.world.pair(X, 0).expect("several keys");
    assert_eq!((pair.until(NOW), pair.why(NOW)), (Some(NOW + 30_000), Some("rate_limited")));
    // With the other key the model waits for the first of both; the rest of the channel does not.
    end(&stage, take(&stage, X, 1, NOW), &fails(FaultKind::RateLimited, 20), None, NOW);
    assert_eq!([back(&stage, X, NOW), back(&stage, Y, NOW)], [20, 0]);
    assert_eq!(order(&stage, X, NOW + 20_000), [1]);
    // Who has mended it may say so.
    stage.world.reset(&stage.core, ONLY);
    assert_eq!(order(&stage, X, NOW).len(), 2);
    for key in [0, 1] {
        end(&stage, take(&stage, X, key, NOW), &fails(FaultKind::RateLimited, [30, 20][key]), None, NOW);
    }
    // A good answer of the pair ends its time.
    end(&stage, take(&stage, X, 0, NOW + 21_000), &good(), None, NOW + 22_000);
    assert_eq!(order(&stage, X, NOW + 22_000).len(), 2);
}

#[test]
fn a_model_waits_for_the_first_key_that_nothing_keeps_away() {
    // a is full, b is set aside for x alone, c is refused as a whole.
    let keys = vec![key("a", per_minute(1)), free("b"), free("c")];
    let stage = stage(only(keys), Rules::default(), &ledger());
    let _running = take(&stage, Y, 0, NOW);
    end(&stage, take(&stage, X, 1, NOW), &fails(FaultKind::RateLimited, 30), None, NOW);
    end(&stage, take(&stage, X, 2, NOW), &fails(FaultKind::KeyInvalid, 90), None, NOW);
    assert_eq!([back(&stage, X, NOW), back(&stage, Y, NOW)], [30, 0]);
    assert_eq!(order(&stage, Y, NOW), [1]);
    let Some(KeyState::Cooling { why, .. }) = stage.world.key_state(&stage.core, ONLY, 2, NOW) else {
        panic!("a refused key is cooling")
    };
    assert_eq!(why, "key_invalid");
}

#[test]
fn what_a_provider_says_is_left_counts_for_the_pair() {
    let stage = stage(only(vec![free("a"), free("b")]), Rules::default(), &ledger());
    end(&stage, take(&stage, X, 0, NOW), &good(), Some(NOW + 60_000), NOW);
    assert_eq!((order(&stage, X, NOW), order(&stage, Y, NOW).len()), (vec![1], 2));
    end(&stage, take(&stage, X, 1, NOW), &good(), Some(NOW + 60_000), NOW);
    // It is only a hint: where nobody else is left, both are tried.
    assert_eq!((back(&stage, X, NOW), order(&stage, X, NOW).len()), (0, 2));
    assert_eq!(stage.world.pair(X, 0).and_then(|pair| pair.why(NOW)), Some("limit_spent"));
}

#[test]
fn a_key_whose_budget_cannot_bear_the_request_is_passed_over() {
    let mut keys = vec![free("poor"), free("rich")];
    keys[0].daily_budget = Some(Nano(1));
    let ledger = ledger();
    let stage = stage(only(keys), Rules::default(), &ledger);
    assert_eq!(order(&stage, X, NOW), [1]);
    assert_eq!(stage.world.key_state(&stage.core, ONLY, 0, NOW), Some(KeyState::Usable), "it may bear a smaller one");
}

#[test]
fn a_request_that_no_key_can_ever_hold_is_told_so() {
    let small = |most| Limits { tokens_per_minute: Some(most), ..Limits::default() };
    let core = crate::routing::build(only(vec![key("a", small(200)), key("b", small(500))]));
    let mut ask = ask("x");
    ask.input_tokens = 501;
    let decision = crate::routing::run(&core, &crate::routing::World::default(), &ask, crate::routing::at(1));
    assert_eq!(crate::routing::left_out(&core, &decision), "only/x:larger_than_minute_limit");
    ask.input_tokens = 500;
    let decision = crate::routing::run(&core, &crate::routing::World::default(), &ask, crate::routing::at(1));
    assert_eq!(crate::routing::left_out(&core, &decision), "");
}

/// Which keys were used, in order.
#[derive(Default)]
struct Used(Vec<usize>);

impl Watch for Used {
    fn note(&mut self, _: u64, _: u64, note: Note<'_>) {
        if let Note::Sent { target, .. } = note {
            self.0.push(target.key);
        }
    }
}

fn used(spec: CatalogSpec, requests: Vec<Request>, reply: impl FnMut(&Call<'_>) -> Reply) -> Vec<usize> {
    let ledger = ledger();
    let mut router = VirtualRouter::new(stage(spec, Rules::default(), &ledger), By(reply), Used::default());
    router.run(requests);
    router.watch.0
}

#[test]
fn the_least_used_key_is_the_one_with_the_fewest_running() {
    let mut spec = only(vec![free("a"), free("b"), free("c")]);
    spec.channels[0].key_rotation = KeyRotation::LeastUsed;
    // All run at a time; the seventh comes when the second alone has ended.
    let requests = (0..7).map(|number| request(if number == 6 { 200 } else { number }, number)).collect();
    let reply = |call: &Call<'_>| whole(5, if call.number == 1 { 100 } else { 5_000 });
    assert_eq!(used(spec, requests, reply), [0, 1, 2, 0, 1, 2, 1]);
}

#[test]
fn a_key_without_weight_comes_last() {
    for rotation in [KeyRotation::Weighted, KeyRotation::LeastUsed] {
        let mut spec = only(vec![free("spare"), free("main")]);
        spec.channels[0].keys[0].weight = 0.0;
        spec.channels[0].key_rotation = rotation;
        let all = used(spec, (0..50).map(|number| request(number, number)).collect(), |_| whole(5, 9_000));
        assert!(all.iter().all(|key| *key == 1), "{rotation:?}: {all:?}");
    }
}

proptest! {
    /// D'Hondt's method never gives a key less than its share, rounded down.
    #[test]
    fn by_least_use_each_key_has_its_share_of_the_day(
        weights in proptest::collection::vec(1..6u32, 2..5),
        count in 1..120u64,
        seed: u64,
    ) {
        let names = ["a", "b", "c", "d"];
        let mut spec = only(names.iter().take(weights.len()).map(|name| free(name)).collect());
        spec.channels[0].key_rotation = KeyRotation::LeastUsed;
        for (key, weight) in spec.channels[0].keys.iter_mut().zip(&weights) {
            key.weight = f64::from(*weight);
        }
        let one_by_one = |number| Request { seed: mix(seed ^ number), ..request(number * 100, number) };
        let all = used(spec, (0..count).map(one_by_one).collect(), |_| whole(5, 50));
        prop_assert_eq!(all.len() as u64, count);
        let whole: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        for (key, weight) in weights.iter().enumerate() {
            let had = all.iter().filter(|used| **used == key).count() as u64;
            prop_assert!(had >= count * u64::from(*weight) / whole, "key {} had {} of {}: {:?}", key, had, count, weights);
        }
    }

    /// No key is above a limit of its own, whatever comes; and while any has room, somebody is served.
    #[test]
    fn limits_of_keys_hold_and_keep_nobody_out_needlessly(
        most in proptest::collection::vec(1..4u64, 1..4),
        gaps in proptest::collection::vec(0..15_000u64, 1..60),
        least_used: bool,
    ) {
        let names = ["a", "b", "c"];
        let keys = names.iter().zip(&most).map(|(name, most)| key(name, per_minute(*most))).collect();
        let mut spec = only(keys);
        spec.channels[0].key_rotation = if least_used { KeyRotation::LeastUsed } else { KeyRotation::Weighted };
        let ledger = ledger();
        let stage = stage(spec, Rules::default(), &ledger);
        let (mut at, mut sent) = (NOW, BTreeMap::<u16, Vec<u64>>::new());
        for gap in gaps {
            at += gap;
            let of = |key: u16| sent.get(&key).map_or(0, |times| times.iter().filter(|time| **time + 60_000 > at).count() as u64);
            let has_room = (0u16..).zip(&most).any(|(key, most)| of(key) < *most);
            prop_assert_eq!(back(&stage, X, at) == 0, has_room);
            if !has_room {
                // The wait that is told is the true one: until the oldest of some key is a minute old.
                let free_ms = (0u16..).zip(&most).filter_map(|(key, most)| {
                    let times = sent.get(&key)?;
                    Some(times[times.len() - *most as usize] + 60_000 - at)
                });
                prop_assert_eq!(Some(back(&stage, X, at)), free_ms.min().map(|ms| ms.div_ceil(1_000)));
                continue;
            }
            let key = order(&stage, X, at)[0];
            prop_assert!(of(key) < most[usize::from(key)]);
            drop(take(&stage, X, usize::from(key), at));
            sent.entry(key).or_default().push(at);
        }
    }
}
