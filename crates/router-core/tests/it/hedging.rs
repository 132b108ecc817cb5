//! A second attempt beside a silent first one: when it starts, which of the two is the client's, what both cost.

use std::collections::BTreeMap;

use router_core::catalog::KeyIx;
use router_core::catalog::spec::{CatalogSpec, HedgeAfter};
use router_core::fault::{Fault, FaultKind};
use router_core::ids::mix;
use router_core::money::Nano;
use router_core::rehearsal::{Call, Note, Reply, Request, VirtualRouter, Watch};
use router_core::request::{Candidate, Command, Event, Metered, Outcome, Plan, RequestMachine, Status, answering};
use router_core::usage::{Usage, UsageSource};
use router_core::world::Rules;

use crate::rehearsal::{By, ledger, request, stage};
use crate::request::candidate;
use crate::routing::{catalogue, channel, group, key, model};

/// Candidates on the channels named, each with the deadline 100 and a rival after 30 milliseconds.
fn machine(channels: &[u32]) -> RequestMachine {
    let candidates =
        channels.iter().map(|channel| Candidate { hedge_after_ms: Some(30), ..candidate(*channel, 0, 1, 0) });
    RequestMachine::new(Plan { candidates: candidates.collect(), max_attempts: 4, total_ms: 1_000 }, 0)
}

fn started(channels: &[u32]) -> RequestMachine {
    let mut machine = machine(channels);
    assert!(matches!(machine.on(Event::Start, 0, || true), Command::Attempt { candidate: 0, .. }));
    machine
}

fn second(machine: &mut RequestMachine, now_ms: u64) -> Option<(u32, usize)> {
    match machine.hedge(now_ms, || true) {
        Some(Command::Attempt { attempt, candidate, .. }) => Some((attempt, candidate)),
        _ => None,
    }
}

fn input(input: u64) -> Option<Metered> {
    Some(Metered { usage: Usage { input, ..Usage::default() }, source: UsageSource::Estimated })
}

fn outcomes(machine: &RequestMachine) -> Vec<&str> {
    machine.attempts().iter().map(|attempt| attempt.outcome.as_str()).collect()
}

#[test]
fn the_second_answers_and_the_first_ends() {
    let mut machine = started(&[0, 0, 1]);
    assert_eq!((machine.next_hedge(), second(&mut machine, 29)), (Some(30), None), "too early");
    assert_eq!(second(&mut machine, 30), Some((2, 2)), "on another channel");
    assert_eq!((machine.next_hedge(), machine.rival()), (None, Some(1)));
    machine.outrun(1, input(7), 50);
    assert!(matches!(machine.on(Event::Content, 50, || false), Command::Relay));
    assert!(matches!(machine.on(Event::Ended(input(9)), 60, || false), Command::Complete(_)));
    assert_eq!(outcomes(&machine), ["outrun", "completed"]);
    let [first, last] = machine.attempts() else { panic!("two attempts") };
    assert_eq!((first.metered, first.relayed, last.relayed), (input(7), false, true));
    assert_eq!(answering(machine.attempts()), Some(1));
}

#[test]
fn the_first_answers_after_all() {
    let mut machine = started(&[0, 1]);
    second(&mut machine, 40).expect("a second");
    machine.outrun(0, input(7), 50);
    assert!(matches!(machine.on(Event::Ended(input(9)), 60, || false), Command::Complete(_)));
    assert_eq!(outcomes(&machine), ["completed", "outrun"]);
    assert_eq!(answering(machine.attempts()), Some(0));
    let settled = router_core::settle::settle(machine.attempts(), |_| router_core::settle::Tariff::default());
    assert_eq!(settled.answer, input(9).expect("counts"), "the row tells of the answer, not of the other");
}

#[test]
fn it_starts_only_where_it_may() {
    let mut same = started(&[0, 0]);
    assert_eq!(second(&mut same, 30), None, "nobody is left on another channel");
    let mut refused = started(&[0, 1]);
    assert!(
        refused.hedge(30, || false).is_none() && refused.next_hedge().is_none(),
        "without leave, and not asked again"
    );
    let mut content = started(&[0, 1]);
    content.on(Event::Content, 10, || true);
    assert_eq!((content.next_hedge(), second(&mut content, 30)), (None, None), "after content");
    let mut byte = started(&[0, 1]);
    byte.on(Event::FirstByte, 10, || true);
    assert_eq!(second(&mut byte, 30), None, "an answer is coming");
    let mut last = started(&[0, 1]);
    last.last_attempt();
    assert_eq!(second(&mut last, 30), None, "what was sent cannot be sent again");
    let mut never = RequestMachine::new(
        Plan { candidates: vec![candidate(0, 0, 1, 0), candidate(1, 0, 1, 0)], max_attempts: 4, total_ms: 1_000 },
        0,
    );
    never.on(Event::Start, 0, || true);
    assert_eq!((never.next_hedge(), second(&mut never, 99)), (None, None));
}

