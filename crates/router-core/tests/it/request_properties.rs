//! Random lives of requests: whatever comes in whatever order, the rules hold.

use std::collections::HashSet;

use proptest::prelude::*;
use router_core::fault::{Blame, Fault, FaultKind, RULES};
use router_core::request::{Candidate, Command, Event, Metered, Outcome, Plan, RequestMachine};
use router_core::usage::{Usage, UsageSource};

use crate::request::candidate;

fn any_kind() -> impl Strategy<Value = FaultKind> {
    (0..RULES.len()).prop_map(|place| RULES[place].kind)
}

fn any_metered() -> impl Strategy<Value = Option<Metered>> {
    proptest::option::of(any::<u16>().prop_map(|output| Metered {
        usage: Usage { output: u64::from(output), ..Usage::default() },
        source: UsageSource::Reported,
    }))
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::Start),
        2 => Just(Event::FirstByte),
        1 => Just(Event::Content),
        1 => any_metered().prop_map(Event::Ended),
        8 => (any_kind(), any_metered()).prop_map(|(kind, metered)| Event::Failed(Fault::new(kind, ""), metered)),
        3 => any_metered().prop_map(Event::Deadline),
        1 => any_metered().prop_map(Event::ClientGone),
        1 => any_metered().prop_map(Event::Shutdown),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let context = prop_oneof![Just(0), 1_000..3_000u64];
    let one = (0..3u32, 0..2u32, 0..4u16, context, proptest::option::of(0..100u64), any::<bool>());
    let one = one.prop_map(|(channel, provider, keys, context, hedge_after_ms, backwards)| {
        let candidate = candidate(channel, provider, keys, context);
        (Candidate { hedge_after_ms, ..candidate }, backwards)
    });
    (proptest::collection::vec(one, 0..6), 1..6u32, 0..500u64).prop_map(|(drawn, max_attempts, total_ms)| {
        // Keys belong to the channel; each candidate has its own of them, in its own order.
        let needs_none: HashSet<u32> =
            drawn.iter().filter(|(c, _)| c.keys.is_empty()).map(|(candidate, _)| candidate.channel).collect();
        let candidates = drawn.into_iter().map(|(mut candidate, backwards)| {
            if needs_none.contains(&candidate.channel) {
                candidate.keys = Vec::new().into();
            } else if backwards {
                candidate.keys.to_mut().reverse();
            }
            candidate
        });
        Plan { candidates: candidates.collect(), max_attempts, total_ms }
    })
}

