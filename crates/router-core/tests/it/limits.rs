//! Limits: never more than allowed in any sliding minute, and everything comes back.

use std::sync::Arc;

use proptest::prelude::*;
use router_core::budget::{Period, Window, Zone};
use router_core::catalog::spec::{ChannelLimits, KeyLimits};
use router_core::limits::{Dimension, Limiter, Limits, Room, SlidingWindow, Ticket};

/// 2026-11-23T12:00:00Z
const NOON: u64 = 1_795_435_200_000;

fn today() -> Window {
    Window::at(Period::Day, &Zone::utc(), NOON)
}

fn take(limiter: &Arc<Limiter>, limits: &Limits, tokens: u64, now_ms: u64) -> Result<Ticket, (Dimension, Option<u64>)> {
    limiter
        .acquire(limits, tokens, &today(), now_ms, NOON)
        .map_err(|refusal| (refusal.dimension, refusal.retry_after_ms))
}

#[test]
fn requests_in_a_minute_slide() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits { requests_per_minute: Some(3), ..Limits::default() };
    for at in [0, 10_000, 50_000] {
        assert!(take(&limiter, &limits, 0, at).is_ok());
    }
    // two buckets of a minute would let these through
    assert_eq!(take(&limiter, &limits, 0, 59_999).err(), Some((Dimension::Requests, Some(1))));
    assert!(take(&limiter, &limits, 0, 60_000).is_ok());
    assert_eq!(take(&limiter, &limits, 0, 60_001).err(), Some((Dimension::Requests, Some(9_999))));
    // a clock that goes back frees nothing
    assert!(take(&limiter, &limits, 0, 5).is_err());
    assert!(take(&limiter, &limits, 0, 70_000).is_ok());
}

#[test]
fn the_headers_tell_limit_rest_and_reset() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits { requests_per_minute: Some(10), tokens_per_minute: Some(1_000), ..Limits::default() };
    let first = take(&limiter, &limits, 300, 0).expect("fits");
    assert_eq!(first.rates().requests, Some(Room { limit: 10, remaining: 9, reset_ms: 60_000 }));
    let second = take(&limiter, &limits, 600, 20_000).expect("fits");
    assert_eq!(second.rates().tokens, Some(Room { limit: 1_000, remaining: 100, reset_ms: 60_000 }));
    let refusal = limiter.acquire(&limits, 200, &today(), 30_000, NOON).expect_err("too many tokens");
    assert_eq!((refusal.dimension.as_str(), refusal.limit), ("tokens per minute", 1_000));
    assert_eq!(refusal.retry_after_ms, Some(30_000));
    assert_eq!(refusal.rates.tokens, Some(Room { limit: 1_000, remaining: 100, reset_ms: 50_000 }));
    assert_eq!(refusal.rates.requests.map(|room| room.remaining), Some(8));
}

#[test]
fn tokens_are_corrected_when_they_are_known() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits { tokens_per_minute: Some(1_000), ..Limits::default() };
    let mut first = take(&limiter, &limits, 900, 0).expect("fits");
    assert!(take(&limiter, &limits, 200, 1_000).is_err());
    first.correct(100, 2_000);
    let mut second = take(&limiter, &limits, 900, 3_000).expect("fits now");
    // more than estimated counts too, though nobody refused it
    second.correct(1_500, 4_000);
    assert_eq!(take(&limiter, &limits, 1, 5_000).err(), Some((Dimension::Tokens, Some(58_000))));
    // after its minute a correction changes nothing
    first.correct(0, 90_000);
    second.correct(0, 90_000);
    assert!(take(&limiter, &limits, 1_000, 90_000).is_ok());
    assert_eq!(take(&limiter, &limits, 1_001, 90_000).err(), Some((Dimension::Tokens, None)), "never fits");
}

#[test]
fn requests_at_a_time_end_with_the_ticket() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits { max_in_flight: Some(2), ..Limits::default() };
    let first = take(&limiter, &limits, 0, 0).expect("fits");
    let _second = take(&limiter, &limits, 0, 0).expect("fits");
    assert_eq!(limiter.in_flight(), 2);
    assert_eq!(take(&limiter, &limits, 0, 0).err(), Some((Dimension::InFlight, Some(1_000))));
    drop(first);
    assert!(limiter.refusal(&limits, 0, &today(), 0, NOON).is_none());
    assert!(take(&limiter, &limits, 0, 0).is_ok());
    assert_eq!(limiter.in_flight(), 1);
}

#[test]
fn requests_in_a_day_start_anew_with_the_day() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits { requests_per_day: Some(5), ..Limits::default() };
    limiter.load_day(today().id, 4);
    assert!(take(&limiter, &limits, 0, 0).is_ok());
    assert_eq!(limiter.today(&today()), 5);
    assert_eq!(take(&limiter, &limits, 0, 0).err(), Some((Dimension::Day, Some(12 * 3_600_000))));
    let tomorrow = Window::at(Period::Day, &Zone::utc(), today().end_ms);
    assert!(limiter.acquire(&limits, 0, &tomorrow, 0, tomorrow.start_ms).is_ok());
    assert_eq!(limiter.today(&tomorrow), 1);
}

