//! Learning from traffic: goals are held by what has been observed, priors decide where nothing has been, somebody who
//! has recovered is noticed, and a session stays where its prompt is cached.

use router_core::ask::Ask;
use router_core::catalog::spec::{CatalogSpec, Slo};
use router_core::catalog::{ModelIx, Snapshot};
use router_core::health::{Health, Shape};
use router_core::ids::mix;
use router_core::routing::{Held, Moment};

use super::{NOW, World, ask, at, build, catalogue, channel, group, model, name, order, run};

fn slo(ttft_p95_ms: Option<f64>, success: Option<f64>) -> CatalogSpec {
    let mut spec = catalogue(
        vec![
            channel("cheap", vec![model("m", 1)]),
            channel("mid", vec![model("m", 5)]),
            channel("dear", vec![model("m", 9)]),
        ],
        vec![group("g", "slo")],
    );
    spec.groups[0].slo = Some(Slo { ttft_p95_ms, success });
    spec
}

fn first(snapshot: &Snapshot, world: &World) -> String {
    let decision = run(snapshot, world, &ask("g"), at(1));
    decision.chosen().map(|chosen| name(snapshot, chosen.model)).unwrap_or_default()
}

#[test]
fn the_cheapest_that_holds_the_goals() {
    let snapshot = build(slo(Some(800.0), Some(0.9)));
    let mut world = World::default();
    assert_eq!(first(&snapshot, &world), "cheap", "nobody is known: the price decides");
    let seen = |world: &mut World, name: &str, p95: f64, success: f64| {
        world.set(&snapshot, name, |m, _| {
            (m.ttft_p95_ms, m.success_rate, m.observations) = (Some(p95), Some(success), 200.0);
        });
    };
    seen(&mut world, "cheap", 2_000.0, 1.0);
    seen(&mut world, "mid", 700.0, 1.0);
    assert_eq!(first(&snapshot, &world), "mid");
    seen(&mut world, "mid", 700.0, 0.5);
    seen(&mut world, "dear", 790.0, 0.99);
    assert_eq!(first(&snapshot, &world), "dear", "fast, but it fails");
    seen(&mut world, "dear", 1_000.0, 0.99);
    let decision = run(&snapshot, &world, &ask("g"), at(1));
    assert_eq!(order(&snapshot, &decision), "dear cheap mid", "nobody holds them: the nearest first");
    let summary = decision.summary(&snapshot);
    assert!(
        summary.contains("nobody holds the goals, this is the nearest to them (ttft_p95 1000 of 800 ms"),
        "{summary}"
    );
}

#[test]
fn priors_count_as_ten_observations() {
    let mut spec = slo(Some(800.0), None);
    // 0.4 stands for 1,200 ms in the middle, 0.8 for 200
    spec.channels[0].models[0].scores.insert("speed".into(), 0.4);
    spec.channels[1].models[0].scores.insert("speed".into(), 0.8);
    let snapshot = build(spec);
    let mut world = World::default();
    assert_eq!(first(&snapshot, &world), "mid", "the catalogue says that the cheap one is slow");
    for (observations, winner) in [(1.0, "mid"), (200.0, "cheap")] {
        world.set(&snapshot, "cheap", |m, _| {
            (m.ttft_p95_ms, m.observations, m.success_rate) = (Some(300.0), observations, Some(1.0));
        });
        assert_eq!(first(&snapshot, &world), winner, "{observations} observations");
    }
}

#[test]
fn goals_are_needed() {
    assert!(Snapshot::build(slo(None, None)).is_err_and(|problems| problems[0].path == "model_groups.g.slo"));
    assert!(Snapshot::build(slo(None, Some(1.5))).is_err());
}

