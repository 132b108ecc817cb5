//! Who is out, and why.

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::Capability::{Chat, Embeddings, FunctionCalling, Streaming, Vision};
use router_core::catalog::spec::{CatalogSpec, UnknownPrice};
use router_core::money::Nano;
use router_core::pricing::Price;
use router_core::routing::{BreakerView, NoneKind, resolve};

use super::{
    NOW, World, ask, at, build, caps, catalogue, channel, group, key, layer, left_out, member, model, order, run,
};

/// Channels `a` (10 cents) and `b` (20 cents) with one model each, in the group `g`; `change` sets the scene.
fn check(change: impl FnOnce(&mut CatalogSpec, &mut Ask), eligible: &str, out: &str) {
    let mut spec = catalogue(
        vec![channel("a", vec![model("m", 10)]), channel("b", vec![model("m", 20)])],
        vec![group("g", "cost_optimized")],
    );
    let mut request = ask("g");
    change(&mut spec, &mut request);
    let snapshot = build(spec);
    let decision = run(&snapshot, &World::default(), &request, at(1));
    assert_eq!((order(&snapshot, &decision).as_str(), left_out(&snapshot, &decision).as_str()), (eligible, out));
}

#[test]
fn filters_of_the_configuration() {
    check(|_, _| {}, "a b", "");
    check(|spec, _| spec.channels[0].enabled = false, "b", "a:channel_disabled");
    check(|spec, _| spec.channels[0].models[0].price = None, "b", "a:unknown_price");
    check(
        |spec, _| {
            spec.channels[0].models[0].price = None;
            spec.budgets.unknown_price = UnknownPrice::Free;
        },
        "a b",
        "",
    );
    check(
        |spec, _| {
            spec.channels[0].models[0].price = None;
            spec.budgets.unknown_price =
                UnknownPrice::Assume(Price { input: router_core::pricing::Rate(1 << 40), ..Price::default() });
        },
        "b a",
        "",
    );
    check(
        |spec, _| spec.groups[0].filters.required_capabilities = caps(&[Vision]),
        "",
        "a:missing_capabilities b:missing_capabilities",
    );
    check(
        |spec, _| {
            spec.channels[1].models[0].capabilities = caps(&[Chat, Vision]);
            spec.groups[0].filters.exclude_capabilities = caps(&[Vision]);
        },
        "a",
        "b:excluded_capabilities",
    );
    // the limit itself is allowed
    check(
        |spec, _| spec.groups[0].filters.max_cost_per_million = Some(Nano(100_000_000)),
        "a",
        "b:max_cost_per_million",
    );
    check(
        |spec, _| {
            spec.channels[0].models[0].scores.insert("quality".into(), 0.7);
            spec.groups[0].filters.min_quality_score = Some(0.7);
        },
        "a",
        "b:min_quality_score",
    );
    check(
        |spec, _| {
            spec.channels[0].models[0].scores.insert("quality".into(), 0.6);
            spec.groups[0].filters.min_quality_score = Some(0.7);
            let mut raised = member("m");
            raised.channel = Some("b*".into());
            raised.score_overrides.insert("quality_score".into(), 0.9);
            spec.groups[0].members.push(raised);
        },
        "b",
        "a:min_quality_score",
    );
    check(
        |spec, _| {
            spec.channels[0].models[0].context_length = None;
            spec.groups[0].filters.min_context_length = Some(8_000);
        },
        "b",
        "a:min_context_length",
    );
    check(
        |spec, _| spec.groups[0].filters.min_context_length = Some(8_001),
        "",
        "a:min_context_length b:min_context_length",
    );
    check(|spec, _| spec.groups[0].filters.exclude_models = vec!["M*".into()], "", "a:excluded_model b:excluded_model");
    check(
        |spec, _| {
            spec.channels[1].provider = "other".into();
            spec.groups[0].filters.providers = vec!["acme".into()];
        },
        "a",
        "b:other_provider",
    );
    check(
        |spec, _| {
            spec.channels[1].region = Some("eu-1".into());
            spec.groups[0].filters.regions = vec!["eu-*".into()];
        },
        "b",
        "a:other_region",
    );
    check(
        |spec, _| {
            let mut off = member("m");
            off.channel = Some("a".into());
            off.enabled = false;
            spec.groups[0].members.push(off);
        },
        "b",
        "a:member_disabled",
    );
}

