//! Providers in trouble, on the virtual clock: who is asked how often, what clients see meanwhile, and that everything comes
//! back by itself.

use router_core::catalog::spec::CatalogSpec;
use router_core::fault::{Cell, Fault, FaultKind};
use router_core::health::{BreakerConfig, BreakerState};
use router_core::ids::mix;
use router_core::rehearsal::{Call, Change, Note, Reply, Request, VirtualRouter, Watch};
use router_core::request::Status;
use router_core::world::Rules;

use crate::rehearsal::{By, ledger, request, stage, whole};
use crate::routing::{NOW, catalogue, channel, group, model};

/// An attempt as it went out.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at_ms: u64,
    model: u32,
    probe: bool,
    /// The breaker of the channel model was not closed.
    guarded: bool,
}

/// A request as its client saw it.
#[derive(Clone, Copy, Debug)]
struct Done {
    came_ms: u64,
    took_ms: u64,
    good: bool,
}

/// What of a story matters here; times count from its beginning.
#[derive(Default)]
struct Seen {
    sent: Vec<Sent>,
    done: Vec<Done>,
    /// Changes of the breakers of channel models.
    breakers: Vec<(u64, u32, BreakerState)>,
    /// Of those that nobody could serve: when they came, and what they were told of when to come again.
    told: Vec<(u64, Option<u64>)>,
}

impl Watch for Seen {
    fn note(&mut self, now_ms: u64, _: u64, note: Note<'_>) {
        let at_ms = now_ms - NOW;
        match note {
            Note::Sent { target, probes, .. } => {
                let model = target.model.0;
                let last = self.breakers.iter().rfind(|(_, of, _)| *of == model);
                let guarded = last.is_some_and(|(_, _, state)| *state != BreakerState::Closed);
                self.sent.push(Sent { at_ms, model, probe: probes.contains(&true), guarded });
            }
            Note::Changed { target, cell: Cell::ChannelModel, change: Change::Breaker(state) } => {
                self.breakers.push((at_ms, target.model.0, state));
            }
            Note::Decided(decision) => {
                if let Some(none) = decision.none() {
                    self.told.push((at_ms, none.until_ms.map(|until| until - NOW)));
                }
            }
            Note::Finished(done) => self.done.push(Done {
                came_ms: done.request.at_ms - NOW,
                took_ms: done.latency_ms,
                good: done.status == Status::Completed,
            }),
            _ => {}
        }
    }
}

impl Seen {
    fn sent_between(&self, from_ms: u64, to_ms: u64) -> impl Iterator<Item = &Sent> + Clone {
        self.sent.iter().filter(move |sent| (from_ms..to_ms).contains(&sent.at_ms))
    }
}

/// So many channels with one model each, tried in their order.
fn channels(count: usize) -> CatalogSpec {
    let channels = (0..count).map(|number| {
        let mut channel = channel(&format!("c{number}"), vec![model("m", 100)]);
        channel.priority = 1 + number as u32;
        channel
    });
    catalogue(channels.collect(), vec![group("g", "priority")])
}