#[test]
fn one_of_two_fails_and_the_other_goes_on_alone() {
    let temporary = || Fault::new(FaultKind::Temporary, "");
    for place in [0, 1] {
        let mut machine = started(&[0, 1, 2]);
        second(&mut machine, 30).expect("a second");
        machine.dropped_out(place, temporary(), None, 40);
        assert_eq!((machine.rival(), machine.current_place()), (None, 1 - place));
        assert_eq!(machine.next_deadline(), Some(if place == 0 { 130 } else { 100 }), "its own deadline");
        // When that fails too it is a failure like any other: the third is tried, if there is leave for a retry.
        let next = machine.on(Event::Failed(temporary(), None), 50, || true);
        assert!(matches!(next, Command::Attempt { attempt: 3, candidate: 2, .. }), "{next:?}");
        assert_eq!(machine.next_hedge(), Some(80), "a later attempt may have a second, too");
    }
    let mut machine = started(&[0, 1, 2]);
    second(&mut machine, 30).expect("a second");
    machine.dropped_out(1, Fault::new(FaultKind::InvalidRequest, ""), None, 40);
    let end = machine.on(Event::Failed(temporary(), None), 50, || true);
    assert!(matches!(end, Command::Answer(_)), "the request itself is wrong: {end:?}");
}

#[test]
fn each_of_two_has_its_deadline_and_both_have_the_whole_one() {
    let mut machine = started(&[0, 1]);
    second(&mut machine, 60).expect("a second");
    assert_eq!(machine.next_deadline(), Some(100));
    assert!(matches!(machine.on(Event::Deadline(None), 100, || true), Command::Wait));
    assert_eq!((outcomes(&machine), machine.next_deadline()), (vec!["first_byte_timeout", "running"], Some(160)));
    assert!(matches!(machine.on(Event::Deadline(None), 160, || true), Command::Answer(_)));
    assert_eq!(outcomes(&machine), ["first_byte_timeout", "first_byte_timeout"]);

    for event in [Event::ClientGone(input(3)), Event::Shutdown(input(3))] {
        let mut machine = started(&[0, 1]);
        second(&mut machine, 60).expect("a second");
        machine.on(event, 70, || true);
        assert!(machine.is_done());
        let ended = |outcome: &Outcome| matches!(outcome, Outcome::ClientClosed | Outcome::Shutdown);
        assert!(machine.attempts().iter().all(|attempt| ended(&attempt.outcome) && attempt.metered == input(3)));
    }
}

/// What clients waited for the first token, what was paid, how often two ran.
#[derive(Default)]
struct Seen {
    came: BTreeMap<u64, u64>,
    first_ms: Vec<u64>,
    cost: Nano,
    failed: u64,
    hedges: u64,
    outrun: u64,
    out: BTreeMap<u64, u32>,
}

impl Watch for Seen {
    fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        match note {
            Note::Arrived(_) => _ = self.came.insert(number, now_ms),
            Note::Sent { .. } => {
                let out = self.out.entry(number).or_default();
                *out += 1;
                self.hedges += u64::from(*out == 2);
            }
            Note::FirstByte { .. } => self.first_ms.push(now_ms - self.came[&number]),
            Note::Ended { outcome, .. } => {
                *self.out.entry(number).or_default() -= 1;
                self.outrun += u64::from(outcome == "outrun");
            }
            Note::Finished(done) => {
                self.cost += done.settlement.cost;
                self.failed += u64::from(done.status != Status::Completed);
            }
            _ => {}
        }
    }
}

impl Seen {
    /// The time that so many of a thousand held.
    fn held_by(&self, per_mille: usize) -> u64 {
        let mut times = self.first_ms.clone();
        times.sort_unstable();
        times[times.len() * per_mille / 1_000]
    }
}

/// Two channels of equal price.
fn pair(hedge: Option<HedgeAfter>) -> CatalogSpec {
    let mut spec = catalogue(
        vec![channel("one", vec![model("m", 100)]), channel("two", vec![model("m", 100)])],
        vec![group("g", "priority")],
    );
    spec.groups[0].hedge_after = hedge;
    spec
}

fn streamed(at_ms: u64, number: u64) -> Request {
    let mut request = request(at_ms, number);
    request.ask.stream = true;
    request
}

fn play(spec: CatalogSpec, requests: u64, first_ms: impl Fn(u64) -> u64) -> Seen {
    play_these(spec, (0..requests).map(|number| streamed(number * 50, number)), first_ms)
}