#[test]
fn a_refusal_takes_nothing_and_undo_gives_back() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits {
        requests_per_minute: Some(2),
        tokens_per_minute: Some(100),
        requests_per_day: Some(2),
        max_in_flight: Some(2),
    };
    assert!(take(&limiter, &limits, 101, 0).is_err());
    assert_eq!((limiter.today(&today()), limiter.in_flight()), (0, 0));
    let ticket = take(&limiter, &limits, 100, 0).expect("fits");
    assert!((limiter.view(&limits, 0, &today(), 0).headroom - 0.0).abs() < 1e-9);
    ticket.undo(10);
    assert!((limiter.view(&limits, 0, &today(), 10).headroom - 1.0).abs() < 1e-9);
    for _ in 0..2 {
        assert!(take(&limiter, &limits, 50, 20).is_ok());
    }
    let closed = Limits { requests_per_minute: Some(0), ..Limits::default() };
    assert_eq!(take(&limiter, &closed, 0, 0).err(), Some((Dimension::Requests, None)));
    assert!(limiter.view(&closed, 0, &today(), 10).headroom < 1e-9);
}

#[test]
fn limits_come_from_keys_and_channels() {
    let key = KeyLimits { requests_per_minute: Some(1), tokens_per_minute: Some(2), max_in_flight: Some(3) };
    assert_eq!(Limits::from(key).requests_per_day, None);
    assert_eq!(Limits::from(key).tokens_per_minute, Some(2));
    let channel = ChannelLimits { requests_per_day: Some(4), max_in_flight: Some(3), ..ChannelLimits::default() };
    assert_eq!(
        Limits::from(channel),
        Limits { requests_per_day: Some(4), max_in_flight: Some(3), ..Limits::default() }
    );
}

#[test]
fn many_threads_get_exactly_the_limit() {
    let limiter = Arc::new(Limiter::default());
    let limits = Limits { requests_per_minute: Some(100), ..Limits::default() };
    let got: usize = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..8)
            .map(|_| threads.spawn(|| (0..50).filter(|at| take(&limiter, &limits, 1, *at).is_ok()).count()))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    });
    assert_eq!((got, limiter.in_flight()), (100, 0));
}

#[test]
fn a_correction_after_the_minute_does_not_hit_another_request() {
    let mut window = SlidingWindow::new(60_000);
    let old = window.add(10, 0);
    window.add(5, 70_000);
    window.correct(old, 10, 0, 70_000);
    assert_eq!(window.used(70_000), 5);
}

#[test]
fn a_busy_window_stays_small_late_by_little_and_correct() {
    let mut window = SlidingWindow::new(60_000);
    let mut first_at = 0;
    for at in 0..60_000 {
        let kept = window.add(1, at);
        if at == 0 {
            first_at = kept;
        }
    }
    assert_eq!(window.used(59_999), 60_000, "merging loses nothing");
    window.correct(first_at, 1, 11, 59_999);
    assert_eq!(window.used(59_999), 60_010);
    // everything is gone a part of the window after its time, at the latest
    assert!(window.used(60_000 + 30_000) <= 30_000 + 60_000 / 256);
    assert!(window.used(60_000 + 30_000) >= 29_999);
    assert_eq!(window.used(120_000 + 60_000 / 256), 0);
    assert_eq!((window.empty_in(200_000), window.wait(5, 5, 200_000)), (0, Some(0)));
}

proptest! {
    /// Against a list of all events: what passed in any sliding span is never more than the limit, and as long
    /// as nothing was merged a refusal is justified and its waiting time exact.
    #[test]
    fn no_span_of_its_length_holds_more_than_the_limit(
        limit in 1..40u64,
        steps in proptest::collection::vec((0..400u64, 1..6u64), 1..400),
    ) {
        const LENGTH: u64 = 2_000;
        let mut window = SlidingWindow::new(LENGTH);
        let mut passed: Vec<(u64, u64)> = Vec::new();
        let mut now = 0;
        for (pause, amount) in steps {
            now += pause / 8;
            let in_span: u64 = passed.iter().filter(|(at, _)| at + LENGTH > now).map(|(_, n)| n).sum();
            match window.wait(amount, limit, now) {
                Some(0) => {
                    prop_assert!(in_span + amount <= limit);
                    window.add(amount, now);
                    passed.push((now, amount));
                }
                Some(wait) => {
                    prop_assert!(in_span + amount > limit);
                    let then: u64 = passed.iter().filter(|(at, _)| at + LENGTH > now + wait).map(|(_, n)| n).sum();
                    let before: u64 = passed.iter().filter(|(at, _)| at + LENGTH > now + wait - 1).map(|(_, n)| n).sum();
                    prop_assert!(then + amount <= limit && before + amount > limit);
                }
                None => prop_assert!(amount > limit),
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// With more different times than are kept apart: still never more, and late by at most one part.
    #[test]
    fn merging_is_late_but_never_early(gaps in proptest::collection::vec(0..5u64, 1_500..2_500)) {
        const LENGTH: u64 = 10_000;
        let mut window = SlidingWindow::new(LENGTH);
        let mut all: Vec<u64> = Vec::new();
        let mut now = 0;
        for gap in gaps {
            now += gap;
            window.add(1, now);
            all.push(now);
            let count = |length: u64| all.iter().rev().take_while(|at| **at + length > now).count() as u64;
            let used = window.used(now);
            prop_assert!(used >= count(LENGTH));
            prop_assert!(used <= count(LENGTH + LENGTH / 256));
        }
    }
}