#[test]
fn filters_of_the_request() {
    check(|_, ask| ask.endpoint = Endpoint::Embeddings, "", "a:wrong_endpoint b:wrong_endpoint");
    check(
        |spec, ask| {
            spec.channels[0].models[0].capabilities = caps(&[Embeddings]);
            ask.endpoint = Endpoint::Embeddings;
        },
        "a",
        "b:wrong_endpoint",
    );
    check(
        |spec, ask| {
            spec.channels[0].models[0].capabilities = caps(&[Chat]);
            ask.stream = true;
        },
        "b",
        "a:no_streaming",
    );
    // nothing known of a model: it is taken to chat and to stream
    check(
        |spec, ask| {
            spec.channels[0].models[0].capabilities = caps(&[]);
            ask.stream = true;
        },
        "a b",
        "",
    );
    check(
        |spec, ask| {
            spec.channels[1].models[0].capabilities = caps(&[Chat, Streaming, FunctionCalling]);
            ask.needs = caps(&[FunctionCalling]);
        },
        "b",
        "a:lacks_needs",
    );
    check(|_, ask| ask.input_tokens = 8_000, "a b", "");
    check(|_, ask| ask.input_tokens = 8_001, "", "a:context_length b:context_length");
    check(
        |spec, ask| {
            spec.channels[0].models[0].context_length = None;
            ask.input_tokens = 8_001;
        },
        "a",
        "b:context_length",
    );
    check(|spec, _| spec.channels[0].limits.tokens_per_minute = Some(999), "b", "a:larger_than_minute_limit");
    check(
        |spec, ask| {
            spec.channels[0].tags = vec!["eu".into()];
            ask.tags = vec![" EU ".into()];
        },
        "a",
        "b:missing_tag",
    );
    check(
        |spec, ask| {
            spec.channels[0].tags = vec!["eu".into()];
            ask.tags = vec!["!eu".into(), "!unheard-of".into(), String::new()];
        },
        "b",
        "a:forbidden_tag",
    );
    check(|_, ask| ask.tags = vec!["unheard-of".into()], "", "a:missing_tag b:missing_tag");
    // bound of a: (2,000 + 400) tokens at 0.10 USD per million = 240,000 nano-USD
    check(|_, ask| ask.max_cost = Some(Nano(240_000)), "a", "b:max_cost");
    check(|_, ask| ask.max_cost = Some(Nano(239_999)), "", "a:max_cost b:max_cost");
    check(
        |spec, ask| {
            spec.groups[0].max_cost_per_request = Some(Nano(240_000));
            ask.max_cost = Some(Nano::usd(1));
        },
        "a",
        "b:max_cost",
    );
    // without a limit of the client the router's default counts, or the model's, if that is lower
    check(
        |spec, ask| {
            spec.channels[1].models[0].max_output_tokens = Some(100);
            spec.budgets.default_max_output_tokens = 4_000;
            ask.max_output_tokens = None;
            ask.max_cost = Some(Nano(420_000));
        },
        "b",
        "a:max_cost",
    );
    check(
        |spec, ask| {
            spec.channels[0].models[0].price = Some(Price::default());
            ask.model = "m:free".into();
        },
        "a",
        "b:not_free",
    );
}