/// Plays a story: `per_second` requests a second for so many seconds.
fn play(
    spec: CatalogSpec,
    rules: Rules,
    per_second: u64,
    seconds: u64,
    provider: impl FnMut(&Call<'_>) -> Reply,
) -> Seen {
    let ledger = ledger();
    let mut router = VirtualRouter::new(stage(spec, rules, &ledger), By(provider), Seen::default());
    router.run((0..per_second * seconds).map(|number| request(number * 1_000 / per_second, number)));
    assert_eq!(router.open(), 0);
    router.watch
}

fn fails(kind: FaultKind) -> Reply {
    Reply::fault(20, Fault::new(kind, ""))
}

#[test]
fn a_channel_that_fails_half_of_its_calls_costs_clients_nothing_and_comes_back_by_itself() {
    const SICK_MS: u64 = 120_000;
    let seen = play(channels(2), Rules::default(), 200, 240, |call| {
        let sick = call.target.model.0 == 0 && call.now_ms - NOW < SICK_MS;
        let fails = sick && mix(call.request.seed).is_multiple_of(2);
        if fails { Reply::fault(200, Fault::new(FaultKind::Temporary, "")) } else { whole(200, 200) }
    });
    let good = seen.done.iter().filter(|done| done.good).count();
    assert_eq!(seen.done.len(), 48_000);
    assert!(good * 1_000 >= seen.done.len() * 999, "{good} of {}", seen.done.len());
    let opened = seen.breakers.iter().find(|(_, of, state)| (*of, *state) == (0, BreakerState::Open));
    let opened_ms = opened.map(|(at, ..)| *at).expect("it opens");
    assert!(opened_ms < 2_000, "{opened_ms}");
    // While the breaker is not closed, it gets probes and nothing else, one at a time.
    let to_it = |sent: &&Sent| sent.model == 0;
    let guarded: Vec<&Sent> = seen.sent.iter().filter(to_it).filter(|sent| sent.guarded).collect();
    assert!(guarded.iter().all(|sent| sent.probe) && guarded.len() >= 3, "{guarded:?}");
    let sick = seen.sent_between(opened_ms + 1, SICK_MS).filter(to_it).count();
    assert!(sick < 200, "{sick} of 24,000 requests went to it while it was sick");
    // It is back within the time that its breaker stays open at most, and then it is the first again.
    let last = seen.breakers.iter().rfind(|(_, of, _)| *of == 0).expect("it changes");
    assert_eq!(last.2, BreakerState::Closed);
    let late = seen.sent_between(last.0, u64::MAX).filter(|sent| sent.at_ms > last.0);
    assert!(last.0 < 220_000 && late.clone().all(|sent| sent.model == 0), "back at {}", last.0);
    assert!(late.count() > 1_000);
}

/// With less traffic its cooldowns keep it away before there is enough to judge by.
#[test]
fn a_channel_that_fails_half_of_few_calls_is_left_alone_by_its_cooldowns() {
    let seen = play(channels(2), Rules::default(), 20, 600, |call| {
        let fails = call.target.model.0 == 0 && mix(call.request.seed).is_multiple_of(2);
        if fails { Reply::fault(200, Fault::new(FaultKind::Temporary, "")) } else { whole(200, 200) }
    });
    let sick = seen.sent.iter().filter(|sent| sent.model == 0).count();
    assert!(seen.done.iter().all(|done| done.good) && sick < 300, "{sick} of 12,000");
}

#[test]
fn a_total_outage_is_asked_little_answered_at_once_and_over_in_five_seconds() {
    const FROM_MS: u64 = 10_000;
    const TO_MS: u64 = 70_000;
    let never = BreakerConfig { failure_threshold: 0, min_requests: u32::MAX, ..BreakerConfig::default() };
    for (breaker, opens) in [(BreakerConfig::default(), true), (never, false)] {
        for kind in [FaultKind::Connect, FaultKind::Temporary, FaultKind::Overloaded] {
            let rules = Rules { breaker, ..Rules::default() };
            let seen = play(channels(3), rules, 200, 100, |call| {
                if (FROM_MS..TO_MS).contains(&(call.now_ms - NOW)) { fails(kind) } else { whole(300, 300) }
            });
            let came = seen.done.iter().filter(|done| (FROM_MS..TO_MS).contains(&done.came_ms));
            assert_eq!(came.clone().count(), 12_000);
            // What was saved up before may be spent in it, so the bound counts from the beginning.
            let requests = seen.done.iter().filter(|done| done.came_ms < TO_MS).count();
            let attempts = seen.sent_between(0, TO_MS).count();
            assert!(attempts <= requests * 12 / 10 + 700, "{kind:?}: {attempts} attempts for {requests} requests");
            let attempts = seen.sent_between(FROM_MS, TO_MS).count();
            let slow = came.clone().filter(|done| !done.good).map(|done| done.took_ms).max();
            assert!(slow.is_some_and(|ms| ms < 100), "{kind:?}: {slow:?} ms for an error");
            let bad = seen.done.iter().filter(|done| done.came_ms >= TO_MS + 5_000 && !done.good).count();
            assert_eq!(bad, 0, "{kind:?}: errors more than five seconds after the recovery");
            assert!(seen.done.iter().filter(|done| done.came_ms + 400 < FROM_MS).all(|done| done.good));
            if opens {
                // Each channel is probed about once a second, not all at the same moment, and by nothing else.
                assert!(attempts < 300, "{kind:?}: {attempts} attempts");
                let mut bursts = vec![0; 600];
                let open = seen.sent_between(FROM_MS + 2_000, TO_MS);
                open.for_each(|sent| bursts[(sent.at_ms - FROM_MS) as usize / 100] += 1);
                assert!(bursts.iter().all(|burst| *burst <= 6), "{kind:?}: {bursts:?}");
                // What comes after it is what came before it: no flood of a queue, no trickle.
                let after = seen.sent_between(TO_MS + 5_000, TO_MS + 25_000).count();
                assert!((3_900..=4_100).contains(&after), "{kind:?}: {after}");
            }
        }
    }
}

#[test]
fn an_outage_of_an_hour_is_over_as_soon_as_one_of_a_minute() {
    const TO_MS: u64 = 3_600_000;
    let seen = play(channels(2), Rules::default(), 5, 3_660, |call| {
        if call.now_ms - NOW < TO_MS { fails(FaultKind::Temporary) } else { whole(100, 100) }
    });
    let bad = seen.done.iter().filter(|done| done.came_ms >= TO_MS + 5_000 && !done.good).count();
    assert_eq!(bad, 0);
    assert!(
        seen.sent.len() < 2 * 3_700 + 500,
        "{} attempts in an hour: about one a second and channel",
        seen.sent.len()
    );
}

#[test]
fn half_open_lets_exactly_the_configured_probes_through_to_the_provider() {
    for trial in 0..500 {
        let probes = 1 + (trial % 3) as u32;
        // Half-open by its time, and before that for want of another channel.
        let crowd_ms = if trial % 2 == 0 { 40_000 } else { 2_000 };
        let rules = Rules {
            breaker: BreakerConfig { half_open_probes: probes, ..BreakerConfig::default() },
            ..Rules::default()
        };
        let provider = By(|call: &Call<'_>| match call.now_ms - NOW {
            0..1_000 => fails(FaultKind::Temporary),
            _ => whole(500, 500),
        });
        let ledger = ledger();
        let mut router = VirtualRouter::new(stage(channels(1), rules, &ledger), provider, Seen::default());
        let fall = (0..6).map(|number| request(number * 50, trial * 1_000 + number));
        let crowd = (0..200).map(|number| request(crowd_ms, trial * 1_000 + 500 + number));
        router.run(fall.chain(crowd).collect::<Vec<Request>>());
        let seen = router.watch;
        let (out, good) =
            (seen.sent_between(crowd_ms, u64::MAX).count(), seen.done.iter().filter(|done| done.good).count());
        assert_eq!((out, good), (probes as usize, probes as usize), "trial {trial}");
        assert!(seen.sent_between(crowd_ms, u64::MAX).all(|sent| sent.probe));
    }
}

