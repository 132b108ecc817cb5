//! Backtests: the same policy comes to the same, another one to what it really comes to. The log is one that the virtual router
//! made at providers with laws of their own, and is read back from the form in which decisions are stored.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use router_core::admission::AdmissionConfig;
use router_core::ask::Ask;
use router_core::backtest::{Backtest, Entry, Observations, Report, Scope, Tried, TriedEnd, Unchanged, Unsent};
use router_core::budget::Ledger;
use router_core::catalog::Snapshot;
use router_core::catalog::spec::{CatalogSpec, ChannelLimits, GroupSpec};
use router_core::fault::{Fault, FaultKind};
use router_core::ids::mix;
use router_core::money::Nano;
use router_core::rehearsal::{Call, Note, Provider, Reply, Request, Stage, VirtualRouter, Watch};
use router_core::request::{Outcome, RetryBudgetConfig, Status};
use router_core::routing::{Asked, Seen};
use router_core::usage::Usage;
use router_core::world::{Cells, Manners, Rules, World};

use crate::routing::{NOW, build, catalogue, channel, group, key, layer, model};

const HOUR: u64 = 3_600_000;

/// Numbers that look random, from a seed.
fn share(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1u64 << 53) as f64
}

/// Milliseconds to the first token, tokens per second, and how often it fails, by channel and hour.
fn law(channel: &str, at_ms: u64) -> (f64, f64, f64) {
    let busy = (at_ms / HOUR).is_multiple_of(2);
    match channel {
        "quick" => (150.0, 120.0, 0.01),
        "cheap" if busy => (900.0, 25.0, 0.12),
        "cheap" => (600.0, 40.0, 0.02),
        _ => (350.0, 70.0, 0.03),
    }
}

/// Providers with those laws; another salt, other dice.
struct Nature(u64);

impl Provider for Nature {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        let (model, channel) = call.core.model_and_channel(call.target.model).expect("one of the catalogue");
        let (ttft, tps, failures) = law(&channel.name, call.now_ms);
        let lot = mix(mix(call.request.seed ^ self.0 << 32) ^ model.stable_id ^ u64::from(call.attempt));
        if share(lot) < failures {
            return Reply::fault(200, Fault::new(FaultKind::Temporary, ""));
        }
        let first = ttft * (0.5 + share(lot ^ 1));
        // How long an answer is depends on the question.
        let output = 50 + mix(u64::from(call.request.label) ^ 0xabcd) % 600;
        let usage = Usage { input: call.request.ask.input_tokens, output, ..Usage::default() };
        Reply::whole(first as u64, (first + output as f64 * 1_000.0 / tps) as u64, usage)
    }
}

/// The log that the router would keep.
#[derive(Clone)]
struct Log {
    core: Arc<Snapshot>,
    decided: Rc<RefCell<BTreeMap<u64, String>>>,
    entries: Rc<RefCell<Vec<Entry>>>,
    ask: Rc<RefCell<BTreeMap<u64, Ask>>>,
}

impl Watch for Log {
    fn note(&mut self, _: u64, number: u64, note: Note<'_>) {
        match note {
            Note::Arrived(request) => _ = self.ask.borrow_mut().insert(number, request.ask.clone()),
            Note::Decided(decision) => {
                let mut text = String::new();
                decision.compact_json(&self.core, &self.ask.borrow()[&number], &mut text);
                self.decided.borrow_mut().insert(number, text);
            }
            Note::Finished(finished) => {
                let text = self.decided.borrow_mut().remove(&number).expect("decided");
                self.entries.borrow_mut().push(entry(&self.core, &text, &finished));
            }
            _ => {}
        }
    }
}

