//! What holds for every catalogue, request and moment.

use proptest::prelude::*;
use router_core::ask::Ask;
use router_core::catalog::Capability::{Chat, Streaming, Vision};
use router_core::catalog::spec::{CatalogSpec, ChannelSpec, PricePolicySpec};
use router_core::catalog::{KeyIx, Snapshot};
use router_core::pricing::Rate;
use router_core::routing::{FACTORS, Moment, PRICE_RULES, SELECTORS, STRATEGIES, Verdict, resolve};
use router_core::wish::{MaxPrice, ProviderWish, Sort};

use super::{NOW, World, ask, build, caps, catalogue, channel, group, layer, model, run};

/// Any number at all.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.0),
        Just(f64::MAX),
        Just(-1.0),
        0.0..1e6
    ]
}

fn a_channel(number: usize) -> impl Strategy<Value = ChannelSpec> {
    let knobs = (0i64..500, any::<bool>(), 1u32..4, prop_oneof![Just(0.0), 0.0..5.0], 0.0..=1.0, 0u64..20_000, 0u8..10);
    knobs.prop_map(move |(cents, vision, priority, weight, quality, context, spoil)| {
        let mut spec = channel(&format!("c{number}"), vec![model("m", cents)]);
        (spec.priority, spec.weight, spec.enabled) = (priority, weight, spoil != 0);
        let model = &mut spec.models[0];
        model.context_length = (spoil != 1).then_some(context);
        model.capabilities = if vision { caps(&[Chat, Streaming, Vision]) } else { caps(&[Chat]) };
        if spoil == 2 {
            model.price = None;
        }
        if spoil != 3 {
            model.scores.insert("quality".into(), quality);
        }
        spec
    })
}

fn channels() -> impl Strategy<Value = Vec<ChannelSpec>> {
    (0usize..12).prop_flat_map(|count| (0..count).map(a_channel).collect::<Vec<_>>())
}

fn a_catalogue() -> impl Strategy<Value = CatalogSpec> {
    let layers = proptest::collection::vec((0..FACTORS.len(), any::<bool>(), prop_oneof![Just(0.0), 0.0..9.0]), 1..6);
    (channels(), 0..STRATEGIES.len(), 0..SELECTORS.len(), layers).prop_map(|(channels, strategy, selector, layers)| {
        let mut group = group("g", STRATEGIES[strategy].name);
        group.algorithm = SELECTORS[selector].name.into();
        if STRATEGIES[strategy].own_layers {
            let own =
                |(factor, descending, weight): (usize, bool, f64)| layer(FACTORS[factor].name, descending, weight);
            group.layers = layers.into_iter().map(own).collect();
        }
        catalogue(channels, vec![group])
    })
}

fn an_ask() -> impl Strategy<Value = Ask> {
    (any::<bool>(), any::<bool>(), 0u64..15_000, proptest::option::of(any::<u64>())).prop_map(
        |(stream, vision, input_tokens, session)| Ask {
            stream,
            needs: if vision { caps(&[Vision]) } else { caps(&[]) },
            input_tokens,
            session,
            ..ask("g")
        },
    )
}

fn a_wish() -> impl Strategy<Value = ProviderWish> {
    let names = || proptest::collection::vec((0..14u32).prop_map(|n| format!("C{n}")), 0..4);
    let price = proptest::option::of((0i64..500).prop_map(|cents| Rate(cents * 10_000_000)));
    let sorts = prop_oneof![Just(None), (0..Sort::ALL.len()).prop_map(|n| Some(Sort::ALL[n].1))];
    (names(), names(), names(), sorts, price, any::<bool>()).prop_map(
        |(order, only, ignore, sort, prompt, allow_fallbacks)| {
            let max_price = MaxPrice { prompt, ..MaxPrice::default() };
            ProviderWish { order, only, ignore, sort, max_price, allow_fallbacks, require_parameters: false }
        },
    )
}

