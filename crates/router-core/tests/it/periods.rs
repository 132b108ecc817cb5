//! Days and months in zones with odd clocks.

use jiff::Timestamp;
use router_core::budget::{Period, PeriodId, Window, Zone};

fn ms(text: &str) -> u64 {
    let at: Timestamp = text.parse().expect("a time");
    u64::try_from(at.as_millisecond()).expect("after 1970")
}

fn window(period: Period, zone: &str, now: &str) -> Window {
    Window::at(period, &Zone::named(zone).expect("a zone"), ms(now))
}

#[test]
fn periods_turn_over_in_their_zone() {
    #[rustfmt::skip]
    let table = [
        // zone, now, day, its start and end, month
        ("UTC", "2026-11-23T12:00:00Z", "2026-11-23", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11"),
        ("UTC", "2026-11-23T00:00:00Z", "2026-11-23", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11"),
        ("UTC", "2026-11-22T23:59:59.999Z", "2026-11-22", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11"),
        ("Asia/Shanghai", "2026-12-31T16:00:00Z", "2027-01-01", "2026-12-31T16:00:00Z", "2027-01-01T16:00:00Z", "2027-01"),
        ("America/New_York", "2026-12-01T04:59:59Z", "2026-11-30", "2026-11-30T05:00:00Z", "2026-12-01T05:00:00Z", "2026-11"),
        // the clock goes forward: 23 hours; back: 25
        ("Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03"),
        ("Europe/Berlin", "2026-10-25T10:00:00Z", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10"),
        // midnight itself is skipped: the day begins at one o'clock
        ("Africa/Cairo", "2026-04-24T10:00:00Z", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z", "2026-04"),
        // half an hour of summer time, and an offset of 45 minutes
        ("Australia/Lord_Howe", "2026-10-03T18:00:00Z", "2026-10-04", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z", "2026-10"),
        ("Asia/Kathmandu", "2026-05-31T18:15:00Z", "2026-06-01", "2026-05-31T18:15:00Z", "2026-06-01T18:15:00Z", "2026-06"),
        // the end of the world's days: 26 hours apart
        ("Pacific/Kiritimati", "2026-11-23T10:00:00Z", "2026-11-24", "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11"),
        ("Pacific/Pago_Pago", "2026-11-23T10:59:59Z", "2026-11-22", "2026-11-22T11:00:00Z", "2026-11-23T11:00:00Z", "2026-11"),
        // Samoa had no 30 December 2011
        ("Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z", "2011-12"),
        ("UTC", "2028-02-29T12:00:00Z", "2028-02-29", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z", "2028-02"),
    ];
    for (zone, now, day, start, end, month) in table {
        let found = window(Period::Day, zone, now);
        assert_eq!(found.id.to_string(), day, "{zone} {now}");
        assert_eq!((found.start_ms, found.end_ms), (ms(start), ms(end)), "{zone} {now}");
        let months = window(Period::Month, zone, now);
        assert_eq!(months.id.to_string(), month, "{zone} {now}");
        assert!(months.start_ms <= found.start_ms && found.end_ms <= months.end_ms, "{zone} {now}");
        assert_eq!((found.id.period(), months.id.period()), (Period::Day, Period::Month));
    }
}

#[test]
fn days_follow_each_other_without_gap_or_overlap() {
    for zone in ["UTC", "Europe/Berlin", "Africa/Cairo", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe"] {
        let zone = Zone::named(zone).expect("a zone");
        for period in [Period::Day, Period::Month] {
            let mut now = Window::at(period, &zone, ms("2011-06-15T00:00:00Z"));
            for _ in 0..800 {
                let next = Window::at(period, &zone, now.end_ms);
                assert_eq!(next.start_ms, now.end_ms, "{} {zone:?}", now.id);
                assert!(next.id > now.id);
                assert_eq!(Window::at(period, &zone, now.end_ms - 1), now);
                assert!(now.contains(now.start_ms) && now.contains(now.end_ms - 1) && !now.contains(now.end_ms));
                now = next;
            }
        }
    }
}

#[test]
fn names_of_periods_have_one_spelling() {
    for text in ["2026-11-23", "2026-11", "2028-02-29"] {
        let id: PeriodId = text.parse().expect("a period");
        assert_eq!(id.to_string(), text);
        assert_eq!(id.period().as_str(), if text.len() == 7 { "month" } else { "day" });
    }
    for text in ["", "2026", "2026-13", "2026-02-30", "20261123", "2026-11-23T00:00", "2026-1-1", " 2026-11"] {
        assert!(text.parse::<PeriodId>().is_err(), "{text}");
    }
}

#[test]
fn unknown_zones_are_errors_and_far_times_are_not() {
    let error = Zone::named("Mars/Olympus").expect_err("no zone");
    assert!(error.to_string().contains("Mars/Olympus"));
    let last = Window::at(Period::Day, &Zone::utc(), u64::MAX);
    assert_eq!(last.id.to_string(), "9999-12-30");
}