/// As the row says it.
fn entry(core: &Snapshot, text: &str, finished: &router_core::rehearsal::Finished<'_>) -> Entry {
    let request = finished.request;
    let asked = Asked::read(text, request.ask.endpoint, &request.ask.model, request.ask.stream).expect("whole");
    let unsent = finished.attempts.iter().zip(finished.targets).enumerate();
    let unsent = unsent.filter_map(|(place, (attempt, target))| match &attempt.outcome {
        Outcome::Failed(fault) if fault.not_sent.is_some() => {
            let (model, channel) = core.model_and_channel(target.model)?;
            let (channel, upstream_model) = (Arc::clone(&channel.name), Arc::clone(&model.upstream_name));
            Some(Unsent { place, provider_key: None, channel, upstream_model, fault: fault.clone() })
        }
        _ => None,
    });
    let attempts = finished.attempts.iter().zip(finished.targets).zip(&finished.settlement.attempt_costs);
    let attempts = attempts.filter_map(|((attempt, target), cost)| {
        let (model, channel) = core.model_and_channel(target.model).expect("one of the catalogue");
        let end = match &attempt.outcome {
            Outcome::Failed(fault) if fault.not_sent.is_some() => return None,
            outcome => TriedEnd::named(outcome.as_str()),
        };
        Some(Tried {
            provider_key: None,
            channel: Arc::clone(&channel.name),
            upstream_model: Arc::clone(&model.upstream_name),
            after_ms: attempt.started_ms,
            first_ms: attempt.first_byte_ms.map(|first| first - attempt.started_ms),
            took_ms: attempt.ended_ms.expect("ended") - attempt.started_ms,
            end,
            retry_after_ms: match &attempt.outcome {
                Outcome::Failed(fault) => fault.retry_after_ms,
                _ => None,
            },
            until_ms: None,
            usage: attempt.metered.map(|metered| metered.usage).unwrap_or_default(),
            cost: *cost,
        })
    });
    Entry {
        at_ms: request.at_ms,
        seed: request.seed,
        sequence: Some(asked.sequence),
        key: "k".into(),
        group: Some(request.ask.model.as_str().into()),
        chosen: asked.first.map(|(channel, model)| (channel.into(), model.into())),
        ask: Some(asked.ask),
        pinned: None,
        unfit: Vec::new(),
        no_budget: Vec::new(),
        unsent: unsent.collect(),
        seen: Seen::read(text, request.at_ms),
        is_probe: false,
        unchanged: Some(Arc::new(Unchanged {
            channels: core.channels().iter().map(|channel| Arc::clone(&channel.name)).collect(),
            changed_groups: HashSet::new(),
        })),
        attempts: attempts.collect(),
        cost: finished.settlement.cost,
        took_ms: finished.latency_ms,
        first_ms: finished.attempts.last().and_then(|attempt| attempt.first_byte_ms),
        status: finished.status,
    }
}

fn world(policy: GroupSpec, quota: u64) -> Arc<Snapshot> {
    world_with(policy, quota, |_| {})
}

fn world_with(policy: GroupSpec, quota: u64, change: impl FnOnce(&mut CatalogSpec)) -> Arc<Snapshot> {
    let at = |name: &str, cents: i64, quality: f64| {
        let mut model = model("m", cents);
        model.scores.extend([("quality".into(), quality), ("speed".into(), 0.5)]);
        channel(name, vec![model])
    };
    let mut cheap = at("cheap", 20, 0.6);
    cheap.limits = ChannelLimits { requests_per_day: Some(quota), ..ChannelLimits::default() };
    let channels = vec![at("quick", 100, 0.7), at("middle", 60, 0.9), cheap];
    let mut spec = catalogue(channels, vec![policy, group("other", "priority")]);
    spec.keys = vec![key("k", &[])];
    change(&mut spec);
    Arc::new(build(spec))
}

fn weighted(speed: f64, cost: f64) -> GroupSpec {
    let mut policy = group("g", "multi_layer");
    let field = |field: &str, descending, weight| layer(field, descending, weight);
    policy.layers = vec![
        field("speed_score", true, speed),
        field("effective_cost", false, cost),
        field("reliability_score", true, 0.3),
    ];
    policy
}

fn stage(core: &Arc<Snapshot>) -> Stage {
    let ledger = Ledger::new(core.zone().clone());
    let world = World::build(core, Rules::default(), |_| Manners::default(), &Cells::default(), &ledger);
    let admission = AdmissionConfig { max_in_flight: 1_000, queue: 0 };
    Stage {
        core: Arc::clone(core),
        world,
        retries: RetryBudgetConfig::default(),
        hedges: RetryBudgetConfig::hedges(50),
        admission,
        patience_ms: 0,
    }
}

