//! Stored decisions, computed again: without a change the same order, with one what would have been.

use router_core::ask::Ask;
use router_core::catalog::spec::GroupSpec;
use router_core::catalog::{ModelIx, Snapshot};
use router_core::ids::mix;
use router_core::money::Nano;
use router_core::routing::{
    Asked, Away, BreakerView, Change, Decision, Held, Moment, NotRecomputable, Recomputed, Recorded, SELECTORS,
    STRATEGIES,
};
use router_core::usage::ServiceTier;
use router_core::wish::ProviderWish;

use super::{NOW, World, ask, build, catalogue, channel, group, layer, member, model, name, run};

const CHANNELS: u64 = 12;
const REQUESTS: u64 = 10_000;

/// Numbers that look random, from a counter.
struct Lots(u64);

impl Lots {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        mix(self.0) % bound
    }

    /// 0…1 with all the digits that a number can have.
    fn share(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1u64 << 53) as f64
    }
}

/// Every strategy with every algorithm, each group falling back on another.
fn groups() -> Vec<GroupSpec> {
    let mut groups = Vec::new();
    for strategy in STRATEGIES {
        for (number, selector) in SELECTORS.iter().enumerate() {
            let mut spec = group(&format!("{}-{}", strategy.name, selector.name), strategy.name);
            spec.algorithm = selector.name.into();
            // a small group, so that fallbacks are reached
            spec.select = None;
            spec.members = (0..3).map(|n| member(&format!("m{}", (number + n) % 4))).collect();
            spec.fallback = vec!["everything".into()];
            if strategy.own_layers {
                spec.layers = vec![layer("speed_score", true, 0.7), layer("effective_cost", false, 1.0 / 3.0)];
            }
            groups.push(spec);
        }
    }
    groups.push(group("everything", "balanced"));
    groups
}

fn world_of_many() -> Snapshot {
    let mut lots = Lots(1);
    let channels = (0..CHANNELS).map(|n| {
        let mut model = model(&format!("m{}", n % 4), 1 + lots.below(40).cast_signed());
        // some are alike, so that ties are broken
        let scores = [("quality", lots.below(3) as f64 / 3.0), ("speed", lots.below(4) as f64 / 7.0)];
        model.scores.extend(scores.map(|(name, score)| (name.into(), score)));
        let mut channel = channel(&format!("c{n}"), vec![model]);
        (channel.priority, channel.weight) = (1 + u32::try_from(lots.below(2)).expect("small"), lots.share() * 3.0);
        channel
    });
    build(catalogue(channels.collect(), groups()))
}

fn world_of(snapshot: &Snapshot, lots: &mut Lots) -> World {
    let mut world = World::default();
    // now and then nobody is well, so that the last resort is offered
    let bad_day = lots.below(20) == 0;
    for n in 0..CHANNELS {
        let (known, state) = (lots.below(2) == 0, lots.below(8));
        let (ttft, speed, success, running) =
            (lots.share() * 3_000.0, lots.share() * 90.0, lots.share(), lots.below(5));
        let soon = NOW + 1_000 + lots.below(9_000);
        world.set(snapshot, &format!("c{n}"), |live, _| {
            live.in_flight = running;
            if known {
                (live.ttft_ms, live.tokens_per_second) = (Some(ttft), Some(speed));
                (live.success_rate, live.observations) = (Some(success), 50.0);
            }
            live.away = match state {
                _ if bad_day => Away { cooldown_until_ms: soon, cooldown_is_guess: true, ..Away::default() },
                0 => Away { breaker: BreakerView::Open { until_ms: soon, early_ms: soon }, ..Away::default() },
                1 => Away { cooldown_until_ms: soon, cooldown_is_guess: true, ..Away::default() },
                _ => Away::default(),
            };
        });
    }
    world
}