#[test]
fn filters_of_the_moment() {
    let later = NOW + 5_000;
    type Change = fn(&mut router_core::routing::ModelLive, &mut router_core::routing::ChannelLive);
    let table: &[(Change, &str, Option<u64>)] = &[
        (|m, _| m.away.cooldown_until_ms = NOW + 5_000, "a:cooling_down", Some(later)),
        (|m, _| m.away.cooldown_until_ms = NOW, "", None),
        (|_, c| c.away.cooldown_until_ms = NOW + 5_000, "a:cooling_down", Some(later)),
        (|m, _| m.away.rate_limited_until_ms = NOW + 5_000, "a:rate_limited", Some(later)),
        (
            |_, c| c.away.breaker = BreakerView::Open { until_ms: NOW + 5_000, early_ms: NOW + 1 },
            "a:breaker_open",
            Some(later),
        ),
        (|m, _| m.away.breaker = BreakerView::HalfOpen { allows: false }, "a:breaker_open", None),
        (|m, _| m.away.breaker = BreakerView::HalfOpen { allows: true }, "", None),
        (|_, c| c.in_flight = 3, "a:max_in_flight", None),
        (|_, c| c.in_flight = 2, "", None),
        // A limit of its own goes before the one for the sake of others.
        (|_, c| (c.in_flight, c.at_most) = (2, Some(2)), "", None),
        (|_, c| c.requests_today = 100, "a:requests_per_day", Some(NOW + 16 * 3_600_000)),
        (|_, c| c.spent_today = Nano::usd(2), "a:channel_daily_budget", Some(NOW + 16 * 3_600_000)),
        (|_, c| c.spent_today = Nano(1_999_999_999), "", None),
        // of several times the last counts
        (
            |m, c| {
                m.away.cooldown_until_ms = NOW + 1_000;
                c.away.rate_limited_until_ms = NOW + 5_000;
            },
            "a:rate_limited",
            Some(later),
        ),
        (
            |m, c| {
                m.away.cooldown_until_ms = NOW + 5_000;
                c.away.rate_limited_until_ms = NOW + 1_000;
            },
            "a:cooling_down",
            Some(later),
        ),
        (
            |m, _| {
                m.observations = 10.0;
                m.ttft_ms = Some(3_001.0);
            },
            "a:max_latency",
            None,
        ),
        (
            |m, _| {
                m.observations = 1.0;
                m.ttft_ms = Some(3_001.0);
            },
            "",
            None,
        ),
        (
            |m, _| {
                m.observations = 10.0;
                m.tokens_per_second = Some(29.0);
            },
            "a:min_throughput",
            None,
        ),
    ];
    let mut spec = catalogue(vec![channel("a", vec![model("m", 10)])], vec![group("g", "priority")]);
    spec.channels[0].limits.max_in_flight = Some(3);
    spec.channels[0].limits.requests_per_day = Some(100);
    spec.channels[0].limits.daily_budget = Some(Nano::usd(2));
    spec.groups[0].filters.max_latency_ms = Some(3_000);
    spec.groups[0].filters.min_throughput_tps = Some(30.0);
    let snapshot = build(spec);
    for (number, (change, expected, until)) in table.iter().enumerate() {
        let mut world = World::default();
        world.set(&snapshot, "a", change);
        let decision = run(&snapshot, &world, &ask("g"), at(1));
        assert_eq!(left_out(&snapshot, &decision), *expected, "case {number}");
        assert_eq!(decision.earliest_recovery_ms(), *until, "case {number}");
    }
}

#[test]
fn a_member_has_requests_of_its_own_for_the_day() {
    let mut spec = catalogue(vec![channel("a", vec![model("m", 10)])], vec![group("g", "priority")]);
    let mut limited = member("m");
    limited.daily_limit = Some(10);
    spec.groups[0].members = vec![limited];
    let snapshot = build(spec);
    for (requests, expected) in [(9, ""), (10, "a:member_daily_limit")] {
        let world = World { member_requests: requests, ..World::default() };
        assert_eq!(left_out(&snapshot, &run(&snapshot, &world, &ask("g"), at(1))), expected);
        // outside of the group the limit does not count
        assert_eq!(left_out(&snapshot, &run(&snapshot, &world, &ask("m"), at(1))), "");
    }
}