fn policies() -> impl Strategy<Value = Vec<PricePolicySpec>> {
    let kinds = (0..PRICE_RULES.len(), 0.0..20.0f64, 0..14u32, any::<bool>(), 0.0..1.0f64);
    let is = |kind: usize, names: &[&str]| names.contains(&PRICE_RULES[kind].name);
    let one = kinds.prop_map(move |(kind, multiplier, channel, all, above)| PricePolicySpec {
        kind: PRICE_RULES[kind].name.to_owned(),
        name: "p".into(),
        multiplier,
        enabled: true,
        providers: Vec::new(),
        channels: if all { Vec::new() } else { vec![format!("c{channel}")] },
        models: Vec::new(),
        regions: if is(kind, &["regional"]) { vec!["*".into()] } else { Vec::new() },
        timezone: "UTC".into(),
        hours: is(kind, &["time"]).then_some((0, 720)),
        weekdays: 0,
        above: is(kind, &["quota", "demand", "quality"]).then_some(above),
        below: None,
        from_ms: is(kind, &["events"]).then_some(0),
        until_ms: None,
    });
    proptest::collection::vec(one, 0..5)
}

/// Figures for the channels in turn: of all kinds, sound or not.
type Figures = Vec<(f64, f64, f64, f64, u8)>;

fn figures() -> impl Strategy<Value = Figures> {
    proptest::collection::vec((wild(), wild(), wild(), wild(), 0u8..12), 12)
}

