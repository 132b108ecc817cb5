//! Who goes first: strategies, layers, factors, tie-breaks, time of day.

use router_core::ask::Ask;
use router_core::catalog::Capability::{Chat, JsonMode, Streaming, Vision};
use router_core::catalog::spec::{CatalogSpec, ChannelSpec, TimePolicySpec};
use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier};
use router_core::routing::{BreakerView, FACTORS, Moment, STRATEGIES, strategy};

use super::{NOW, World, ask, at, build, caps, catalogue, channel, group, layer, member, model, order, run};

fn scored(name: &str, cents: i64, quality: f64, speed: f64) -> ChannelSpec {
    let mut spec = channel(name, vec![model("m", cents)]);
    spec.models[0].scores.insert("quality".into(), quality);
    spec.models[0].scores.insert("speed".into(), speed);
    spec
}

fn three() -> Vec<ChannelSpec> {
    vec![scored("cheap", 1, 0.5, 0.4), scored("fast", 50, 0.6, 0.9), scored("smart", 100, 0.9, 0.5)]
}

#[test]
fn each_strategy_puts_its_own_first() {
    for (name, expected) in [
        ("cost_optimized", "cheap fast smart"),
        ("speed_optimized", "fast smart cheap"),
        ("quality_optimized", "smart fast cheap"),
        ("balanced", "fast cheap smart"),
    ] {
        let snapshot = build(catalogue(three(), vec![group("g", name)]));
        let decision = run(&snapshot, &World::default(), &ask("g"), at(3));
        assert_eq!(order(&snapshot, &decision), expected, "{name}");
        // and by header, over a group of another strategy and over a plain name
        let snapshot = build(catalogue(three(), vec![group("g", "load_balance")]));
        for target in ["g", "m"] {
            let request = Ask { strategy: Some(name.into()), ..ask(target) };
            assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &request, at(3))), expected, "{name}");
        }
    }
}

#[test]
fn suffixes_sort_by_price_and_by_throughput() {
    let snapshot = build(catalogue(three(), vec![]));
    let mut world = World::default();
    world.set(&snapshot, "smart", |m, _| m.tokens_per_second = Some(90.0));
    world.set(&snapshot, "cheap", |m, _| m.tokens_per_second = Some(30.0));
    assert_eq!(order(&snapshot, &run(&snapshot, &world, &ask("m:floor"), at(1))), "cheap fast smart");
    assert_eq!(order(&snapshot, &run(&snapshot, &world, &ask("m:nitro"), at(1))), "smart fast cheap");
}

#[test]
fn priority_comes_before_everything_else() {
    let mut channels = three();
    channels[0].priority = 3;
    channels[1].priority = 2;
    channels[2].priority = 2;
    let snapshot = build(catalogue(channels, vec![]));
    for sequence in 0..20 {
        let got = order(&snapshot, &run(&snapshot, &World::default(), &ask("m"), at(sequence)));
        assert!(got.ends_with("cheap"), "{got}");
    }
}

#[test]
fn names_are_listed_and_unknown_ones_explained() {
    for known in STRATEGIES {
        assert_eq!(strategy(known.name).map(|found| found.name), Ok(known.name));
    }
    let error = strategy("luck").expect_err("none").to_string();
    assert!(error.starts_with("`luck` is no strategy; multi_layer, cost_optimized"), "{error}");
    let spec = catalogue(three(), vec![group("g", "balanced")]);
    let snapshot = build(spec);
    let request = Ask { strategy: Some("luck".into()), ..ask("g") };
    let decision = run(&snapshot, &World::default(), &request, at(1));
    assert_eq!(decision.tiers[0].strategy.name, "balanced", "an unknown name counts for nothing");
}