/// Requests over some hours, two in three seconds.
fn run(core: &Arc<Snapshot>, requests: u64, salt: u64) -> Vec<Entry> {
    run_every(core, requests, salt, |number| 200 + mix(number ^ 77) % 2_600)
}

/// Requests with so many milliseconds between them.
fn run_every(core: &Arc<Snapshot>, requests: u64, salt: u64, pause_ms: impl Fn(u64) -> u64) -> Vec<Entry> {
    run_at(core, requests, Nature(salt), pause_ms)
}

/// Requests at those providers.
fn run_at(core: &Arc<Snapshot>, requests: u64, providers: impl Provider, pause_ms: impl Fn(u64) -> u64) -> Vec<Entry> {
    let stage = stage(core);
    let (decided, entries, ask) = Default::default();
    let log = Log { core: Arc::clone(core), decided, entries, ask };
    let mut router = VirtualRouter::new(stage, providers, log.clone());
    let mut at_ms = NOW;
    let requests = (0..requests).map(|number| {
        at_ms += pause_ms(number);
        let model = if number % 10 == 9 { "other" } else { "g" };
        let ask = Ask {
            model: model.to_owned(),
            stream: number % 3 == 0,
            input_tokens: 100 + mix(number ^ 5) % 3_000,
            input_tokens_bound: 6_000,
            session: number.is_multiple_of(4).then_some(mix(number % 97)),
            ..Ask::default()
        };
        let label = u32::try_from(number).expect("small");
        Request {
            at_ms,
            ask,
            seed: mix(number),
            label,
            key: Some(router_core::catalog::KeyIx(0)),
            ..Request::default()
        }
    });
    router.run(requests);
    let mut log = log.entries.take();
    log.sort_by_key(|entry| (entry.at_ms, entry.seed));
    log
}

fn backtest(core: &Arc<Snapshot>, log: &[Entry], from_ms: u64, group: Option<&str>) -> Report {
    let mut observations = Observations::default();
    log.iter().for_each(|entry| observations.add(entry));
    let scope = Scope { from_ms, to_ms: u64::MAX, group: group.map(Arc::from) };
    let mut backtest = Backtest::new(stage(core), &observations, scope);
    log.iter().for_each(|entry| backtest.add(entry.clone()));
    backtest.finish()
}

/// What requests to the group really cost.
fn cost(log: &[Entry]) -> f64 {
    of_group(log).map(|entry| entry.cost).sum::<Nano>().as_usd_f64()
}

fn of_group(log: &[Entry]) -> impl Iterator<Item = &Entry> {
    log.iter().filter(|entry| entry.group.as_deref() == Some("g"))
}

#[test]
fn the_same_policy_comes_to_the_same() {
    for policy in [weighted(0.7, 0.5), group("g", "load_balance"), group("g", "slo"), group("g", "cost_optimized")] {
        let core = world(policy, 2_500);
        let log = run(&core, 6_000, 1);
        // All of it; one group while the others go as they went; and a part, after what came before has gone as it went.
        for (from_ms, group, requests) in [(NOW, None, 6_000), (NOW, Some("g"), 5_400), (NOW + HOUR, None, 0)] {
            let report = backtest(&core, &log, from_ms, group);
            assert_eq!(report.skipped, 0);
            assert!(requests == 0 || report.requests == requests, "{}", report.requests);
            let share = report.same_choice as f64 / report.requests as f64;
            assert!(share >= 0.999, "{share}: {:?}", report.sources);
            let off = (report.cost_usd.predicted / report.cost_usd.actual - 1.0).abs();
            assert!(off < 0.002, "{:?}", report.cost_usd);
        }
    }
}