/// Two hours of a channel that is slow for the first and quick from then on: real averages, a virtual clock.
#[test]
fn somebody_who_has_recovered_is_noticed() {
    let channels = ["steady", "moody"].map(|name| {
        let mut channel = channel(name, vec![model("m", 5)]);
        // the catalogue thinks little of both
        channel.models[0].scores.insert("speed".into(), if name == "moody" { 0.2 } else { 0.4 });
        channel
    });
    let snapshot = build(catalogue(channels.into(), vec![group("g", "speed_optimized")]));
    let health: Vec<std::sync::Arc<Health>> = vec![std::sync::Arc::default(), std::sync::Arc::default()];
    let observed = |now: u64| {
        let mut world = World::default();
        for (place, name) in ["steady", "moody"].into_iter().enumerate() {
            let health = &health[place];
            world.set(&snapshot, name, |m, _| {
                m.ttft_ms = health.first_byte_ms.get();
                m.ttft_p95_ms = health.first_byte_tails.of(Shape::Stream).p95_ms();
                m.success_rate = Some(health.success.get(Health::TAU_MS, now));
                m.observations = health.success.weight(Health::TAU_MS, now);
            });
        }
        world
    };
    let (mut taken, mut explored) = ([[0u32; 2]; 2], 0);
    for second in 0..7_200u64 {
        let now = NOW + second * 1_000;
        let hour = usize::from(second >= 3_600);
        let moment = Moment { now_ms: now, seed: mix(second), sequence: second };
        let decision = run(&snapshot, &observed(now), &ask("g"), moment);
        assert_eq!(
            order(&snapshot, &decision),
            order(&snapshot, &run(&snapshot, &observed(now), &ask("g"), moment)),
            "no chance but the seed"
        );
        let chosen = decision.chosen().expect("somebody").model;
        explored += u32::from(decision.explored.is_some());
        taken[hour][chosen.0 as usize] += 1;
        let ms = if chosen == ModelIx(0) { 700 } else { [3_000, 150][hour] };
        health[chosen.0 as usize].answered(Some(Shape::Stream), ms, ms, 1, now);
    }
    assert!(taken[0][1] < 100, "a slow one is tried now and then only: {taken:?}");
    assert!(taken[1][1] > 1_800, "and found out when it is quick: {taken:?}");
    assert!((1..200).contains(&explored), "{explored}");
}

#[test]
fn a_session_stays_where_its_prompt_is_cached_while_that_pays() {
    let cached = |cents: i64, name: &str| {
        let mut channel = channel(name, vec![model("m", cents)]);
        channel.models[0].context_length = Some(1_000_000);
        let price = channel.models[0].price.as_mut().expect("a price");
        price.cached_input = Some(router_core::pricing::Rate(price.input.0 / 10));
        channel
    };
    let spec =
        |strategy: &str, cents: i64| catalogue(vec![cached(10, "a"), cached(cents, "b")], vec![group("g", strategy)]);
    let held = |tokens| Some(Held { model: ModelIx(1), cached_tokens: tokens });
    let long = |held| Ask { input_tokens: 50_000, held, ..ask("g") };
    for (strategy, cents, tokens, winner, why) in [
        ("cost_optimized", 15, 0, "a", "nothing is cached"),
        ("cost_optimized", 15, 40_000, "b", "the cache makes it cheaper"),
        ("cost_optimized", 200, 40_000, "a", "it is still dearer"),
        ("speed_optimized", 10, 40_000, "b", "equally fast, and cheaper"),
        ("load_balance", 10, 40_000, "b", "whoever's turn it is"),
    ] {
        let snapshot = build(spec(strategy, cents));
        let mut winners = (1..40).map(|n| {
            let decision = run(&snapshot, &World::default(), &long(held(tokens)), at(n));
            assert_eq!(
                decision.sticky.map(|sticky| sticky.kept),
                Some(name(&snapshot, decision.order().next().expect("one")) == "b")
            );
            order(&snapshot, &decision).split(' ').next().unwrap_or_default().to_owned()
        });
        assert!(winners.all(|first| first == winner), "{strategy} {cents} {tokens}: {why}");
    }
    // clearly faster wins over a warm cache, and so do health and the operator's priority
    let snapshot = build(spec("speed_optimized", 10));
    let mut world = World::default();
    world.set(&snapshot, "a", |m, _| (m.ttft_ms, m.observations) = (Some(50.0), 100.0));
    let decision = run(&snapshot, &world, &long(held(40_000)), at(1));
    assert_eq!(order(&snapshot, &decision), "a b");
    let told = decision.summary(&snapshot);
    assert!(told.contains("the session leaves its prompt cache at m on b"), "{told}");
    let snapshot = build(spec("cost_optimized", 10));
    let mut world = World::default();
    world.set(&snapshot, "b", |m, _| m.away.cooldown_until_ms = NOW + 1);
    assert_eq!(order(&snapshot, &run(&snapshot, &world, &long(held(40_000)), at(1))), "a");
    let mut first = spec("priority", 10);
    first.channels[1].priority = 2;
    let snapshot = build(first);
    assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &long(held(40_000)), at(1))), "a b");
}