/// Channels `a` and `b`; the layer `field` decides. `change` sets the scene so that `a` has the larger value.
fn check_factor(
    field: &str,
    change: impl Fn(&mut CatalogSpec),
    live: impl Fn(&mut World, &router_core::catalog::Snapshot),
) {
    for (descending, expected) in [(true, "a b"), (false, "b a")] {
        let mut spec = catalogue(
            vec![channel("a", vec![model("m", 10)]), channel("b", vec![model("m", 10)])],
            vec![group("g", "multi_layer")],
        );
        spec.groups[0].layers = vec![layer(field, descending, 1.0)];
        change(&mut spec);
        let snapshot = build(spec);
        let mut world = World::default();
        live(&mut world, &snapshot);
        for sequence in 0..4 {
            let decision = run(&snapshot, &world, &ask("g"), at(sequence));
            assert_eq!(order(&snapshot, &decision), expected, "{field} descending {descending}");
            let scores: Vec<f64> = decision.ranked().map(|candidate| candidate.score).collect();
            assert_eq!(scores, [1.0, 0.0], "{field}");
        }
    }
}

#[test]
fn every_factor_ranks_by_what_it_says() {
    let none = |_: &mut World, _: &router_core::catalog::Snapshot| {};
    let observe = |change: fn(&mut router_core::routing::ModelLive, &mut router_core::routing::ChannelLive)| {
        move |world: &mut World, snapshot: &router_core::catalog::Snapshot| {
            // `b` is observed as middling
            world.set(snapshot, "b", |m, _| {
                m.observations = 100.0;
                (m.ttft_ms, m.tokens_per_second, m.success_rate) = (Some(500.0), Some(50.0), Some(0.9));
            });
            world.set(snapshot, "a", |m, c| {
                m.observations = 100.0;
                (m.ttft_ms, m.tokens_per_second, m.success_rate) = (Some(500.0), Some(50.0), Some(0.9));
                change(m, c);
            });
        }
    };
    let dear = |spec: &mut CatalogSpec| {
        spec.channels[0].models[0].price = Some(Price { output: Rate(1 << 40), ..Price::default() })
    };
    check_factor("effective_cost", dear, none);
    check_factor(
        "effective_cost",
        |spec| {
            let tier = Tier { above_tokens: 999, input: Rate(1 << 40), output: Rate(1), ..Tier::default() };
            spec.channels[0].models[0].price = Some(Price { tiers: vec![tier], ..Price::default() });
        },
        none,
    );
    check_factor(
        "effective_cost",
        |spec| spec.channels[0].models[0].price.as_mut().unwrap().per_request = Nano::usd(1),
        none,
    );
    check_factor(
        "effective_cost",
        |spec| {
            let mut own = member("m");
            own.channel = Some("a".into());
            own.cost_multiplier = Some(1.5);
            spec.groups[0].members = vec![own];
        },
        none,
    );
    check_factor(
        "cost_efficiency",
        |spec| {
            for (place, cents) in [(0, 1), (1, 1_000)] {
                spec.channels[place].models[0] = model("m", cents);
                spec.channels[place].models[0].scores.insert("quality".into(), 0.8);
            }
        },
        none,
    );
    check_factor("speed_score", |spec| _ = spec.channels[0].models[0].scores.insert("speed".into(), 0.9), none);
    check_factor("speed_score", |_| {}, observe(|m, _| m.ttft_ms = Some(100.0)));
    check_factor("speed_score", |_| {}, observe(|m, _| m.tokens_per_second = Some(90.0)));
    check_factor("speed_score", |_| {}, observe(|m, _| (m.tokens_per_second, m.ttft_ms) = (None, Some(10.0))));
    check_factor("speed_score", |_| {}, observe(|m, _| (m.tokens_per_second, m.ttft_ms) = (Some(900.0), None)));
    check_factor("latency", |_| {}, observe(|m, _| m.tokens_per_second = Some(10.0)));
    check_factor("ttft", |_| {}, observe(|m, _| m.ttft_ms = Some(900.0)));
    check_factor("throughput", |_| {}, observe(|m, _| m.tokens_per_second = Some(51.0)));
    check_factor(
        "quality_score",
        |spec| {
            for (place, quality) in [(0, 0.9), (1, 0.1)] {
                spec.channels[place].models[0].scores.insert("quality".into(), quality);
            }
        },
        none,
    );
    check_factor(
        "coding_score",
        |spec| {
            for (place, quality) in [(0, 0.9), (1, 0.1)] {
                spec.channels[place].models[0].scores.insert("coding".into(), quality);
            }
        },
        none,
    );
    check_factor(
        "coding_score",
        |spec| {
            spec.channels[1].models[0].scores.insert("coding".into(), 0.8);
            let mut own = member("m");
            own.channel = Some("a".into());
            own.score_overrides.insert("coding_score".into(), 0.9);
            spec.groups[0].members = vec![own];
        },
        none,
    );
    let weak = |spec: &mut CatalogSpec| _ = spec.channels[1].models[0].scores.insert("reliability".into(), 0.9);
    check_factor("reliability_score", weak, observe(|m, _| m.success_rate = Some(1.0)));
    check_factor("uptime_score", |_| {}, observe(|m, _| m.observations = 1.0));
    check_factor(
        "reliability_score",
        |spec| _ = spec.channels[1].models[0].scores.insert("reliability".into(), 0.9),
        none,
    );
    check_factor("health_score", |_| {}, |world, snapshot| world.set(snapshot, "b", |_, c| c.health = Some(0.5)));
    check_factor(
        "health_score",
        |_| {},
        |world, snapshot| {
            world.set(snapshot, "b", |m, _| m.away.breaker = BreakerView::HalfOpen { allows: true });
        },
    );
    check_factor(
        "quota_remaining",
        |_| {},
        |world, snapshot| world.set(snapshot, "b", |_, c| c.quota_remaining = Some(0.3)),
    );
    check_factor(
        "quota_remaining",
        |spec| spec.channels[1].limits.requests_per_day = Some(10),
        |world, snapshot| {
            world.set(snapshot, "b", |_, c| c.requests_today = 5);
        },
    );
    check_factor(
        "quota_remaining",
        |spec| spec.channels[1].limits.daily_budget = Some(Nano::usd(1)),
        |world, snapshot| {
            world.set(snapshot, "b", |_, c| c.spent_today = Nano(1_000));
        },
    );
    check_factor(
        "capability_match",
        |spec| {
            spec.groups[0].filters.optional_capabilities = caps(&[Vision, JsonMode]);
            spec.channels[0].models[0].capabilities = caps(&[Chat, Streaming, Vision]);
        },
        none,
    );
    check_factor("context_length", |spec| spec.channels[0].models[0].context_length = Some(128_000), none);
    check_factor(
        "parameter_count",
        |spec| {
            spec.channels[0].models[0].parameter_count = Some(70.0);
            spec.channels[1].models[0].parameter_count = Some(8.0);
        },
        none,
    );
    check_factor("in_flight", |_| {}, |world, snapshot| world.set(snapshot, "a", |m, _| m.in_flight = 1));
    check_factor("priority", |spec| spec.channels[0].priority = 2, none);
}

