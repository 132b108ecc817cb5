//! The virtual router: requests overlap, failures move them, and what is taken is given back.

use std::sync::Arc;

use router_core::admission::AdmissionConfig;
use router_core::budget::Ledger;
use router_core::catalog::Snapshot;
use router_core::catalog::spec::{CatalogSpec, ProviderKeySpec};
use router_core::fault::{Fault, FaultKind};
use router_core::health::BreakerState;
use router_core::ids::mix;
use router_core::money::Nano;
use router_core::rehearsal::{Call, Change, Ending, Note, Provider, Reply, Request, Stage, VirtualRouter, Watch};
use router_core::request::{RetryBudgetConfig, Status};
use router_core::usage::Usage;
use router_core::world::{Cells, Manners, Rules, World};

use crate::routing::{NOW, ask, build, catalogue, channel, group, key, model};

/// A provider as a function.
pub(crate) struct By<F>(pub(crate) F);

impl<F: FnMut(&Call<'_>) -> Reply> Provider for By<F> {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        (self.0)(call)
    }
}

/// Everything, a line each.
#[derive(Default)]
struct Lines(Vec<String>);

impl Watch for Lines {
    fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        let at = now_ms - NOW;
        let text = match note {
            Note::Arrived(_) | Note::Decided(_) => return,
            Note::Queued => "queued".to_owned(),
            Note::Sent { attempt, target, probes } => format!("{attempt} to {} {probes:?}", target.model.0),
            Note::Unsent { attempt, fault, .. } => format!("{attempt} unsent: {}", fault.detail),
            Note::FirstByte { attempt, .. } => format!("{attempt} streams"),
            Note::Ended { attempt, outcome, .. } => format!("{attempt} {outcome}"),
            Note::Changed { cell, change, .. } => match change {
                Change::Breaker(state) => format!("{cell:?} {}", state.as_str()),
                Change::CoolingUntil(until) => format!("{cell:?} cools until {}", until - NOW),
                Change::Back => format!("{cell:?} is back"),
            },
            Note::Finished(finished) => format!(
                "{} {} {}",
                finished.status.as_str(),
                finished.error.map_or("", |code| code.name()),
                finished.settlement.cost
            ),
        };
        self.0.push(format!("{at} #{number} {text}"));
    }
}

fn two_channels() -> CatalogSpec {
    let channels = vec![channel("first", vec![model("m", 100)]), channel("second", vec![model("m", 200)])];
    catalogue(channels, vec![group("g", "cost_optimized")])
}

pub(crate) fn stage(spec: CatalogSpec, rules: Rules, ledger: &Ledger) -> Stage {
    stage_of(build(spec), rules, ledger)
}

pub(crate) fn stage_of(core: Snapshot, rules: Rules, ledger: &Ledger) -> Stage {
    let core = Arc::new(core);
    let world = World::build(&core, rules, |_| Manners::default(), &Cells::default(), ledger);
    Stage {
        world,
        core,
        retries: RetryBudgetConfig::default(),
        hedges: RetryBudgetConfig::hedges(50),
        admission: AdmissionConfig::default(),
        patience_ms: 5_000,
    }
}

pub(crate) fn ledger() -> Ledger {
    Ledger::new(router_core::budget::Zone::named("UTC").expect("a zone"))
}

pub(crate) fn request(at_ms: u64, number: u64) -> Request {
    let mut ask = ask("g");
    (ask.input_tokens, ask.input_tokens_bound, ask.max_output_tokens) = (100, 100, Some(100));
    Request { at_ms: NOW + at_ms, ask, seed: mix(number), ..Request::default() }
}

pub(crate) fn whole(first_ms: u64, end_ms: u64) -> Reply {
    Reply::whole(first_ms, end_ms, Usage { input: 100, output: 50, ..Usage::default() })
}