#[test]
fn requests_of_one_millisecond_are_decided_the_same_again() {
    // Who of them came first, and what had ended by then, the log does not say: its order is that of their ids.
    let burst = |number: u64| u64::from(number.is_multiple_of(40)) * 3_000;
    let mut busy = group("g", "load_balance");
    busy.algorithm = "least_in_flight".into();
    let mut two = group("g", "load_balance");
    two.algorithm = "power_of_two".into();
    for policy in [weighted(0.7, 0.5), busy, two, group("g", "slo"), group("g", "speed_optimized")] {
        let core = world(policy.clone(), 2_500);
        let log = run_every(&core, 3_000, 1, burst);
        let report = backtest(&core, &log, NOW, None);
        assert_eq!((report.requests, report.skipped), (3_000, 0));
        assert!(report.same_choice * 1_000 >= report.requests * 999, "{policy:?}: {}", report.same_choice);
        // It is decided, not read: where nobody knows what was seen, or the weights are others, it comes out otherwise.
        let unknown: Vec<Entry> = log.iter().map(|entry| Entry { unchanged: None, ..entry.clone() }).collect();
        let unknown = backtest(&core, &unknown, NOW, None);
        println!("{}: {} of 3000 without what was seen", policy.strategy, unknown.same_choice);
        assert!(unknown.same_choice < report.same_choice, "{policy:?}: {}", unknown.same_choice);
        let other = backtest(&world(weighted(0.1, 0.9), 2_500), &log, NOW, Some("g"));
        assert!(other.same_choice * 100 < other.requests * 90, "{policy:?}: {}", other.same_choice);
    }
}

/// The cheap channel now and then asks to be left alone for much longer than one that says nothing is left alone.
struct Asking;

impl Provider for Asking {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        let (_, channel) = call.core.model_and_channel(call.target.model).expect("one of the catalogue");
        if &*channel.name == "cheap" && mix(call.request.seed).is_multiple_of(25) {
            let fault = Fault { retry_after_ms: Some(240_000), ..Fault::new(FaultKind::RateLimited, "") };
            return Reply::fault(20, fault);
        }
        Nature(1).call(call)
    }
}

#[test]
fn who_asked_to_be_left_alone_is_left_alone_in_the_replay_too() {
    let core = world(group("g", "cost_optimized"), 9_000);
    let mut log = run_at(&core, 2_000, Asking, |_| 4_000);
    // By the replay's own state alone.
    log.iter_mut().for_each(|entry| entry.unchanged = None);
    let report = backtest(&core, &log, NOW, None);
    assert!(report.same_choice * 1_000 >= report.requests * 999, "{}", report.same_choice);
    log.iter_mut().flat_map(|entry| &mut entry.attempts).for_each(|tried| tried.retry_after_ms = None);
    let forgotten = backtest(&core, &log, NOW, None);
    assert!(forgotten.same_choice * 100 < forgotten.requests * 95, "{}", forgotten.same_choice);
}

#[test]
fn what_the_month_has_cost_before_counts() {
    let dollar = "1".parse::<Nano>().expect("an amount");
    let poor = |spec: &mut CatalogSpec| spec.keys.iter_mut().for_each(|key| key.monthly_budget = Some(dollar));
    let core = world_with(group("g", "cost_optimized"), 9_000, poor);
    let mut log = run(&core, 200, 1);
    log.iter_mut().for_each(|entry| entry.unchanged = None);
    for (spent, failed) in [(Nano::ZERO, 0), (dollar, 200)] {
        let mut observations = Observations::default();
        log.iter().for_each(|entry| observations.add(entry));
        let scope = Scope { from_ms: NOW, to_ms: u64::MAX, group: None };
        let mut backtest = Backtest::new(stage(&core), &observations, scope);
        backtest.spent_before("k", spent, NOW);
        log.iter().for_each(|entry| backtest.add(entry.clone()));
        let report = backtest.finish();
        assert_eq!((report.requests, report.predicted.failed), (200, failed));
    }
}

