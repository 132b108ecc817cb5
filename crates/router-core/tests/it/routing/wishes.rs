//! What a request may say for itself: OpenRouter's `models` and `provider`.

use router_core::ask::Ask;
use router_core::catalog::KeyIx;
use router_core::pricing::Rate;
use router_core::routing::{NoneKind, decide, resolve};
use router_core::wish::{MaxPrice, ProviderWish, Sort};

use super::{World, ask, at, build, catalogue, channel, group, key, left_out, model, order, run};

/// Three channels of model `m` at 1, 2 and 3 cents, each of a provider of its name; the last is a router itself.
fn check(wish: ProviderWish, chosen: &str, out: &str) {
    let mut channels = vec![channel("a", vec![model("m", 1)]), channel("b", vec![model("m", 2)])];
    let mut relay = channel("r", vec![model("m", 3)]);
    relay.kind = "openrouter".into();
    channels.push(relay);
    channels.iter_mut().for_each(|channel| channel.provider = format!("P{}", channel.name).into());
    let snapshot = build(catalogue(channels, vec![group("g", "cost_optimized")]));
    let mut world = World::default();
    world.set(&snapshot, "b", |m, _| (m.tokens_per_second, m.ttft_ms) = (Some(90.0), Some(90.0)));
    world.set(&snapshot, "a", |m, _| (m.tokens_per_second, m.ttft_ms) = (Some(10.0), Some(900.0)));
    let told = format!("{wish:?}");
    let ask = Ask { provider: Some(Box::new(wish)), ..ask("g") };
    let decision = run(&snapshot, &world, &ask, at(1));
    assert_eq!(
        (order(&snapshot, &decision).as_str(), left_out(&snapshot, &decision).as_str()),
        (chosen, out),
        "{told}"
    );
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn wishes_about_providers_count() {
    let wish = ProviderWish::default;
    check(wish(), "a b r", "");
    check(ProviderWish { order: names(&["pb"]), ..wish() }, "b r a", "");
    check(ProviderWish { order: names(&["nobody", "PB/turbo", "a"]), ..wish() }, "b a r", "");
    check(ProviderWish { only: names(&["PB"]), ..wish() }, "b r", "a:provider_unwanted");
    check(
        ProviderWish { ignore: names(&["PA", "openrouter"]), ..wish() },
        "b",
        "a:provider_unwanted r:provider_unwanted",
    );
    check(ProviderWish { order: names(&["b"]), allow_fallbacks: false, ..wish() }, "b r", "a:provider_unwanted");
    check(ProviderWish { allow_fallbacks: false, ..wish() }, "a", "b:fallbacks_off r:fallbacks_off");
    check(ProviderWish { sort: Some(Sort::Throughput), ..wish() }, "b r a", "");
    check(ProviderWish { sort: Some(Sort::Latency), ..wish() }, "b r a", "");
    check(ProviderWish { sort: Some(Sort::Price), ..wish() }, "a b r", "");
    let max_price = MaxPrice { prompt: Some(Rate(20_000_000)), ..MaxPrice::default() };
    check(ProviderWish { max_price, ..wish() }, "a b", "r:max_price");
}

#[test]
fn nobody_is_cheap_enough() {
    let snapshot = build(catalogue(vec![channel("a", vec![model("m", 1)])], Vec::new()));
    let max_price = MaxPrice { completion: Some(Rate(1)), ..MaxPrice::default() };
    let wish = ProviderWish { max_price, ..ProviderWish::default() };
    let decision = run(&snapshot, &World::default(), &Ask { provider: Some(Box::new(wish)), ..ask("m") }, at(1));
    assert_eq!(decision.none().map(|none| none.kind), Some(NoneKind::TooDear));
}

#[test]
fn further_models_come_after_the_first_and_before_the_groups_fallbacks() {
    let channels = ["a", "b", "c", "d"].map(|name| channel(name, vec![model(&format!("m{name}"), 1)]));
    let mut spec = catalogue(channels.into(), vec![group("g", "priority")]);
    spec.groups[0].select = None;
    spec.groups[0].members = vec![super::member("ma")];
    spec.groups[0].fallback = vec!["md".into()];
    spec.keys = vec![key("k", &["g", "ma", "mc", "md"])];
    let snapshot = build(spec);
    let models = names(&["mb", "nothing", "g", "mc"]);
    let asked = Ask { models, ..ask("g") };
    assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &asked, at(1))), "a b c d");
    // what the key may not use does not exist for it
    let target = resolve(&snapshot, Some(KeyIx(0)), "g").expect("the group");
    let decision = decide(&snapshot, &target, &asked, &World::default(), at(1));
    assert_eq!(order(&snapshot, &decision), "a c d");
    let alone = ProviderWish { allow_fallbacks: false, ..ProviderWish::default() };
    let alone = Ask { provider: Some(Box::new(alone)), ..asked };
    assert_eq!(order(&snapshot, &run(&snapshot, &World::default(), &alone, at(1))), "a b c");
}