fn play_these(spec: CatalogSpec, requests: impl Iterator<Item = Request>, first_ms: impl Fn(u64) -> u64) -> Seen {
    let ledger = ledger();
    let provider = By(|call: &Call<'_>| {
        let first_ms = first_ms(mix(call.request.seed ^ u64::from(call.target.model.0).wrapping_mul(0x9e37)));
        let rest_ms = if call.request.ask.stream { 800 } else { 6_000 };
        Reply::whole(first_ms, first_ms + rest_ms, Usage { input: 100, output: 50, ..Usage::default() })
    });
    let mut router = VirtualRouter::new(stage(spec, Rules::default(), &ledger), provider, Seen::default());
    router.run(requests);
    assert_eq!(router.open(), 0);
    router.watch
}

/// Three of a hundred answers begin after three to nine seconds, the others within a third of one.
fn heavy_tail(lot: u64) -> u64 {
    let more = mix(lot) % 1_000;
    if lot % 100 < 3 { 3_000 + more * 6 } else { 200 + more / 8 }
}

#[test]
fn hedging_halves_the_tail_of_a_heavy_tailed_channel_for_a_twentieth_of_the_cost() {
    const REQUESTS: u64 = 20_000;
    let plain = play(pair(None), REQUESTS, heavy_tail);
    let hedged = play(pair(Some(HedgeAfter::P95)), REQUESTS, heavy_tail);
    let (before, after) = (plain.held_by(990), hedged.held_by(990));
    println!(
        "p99 to the first token {before} ms, hedged {after} ms; cost {} and {}; {} second attempts",
        plain.cost, hedged.cost, hedged.hedges
    );
    assert_eq!((plain.hedges, plain.failed, hedged.failed), (0, 0, 0));
    assert!(before > 3_000 && after * 2 <= before, "{before} ms, hedged {after} ms");
    assert!(hedged.cost.0 * 100 <= plain.cost.0 * 105, "{} instead of {}", hedged.cost, plain.cost);
    assert!(hedged.hedges * 1_000 <= REQUESTS * 50 && hedged.hedges > 400, "{}", hedged.hedges);
    assert_eq!(hedged.outrun, hedged.hedges, "of every two one was outrun");
    // What both of two consumed is booked: the answer, and the input of the one that was cancelled.
    let input_nano = 100 * 1_000;
    assert_eq!(hedged.cost.0 - plain.cost.0, input_nano * hedged.hedges as i64);
}

/// The first byte of a whole answer is its last one: it tells nothing of how long a stream may be silent.
#[test]
fn streams_are_hedged_by_the_tail_of_streams_where_most_answers_are_whole() {
    const REQUESTS: u64 = 20_000;
    let mixed = || {
        (0..REQUESTS).map(|number| match number % 4 {
            0 => streamed(number * 50, number),
            _ => request(number * 50, number),
        })
    };
    let plain = play_these(pair(None), mixed(), heavy_tail);
    let hedged = play_these(pair(Some(HedgeAfter::P95)), mixed(), heavy_tail);
    let (before, after) = (plain.held_by(990), hedged.held_by(990));
    println!("p99 of streams {before} ms, hedged {after} ms; {} second attempts", hedged.hedges);
    assert!(before > 3_000 && after * 4 <= before, "{before} ms, hedged {after} ms");
    assert!(hedged.hedges * 1_000 <= REQUESTS * 50 && hedged.failed == 0, "{}", hedged.hedges);
}

#[test]
fn it_stays_within_its_budget_when_everything_is_slow() {
    let seen = play(pair(Some(HedgeAfter::Ms(100))), 4_000, |_| 2_000);
    assert_eq!((seen.hedges, seen.failed), (200, 0), "five of a hundred");
}

#[test]
fn without_money_for_two_the_first_goes_on() {
    let mut spec = pair(Some(HedgeAfter::Ms(10)));
    let mut poor = key("poor", &[]);
    // 100 tokens in and 100 out at most: enough for one attempt of a request, not for two.
    let one = 200_000;
    poor.daily_budget = Some(Nano(one + one / 2));
    spec.keys = vec![poor];
    let ledger = ledger();
    let provider = By(|_: &Call<'_>| Reply::whole(500, 900, Usage { input: 100, output: 1, ..Usage::default() }));
    let mut story = stage(spec, Rules::default(), &ledger);
    story.hedges.per_mille = 1_000;
    let mut router = VirtualRouter::new(story, provider, Seen::default());
    router.run([Request { key: Some(KeyIx(0)), ..streamed(0, 1) }]);
    let seen = &router.watch;
    assert_eq!((seen.failed, seen.first_ms.as_slice(), seen.hedges), (0, &[500][..], 0), "{:?}", ledger.balances());
    let balances = ledger.balances();
    assert!(!balances.is_empty() && balances.iter().all(|line| line.reserved == Nano::ZERO && line.spent == seen.cost));
}
