//! Building a snapshot: what is refused, what is warned of, what is found again.

use router_core::catalog::spec::{CatalogSpec, TimePolicySpec};
use router_core::catalog::{ChannelIx, GroupIx, KeyIx, ModelIx, Snapshot};

use super::{build, catalogue, channel, group, key, layer, member, model};

fn sound() -> CatalogSpec {
    let mut own = group("g", "multi_layer");
    own.layers = vec![layer("effective_cost", false, 1.0)];
    catalogue(vec![channel("a", vec![model("m", 1), model("n", 2)]), channel("b", vec![model("m", 3)])], vec![own])
}

#[test]
fn every_problem_is_found_with_its_place() {
    type Break = fn(&mut CatalogSpec);
    let table: &[(Break, &str)] = &[
        (|s| s.channels[1].name = "a".into(), "channels[1].name"),
        (|s| s.channels[1].name = "".into(), "channels[1].name"),
        (|s| s.channels[0].weight = f64::NAN, "channels[0].weight"),
        (|s| s.channels[0].models[1].name = "m".into(), "channels[0].models[1].name"),
        (|s| _ = s.channels[0].models[1].scores.insert("x".into(), 1.1), "channels[0].models[1].scores.x"),
        (|s| s.channels[0].models[1].parameter_count = Some(-1.0), "channels[0].models[1].parameter_count"),
        (|s| s.groups.push(group("g", "balanced")), "model_groups.g"),
        (|s| s.groups[0].strategy = "luck".into(), "model_groups.g.strategy"),
        (|s| s.groups[0].algorithm = "dice".into(), "model_groups.g.load_balancing.algorithm"),
        (|s| s.groups[0].layers.clear(), "model_groups.g.routing_strategy"),
        (|s| s.groups[0].layers[0].field = "prize".into(), "model_groups.g.routing_strategy[0].field"),
        (|s| s.groups[0].layers[0].field = "_score".into(), "model_groups.g.routing_strategy[0].field"),
        (|s| s.groups[0].layers[0].weight = -1.0, "model_groups.g.routing_strategy[0].weight"),
        (|s| s.groups[0].filters.min_quality_score = Some(7.0), "model_groups.g.filters.min_quality_score"),
        (|s| s.groups[0].filters.min_throughput_tps = Some(f64::INFINITY), "model_groups.g.filters.min_throughput_tps"),
        (
            |s| {
                let mut own = member("m");
                own.weight = Some(-1.0);
                s.groups[0].members.push(own);
            },
            "model_groups.g.channels[0].weight",
        ),
        (
            |s| {
                let mut own = member("m");
                own.cost_multiplier = Some(f64::NAN);
                s.groups[0].members.push(own);
            },
            "model_groups.g.channels[0].overrides.cost_multiplier",
        ),
        (
            |s| {
                let mut own = member("m");
                own.score_overrides.insert("quality_score".into(), 2.0);
                s.groups[0].members.push(own);
            },
            "model_groups.g.channels[0].overrides.quality_score",
        ),
        (
            |s| {
                let mut own = member("m");
                own.score_overrides.insert("quality".into(), 0.2);
                s.groups[0].members.push(own);
            },
            "model_groups.g.channels[0].overrides.quality",
        ),
        (|s| s.budgets.timezone = "Mars/Base".into(), "budgets.timezone"),
        (
            |s| {
                s.groups[0].time_policy = Some(TimePolicySpec {
                    timezone: "UTC".into(),
                    peak: (1440, 3),
                    peak_layers: Vec::new(),
                    off_peak_layers: Vec::new(),
                });
            },
            "model_groups.g.time_policies.peak_hours",
        ),
        (|s| s.keys = vec![key("k", &[]), key("k", &[])], "keys[1]"),
    ];
    for (change, path) in table {
        let mut spec = sound();
        change(&mut spec);
        let problems = Snapshot::build(spec).expect_err(path);
        assert_eq!(problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), [*path], "{problems:?}");
        assert!(problems[0].to_string().len() > path.len() + 9, "{}", problems[0]);
    }
    let mut spec = sound();
    table.iter().take(4).for_each(|(change, _)| change(&mut spec));
    assert!(Snapshot::build(spec).expect_err("several").len() >= 3, "all problems at once");
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let mut spec = sound();
    spec.channels[1].models[0].price = None;
    spec.groups[0].members = vec![member("m"), member("m"), member("nothing-*")];
    let mut empty = group("empty", "balanced");
    empty.select = None;
    empty.layers = vec![layer("latency", false, 1.0)];
    let mut built_in = group("auto:x", "balanced");
    built_in.select = None;
    built_in.built_in = true;
    spec.groups.extend([empty, built_in]);
    let snapshot = build(spec);
    let paths: Vec<_> = snapshot.warnings().iter().map(|warning| warning.path.as_str()).collect();
    let expected = [
        "channels[1].models[0].price",
        "model_groups.g.channels[1]",
        "model_groups.g.channels[2]",
        "model_groups.empty.routing_strategy",
        "model_groups.empty",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn explicit_members_win_and_count_once() {
    let mut spec = sound();
    let mut first = member("m");
    first.channel = Some("b".into());
    first.weight = Some(9.0);
    let mut second = member("*");
    second.provider = Some("ACME".into());
    second.priority = Some(5);
    spec.groups[0].members = vec![first, second];
    spec.groups[0].algorithm = "random".into();
    let snapshot = build(spec);
    let group = &snapshot.groups()[0];
    let members: Vec<_> = group.members.iter().map(|m| (m.model.0, m.priority, m.weight)).collect();
    assert_eq!(members, [(2, 1, 9.0), (0, 5, 1.0), (1, 5, 1.0)]);
    assert_eq!(group.selector.name, "random");
}

#[test]
fn accessors_answer_for_every_index() {
    let mut spec = sound();
    spec.keys = vec![key("k", &[])];
    let snapshot = build(spec);
    assert_eq!((snapshot.channels().len(), snapshot.models().len(), snapshot.keys().len()), (2, 3, 1));
    assert_eq!(snapshot.channel_by_name("b"), Some(ChannelIx(1)));
    assert_eq!(snapshot.channel(ChannelIx(1)).map(|channel| channel.models.clone()), Some(2..3));
    assert_eq!(snapshot.key_by_hash(&key("k", &[]).hash), Some(KeyIx(0)));
    assert_eq!(snapshot.key_by_hash(&[9; 32]), None);
    assert!(snapshot.key(KeyIx(0)).is_some() && snapshot.key(KeyIx(1)).is_none());
    assert!(snapshot.price(ModelIx(2)).is_some() && snapshot.price(ModelIx(3)).is_none());
    assert!(snapshot.group(GroupIx(1)).is_none() && snapshot.channel(ChannelIx(u32::MAX)).is_none());
    let tag = snapshot.tag("acme").expect("the provider is a tag");
    assert_eq!(snapshot.tag_text(tag), Some("acme"));
    let again = build(sound());
    let ids = |snapshot: &Snapshot| snapshot.models().iter().map(|model| model.stable_id).collect::<Vec<_>>();
    assert_eq!(ids(&snapshot), ids(&again), "ids are stable");
}

#[test]
fn ten_thousand_channel_models_are_all_found() {
    let channels = (0..1_000).map(|number| {
        let models = (0..10).map(|nth| model(&format!("model-{}", (number + nth) % 500), 1 + nth)).collect();
        channel(&format!("channel-{number}"), models)
    });
    let snapshot = build(catalogue(channels.collect(), vec![group("g", "balanced")]));
    assert_eq!(snapshot.groups()[0].members.len(), 10_000);
    assert_eq!(snapshot.listing(None).count(), 501);
}