#[test]
fn who_keeps_the_state_is_the_only_one() {
    let spec = catalogue(
        vec![channel("a", vec![model("m", 10)]), channel("b", vec![model("m", 20), model("n", 20)])],
        Vec::new(),
    );
    let snapshot = build(spec);
    let pinned = |name| World { pinned: snapshot.channel_by_name(name), ..World::default() };
    let decision = run(&snapshot, &pinned("b"), &ask("m"), at(1));
    assert_eq!(
        (order(&snapshot, &decision).as_str(), left_out(&snapshot, &decision).as_str()),
        ("b/m", "a:pinned_elsewhere")
    );
    let decision = run(&snapshot, &pinned("a"), &ask("n"), at(1));
    assert_eq!(left_out(&snapshot, &decision), "b/n:pinned_elsewhere");
    let none = decision.none().expect("nobody");
    assert_eq!((none.kind, none.until_ms), (NoneKind::Unsupported, None));
    // Another channel does not come in by way of a last resort either.
    let mut world = pinned("a");
    world.set(&snapshot, "a", |_, channel| {
        channel.away.breaker = BreakerView::Open { until_ms: NOW + 5, early_ms: NOW + 1 }
    });
    world.set(&snapshot, "b", |_, channel| {
        (channel.away.cooldown_until_ms, channel.away.cooldown_is_guess) = (NOW + 1, true);
    });
    let decision = run(&snapshot, &world, &ask("m"), at(1));
    assert_eq!(left_out(&snapshot, &decision), "a:breaker_open b/m:pinned_elsewhere");
}

#[test]
fn why_nobody_is_left() {
    let spec = catalogue(
        vec![channel("a", vec![model("m", 10)]), channel("b", vec![model("m", 20)])],
        vec![group("g", "priority"), {
            let mut empty = group("empty", "priority");
            empty.select = None;
            empty.built_in = true;
            empty
        }],
    );
    let snapshot = build(spec);
    let limited = |until: u64| {
        move |m: &mut router_core::routing::ModelLive, _: &mut router_core::routing::ChannelLive| {
            m.away.rate_limited_until_ms = until
        }
    };
    let kind =
        |world: &World, ask: &Ask| run(&snapshot, world, ask, at(1)).none().map(|none| (none.kind, none.until_ms));
    let mut world = World::default();
    assert_eq!(kind(&world, &ask("g")), None);
    assert_eq!(kind(&world, &ask("empty")), Some((NoneKind::Empty, None)));
    assert_eq!(kind(&world, &Ask { input_tokens: 9_000, ..ask("g") }), Some((NoneKind::ContextLength, None)));
    assert_eq!(kind(&world, &Ask { needs: caps(&[Vision]), ..ask("g") }), Some((NoneKind::Unsupported, None)));
    assert_eq!(kind(&world, &Ask { max_cost: Some(Nano(1)), ..ask("g") }), Some((NoneKind::TooDear, None)));
    world.set(&snapshot, "a", limited(NOW + 9_000));
    world.set(&snapshot, "b", limited(NOW + 4_000));
    assert_eq!(kind(&world, &ask("g")), Some((NoneKind::RateLimited, Some(NOW + 4_000))));
    world.set(&snapshot, "a", |m, _| m.away.cooldown_until_ms = NOW + 10_000);
    assert_eq!(kind(&world, &ask("g")), Some((NoneKind::Unavailable, Some(NOW + 4_000))));
    let none = run(&snapshot, &world, &ask("g"), at(1)).none().expect("nobody");
    assert_eq!(none.counts, [("cooling_down", 1), ("rate_limited", 1)]);

    let mut spec = catalogue(vec![channel("a", vec![model("m", 10)])], vec![]);
    spec.channels[0].enabled = false;
    let snapshot = build(spec);
    let decision = run(&snapshot, &World::default(), &ask("m"), at(1));
    assert_eq!(decision.none().map(|none| none.kind), Some(NoneKind::Unavailable));
}

#[test]
fn before_nobody_is_tried_those_are_that_are_away_by_our_guess_only() {
    let snapshot = build(catalogue(
        vec![
            channel("a", vec![model("m", 10)]),
            channel("b", vec![model("m", 10)]),
            channel("c", vec![model("m", 10)]),
        ],
        vec![],
    ));
    let away = |until: u64, guess: bool| {
        move |m: &mut router_core::routing::ModelLive, _: &mut router_core::routing::ChannelLive| {
            m.away.cooldown_until_ms = until;
            m.away.cooldown_is_guess = guess;
        }
    };
    let mut world = World::default();
    world.set(&snapshot, "a", away(NOW + 9_000, true));
    world.set(&snapshot, "b", away(NOW + 4_000, true));
    let decision = run(&snapshot, &world, &ask("m"), at(1));
    assert_eq!(order(&snapshot, &decision), "c", "as long as somebody is there, they stay away");
    world.set(&snapshot, "c", away(NOW + 1_000, false));
    let decision = run(&snapshot, &world, &ask("m"), at(1));
    assert_eq!(order(&snapshot, &decision), "b a", "the first to return first; a time that the provider named is kept");
    assert_eq!(left_out(&snapshot, &decision), "c:cooling_down");
}

