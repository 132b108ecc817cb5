//! Dynamic pricing: what routing compares changes with hour, quota, load, region, quality and date; the real price
//! stays, and both are told.

use router_core::budget::Zone;
use router_core::catalog::spec::{CatalogSpec, PricePolicySpec, PricingSpec};
use router_core::catalog::{Hours, Snapshot};
use router_core::routing::{Decision, Moment, PRICE_RULES};

use super::{NOW, World, ask, at, build, catalogue, channel, group, member, model, order, run};

/// A multiplier without any condition.
fn policy(kind: &str, multiplier: f64) -> PricePolicySpec {
    PricePolicySpec {
        kind: kind.into(),
        name: format!("a {kind}").into(),
        multiplier,
        enabled: true,
        providers: Vec::new(),
        channels: Vec::new(),
        models: Vec::new(),
        regions: Vec::new(),
        timezone: "UTC".into(),
        hours: None,
        weekdays: 0,
        above: None,
        below: None,
        from_ms: None,
        until_ms: None,
    }
}

/// Two channels of one model: `near` at 10 cents, `far` at 11.
fn two(policies: Vec<PricePolicySpec>) -> CatalogSpec {
    let mut near = channel("near", vec![model("m", 10)]);
    near.limits.requests_per_day = Some(100);
    near.limits.max_in_flight = Some(10);
    let mut far = channel("far", vec![model("m", 11)]);
    far.region = Some("mars-1".into());
    far.models[0].scores.insert("quality".into(), 0.9);
    near.models[0].scores.insert("quality".into(), 0.5);
    CatalogSpec {
        pricing: PricingSpec { policies, pacing: false, ..PricingSpec::default() },
        ..catalogue(vec![near, far], vec![group("g", "cost_optimized")])
    }
}

fn decided(
    policies: Vec<PricePolicySpec>,
    world: impl FnOnce(&Snapshot, &mut World),
    now_ms: u64,
) -> (Snapshot, Decision) {
    let snapshot = build(two(policies));
    let mut live = World::default();
    world(&snapshot, &mut live);
    let decision = run(&snapshot, &live, &ask("g"), Moment { now_ms, ..at(1) });
    (snapshot, decision)
}

fn first(policies: Vec<PricePolicySpec>, world: impl FnOnce(&Snapshot, &mut World), now_ms: u64) -> String {
    let (snapshot, decision) = decided(policies, world, now_ms);
    order(&snapshot, &decision).split(' ').next().unwrap_or_default().to_owned()
}

fn on_near(policy: PricePolicySpec) -> Vec<PricePolicySpec> {
    vec![PricePolicySpec { channels: vec!["near".into()], ..policy }]
}

#[test]
fn each_kind_changes_the_choice_when_it_holds_and_only_then() {
    let quiet = |_: &Snapshot, _: &mut World| {};
    assert_eq!(first(Vec::new(), quiet, NOW), "near");
    // NOW is a Friday, 08:00 UTC
    let morning = |hours, weekdays| on_near(PricePolicySpec { hours: Some(hours), weekdays, ..policy("time", 2.0) });
    for (hours, weekdays, winner) in [
        ((8 * 60, 9 * 60), 0, "far"),
        ((7 * 60, 8 * 60), 0, "near"),
        ((22 * 60, 9 * 60), 0, "far"),
        ((8 * 60, 9 * 60), 1 << 4, "far"),
        ((8 * 60, 9 * 60), 1 << 3, "near"),
        ((22 * 60, 9 * 60), 1 << 3, "far"),
        ((22 * 60, 9 * 60), 1 << 4, "near"),
    ] {
        assert_eq!(first(morning(hours, weekdays), quiet, NOW), winner, "{hours:?} {weekdays:b}");
    }
    let used = |requests| {
        move |snapshot: &Snapshot, world: &mut World| world.set(snapshot, "near", |_, c| c.requests_today = requests)
    };
    let quota = || on_near(PricePolicySpec { above: Some(0.8), ..policy("quota", 2.0) });
    assert_eq!((first(quota(), used(79), NOW).as_str(), first(quota(), used(80), NOW).as_str()), ("near", "far"));
    let busy = |running| {
        move |snapshot: &Snapshot, world: &mut World| world.set(snapshot, "near", |_, c| c.in_flight = running)
    };
    let demand = || on_near(PricePolicySpec { above: Some(0.5), ..policy("demand", 2.0) });
    assert_eq!((first(demand(), busy(4), NOW).as_str(), first(demand(), busy(5), NOW).as_str()), ("near", "far"));
    let region = vec![PricePolicySpec { regions: vec!["mars-*".into()], ..policy("regional", 0.5) }];
    assert_eq!(first(region, quiet, NOW), "far");
    let better = vec![PricePolicySpec { above: Some(0.8), ..policy("quality", 0.5) }];
    assert_eq!(first(better, quiet, NOW), "far");
    let event = || on_near(PricePolicySpec { from_ms: Some(NOW), until_ms: Some(NOW + 10), ..policy("events", 2.0) });
    let times = [NOW - 1, NOW, NOW + 9, NOW + 10].map(|now| first(event(), quiet, now));
    assert_eq!(times, ["near", "far", "far", "near"]);
}

