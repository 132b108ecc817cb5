//! Schedules of jobs: minute, hour, day, month, weekday; numbers, ranges, lists, steps, names. In UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
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
        let Ok(at) = Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(i64::MAX)) else { return false };
        let at = at.to_zoned(TimeZone::UTC);
        let values = [at.minute(), at.hour(), at.day(), at.month(), at.weekday().to_sunday_zero_offset()];
        let mut counts = [false; 5];
        for ((counts, mask), value) in counts.iter_mut().zip(self.fields).zip(values) {
            *counts = mask >> u32::try_from(value).unwrap_or(63) & 1 == 1;
        }
        let [minute, hour, day, month, weekday] = counts;
        let of_day = if self.either_day { day || weekday } else { day && weekday };
        minute && hour && month && of_day
    }
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
}