#[test]
fn a_failure_moves_the_request_and_the_answer_is_booked() {
    let ledger = ledger();
    let provider = By(|call: &Call<'_>| match call.target.model.0 {
        0 => Reply::fault(20, Fault::new(FaultKind::Temporary, "broken")),
        _ => whole(100, 500),
    });
    let mut router = VirtualRouter::new(stage(two_channels(), Rules::default(), &ledger), provider, Lines::default());
    let streamed = |mut request: Request| {
        request.ask.stream = true;
        request
    };
    router.run([streamed(request(0, 1))]);
    let lines = &router.watch.0;
    assert_eq!(lines[..2], ["0 #0 1 to 0 [false, false]", "20 #0 1 temporary"]);
    assert!(lines[2].starts_with("20 #0 ChannelModel cools until "), "{lines:?}");
    assert_eq!(
        lines[3..],
        ["20 #0 2 to 1 [false, false]", "120 #0 2 streams", "520 #0 2 completed", "520 #0 completed  0.000300000"]
    );
    assert_eq!(router.open(), 0);
}

#[test]
fn silence_and_a_stream_that_falls_silent_end_at_their_deadlines() {
    let ledger = ledger();
    let provider = By(|call: &Call<'_>| match (call.number, call.target.model.0) {
        (0, 0) => Reply::silence(),
        (1, _) => Reply { end: None, ..whole(1_000, 70_000) },
        _ => whole(10, 20),
    });
    let mut router = VirtualRouter::new(stage(two_channels(), Rules::default(), &ledger), provider, Lines::default());
    let mut cut = request(200_000, 2);
    cut.ask.stream = true;
    router.run([request(0, 1), cut]);
    let lines = router.watch.0.join("\n");
    assert!(lines.contains("60000 #0 1 first_byte_timeout"), "{lines}");
    assert!(lines.contains("60020 #0 completed"), "{lines}");
    // chunks came until 270,000; a minute of silence is too much
    assert!(lines.contains("330000 #1 1 idle_timeout") && lines.contains("330000 #1 error"), "{lines}");
}

#[test]
fn limits_count_what_overlaps() {
    let ledger = ledger();
    let mut spec = two_channels();
    spec.channels[0].limits.max_in_flight = Some(2);
    let mut here: Vec<(u64, u64, u32)> = Vec::new();
    let provider = By(|call: &Call<'_>| {
        here.push((call.now_ms, call.now_ms + 300, call.target.model.0));
        whole(300, 300)
    });
    let mut router = VirtualRouter::new(stage(spec, Rules::default(), &ledger), provider, Lines::default());
    router.run((0..50).map(|number| request(number * 50, number)));
    drop(router);
    let most = here
        .iter()
        .filter(|(_, _, model)| *model == 0)
        .map(|(at, ..)| here.iter().filter(|(began, ended, model)| *model == 0 && began <= at && at < ended).count());
    assert_eq!(most.max(), Some(2), "used, and never above its limit");
    assert!(here.iter().any(|(.., model)| *model == 1), "the rest went to the other channel");
}