#[test]
fn a_broken_model_leaves_the_others_of_its_channel_alone() {
    let spec = catalogue(vec![channel("only", vec![model("broken", 100), model("sound", 100)])], Vec::new());
    let ledger = ledger();
    let provider =
        By(|call: &Call<'_>| if call.target.model.0 == 0 { fails(FaultKind::Temporary) } else { whole(50, 50) });
    let mut router = VirtualRouter::new(stage(spec, Rules::default(), &ledger), provider, Seen::default());
    router.run((0..2_000).map(|number| {
        let mut request = request(number * 10, number);
        request.ask.model = if number % 20 == 0 { "sound" } else { "broken" }.into();
        request
    }));
    let seen = router.watch;
    assert!(seen.breakers.iter().any(|(_, of, state)| (*of, *state) == (0, BreakerState::Open)));
    assert_eq!(seen.done.iter().filter(|done| done.good).count(), 100);
}

/// Whoever comes again when told to is served or at least tried; whoever comes before that is not.
#[test]
fn the_time_that_clients_are_told_is_the_true_one() {
    let limited = |ms| Reply::fault(20, Fault { retry_after_ms: Some(ms), ..Fault::new(FaultKind::RateLimited, "") });
    for seed in 0..50u64 {
        for story in 0..3 {
            let mut spec = channels(2);
            if story == 2 {
                for (channel, limit) in spec.channels.iter_mut().zip([3, 4]) {
                    channel.limits.requests_per_minute = Some(limit);
                }
            }
            let provider = |call: &Call<'_>| match story {
                0 => fails(FaultKind::Connect),
                1 => limited(5_000 + mix(seed ^ u64::from(call.target.model.0)) % 9_000),
                _ => whole(10, 10),
            };
            let ledger = ledger();
            let mut router = VirtualRouter::new(stage(spec, Rules::default(), &ledger), By(provider), Seen::default());
            let mut number = seed * 10_000;
            let mut ask = |router: &mut VirtualRouter<_, Seen>, at_ms: u64| {
                number += 1;
                router.until(NOW + at_ms);
                let sent = router.watch.sent.len();
                router.arrive(request(at_ms, number));
                router.until(NOW + at_ms + 100);
                router.watch.sent.len() > sent
            };
            // Until nobody is left.
            let mut now_ms = 0;
            while router.watch.told.is_empty() {
                ask(&mut router, now_ms);
                now_ms += 200;
                assert!(now_ms < 10_000, "story {story}: somebody is always left");
            }
            let (_, told) = router.watch.told[0];
            let told_ms = told.unwrap_or_else(|| panic!("story {story}: no time"));
            assert!(told_ms > now_ms, "story {story}: {told_ms} at {now_ms}");
            assert!(!ask(&mut router, told_ms - 1), "story {story}: somebody was left before {told_ms}");
            assert!(ask(&mut router, told_ms), "story {story}: nobody at {told_ms}");
        }
    }
}