/// What an outside observer knows.
#[derive(Default)]
struct Seen {
    started: bool,
    running: bool,
    relayed: bool,
    terminals: usize,
    targets: HashSet<(usize, Option<u16>)>,
    failed_keys: HashSet<(u32, u16)>,
    retries_allowed: u32,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn every_life_keeps_the_rules(
        plan in any_plan(),
        steps in proptest::collection::vec(
            (any_event(), 0..60u64, any::<bool>(), prop::bool::weighted(0.9), (0..8u8, any_kind())),
            1..40,
        ),
    ) {
        let mut machine = RequestMachine::new(plan.clone(), 0);
        let mut seen = Seen::default();
        let mut now = 0;
        let start = (Event::Start, 0, false, true, (7, FaultKind::Cut));
        for (event, pause, touch, allow, (beside, kind)) in std::iter::once(start).chain(steps) {
            now += pause;
            if touch {
                machine.touch(now);
            }
            let (current, rival) = (machine.current_place(), machine.rival());
            match beside {
                0..3 => {
                    let running = machine.attempts().get(current).map(|attempt| plan.candidates[attempt.candidate].channel);
                    let mut asked = 0;
                    if let Some(Command::Attempt { attempt, candidate, key }) = machine.hedge(now, || { asked += 1; allow }) {
                        prop_assert!(allow && asked == 1 && !seen.relayed && seen.terminals == 0 && rival.is_none());
                        prop_assert!(attempt <= plan.max_attempts && now < plan.total_ms);
                        prop_assert!(running.is_some_and(|channel| channel != plan.candidates[candidate].channel));
                        prop_assert!(seen.targets.insert((candidate, key)), "the same target twice");
                        let channel = plan.candidates[candidate].channel;
                        prop_assert!(key.is_none_or(|key| !seen.failed_keys.contains(&(channel, key))), "a key that had failed");
                        prop_assert!(machine.rival().is_some());
                        seen.retries_allowed += 1;
                    }
                }
                3 => machine.outrun(current, None, now),
                4 => machine.outrun(rival.unwrap_or(99), None, now),
                5 => machine.dropped_out(current, Fault::new(kind, ""), None, now),
                6 => machine.dropped_out(rival.unwrap_or(99), Fault::new(kind, ""), None, now),
                _ => {}
            }
            if (3..7).contains(&beside) {
                prop_assert!(machine.rival().is_none() && machine.is_done() == (seen.terminals > 0), "one is left");
            }
            let before = machine.attempts().len();
            let mut asked = 0;
            let is_ended = matches!(event, Event::Ended(_));
            let command = machine.on(event, now, || { asked += 1; seen.retries_allowed += u32::from(allow); allow });
            prop_assert!(asked <= 1);
            match &command {
                Command::Attempt { attempt, candidate, key } => {
                    prop_assert!(!seen.relayed, "an attempt after content");
                    prop_assert_eq!(seen.terminals, 0, "an attempt after the end");
                    prop_assert!(*attempt <= plan.max_attempts && *attempt as usize == machine.attempts().len());
                    prop_assert!(*attempt == 1 || (now < plan.total_ms && asked == 1 && allow), "a retry nobody allowed");
                    prop_assert!(seen.targets.insert((*candidate, *key)), "the same target twice");
                    let Some(chosen) = plan.candidates.get(*candidate) else { panic!("no such candidate") };
                    prop_assert_eq!(key.is_none(), chosen.keys.is_empty());
                    if let Some(key) = key {
                        prop_assert!(chosen.keys.contains(key));
                        prop_assert!(!seen.failed_keys.contains(&(chosen.channel, *key)), "a key that had failed");
                    }
                    seen.started = true;
                    seen.running = true;
                }
                Command::Relay => {
                    prop_assert!(seen.running && !seen.relayed);
                    seen.relayed = true;
                }
                Command::Complete(terminal) => {
                    prop_assert!(is_ended && seen.running && terminal.error.is_none());
                    seen.terminals += 1;
                }
                Command::Answer(terminal) => {
                    prop_assert!(!seen.relayed && terminal.error.is_some());
                    seen.terminals += 1;
                }
                Command::FailStream(terminal) => {
                    prop_assert!(seen.relayed && terminal.error.is_some());
                    seen.terminals += 1;
                }
                Command::Stop(terminal) => {
                    prop_assert!(terminal.error.is_none());
                    seen.terminals += 1;
                }
                Command::Wait => prop_assert_eq!(machine.attempts().len(), before),
            }
            if seen.terminals > 0 {
                seen.running = false;
            }
            for attempt in machine.attempts() {
                if let (Outcome::Failed(fault), Some(key)) = (&attempt.outcome, attempt.key)
                    && fault.rule().blame == Blame::Key
                {
                    seen.failed_keys.insert((plan.candidates[attempt.candidate].channel, key));
                }
            }
            // a terminal comes once, and then nothing any more
            prop_assert!(seen.terminals <= 1);
            prop_assert_eq!(machine.is_done(), seen.terminals == 1);
            prop_assert_eq!(machine.next_deadline().is_none(), machine.is_done());
            prop_assert!(machine.next_deadline().is_none_or(|at| at <= plan.total_ms));
            // the current attempt runs, one beside it at most, and only before the end: so each is settled exactly once
            let open: Vec<_> = machine.attempts().iter().filter(|a| a.ended_ms.is_none()).collect();
            prop_assert_eq!(open.len(), usize::from(seen.running) + usize::from(machine.rival().is_some()));
            prop_assert!(machine.rival().is_none() || !seen.relayed && seen.running, "two after content, or after the end");
            for attempt in machine.attempts() {
                prop_assert_eq!(attempt.ended_ms.is_none(), matches!(attempt.outcome, Outcome::Running));
                prop_assert!(attempt.ended_ms.is_none_or(|end| attempt.started_ms <= end && end <= now));
                prop_assert!(attempt.first_byte_ms.is_none_or(|first| attempt.started_ms <= first));
            }
            prop_assert!(machine.attempts().iter().filter(|attempt| attempt.relayed).count() <= 1);
        }
        prop_assert!(machine.attempts().len() as u32 <= 1 + seen.retries_allowed);
        // whoever obeys the deadlines gets to an end
        for _ in 0..=2 * plan.max_attempts + 2 {
            if let Some(at) = machine.next_deadline() {
                machine.on(Event::Start, at, || true);
                now = now.max(at);
                machine.on(Event::Deadline(None), now, || true);
            }
        }
        prop_assert!(machine.is_done());
    }
}
