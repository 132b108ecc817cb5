//! Health: averages, cooldowns, and a breaker walked through its states.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use proptest::prelude::*;
use router_core::fault::{Fault, FaultKind};
use router_core::health::{
    Breaker, BreakerConfig, BreakerState, Cooldown, CooldownConfig, Ewma, Health, Shape, SuccessRate,
};

const MINUTE: u64 = 60_000;

fn near(value: Option<f64>, wanted: f64) -> bool {
    value.is_some_and(|value| (value - wanted).abs() <= wanted.abs() * 0.01 + 0.01)
}

#[test]
fn an_average_forgets_with_time() {
    let average = Ewma::default();
    assert_eq!(average.get(), None);
    average.record(100.0, MINUTE, 0);
    assert!(near(average.get(), 100.0));
    average.record(200.0, MINUTE, MINUTE); // 1 − 1/e of the way
    assert!(near(average.get(), 163.2));
    average.record(50.0, MINUTE, 60 * MINUTE);
    assert!(near(average.get(), 50.0), "after an hour only the new one counts");
    for _ in 0..200 {
        average.record(10.0, MINUTE, 60 * MINUTE);
    }
    assert!(near(average.get(), 10.0), "a burst counts though no time passes");
    for odd in [f64::NAN, f64::INFINITY, -1.0] {
        average.record(odd, MINUTE, 60 * MINUTE);
    }
    assert!(near(average.get(), 10.0), "odd samples change nothing");
    average.record(1_000.0, MINUTE, 0);
    assert!(average.get().is_some_and(|value| value < 100.0), "a clock that went back changes little");
    average.reset();
    assert_eq!(average.get(), None);
    average.record(0.0, MINUTE, 0);
    assert!(near(average.get(), 0.0), "zero is a sample");
}

#[test]
fn a_peak_is_seen_at_once_and_forgotten_slowly() {
    let average = Ewma::default();
    average.record_peak(10.0, MINUTE, 0);
    average.record_peak(500.0, MINUTE, 16);
    assert!(near(average.get(), 500.0));
    average.record_peak(10.0, MINUTE, 32);
    assert!(average.get().is_some_and(|value| value > 460.0));
}

#[test]
fn successes_are_presumed_counted_and_forgotten() {
    let rate = SuccessRate::default();
    assert!((rate.get(MINUTE, 0) - 1.0).abs() < 1e-9);
    rate.record(false, MINUTE, 0);
    assert!((rate.get(MINUTE, 0) - 0.5).abs() < 0.01, "one failure beside one presumed success");
    for turn in 0..100 {
        rate.record(turn % 4 != 0, MINUTE, 0);
    }
    assert!((rate.get(MINUTE, 0) - 0.75).abs() < 0.02);
    assert!((rate.weight(MINUTE, 0) - 101.0).abs() < 1.0);
    assert!(rate.weight(MINUTE, 10 * MINUTE) < 0.1);
    assert!(rate.get(MINUTE, 10 * MINUTE) > 0.98, "what nobody used for long is presumed good again");
    rate.reset();
    assert!((rate.get(MINUTE, 0) - 1.0).abs() < 1e-9);
}

fn fault(kind: FaultKind, retry_after_ms: Option<u64>, until_ms: Option<u64>) -> Fault {
    Fault { retry_after_ms, until_ms, ..Fault::new(kind, "") }
}