#[test]
fn every_factor_survives_nonsense() {
    for factor in FACTORS {
        let mut spec = catalogue(three(), vec![group("g", "multi_layer")]);
        spec.groups[0].layers = vec![layer(factor.name, factor.descending, 1.0)];
        let snapshot = build(spec);
        let mut world = World::default();
        for (name, bad) in [("cheap", f64::NAN), ("fast", f64::INFINITY), ("smart", -1.0)] {
            world.set(&snapshot, name, |m, c| {
                (m.ttft_ms, m.tokens_per_second, m.success_rate, m.observations) =
                    (Some(bad), Some(bad), Some(bad), bad);
                (c.health, c.quota_remaining, c.spent_today) = (Some(bad), Some(bad), Nano(i64::MIN));
            });
        }
        let decision = run(&snapshot, &world, &ask("g"), at(1));
        assert_eq!(decision.eligible(), 3, "{}", factor.name);
        assert!(decision.ranked().all(|candidate| (0.0..=1.0).contains(&candidate.score)), "{}", factor.name);
    }
}

#[test]
fn ties_go_by_layers_then_priority_then_weight_then_hash() {
    // the weights make the sums equal: cost speaks for a, quality for b, to the same extent
    let mut spec =
        catalogue(vec![scored("a", 10, 0.1, 0.5), scored("b", 20, 0.9, 0.5)], vec![group("g", "multi_layer")]);
    spec.groups[0].layers = vec![layer("quality_score", true, 1.0), layer("effective_cost", false, 1.0)];
    let snapshot = build(spec.clone());
    let decision = run(&snapshot, &World::default(), &ask("g"), at(1));
    assert_eq!(order(&snapshot, &decision), "b a", "the first layer decides");
    spec.groups[0].layers.reverse();
    let snapshot = build(spec.clone());
    assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &ask("g"), at(1))), "a b");

    spec.channels = vec![channel("a", vec![model("m", 10)]), channel("b", vec![model("m", 10)])];
    spec.channels[0].priority = 2;
    let snapshot = build(spec.clone());
    assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &ask("g"), at(1))), "b a", "priority");
    spec.channels[0].priority = 1;
    spec.channels[0].weight = 2.0;
    let snapshot = build(spec.clone());
    assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &ask("g"), at(1))), "a b", "weight");
    spec.channels[0].weight = 1.0;
    let snapshot = build(spec);
    let firsts: Vec<String> =
        (0..64).map(|seed| order(&snapshot, &run(&snapshot, &World::default(), &ask("g"), at(seed)))).collect();
    assert!(firsts.iter().any(|order| order == "a b") && firsts.iter().any(|order| order == "b a"), "the hash");
    let sticky = Ask { session: Some(7), ..ask("g") };
    let first = order(&snapshot, &run(&snapshot, &World::default(), &sticky, at(0)));
    assert!((0..64).all(|seed| order(&snapshot, &run(&snapshot, &World::default(), &sticky, at(seed))) == first));
}