#[test]
fn another_policy_costs_what_it_really_costs() {
    // Everybody is used, so everybody is known; the dice are others when the policies are really run.
    let before = world(group("g", "load_balance"), 9_000);
    let log = run(&before, 20_000, 1);
    let mut held = 0;
    for (name, policy) in [
        ("cheaper", weighted(0.2, 0.9)),
        ("quicker", weighted(0.9, 0.1)),
        ("both", weighted(0.5, 0.6)),
        ("cheapest", group("g", "cost_optimized")),
    ] {
        let after = world(policy, 9_000);
        let report = backtest(&after, &log, NOW, Some("g"));
        let really = run(&after, 20_000, 2);
        let off = report.cost_usd.predicted / cost(&really) - 1.0;
        println!(
            "{name}: {:?}, really {:.4} USD, off by {:.2} %; {:?}",
            report.cost_usd,
            cost(&really),
            off * 100.0,
            report.sources
        );
        assert!(off.abs() < 0.02, "{name}: {off}");
        assert!((report.cost_usd.predicted / cost(&log) - 1.0).abs() > 0.05, "{name} should differ from what was");
        held += u32::from((report.cost_usd.low..=report.cost_usd.high).contains(&cost(&really)));
        let count = of_group(&really).count() as f64;
        let took = of_group(&really).map(|entry| entry.took_ms as f64).sum::<f64>() / count;
        assert!((report.took_ms.predicted / took - 1.0).abs() < 0.05, "{name}: {:?}, really {took}", report.took_ms);
        let failed = of_group(&really).filter(|entry| entry.status == Status::Error).count() as f64;
        assert!((report.failed.predicted - failed).abs() < 20.0, "{name}: {:?}, really {failed}", report.failed);
    }
    assert!(held >= 3, "the intervals held what came in {held} of 4 cases");
}

#[test]
fn what_nobody_has_seen_is_said() {
    let before = world(group("g", "priority"), 9_000);
    let log: Vec<Entry> = run(&before, 300, 1).into_iter().filter(|entry| entry.attempts.len() == 1).collect();
    let spec_of = |name: &str| {
        let mut model = model("m", 1);
        model.scores.extend([("quality".into(), 0.5), ("speed".into(), 0.8)]);
        let mut spec = catalogue(vec![channel(name, vec![model])], vec![group("g", "priority")]);
        spec.keys = vec![key("k", &[])];
        Arc::new(build(spec))
    };
    let report = backtest(&spec_of("new"), &log, NOW, Some("g"));
    assert!(
        report.sources.recorded == 0 && report.sources.observed == 0 && report.sources.assumed > 0,
        "{:?}",
        report.sources
    );
    assert!(report.notes.iter().any(|note| note.starts_with("no observations of new/m")), "{:?}", report.notes);
    assert!(report.cost_usd.low < report.cost_usd.predicted * 0.5, "{:?}", report.cost_usd);
    assert!(report.hours.iter().all(|hour| hour.observations == 0 && hour.drawn > 0), "{:?}", report.hours);
}

#[test]
fn what_cannot_be_decided_anew_is_left_out_and_counted() {
    let core = world(group("g", "priority"), 9_000);
    let mut log = run(&core, 100, 1);
    for (place, entry) in log.iter_mut().enumerate().filter(|(_, entry)| entry.group.as_deref() == Some("g")) {
        if place % 2 == 0 {
            entry.ask = None;
        }
    }
    let report = backtest(&core, &log, NOW, Some("g"));
    assert_eq!((report.requests + report.skipped, report.skipped > 40), (90, true));
    assert!(report.notes.iter().any(|note| note.contains("left out")), "{:?}", report.notes);
}

#[test]
fn intervals_hold_what_a_policy_that_learns_comes_to() {
    // By the lots of one replay alone they held it in two to four of eight cases.
    let (mut held, mut all) = (0, 0);
    for policy in [weighted(0.5, 0.6), group("g", "balanced")] {
        for salt in 1..=3 {
            let log = run(&world(group("g", "load_balance"), 9_000), 2_000, salt);
            let after = world(policy.clone(), 9_000);
            let estimate = backtest(&after, &log, NOW, Some("g")).cost_usd;
            let really = cost(&run(&after, 2_000, salt + 100));
            held += u32::from((estimate.low..=estimate.high).contains(&really));
            all += 1;
            println!("{}, {salt}: {estimate:?}, really {really:.4}", policy.strategy);
        }
    }
    assert!(held + 1 >= all, "the intervals held what came in {held} of {all} cases");
}