#[test]
fn a_cooldown_follows_the_table() {
    let config = CooldownConfig::default();
    let now = 1_000_000;
    #[rustfmt::skip]
    let table = [
        // kind, Retry-After, date, least and most time away
        (FaultKind::Temporary, None, None, Some((9_000, 11_000))),
        (FaultKind::RateLimited, None, None, Some((27_000, 33_000))),
        (FaultKind::KeyInvalid, None, None, Some((1_620_000, 1_800_000))),
        (FaultKind::RateLimited, Some(36_000), None, Some((36_000, 36_000))),
        (FaultKind::RateLimited, Some(0), None, Some((1_000, 1_000))),
        (FaultKind::RateLimited, Some(u64::MAX), None, Some((1_800_000, 1_800_000))),
        (FaultKind::KeyBilling, Some(5_000), Some(now + 90_000_000), Some((90_000_000, 90_000_000))),
        (FaultKind::RateLimited, Some(5_000), Some(now - 1), Some((5_000, 5_000))),
        (FaultKind::InvalidRequest, Some(5_000), None, None),
        (FaultKind::ContextLength, None, None, None),
        (FaultKind::Unsupported, None, None, None),
    ];
    for (kind, retry_after, date, away) in table {
        for seed in 0..20 {
            let cooldown = Cooldown::default();
            let until = cooldown.fault(&fault(kind, retry_after, date), &config, now, seed);
            match (until, away) {
                (Some(until), Some((least, most))) => {
                    assert!((least..=most).contains(&(until - now)), "{kind:?}: {}", until - now);
                    assert!(cooldown.is_cooling(until - 1) && !cooldown.is_cooling(until), "{kind:?} comes back");
                    assert_eq!((cooldown.until(now), cooldown.until(until)), (Some(until), None));
                }
                (None, None) => assert!(!cooldown.is_cooling(now)),
                other => panic!("{kind:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn five_hundred_cooldowns_that_begin_at_once_do_not_end_at_once() {
    let (config, now) = (CooldownConfig::default(), 1_000_000);
    let passing = fault(FaultKind::Temporary, None, None);
    let mut ends: Vec<u64> =
        (0..500).filter_map(|seed| Cooldown::default().fault(&passing, &config, now, seed)).collect();
    ends.sort_unstable();
    assert_eq!(ends.len(), 500);
    // Two seconds of jitter: 25 in each tenth of a second on average.
    let most = (0..20).map(|tenth| {
        let from = now + 9_000 + tenth * 100;
        ends.iter().filter(|end| (from..from + 100).contains(*end)).count()
    });
    assert!(most.max() < Some(50), "{ends:?}");
}

#[test]
fn faults_in_a_row_double_up_to_the_bound_and_a_success_ends_it() {
    let config = CooldownConfig { temporary_ms: 1_000, max_ms: 6_000, ..CooldownConfig::default() };
    let cooldown = Cooldown::default();
    let passing = fault(FaultKind::Temporary, None, None);
    let mut now = 0;
    for bound in [1_000u64, 2_000, 4_000, 6_000, 6_000] {
        let until = cooldown.fault(&passing, &config, now, now).expect("stays away");
        assert!((bound * 9 / 10..=(bound * 11 / 10).min(6_000)).contains(&(until - now)), "{}", until - now);
        // others that were on their way fail too: the same fault, never a shorter time
        for late in 0..50 {
            let again = cooldown.fault(&passing, &config, now, late).expect("stays away");
            assert!(again >= until && again - now <= (bound * 11 / 10).min(6_000));
        }
        now = cooldown.until(now).expect("still away");
    }
    let until = cooldown.fault(&passing, &config, now, 1).expect("stays away");
    cooldown.success(now - 1);
    assert!(cooldown.is_cooling(now) && until > now, "a success of an attempt from before the fault");
    cooldown.success(now);
    assert!(!cooldown.is_cooling(now));
    let until = cooldown.fault(&passing, &config, now, 1).expect("stays away");
    assert!(until - now <= 1_100, "the first again");
    cooldown.hold_until(now + 9_999_999);
    assert_eq!(cooldown.until(now), Some(now + 9_999_999));
    cooldown.reset();
    assert_eq!(cooldown.until(now), None);
}

fn breaker(failure_threshold: u32) -> (Arc<Breaker>, BreakerConfig) {
    let config = BreakerConfig { failure_threshold, open_max_ms: 120_000, ..BreakerConfig::default() };
    (Arc::new(Breaker::default()), config)
}

fn outcome(breaker: &Arc<Breaker>, config: &BreakerConfig, success: bool, now: u64) -> Option<BreakerState> {
    breaker.pass(config, now).expect("passes").record(success, config, now, 7)
}

#[test]
fn closed_open_half_open_and_closed_again() {
    let (breaker, config) = breaker(5);
    for _ in 0..4 {
        assert_eq!(outcome(&breaker, &config, false, 0), None);
    }
    assert_eq!(outcome(&breaker, &config, true, 0), None, "a success ends the row");
    for _ in 0..4 {
        assert_eq!(outcome(&breaker, &config, false, 0), None);
    }
    assert_eq!(outcome(&breaker, &config, false, 0), Some(BreakerState::Open));
    let until = breaker.open_until(0).expect("open");
    assert!((27_000..=33_000).contains(&until));
    assert!(breaker.pass(&config, until - 1).is_none() && !breaker.would_pass(&config, until - 1));
    assert_eq!(breaker.state(until - 1).as_str(), "open");
    assert_eq!(breaker.state(until).as_str(), "half_open");
    // exactly one probe
    let probe = breaker.pass(&config, until).expect("a probe");
    assert!(probe.is_probe());
    assert!(breaker.pass(&config, until).is_none() && !breaker.would_pass(&config, until));
    assert_eq!(probe.record(true, &config, until, 0), None, "two successes are needed");
    assert_eq!(outcome(&breaker, &config, true, until), Some(BreakerState::Closed));
    assert_eq!(breaker.state(until).as_str(), "closed");
}

#[test]
fn a_failed_probe_opens_it_for_longer() {
    let (breaker, config) = breaker(1);
    let mut now = 0;
    assert_eq!(outcome(&breaker, &config, false, now), Some(BreakerState::Open));
    for wanted in [30_000, 60_000, 120_000, 120_000] {
        let until = breaker.open_until(now).expect("open");
        assert!((wanted * 9 / 10..=wanted * 11 / 10).contains(&(until - now)), "{} of {wanted}", until - now);
        now = until;
        assert_eq!(outcome(&breaker, &config, false, now), Some(BreakerState::Open));
    }
    breaker.reset();
    assert_eq!(breaker.state(now), BreakerState::Closed);
}

#[test]
fn the_rate_trips_only_when_enough_was_seen_lately() {
    let (breaker, config) = breaker(0);
    for turn in 0..19 {
        assert_eq!(outcome(&breaker, &config, turn % 2 == 0, 0), None);
    }
    assert_eq!(outcome(&breaker, &config, false, 0), Some(BreakerState::Open), "the twentieth, half of them bad");

    let (breaker, config) = self::breaker(0);
    for _ in 0..19 {
        assert_eq!(outcome(&breaker, &config, false, 0), None);
    }
    assert_eq!(outcome(&breaker, &config, false, MINUTE), None, "the others have left the window");
    for _ in 0..100 {
        assert_eq!(outcome(&breaker, &config, true, MINUTE), None);
    }
    for _ in 0..80 {
        assert_eq!(outcome(&breaker, &config, false, MINUTE), None, "less than half");
    }
}

#[test]
fn late_news_from_before_says_nothing_about_the_recovery() {
    let (breaker, config) = breaker(1);
    let early = breaker.pass(&config, 0).expect("closed");
    let [while_open, while_probing] = [(); 2].map(|()| breaker.pass(&config, 0).expect("closed"));
    assert_eq!(outcome(&breaker, &config, false, 0), Some(BreakerState::Open));
    assert_eq!(early.record(true, &config, 10, 0), None);
    assert_eq!(breaker.state(10), BreakerState::Open);
    let first_until = breaker.open_until(0).expect("open");
    assert_eq!(while_open.record(false, &config, 10_000, 0), None);
    assert_eq!(breaker.open_until(0), Some(first_until), "it opened once");
    let two = BreakerConfig { half_open_probes: 2, ..config };
    let slow = breaker.pass(&two, first_until).expect("first probe");
    let quick = breaker.pass(&two, first_until).expect("second probe");
    assert!(breaker.pass(&two, first_until).is_none());
    assert_eq!(while_probing.record(false, &two, first_until, 0), None);
    assert_eq!(breaker.state(first_until), BreakerState::HalfOpen, "only probes decide");
    quick.record(false, &two, first_until, 0);
    let second_until = breaker.open_until(first_until).expect("open again");
    let probe = breaker.pass(&config, second_until).expect("a probe of the next recovery");
    assert_eq!(slow.record(false, &config, second_until, 0), None, "a probe of the last one");
    assert_eq!(breaker.state(second_until), BreakerState::HalfOpen);
    drop(probe);
    assert!(breaker.would_pass(&config, second_until), "a probe that came to nothing is given back");
}

#[test]
fn exactly_the_probes_pass_whoever_asks() {
    for probes in [1u32, 3] {
        let (breaker, config) = breaker(1);
        let config = BreakerConfig { half_open_probes: probes, ..config };
        outcome(&breaker, &config, false, 0);
        let until = breaker.open_until(0).expect("open");
        let passes: Vec<_> = std::thread::scope(|threads| {
            let workers: Vec<_> = (0..8).map(|_| threads.spawn(|| breaker.pass(&config, until))).collect();
            workers.into_iter().filter_map(|worker| worker.join().expect("no panic")).collect()
        });
        assert_eq!(passes.len(), probes as usize);
    }
}

/// Two hundred requests at once, five hundred times, on the real atomics: whoever gets leave keeps it until all have asked.
#[test]
fn half_open_lets_exactly_the_configured_probes_through_under_two_hundred_requests() {
    const REQUESTS: usize = 200;
    const TRIALS: usize = 500;
    let gate = Barrier::new(REQUESTS);
    let breakers: Vec<_> = (0..TRIALS)
        .map(|trial| {
            let (breaker, config) = breaker(1);
            let config = BreakerConfig { half_open_probes: 1 + (trial % 3) as u32, ..config };
            outcome(&breaker, &config, false, 0);
            (breaker, config, AtomicU32::new(0))
        })
        .collect();
    std::thread::scope(|threads| {
        for request in 0..REQUESTS {
            let (gate, breakers) = (&gate, &breakers);
            threads.spawn(move || {
                for (breaker, config, let_in) in breakers {
                    let now = 1_000_000;
                    gate.wait();
                    let pass =
                        if request % 2 == 0 { breaker.pass(config, now) } else { breaker.pass_early(config, now) };
                    let_in.fetch_add(u32::from(pass.is_some()), Ordering::SeqCst);
                    // Kept until all have asked.
                    gate.wait();
                }
            });
        }
    });
    for (trial, (_, config, let_in)) in breakers.iter().enumerate() {
        assert_eq!(let_in.load(Ordering::SeqCst), config.half_open_probes, "trial {trial}");
    }
}

/// Probes come and go while others ask: at no moment are more out than may be.
#[test]
fn probes_that_come_and_go_are_never_more_than_configured() {
    for probes in [1, 2, 5] {
        let (breaker, config) = breaker(1);
        let config = BreakerConfig { half_open_probes: probes, success_threshold: u32::MAX, ..config };
        outcome(&breaker, &config, false, 0);
        let (out, most, all) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|threads| {
            for worker in 0..16u64 {
                let (breaker, config, out, most, all) = (&breaker, &config, &out, &most, &all);
                threads.spawn(move || {
                    for turn in 0..2_000u64 {
                        let Some(pass) = breaker.pass(config, 1_000_000) else {
                            std::thread::yield_now();
                            continue;
                        };
                        most.fetch_max(out.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        all.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        out.fetch_sub(1, Ordering::SeqCst);
                        if (worker + turn) % 2 == 0 {
                            pass.record(true, config, 1_000_000, turn);
                        }
                    }
                });
            }
        });
        let (most, all) = (most.into_inner(), all.into_inner());
        assert!(most <= probes && all > 100, "{most} of {probes} at a time, {all} in all");
    }
}

#[test]
fn who_has_nobody_else_probes_about_once_a_second() {
    let (breaker, config) = breaker(1);
    outcome(&breaker, &config, false, 0);
    let until = breaker.open_until(0).expect("open");
    let mut now = 0;
    for _ in 0..10 {
        let early = breaker.early_from(now).expect("open");
        assert!((900..=1_100).contains(&(early - now)), "{}", early - now);
        assert!(breaker.pass_early(&config, early - 1).is_none() && breaker.pass(&config, early).is_none());
        now = early;
        let probe = breaker.pass_early(&config, now).expect("a probe");
        assert!(breaker.pass_early(&config, now).is_none() && breaker.pass(&config, now).is_none(), "one at a time");
        assert_eq!(probe.record(false, &config, now, now), Some(BreakerState::Open));
        assert_eq!(breaker.open_until(now), Some(until), "an early failure does not lengthen the time");
    }
    // It is well again: two successes, whoever makes them.
    now = breaker.early_from(now).expect("open");
    assert_eq!(breaker.pass_early(&config, now).expect("a probe").record(true, &config, now, 0), None);
    assert_eq!(outcome(&breaker, &config, true, now), Some(BreakerState::Closed));
    assert!(now < until && breaker.early_from(now).is_none());
    // After the next failure it is open for as long as the first time.
    assert_eq!(outcome(&breaker, &config, false, now), Some(BreakerState::Open));
    assert!(breaker.open_until(now).is_some_and(|until| until - now <= 33_000));
}

#[test]
fn the_health_of_a_thing_is_all_of_it() {
    let health = Arc::new(Health::default());
    let (first, second) = (health.enter(), health.enter());
    assert_eq!(health.in_flight(), 2);
    drop(first);
    assert_eq!(health.in_flight(), 1);
    drop(second);
    let config = CooldownConfig::default();
    health.cooldown.fault(&fault(FaultKind::RateLimited, None, None), &config, 5_000, 0);
    health.answered(Some(Shape::Stream), 200, 1_200, 50, 6_000);
    assert!(health.cooldown.is_cooling(6_000), "it had started before");
    health.answered(Some(Shape::Stream), 200, 1_200, 50, 6_200);
    assert!(near(health.first_byte_ms.get(), 200.0) && near(health.latency_ms.get(), 1_200.0));
    assert!(near(health.tokens_per_second.get(), 50.0));
    assert!(!health.cooldown.is_cooling(6_200), "it answers: it is back");
    health.answered(Some(Shape::Stream), 1_190, 1_200, 50, 6_300);
    assert!(near(health.tokens_per_second.get(), 50.0), "ten milliseconds say nothing about speed");
    assert!(health.first_byte_tails.of(Shape::Whole).p95_ms().is_none(), "streams only so far");
    let of_streams = health.first_byte_tails.of(Shape::Stream).p95_ms();
    health.answered(Some(Shape::Whole), 20_000, 20_000, 50, 6_300);
    health.answered(None, 1, 1, 1, 6_300);
    assert_eq!(health.first_byte_tails.of(Shape::Stream).p95_ms(), of_streams);
    assert!(
        health.first_byte_tails.of(Shape::Whole).p95_ms().is_some_and(|ms| ms > 10_000.0),
        "and no question of ours"
    );
    health.failed(6_300);
    assert!(health.success.get(Health::TAU_MS, 6_300) < 0.9);
    health.reset();
    assert!((health.success.get(Health::TAU_MS, 0) - 1.0).abs() < 1e-9);
    assert!(health.latency_ms.get().is_some());
}

proptest! {
    #[test]
    fn an_average_stays_between_its_samples(samples in proptest::collection::vec((0.001..1e6f64, 0..100_000u64), 1..50)) {
        let average = Ewma::default();
        let mut now = 0;
        for (sample, pause) in &samples {
            now += pause;
            average.record(*sample, MINUTE, now);
        }
        let low = samples.iter().map(|s| s.0).fold(f64::MAX, f64::min);
        let high = samples.iter().map(|s| s.0).fold(0.0, f64::max);
        let value = average.get().expect("samples");
        prop_assert!(value >= low * 0.999 && value <= high * 1.001);
    }

    /// Whatever comes: while it is open nothing passes, and it always lets somebody through in the end, a single
    /// probe if it was open.
    #[test]
    fn a_breaker_always_comes_back(steps in proptest::collection::vec((0..20_000u64, 0..4u8), 1..200)) {
        let (breaker, config) = breaker(3);
        let mut now = 0;
        let mut out = Vec::new();
        for (pause, what) in steps {
            now += pause;
            match what {
                0 => {
                    let open = breaker.open_until(now).is_some();
                    let would = breaker.would_pass(&config, now);
                    let pass = breaker.pass(&config, now);
                    prop_assert_eq!(pass.is_some(), would);
                    prop_assert!(!(open && pass.is_some()));
                    out.extend(pass);
                }
                1 => drop(out.pop()),
                _ => if let Some(pass) = out.pop() { pass.record(what == 2, &config, now, now); },
            }
        }
        out.clear();
        let later = breaker.open_until(now).unwrap_or(now);
        let pass = breaker.pass(&config, later);
        prop_assert!(pass.is_some());
        let probing = breaker.state(later) == BreakerState::HalfOpen;
        prop_assert_eq!(breaker.pass(&config, later).is_none(), probing, "one probe and no more");
    }
}

#[test]
fn only_a_cooldown_that_nobody_named_is_a_guess_and_only_such_a_one_can_be_asked() {
    let config = CooldownConfig::default();
    for (kind, retry_after_ms, guess, ask) in [
        (FaultKind::Temporary, None, true, true),
        (FaultKind::Connect, None, true, true),
        (FaultKind::Temporary, Some(3_000), false, false),
        (FaultKind::RateLimited, None, false, false),
        (FaultKind::KeyInvalid, None, false, true),
        (FaultKind::ModelUnavailable, None, false, true),
    ] {
        let cooldown = Cooldown::default();
        let fault = Fault { retry_after_ms, ..Fault::new(kind, "") };
        let until = cooldown.fault(&fault, &config, 1_000, 7).expect("it stays away");
        assert_eq!(cooldown.is_guess(1_000), guess, "{kind:?} {retry_after_ms:?}");
        assert_eq!(
            cooldown.can_be_asked(1_000),
            ask,
            "what needs a repair may be over before: {kind:?} {retry_after_ms:?}"
        );
        assert!(!cooldown.is_guess(until) && !cooldown.can_be_asked(until), "it is over");
        cooldown.spent(20_000, &config, 1_000);
        assert!(!cooldown.can_be_asked(1_000), "nothing is left, as the provider says");
    }
}

#[test]
fn what_a_provider_says_is_spent_is_a_guess_that_no_success_ends() {
    let config = CooldownConfig::default();
    let cooldown = Cooldown::default();
    cooldown.spent(20_000, &config, 1_000);
    assert_eq!((cooldown.until(19_999), cooldown.until(20_000)), (Some(20_000), None));
    assert!(cooldown.is_guess(1_000) && cooldown.rate_limited_until(1_000).is_none());
    cooldown.success(2_000);
    assert_eq!(cooldown.until(2_000), Some(20_000), "an answer that was still let through says nothing");
    cooldown.spent(u64::MAX, &config, 2_000);
    assert_eq!(cooldown.until(2_000), Some(2_000 + config.max_ms), "nobody stays away for ever on a provider's word");
    // A refusal counts as the first in a row nevertheless, and is firm.
    let until = cooldown.fault(&fault(FaultKind::RateLimited, None, None), &config, 3_000, 1).expect("it stays away");
    assert!(until - 3_000 <= 33_000 && !cooldown.is_guess(3_000));
    cooldown.reset();
    assert_eq!(cooldown.until(3_000), None);
}

#[test]
fn a_cooldown_for_too_many_requests_is_told_from_others() {
    let config = CooldownConfig::default();
    let cooldown = Cooldown::default();
    cooldown.fault(&fault(FaultKind::Temporary, Some(40_000), None), &config, 0, 1);
    assert_eq!(cooldown.rate_limited_until(1), None);
    cooldown.fault(&fault(FaultKind::RateLimited, Some(20_000), None), &config, 10, 1);
    assert_eq!((cooldown.rate_limited_until(11), cooldown.until(11)), (Some(20_010), Some(40_000)));
    assert_eq!(cooldown.rate_limited_until(20_010), None, "over");
    cooldown.fault(&fault(FaultKind::RateLimited, Some(60_000), None), &config, 30_000, 1);
    cooldown.success(30_001);
    assert_eq!((cooldown.rate_limited_until(30_002), cooldown.until(30_002)), (None, None), "a success ends both");
}