fn stored(snapshot: &Snapshot, decision: &Decision, ask: &Ask) -> Recorded {
    let mut text = String::new();
    decision.compact_json(snapshot, ask, &mut text);
    let read =
        Asked::read(&text, ask.endpoint, &ask.model, ask.stream).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(read.first.is_some(), decision.chosen().is_some());
    assert_eq!(format!("{:?}", read.ask), format!("{:?}", Ask { held: None, ..ask.clone() }), "what was asked for");
    Recorded::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn nothing_of_today(_: &str, _: &str, _: &str) -> Option<f64> {
    None
}

fn names(recomputed: &Recomputed) -> Vec<&str> {
    recomputed.order.iter().map(|candidate| candidate.channel.as_str()).collect()
}

#[test]
fn ten_thousand_stored_decisions_give_the_recorded_order_again() {
    let snapshot = world_of_many();
    let groups = groups();
    let mut lots = Lots(1_000_000);
    let (mut sessions, mut kept, mut by_fallback, mut last_resort, mut nobody) = (0, 0, 0, 0, 0);
    let (mut wished, mut alone) = (0, 0);
    for number in 0..REQUESTS {
        let world = world_of(&snapshot, &mut lots);
        let mut ask: Ask = ask(&groups[usize::try_from(number).expect("small") % groups.len()].name);
        ask.input_tokens = 1 + lots.below(9_000);
        if lots.below(3) == 0 {
            ask.session = Some(mix(lots.below(50)));
            let model = ModelIx(u32::try_from(lots.below(CHANNELS)).expect("small"));
            ask.held = Some(Held { model, cached_tokens: lots.below(900) });
        }
        if lots.below(4) == 0 {
            let named = (0..lots.below(4)).map(|_| format!("C{}", lots.below(CHANNELS))).collect();
            ask.provider = Some(Box::new(ProviderWish {
                order: named,
                allow_fallbacks: lots.below(2) == 0,
                ..ProviderWish::default()
            }));
            ask.tags = vec!["!slow".to_owned()];
            ask.max_cost = Some(Nano::usd(3));
            ask.service = ServiceTier::Flex;
        }
        let at = Moment { now_ms: NOW, seed: mix(number), sequence: number };
        let decision = run(&snapshot, &world, &ask, at);
        let again = stored(&snapshot, &decision, &ask).recompute(at.seed, &Change::default(), &nothing_of_today);
        let again = again.expect("whole decisions");
        let order: Vec<String> = decision.order().map(|ix| name(&snapshot, ix)).collect();
        assert_eq!(names(&again), order, "request {number} to {}", ask.model);
        assert_eq!(again.chosen, again.recorded, "{}", again.summary);
        assert_eq!(again.of_today, [""; 0]);
        for (candidate, told) in decision.ranked().zip(&again.order) {
            assert!((candidate.score - told.score).abs() < 1e-12, "request {number}");
        }
        sessions += u32::from(ask.session.is_some());
        kept += u32::from(decision.sticky.is_some_and(|sticky| sticky.kept));
        by_fallback += u32::from(decision.chosen().is_some_and(|chosen| chosen.tier > 0));
        last_resort += u32::from(decision.last_resort);
        nobody += u32::from(decision.chosen().is_none());
        wished += u32::from(decision.rearranged && decision.eligible() > 1);
        alone += u32::from(decision.rearranged && decision.eligible() == 1);
    }
    assert!(sessions > 3_000 && kept > 100 && last_resort > 300, "{sessions} {kept} {last_resort}");
    assert!(by_fallback > 10 && nobody > 100, "{by_fallback} {nobody}");
    assert!(wished > 300 && alone > 300, "{wished} {alone}");
}

/// `dear` is fast, `cheap` slow, `middle` between.
fn three(strategy: &str) -> (Snapshot, Decision) {
    let channels = [("dear", 30, 0.9), ("middle", 20, 0.6), ("cheap", 10, 0.2)].map(|(name, cents, speed)| {
        let mut model = model("m", cents);
        model.scores.insert("speed".into(), speed);
        channel(name, vec![model])
    });
    let mut spec = group("g", strategy);
    if strategy == "multi_layer" {
        spec.layers = vec![layer("speed_score", true, 1.0), layer("effective_cost", false, 0.5)];
    }
    let snapshot = build(catalogue(channels.into(), vec![spec]));
    let decision = run(&snapshot, &World::default(), &ask("g"), super::at(1));
    (snapshot, decision)
}

fn changed(strategy: &str, change: &Change) -> Result<Recomputed, NotRecomputable> {
    let (snapshot, decision) = three(strategy);
    let today = |channel: &str, _: &str, field: &str| {
        let reliability = if channel == "cheap" { 0.5 } else { 1.0 };
        (field == "reliability_score").then_some(reliability)
    };
    stored(&snapshot, &decision, &ask("g")).recompute(7, change, &today)
}

#[test]
fn other_weights_prices_strategies_and_absences_change_the_order() {
    let change = Change::default;
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let numbers = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    for (change, order, words) in [
        (change(), "dear middle cheap", "dear/m again: score 0.667 before 0.548 of middle/m"),
        (
            Change { weights: numbers(&[("effective_cost", 5.0)]), ..change() },
            "cheap middle dear",
            "cheap/m instead of dear/m: score 0.833 before 0.167",
        ),
        (
            Change { prices: numbers(&[("middle", 0.5), ("dear/m", 2.0)]), ..change() },
            "middle dear cheap",
            "middle/m instead of dear/m: score 0.714 before 0.667",
        ),
        (
            Change { without: strings(&["dear"]), ..change() },
            "middle cheap",
            "middle/m instead of dear/m, which would not be there",
        ),
        (
            Change { without: strings(&["dear", "middle/m", "cheap"]), ..change() },
            "",
            "nobody would be left to try; dear/m was chosen",
        ),
        (
            Change { strategy: Some("cost_optimized".to_owned()), ..change() },
            "cheap middle dear",
            "cheap/m instead of dear/m: score 1.000 before 0.000",
        ),
    ] {
        let again = changed("multi_layer", &change).expect("a change that fits");
        assert_eq!((names(&again).join(" ").as_str(), again.summary.as_str()), (order, words), "{change:?}");
    }
    let by_cost = Change { strategy: Some("cost_optimized".to_owned()), ..change() };
    assert_eq!(changed("multi_layer", &by_cost).expect("fits").of_today, ["reliability_score"]);
}

#[test]
fn what_was_not_there_cannot_be_changed() {
    let numbers = |name: &str, n: f64| [(name.to_owned(), n)].into_iter().collect();
    for (change, told) in [
        (
            Change { weights: numbers("quality_score", 1.0), ..Change::default() },
            "weights: `quality_score` was not a layer; there were: speed_score, effective_cost",
        ),
        (
            Change { weights: numbers("speed_score", f64::NAN), ..Change::default() },
            "weights: `speed_score`: a finite number ≥ 0",
        ),
        (
            Change { without: vec!["dea".to_owned()], ..Change::default() },
            "without: `dea` could not be tried; there were: dear/m, middle/m, cheap/m",
        ),
        (
            Change { prices: numbers("cheap", -1.0), ..Change::default() },
            "prices: finite numbers ≥ 0, by which the price is multiplied",
        ),
        (Change { strategy: Some("cheapest".to_owned()), ..Change::default() }, "strategy: "),
    ] {
        let error = changed("multi_layer", &change).expect_err("refused").to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn a_decision_of_an_older_version_or_in_part_is_told() {
    let older =
        r#"{"s":"balanced","a":"top_score","l":[["effective_cost","asc",0.3]],"n":1,"c":[["a","m",0,1.0,[0.1]]]}"#;
    assert_eq!(Recorded::parse(older).err(), Some(NotRecomputable::Older));
    assert_eq!(Recorded::parse("{}").err(), Some(NotRecomputable::Unreadable));
    let channels = (0..80).map(|n| channel(&format!("c{n}"), vec![model("m", 1)])).collect();
    let snapshot = build(catalogue(channels, vec![group("g", "balanced")]));
    let decision = run(&snapshot, &World::default(), &ask("g"), super::at(1));
    let mut text = String::new();
    decision.compact_json(&snapshot, &ask("g"), &mut text);
    assert_eq!(Recorded::parse(&text).err(), Some(NotRecomputable::Partly { held: 64, of: 80 }));
}