fn world(snapshot: &Snapshot, figures: &Figures) -> World {
    let mut world = World::default();
    for (channel, (ttft, tps, success, observations, away)) in snapshot.channels().iter().zip(figures) {
        world.set(snapshot, &channel.name, |m, c| {
            (m.ttft_ms, m.tokens_per_second, m.success_rate) = (Some(*ttft), Some(*tps), Some(*success));
            (m.observations, m.in_flight, c.health) = (*observations, u64::from(*away), Some(*success));
            match away {
                0 => m.away.cooldown_until_ms = NOW + 1_000,
                1 => c.away.rate_limited_until_ms = NOW + 2_000,
                _ => {}
            }
        });
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_decision_is_sound(spec in a_catalogue(), ask in an_ask(), figures in figures(), seed: u64, sequence: u64) {
        let snapshot = build(spec);
        let world = world(&snapshot, &figures);
        let at = Moment { now_ms: NOW, seed, sequence };
        let decision = run(&snapshot, &world, &ask, at);

        let mut listed: Vec<_> = decision.candidates.iter().map(|candidate| candidate.model.0).collect();
        listed.sort_unstable();
        let everyone: Vec<u32> = (0..snapshot.models().len() as u32).collect();
        prop_assert_eq!(listed, everyone, "every candidate appears, once");

        let mut ranks = Vec::new();
        for candidate in &decision.candidates {
            match candidate.verdict {
                Verdict::Eligible { rank } => ranks.push(rank),
                Verdict::Out(_) => prop_assert!(!decision.order().any(|ix| ix == candidate.model), "who is out never wins"),
            }
            prop_assert!((0.0..=1.0).contains(&candidate.score), "{candidate:?}");
        }
        ranks.sort_unstable();
        prop_assert_eq!(ranks, (0..decision.eligible() as u32).collect::<Vec<_>>());
        for place in 0..decision.candidates.len() {
            for (_, raw, normalised) in decision.values(place) {
                prop_assert!(!raw.is_infinite());
                prop_assert!(normalised.is_nan() || (0.0..=1.0).contains(&normalised));
            }
        }
        prop_assert_eq!(decision.none().is_some(), decision.eligible() == 0);

        let again = run(&snapshot, &world, &ask, at);
        prop_assert_eq!(decision.order().collect::<Vec<_>>(), again.order().collect::<Vec<_>>(), "a pure function");
        let explanation = decision.explain(&snapshot);
        prop_assert_eq!(explanation.candidates.len(), decision.candidates.len());
        prop_assert_eq!(&serde_json::to_string(&explanation).ok(), &serde_json::to_string(&again.explain(&snapshot)).ok());
        let mut compact = String::new();
        decision.compact_json(&snapshot, &ask, &mut compact);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&compact).is_ok(), "{}", compact);
    }

    /// Whatever a request wishes and whatever policies say: nobody unwanted is tried, those that are named go first in their order,
    /// wishes only take candidates away, the multiplier stays within its limits, and the real price is nobody's affair but the
    /// catalogue's.
    #[test]
    fn wishes_and_policies_keep_to_their_bounds(
        channels in channels(), figures in figures(), wish in a_wish(), policies in policies(), seed: u64,
    ) {
        let plain = build(catalogue(channels.clone(), vec![group("g", "cost_optimized")]));
        let mut spec = catalogue(channels, vec![group("g", "cost_optimized")]);
        (spec.pricing.policies, spec.pricing.min, spec.pricing.max) = (policies, 0.5, 3.0);
        let snapshot = build(spec);
        let world = world(&snapshot, &figures);
        let at = Moment { now_ms: NOW, seed, sequence: 0 };
        let wished = Ask { provider: Some(Box::new(wish.clone())), ..ask("g") };
        let (decision, free) = (run(&snapshot, &world, &wished, at), run(&snapshot, &world, &ask("g"), at));
        prop_assert_eq!(decision.order().collect::<Vec<_>>(), run(&snapshot, &world, &wished, at).order().collect::<Vec<_>>());

        let channel = |ix| snapshot.model_and_channel(ix).expect("one of the catalogue").1;
        let places: Vec<usize> = decision.order().map(|ix| wish.place(channel(ix))).collect();
        prop_assert!(decision.last_resort || wish.order.is_empty() || places.is_sorted(), "{:?}", places);
        for ix in decision.order() {
            prop_assert!(!wish.unwanted(channel(ix)));
            prop_assert!(snapshot.price(ix).is_none_or(|price| wish.max_price.allows(price)));
            prop_assert!(decision.last_resort || free.order().any(|other| other == ix), "a wish lets nobody in");
        }
        prop_assert!(!wish.first_only() || decision.last_resort || decision.eligible() <= 1);

        let unpriced = run(&plain, &world, &ask("g"), at);
        for (place, candidate) in free.candidates.iter().enumerate() {
            let (costs, real) = (free.costs(place), unpriced.costs(place).real_usd);
            prop_assert!(costs.real_usd == real || (costs.real_usd.is_nan() && real.is_nan()), "the books know no policy");
            if costs.real_usd.is_finite() && candidate.verdict.reason().is_none() {
                let priced = costs.effective_usd - costs.shadow_usd;
                let (low, high) = (real * 0.5 * (1.0 - 1e-9), real * 3.0 * (1.0 + 1e-9));
                prop_assert!((low..=high).contains(&priced), "{:?} of {}", costs, real);
            }
        }
    }

    /// More weight on a layer never moves its best candidate away from the top.
    #[test]
    fn weights_shift_the_choice_one_way(channels in channels(), low in 0.0..4.0f64, more in 0.0..9.0f64) {
        let best = |weight: f64| {
            let mut own = group("g", "multi_layer");
            own.layers = vec![layer("quality_score", true, weight), layer("effective_cost", false, 1.0)];
            let snapshot = build(catalogue(channels.clone(), vec![own]));
            let decision = run(&snapshot, &World::default(), &ask("g"), super::at(1));
            let first = decision.chosen().map(|chosen| chosen.model);
            let place = decision.candidates.iter().position(|candidate| Some(candidate.model) == first);
            place.map(|place| decision.values(place).next().map_or(0.0, |(_, _, normalised)| normalised))
        };
        if let (Some(before), Some(after)) = (best(low), best(low + more)) {
            prop_assert!(after >= before - 1e-9, "{before} then {after}");
        }
    }

    #[test]
    fn resolving_never_fails_otherwise_than_not_found(text in "(tags?:|channel:|acme/|anthropic/)?[a-z0-9:!,/-]{0,20}", key in 0u32..3) {
        let mut spec = catalogue(vec![channel("c", vec![model("m", 1), model("gpt-4o-2024-08-06", 1)])], vec![group("g", "balanced")]);
        spec.keys = vec![super::key("a", &[]), super::key("b", &["gpt*"])];
        let snapshot = build(spec);
        if let Err(error) = resolve(&snapshot, Some(KeyIx(key)), &text) {
            prop_assert!(error.nearest.len() <= 3);
        }
    }
}