#[test]
fn fallbacks_are_later_tiers_and_need_permission_too() {
    let mut first = group("first", "cost_optimized");
    first.select = None;
    first.members = vec![member("m1")];
    first.fallback = vec!["second".into(), "m3".into(), "nowhere".into()];
    let mut second = group("second", "multi_layer");
    second.layers = vec![layer("effective_cost", true, 1.0)];
    second.select = None;
    second.members = vec![member("m1"), member("m2")];
    second.fallback = vec!["first".into(), "second".into()];
    let mut spec = catalogue(
        vec![
            channel("a", vec![model("m1", 10)]),
            channel("b", vec![model("m2", 20)]),
            channel("c", vec![model("m2", 30)]),
            channel("d", vec![model("m3", 1)]),
        ],
        vec![first, second],
    );
    spec.keys = vec![key("narrow", &["first", "m3"])];
    let snapshot = build(spec);
    assert!(snapshot.warnings().iter().any(|warning| warning.path == "model_groups.first.fallback[2]"));
    assert!(snapshot.warnings().iter().any(|warning| warning.path == "model_groups.second.fallback[1]"));
    let mut world = World::default();
    let decision = run(&snapshot, &world, &ask("first"), at(1));
    assert_eq!(order(&snapshot, &decision), "a c b d");
    assert_eq!(decision.candidates.len(), 4, "who is eligible in one tier stands there only");
    let groups: Vec<_> = decision.ranked().map(|c| decision.group_of(c).map(|ix| ix.0)).collect();
    assert_eq!(groups, [Some(0), Some(1), Some(1), None]);
    world.set(&snapshot, "a", |m, _| m.away.cooldown_until_ms = NOW + 1);
    let decision = run(&snapshot, &world, &ask("first"), at(1));
    assert_eq!(order(&snapshot, &decision), "c b d");
    assert_eq!(left_out(&snapshot, &decision), "a:cooling_down a:cooling_down");
    let narrow = snapshot.key_by_hash(&key("narrow", &[]).hash);
    let target = resolve(&snapshot, narrow, "first").expect("permitted");
    let decision = router_core::routing::decide(&snapshot, &target, &ask("first"), &world, at(1));
    assert_eq!(order(&snapshot, &decision), "d");
}

#[test]
fn the_quick_bound_never_promises_too_much() {
    use router_core::pricing::{Price, Rate, Tier};
    let tier = Tier { above_tokens: 500, input: Rate(900_000_000), output: Rate(70_000_000), ..Tier::default() };
    let prices = [
        Price { input: Rate(150_000_000), output: Rate(600_000_000), ..Price::default() },
        Price { input: Rate(1), reasoning: Some(Rate(9_000_000_001)), image: Some(Nano(777)), ..Price::default() },
        Price { per_request: Nano(12_345), tiers: vec![tier], ..Price::default() },
    ];
    for price in prices {
        let mut spec = catalogue(vec![channel("a", vec![model("m", 1)])], vec![]);
        spec.channels[0].models[0].price = Some(price);
        let snapshot = build(spec);
        let ix = router_core::catalog::ModelIx(0);
        for (input, output, answers) in [(0, 1, 1), (1, 1, 1), (499, 10, 2), (501, 4_096, 7), (3_000_000, 100_000, 1)] {
            let ask = Ask { input_tokens_bound: input, max_output_tokens: Some(output), answers, ..ask("m") };
            let bound = snapshot.cost_bound(ix, &ask).expect("a price");
            assert!(!snapshot.costs_surely_within(ix, &ask, Nano(bound.0 - 1)), "{bound}");
            assert!(snapshot.costs_surely_within(ix, &ask, Nano(bound.0 * 20 + 1_000_000)), "{bound}");
        }
    }
}