#[test]
fn both_prices_are_told_with_what_lies_between_them() {
    let policies = vec![
        PricePolicySpec { hours: Some((0, 720)), name: "morning".into(), ..policy("time", 4.0) },
        PricePolicySpec {
            channels: vec!["near".into()],
            from_ms: Some(0),
            name: "sale".into(),
            ..policy("events", 3.0)
        },
        PricePolicySpec { enabled: false, from_ms: Some(0), ..policy("events", 100.0) },
    ];
    let (snapshot, decision) = decided(policies, |_, _| {}, NOW);
    let explained = decision.explain(&snapshot);
    let price = |name: &str| {
        explained.candidates.iter().find(|c| c.channel == name).and_then(|c| c.price.clone()).expect("a price")
    };
    // 1,000 tokens in and 400 out at 10 cents a million
    let (near, far) = (price("near"), price("far"));
    assert!((near.real_usd - 0.000_14).abs() < 1e-12, "{near:?}");
    assert_eq!((near.multiplier, far.multiplier), (5.0, 4.0), "the product is bounded by the limits");
    assert!((near.effective_usd - 0.000_70).abs() < 1e-12, "{near:?}");
    assert_eq!(near.policies, ["morning ×4", "sale ×3"]);
    assert_eq!(far.policies, ["morning ×4"]);
    let table = explained.table();
    assert!(table.contains("0.00014 → 0.0007 (morning ×4, sale ×3)"), "{table}");
    assert!(explained.summary.contains("price for routing changed by morning ×4"), "{}", explained.summary);
    let mut compact = String::new();
    decision.compact_json(&snapshot, &ask("g"), &mut compact);
    assert!(compact.contains(r#",[0.000154,0.000616,0.0,["morning"]]"#), "{compact}");
    let json: serde_json::Value = serde_json::from_str(&compact).expect("JSON");
    assert_eq!(json["c"][0][0], "far");
}

#[test]
fn the_books_never_see_a_policy() {
    let plain = build(two(Vec::new()));
    let dear = build(two(vec![PricePolicySpec { from_ms: Some(0), ..policy("events", 5.0) }]));
    for slot in 0..2 {
        let ix = router_core::catalog::ModelIx(slot);
        assert_eq!(plain.price(ix), dear.price(ix));
        assert_eq!(plain.cost_bound(ix, &ask("g")), dear.cost_bound(ix, &ask("g")));
    }
}

#[test]
fn nonsense_is_refused_with_its_place() {
    for rule in PRICE_RULES {
        let problems = Snapshot::build(two(vec![policy(rule.name, 2.0)])).expect_err("a policy without its condition");
        assert_eq!(problems[0].path, format!("pricing_policies.{}[0]", rule.name));
    }
    let thresholds = PricePolicySpec { above: Some(0.5), from_ms: Some(0), ..policy("events", 1.0) };
    assert!(Snapshot::build(two(vec![thresholds])).is_err(), "an event observes nothing");
    let many = vec![PricePolicySpec { from_ms: Some(0), ..policy("events", 1.0) }; 65];
    assert!(Snapshot::build(two(many)).is_err_and(|problems| problems[0].message.contains("at most 64")));
    let mut spec = two(Vec::new());
    spec.pricing.order.push("moon".into());
    assert!(Snapshot::build(spec).is_err_and(|problems| problems[0].message.contains("regional, time, quota")));
}

#[test]
fn hours_are_remembered_and_still_right() {
    let berlin = Zone::named("Europe/Berlin").expect("a zone");
    let hours = Hours::new(berlin.clone(), (23 * 60, 6 * 60), 0b001_1111);
    // every half hour of two weeks around the end of summer time, forward and backward, against a fresh judgement
    let start = 1_792_000_000_000u64;
    let times: Vec<u64> = (0..672).map(|half| start + half * 1_800_000).collect();
    for now in times.iter().chain(times.iter().rev()) {
        let fresh = Hours::new(berlin.clone(), (23 * 60, 6 * 60), 0b001_1111).contains(*now);
        assert_eq!((hours.contains(*now), hours.contains(*now + 59_999)), (fresh, fresh), "{now}");
        let (weekday, minute) = berlin.weekday_and_minute(*now);
        let began = if minute < 6 * 60 { (weekday + 6) % 7 } else { weekday };
        assert_eq!(fresh, began < 5 && !(6 * 60..23 * 60).contains(&minute), "{now}");
    }
}

#[test]
fn a_member_changes_the_price_for_its_group_only() {
    let mut spec = two(Vec::new());
    let mut dear = member("m");
    (dear.channel, dear.cost_multiplier) = (Some("near".into()), Some(3.0));
    let mut own = group("own", "cost_optimized");
    own.members = vec![dear];
    spec.groups.push(own);
    let snapshot = build(spec);
    let of = |name: &str| order(&snapshot, &run(&snapshot, &World::default(), &ask(name), at(1)));
    assert_eq!((of("g").as_str(), of("own").as_str()), ("near far", "far near"));
}
