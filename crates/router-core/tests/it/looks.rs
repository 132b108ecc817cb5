//! Who is asked, and how, of what is away: as little as tells enough, and never past a breaker.

use router_core::catalog::spec::{ChannelSpec, ProviderKeySpec};
use router_core::catalog::{ChannelIx, ModelIx, Snapshot};
use router_core::fault::{Fault, FaultKind};
use router_core::health::BreakerState;
use router_core::money::Nano;
use router_core::routing::{Members, NoLive, Target as Resolved, decide};
use router_core::world::{Cells, Manners, Pinned, Rules, Target, World};

use crate::rehearsal::ledger;
use crate::routing::{NOW, ask, at, build, catalogue, channel, model};

const IX: ChannelIx = ChannelIx(0);
const HOUR_MS: u64 = 3_600_000;

/// Three models, the second one without a price, and so many keys.
fn stage(keys: usize) -> (Snapshot, World) {
    let key = |place: usize| ProviderKeySpec::plain(format!("key-{place}"));
    let unpriced = router_core::catalog::spec::ChannelModelSpec { price: None, ..model("b", 1) };
    let models = vec![model("a", 200), unpriced, model("c", 100)];
    let core = build(catalogue(
        vec![ChannelSpec { keys: (0..keys).map(key).collect(), ..channel("first", models) }, channel("other", vec![])],
        Vec::new(),
    ));
    let world = World::build(&core, Rules::default(), |_| Manners::default(), &Cells::default(), &ledger());
    (core, world)
}

/// Models and keys to be asked.
fn asked(core: &Snapshot, world: &World, listed: Option<bool>, now_ms: u64) -> Vec<(u32, usize)> {
    let cost = |ix: ModelIx| Some(core.reserved_cost(ix, &ask("a"))).filter(|cost| *cost > Nano::ZERO);
    let asked = world.whom_to_ask(core, IX, listed, cost, now_ms);
    asked.into_iter().map(|target| (target.model.0, target.key)).collect()
}

fn fail(health: &router_core::health::Health, kind: FaultKind, retry_after_ms: Option<u64>) {
    let fault = Fault { retry_after_ms, ..Fault::new(kind, "") };
    health.cooldown.fault(&fault, &Rules::default().cooldown, NOW, 1).expect("it stays away");
}

#[test]
fn models_that_are_away_by_themselves_are_asked_if_their_price_is_known() {
    let (core, world) = stage(1);
    assert_eq!(asked(&core, &world, None, NOW), [], "all is well");
    for place in 0..3 {
        fail(world.model(ModelIx(place)).expect("a model"), FaultKind::Temporary, None);
    }
    assert_eq!(asked(&core, &world, None, NOW), [(0, 0), (2, 0)]);
    assert_eq!(asked(&core, &world, None, NOW + HOUR_MS), [], "it is over");

    let (core, world) = stage(1);
    fail(world.model(ModelIx(0)).expect("a model"), FaultKind::ModelUnavailable, None);
    fail(world.model(ModelIx(2)).expect("a model"), FaultKind::Temporary, Some(60_000));
    assert_eq!(asked(&core, &world, None, NOW), [(0, 0)], "a named time is waited for");
}

#[test]
fn a_channel_whose_list_tells_nothing_is_asked_by_its_cheapest_model() {
    let (core, world) = stage(1);
    let cell = world.channel(IX).expect("a channel");
    fail(&cell.state.health, FaultKind::Connect, None);
    assert_eq!(asked(&core, &world, Some(false), NOW), [(2, 0)]);
    assert_eq!(asked(&core, &world, Some(true), NOW), [], "its list has told");
    let told = |kind: Option<FaultKind>| {
        let fault = kind.map(|kind| Fault::new(kind, ""));
        world.looked(IX, 0, fault.as_ref(), NOW, NOW, 1)
    };
    assert!(told(Some(FaultKind::Connect)) && told(Some(FaultKind::KeyInvalid)));
    assert!(!told(Some(FaultKind::ModelUnavailable)), "there is no such list");
    assert!(told(None) && !cell.state.health.cooldown.is_cooling(NOW));
}

#[test]
fn where_all_keys_are_set_aside_they_take_turns() {
    let (core, world) = stage(2);
    let cell = world.channel(IX).expect("a channel");
    fail(&cell.keys[1].health, FaultKind::KeyBilling, None);
    assert_eq!(asked(&core, &world, None, NOW), [], "the other key serves");
    fail(&cell.keys[0].health, FaultKind::KeyInvalid, None);
    let (_, first) = asked(&core, &world, None, NOW)[0];
    let fault = Fault::new(FaultKind::KeyInvalid, "");
    cell.keys[first].health.cooldown.fault(&fault, &Rules::default().cooldown, NOW + HOUR_MS / 12, 1);
    assert_eq!(asked(&core, &world, None, NOW + HOUR_MS / 12), [(2, 1 - first)]);
}

#[test]
fn a_question_passes_what_needs_a_repair_and_nothing_that_is_named_or_probed() {
    let (core, world) = stage(1);
    let target = Resolved { key: None, members: Members::Models([ModelIx(0)].into()), variant: None };
    let eligible = |now_ms: u64| {
        let view = world.view(&core, now_ms, 1_000).asking(Pinned { channel: IX, key: 0 });
        let moment = router_core::routing::Moment { now_ms, ..at(1) };
        decide(&core, &target, &ask("a"), &view, moment).eligible()
    };
    assert_eq!(decide(&core, &target, &ask("a"), &NoLive, at(1)).eligible(), 1);
    let health = world.model(ModelIx(0)).expect("a model");
    fail(health, FaultKind::ModelUnavailable, None);
    assert_eq!(eligible(NOW), 1);
    fail(health, FaultKind::RateLimited, None);
    assert_eq!(eligible(NOW), 0, "the provider limits its rate");
    health.reset();

    let config = Rules::default().breaker;
    for _ in 0..config.failure_threshold {
        let pass = health.breaker.pass(&config, NOW).expect("it is closed");
        let _ = pass.record(false, &config, NOW, 1);
    }
    assert_eq!((health.breaker.state(NOW), eligible(NOW)), (BreakerState::Open, 0), "just opened");
    assert_eq!(eligible(NOW + 2_000), 1, "once in a while somebody may ask");
    let attempt = Target { model: ModelIx(0), group: None, key: 0 };
    let holding = world.take(&core, &ask("a"), &attempt, true, NOW + 2_000).expect("leave to probe");
    assert!(holding.probes()[0]);
    assert_eq!(eligible(NOW + 2_000), 0, "the one probe is out");
    assert!(world.take(&core, &ask("a"), &attempt, true, NOW + 2_000).is_err());
}