#[test]
fn layers_change_with_the_time_of_day() {
    let hour = 3_600_000;
    // 2027-01-15 is winter: Berlin is at UTC+1; 2027-07-01 is summer: UTC+2
    let summer = 1_814_400_000_000;
    for (peak, zone, now, peak_expected) in [
        ((540, 1080), "UTC", NOW + hour, true),
        ((540, 1080), "UTC", NOW, false),
        ((540, 1080), "UTC", NOW + 10 * hour - 1, true),
        ((540, 1080), "UTC", NOW + 10 * hour, false),
        ((540, 1080), "Europe/Berlin", NOW, true),
        ((1380, 360), "UTC", NOW, false),
        ((1380, 360), "UTC", NOW - 3 * hour, true),
        ((1380, 360), "UTC", NOW + 15 * hour, true),
        ((1380, 360), "Asia/Shanghai", NOW + 7 * hour, true),
        ((0, 0), "UTC", NOW, true),
        ((0, 1440), "UTC", NOW, true),
        ((540, 600), "Europe/Berlin", summer - summer % (24 * hour) + 7 * hour, true),
        ((540, 600), "UTC", u64::MAX, false),
    ] {
        let mut spec = catalogue(three(), vec![group("g", "multi_layer")]);
        spec.groups[0].layers = vec![layer("quality_score", true, 1.0)];
        spec.groups[0].time_policy = Some(TimePolicySpec {
            timezone: zone.into(),
            peak,
            peak_layers: vec![layer("speed_score", true, 1.0)],
            off_peak_layers: vec![layer("effective_cost", false, 1.0)],
        });
        let snapshot = build(spec.clone());
        let moment = Moment { now_ms: now, seed: 1, sequence: 1 };
        let first = order(&snapshot, &run(&snapshot, &World::default(), &ask("g"), moment));
        assert_eq!(first.starts_with("fast"), peak_expected, "{peak:?} {zone} {now}: {first}");
        assert_eq!(first.starts_with("cheap"), !peak_expected, "{peak:?} {zone} {now}: {first}");
        let policy = spec.groups[0].time_policy.as_mut().unwrap();
        (policy.peak_layers, policy.off_peak_layers) = (Vec::new(), Vec::new());
        let snapshot = build(spec);
        let first = order(&snapshot, &run(&snapshot, &World::default(), &ask("g"), moment));
        assert!(first.starts_with("smart"), "no layers of its own: the group's");
    }
}