#[test]
fn a_channel_that_hangs_leaves_room_for_the_others() {
    let ledger = ledger();
    let mut spec = two_channels();
    // Nobody but the first channel has the first model, nobody but the second the second.
    spec.channels[0].models[0].name = "hanging".into();
    let mut stage = stage(spec, Rules { per_channel: 6, ..Rules::default() }, &ledger);
    stage.admission = AdmissionConfig { max_in_flight: 8, queue: 100 };
    let provider = By(|call: &Call<'_>| if call.target.model.0 == 0 { Reply::silence() } else { whole(5, 10) });
    let mut router = VirtualRouter::new(stage, provider, Lines::default());
    let hang = |at_ms, number| {
        let mut request = request(at_ms, number);
        request.ask.model = "hanging".into();
        request
    };
    let mut all: Vec<_> = (0..50).map(|number| hang(0, number)).collect();
    all.extend((50..150).map(|number| request(number * 20, number)));
    router.run(all);
    let lines = &router.watch.0;
    let ended = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(ended("first_byte_timeout"), 6, "as many as it may have: {lines:#?}");
    assert_eq!(ended("completed "), 100, "none of the others waits for it or fails: {lines:#?}");
    assert_eq!(ended("overloaded"), 0, "the queue is nobody's: {lines:#?}");
}

#[test]
fn a_channel_that_hangs_leaves_memory_for_the_bodies_of_the_others() {
    let ledger = ledger();
    let mut spec = two_channels();
    spec.channels[0].models[0].name = "hanging".into();
    let stage = stage(spec, Rules { bodies_per_channel: 60_000, ..Rules::default() }, &ledger);
    let provider = By(|call: &Call<'_>| if call.target.model.0 == 0 { whole(50_000, 50_000) } else { whole(5, 10) });
    let mut router = VirtualRouter::new(stage, provider, Lines::default());
    let sized = |number: u64, model: &str, body_bytes: u64| {
        let mut request = request(number, number);
        request.ask.model = model.into();
        request.ask.body_bytes = body_bytes;
        request
    };
    // Six of the first ten fit, and any number of small ones.
    let mut all: Vec<_> = (0..10).map(|number| sized(number, "hanging", 10_000)).collect();
    all.extend((10..30).map(|number| sized(number, "hanging", 4_096)));
    // A group goes on to the channel beside it, which takes one body that is larger than its share.
    all.push(sized(30, "g", 60_001));
    // By then all have their answers, and nothing is held any more.
    let later = |number: u64| Request { at_ms: NOW + 60_000 + number, ..sized(number, "hanging", 10_000) };
    all.extend((31..37).map(later));
    router.run(all);
    let lines = &router.watch.0;
    let told = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(told("1 to 0 "), 6 + 20 + 6, "{lines:#?}");
    assert_eq!(told("error rate_limit_exceeded"), 4, "{lines:#?}");
    assert_eq!(told("#30 1 unsent: our own limit"), 1, "{lines:#?}");
    assert_eq!(told("#30 completed"), 1, "{lines:#?}");
}

#[test]
fn the_gate_lets_in_in_turn_and_turns_away_in_time() {
    let ledger = ledger();
    let mut stage = stage(two_channels(), Rules::default(), &ledger);
    stage.admission = AdmissionConfig { max_in_flight: 1, queue: 2 };
    stage.patience_ms = 1_000;
    let mut router = VirtualRouter::new(stage, By(|_: &Call<'_>| whole(800, 800)), Lines::default());
    router.run([request(0, 0), request(0, 1), request(0, 2), request(0, 3)]);
    let ends: Vec<&String> =
        router.watch.0.iter().filter(|line| line.contains("completed ") || line.contains("error")).collect();
    assert_eq!(
        ends,
        [
            "0 #3 error overloaded 0.000000000",
            "800 #0 completed  0.000150000",
            "1000 #2 error overloaded 0.000000000",
            "1600 #1 completed  0.000150000"
        ]
    );
}

#[test]
fn budgets_hold_and_nothing_stays_reserved() {
    let ledger = ledger();
    let mut spec = two_channels();
    let mut poor = key("poor", &[]);
    poor.daily_budget = Some(Nano::usd(1));
    spec.keys = vec![poor];
    let cap = spec.keys[0].daily_budget.expect("set");
    let stage = stage(spec, Rules::default(), &ledger);
    let mut sum = Nano::ZERO;
    struct Sum<'a>(&'a mut Nano, Vec<Status>);
    impl Watch for Sum<'_> {
        fn note(&mut self, _: u64, _: u64, note: Note<'_>) {
            if let Note::Finished(finished) = note {
                *self.0 += finished.settlement.cost;
                self.1.push(finished.status);
            }
        }
    }
    let provider = By(|_: &Call<'_>| Reply::whole(10, 5_000, Usage { input: 9_000, output: 900, ..Usage::default() }));
    let mut router = VirtualRouter::new(stage, provider, Sum(&mut sum, Vec::new()));
    router.run((0..200).map(|number| {
        let mut request = request(number, number);
        request.ask.input_tokens_bound = 9_000;
        request.ask.max_output_tokens = Some(1_000);
        Request { key: Some(router_core::catalog::KeyIx(0)), ..request }
    }));
    assert!(router.watch.1.contains(&Status::Error) && router.watch.1.contains(&Status::Completed));
    drop(router);
    let balances = ledger.balances();
    assert!(balances.iter().all(|line| line.reserved == Nano::ZERO && line.spent <= cap), "{balances:?}");
    assert_eq!(balances.iter().map(|line| line.spent).max(), Some(sum));
}

#[test]
fn a_breaker_opens_and_probes_one_at_a_time() {
    let ledger = ledger();
    let mut spec = two_channels();
    spec.channels.pop();
    // An outage of two minutes: nobody else is there.
    let provider = By(|call: &Call<'_>| match call.now_ms - NOW {
        0..120_000 => Reply::fault(5, Fault::new(FaultKind::Connect, "refused")),
        _ => whole(50, 2_000),
    });
    let rules = Rules::default();
    let mut router = VirtualRouter::new(stage(spec, rules, &ledger), provider, Lines::default());
    router.run((0..3_000).map(|number| request(number * 100, number)));
    let lines = &router.watch.0;
    let opened = lines.iter().position(|line| line.ends_with(&format!("Channel {}", BreakerState::Open.as_str())));
    let opened = opened.unwrap_or_else(|| panic!("it never opened: {lines:?}"));
    assert!(lines[..opened].iter().all(|line| !line.contains("true")), "no probe before it opened");
    assert!(lines[opened..].iter().any(|line| line.contains("true")), "probes after");
    assert!(lines.iter().any(|line| line.ends_with("Channel closed")), "and it closes again");
    let last = &lines[lines.len() - 1];
    assert!(last.contains("completed"), "{last}");
}

#[test]
fn equal_seeds_have_equal_histories() {
    let history = |seed: u64| {
        let ledger = ledger();
        let provider = By(|call: &Call<'_>| {
            let lot = mix(mix(call.request.seed) ^ u64::from(call.attempt));
            match lot % 5 {
                0 => Reply::fault(lot % 97, Fault::new(FaultKind::Temporary, "")),
                1 => Reply {
                    end: Some((lot % 900 + 50, Ending::Failed(Fault::new(FaultKind::Cut, "")))),
                    ..whole(20, lot % 900 + 50)
                },
                _ => whole(lot % 400, lot % 400 + lot % 7_000),
            }
        });
        let mut router =
            VirtualRouter::new(stage(two_channels(), Rules::default(), &ledger), provider, Lines::default());
        router.run((0..500).map(|number| Request { seed: mix(seed ^ mix(number)), ..request(number * 20, number) }));
        router.watch.0
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}

#[test]
fn a_key_that_failed_is_not_used_again_for_another_model_of_its_channel() {
    let key = |name: &str| ProviderKeySpec::plain(format!("only/{name}"));
    let mut spec = two_channels();
    spec.channels = vec![channel("only", vec![model("cheap", 100), model("dear", 200)])];
    spec.channels[0].keys = vec![key("a"), key("b"), key("c")];
    let rules = Rules { max_attempts: 5, ..Rules::default() };
    for seed in 0..100 {
        let ledger = ledger();
        let mut used: Vec<usize> = Vec::new();
        // The first request leaves its prompt with a key. Of the second that key fails, then the model.
        let provider = By(|call: &Call<'_>| {
            if call.number == 1 {
                used.push(call.target.key);
            }
            match (call.number, call.attempt) {
                (1, 1) => Reply::fault(5, Fault::new(FaultKind::KeyInvalid, "")),
                (1, 2) => Reply::fault(5, Fault::new(FaultKind::Temporary, "")),
                _ => Reply::whole(5, 9, Usage { input: 3_000, cached_input: 2_048, output: 9, ..Usage::default() }),
            }
        });
        let mut router = VirtualRouter::new(stage(spec.clone(), rules, &ledger), provider, Lines::default());
        router.run((0..2).map(|number| {
            let mut request = request(number * 1_000, number);
            (request.ask.session, request.ask.input_tokens) = (Some(1), 3_000);
            Request { seed: mix(seed * 2 + number), ..request }
        }));
        drop(router);
        assert_eq!(used.len(), 3, "seed {seed}: {used:?}");
        assert!(!used[1..].contains(&used[0]), "seed {seed}: the failed key comes again: {used:?}");
    }
}
