//! Schedules of jobs: minute, hour, day, month, weekday; numbers, ranges, lists, steps, names. In UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;
/// Around the turn of a century, 29 February is eight years apart.
const YEARS_DAYS: usize = 366 * 9;
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Minute, hour, day, month, weekday (0 is Sunday): a bit for each value that counts.
    fields: [u64; 5],
    /// Day and weekday are both restricted: then either is enough, as cron has it.
    either_day: bool,
}

impl Schedule {
    /// Reads a schedule; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words.as_slice() else { return None };
        let mut weekdays = field(weekday, 0, 7, &WEEKDAYS, 0)?;
        // Seven is Sunday, too.
        weekdays = (weekdays | weekdays >> 7) & 0x7f;
        let fields = [
            field(minute, 0, 59, &[], 0)?,
            field(hour, 0, 23, &[], 0)?,
            field(day, 1, 31, &[], 0)?,
            field(month, 1, 12, &MONTHS, 1)?,
            weekdays,
        ];
        Some(Self { fields, either_day: *day != "*" && *weekday != "*" })
    }

    /// Whether it runs in the minute of that moment; unix milliseconds.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.is_of_day(now_ms) && self.is_at(now_ms / MINUTE_MS % DAY_MINUTES)
    }

    /// The first minute after that moment in which it runs; unix milliseconds. `None`: in none of the next years (30 February).
    #[must_use]
    pub fn next(&self, after_ms: u64) -> Option<u64> {
        let first = after_ms / MINUTE_MS + 1;
        (first / DAY_MINUTES..).take(YEARS_DAYS).find_map(|day| {
            let start = day * DAY_MINUTES;
            let of_day = self.is_of_day(start * MINUTE_MS);
            let mut minutes = (first.max(start)..start + DAY_MINUTES).filter(|_| of_day);
            minutes.find(|minute| self.is_at(minute - start)).map(|minute| minute * MINUTE_MS)
        })
    }

    /// Whether it runs on the day of that moment.
    fn is_of_day(&self, at_ms: u64) -> bool {
        let Ok(at) = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or(i64::MAX)) else { return false };
        let at = at.to_zoned(TimeZone::UTC);
        let has = |mask, value: i8| has(mask, u64::try_from(value).unwrap_or(63));
        let [_, _, day, month, weekday] = self.fields;
        let (day, weekday) = (has(day, at.day()), has(weekday, at.weekday().to_sunday_zero_offset()));
        has(month, at.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// Whether it runs at that minute of a day on which it does.
    fn is_at(&self, minute: u64) -> bool {
        let [of_hour, hour, ..] = self.fields;
        has(of_hour, minute % 60) && has(hour, minute / 60)
    }
}

const fn has(mask: u64, value: u64) -> bool {
    mask >> value & 1 == 1
}

/// The values of a field as bits; `names` stand for values from `first` on.
fn field(text: &str, low: u32, high: u32, names: &[&str], first: u32) -> Option<u64> {
    let value = |text: &str| {
        let named = names.iter().zip(first..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| value);
        named.or_else(|| text.parse().ok()).filter(|value| (low..=high).contains(value))
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = match step {
            None => 1,
            Some(step) => step.parse::<usize>().ok().filter(|step| *step > 0)?,
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (value(from)?, value(to)?),
            // From there on, if there is a step.
            None if part.contains('/') => (value(range)?, high),
            None => (value(range)?, value(range)?),
        };
        bits |= (from..=to).step_by(step).fold(0, |bits, value| bits | 1 << value);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_or_refused() {
        for text in ["0 */2 * * *", "*/5 * * * *", "0 0 1,15 * mon-fri", "0 2 * jan 0", "5/20 * * * 7"] {
            assert!(Schedule::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "*/0 * * * *",
            "x * * * *",
            "* * * * * *",
            "* * jan * *",
            "* * * 13 *",
        ] {
            assert!(Schedule::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn they_are_due_in_their_minutes() {
        // 2026-11-23 is a Monday.
        for (text, at, due) in [
            ("* * * * *", "2026-11-23T12:07:59Z", true),
            ("*/5 * * * *", "2026-11-23T12:05:00Z", true),
            ("*/5 * * * *", "2026-11-23T12:06:00Z", false),
            ("5/20 * * * *", "2026-11-23T12:45:00Z", true),
            ("5/20 * * * *", "2026-11-23T12:40:00Z", false),
            ("0 */2 * * *", "2026-11-23T14:00:30Z", true),
            ("0 */2 * * *", "2026-11-23T13:00:30Z", false),
            ("0 9-17 * * mon-fri", "2026-11-23T17:00:00Z", true),
            ("0 9-17 * * mon-fri", "2026-11-22T17:00:00Z", false),
            ("0 0 * * 7", "2026-11-22T00:00:00Z", true),
            ("0 0 1 nov,dec *", "2026-12-01T00:00:00Z", true),
            ("0 0 1 * mon", "2026-11-23T00:00:00Z", true),
            ("0 0 1 * mon", "2026-12-01T00:00:00Z", true),
            ("0 0 1 * mon", "2026-12-02T00:00:00Z", false),
        ] {
            let schedule = Schedule::parse(text).expect("a schedule");
            let at: Timestamp = at.parse().expect("a time");
            assert_eq!(schedule.is_due(u64::try_from(at.as_millisecond()).expect("after 1970")), due, "{text} {at}");
        }
    }

    #[test]
    fn the_next_time_is_the_first_minute_in_which_they_are_due() {
        let ms = |at: &str| at.parse::<Timestamp>().expect("a time").as_millisecond().unsigned_abs();
        for (text, after, next) in [
            ("* * * * *", "2026-11-23T12:07:59Z", Some("2026-11-23T12:08:00Z")),
            ("*/5 * * * *", "2026-11-23T12:05:00Z", Some("2026-11-23T12:10:00Z")),
            ("*/5 * * * *", "2026-12-31T23:59:00Z", Some("2027-01-01T00:00:00Z")),
            ("0 2 * * *", "2026-11-23T02:00:00Z", Some("2026-11-24T02:00:00Z")),
            ("30 9 * * mon-fri", "2026-11-27T09:30:00Z", Some("2026-11-30T09:30:00Z")),
            ("0 0 29 feb *", "2026-11-23T00:00:00Z", Some("2028-02-29T00:00:00Z")),
            ("0 0 29 2 *", "2097-01-01T00:00:00Z", Some("2104-02-29T00:00:00Z")),
            ("0 0 30 feb *", "2026-11-23T00:00:00Z", None),
        ] {
            let schedule = Schedule::parse(text).expect("a schedule");
            assert_eq!(schedule.next(ms(after)), next.map(ms), "{text} after {after}");
            assert!(next.is_none_or(|next| schedule.is_due(ms(next))), "{text}");
        }
    }
}
