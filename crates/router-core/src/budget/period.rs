//! Days and months in a zone: computed from time, zone and rule whenever they are needed, never by a job.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

/// How often a budget starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Period {
    /// The word in rows and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// The name of one day (`2026-11-23`) or month (`2026-11`). Sorts by time within a [`Period`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeriodId {
    year: i16,
    month: i8,
    /// 0 for a month.
    day: i8,
}

impl PeriodId {
    /// Whether it names a day or a month.
    #[must_use]
    pub const fn period(self) -> Period {
        if self.day == 0 { Period::Month } else { Period::Day }
    }
}

impl fmt::Display for PeriodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)?;
        if self.day == 0 { Ok(()) } else { write!(f, "-{:02}", self.day) }
    }
}

/// The text is no period id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a day such as 2026-11-23 nor a month such as 2026-11")]
pub struct BadPeriodId(String);

impl FromStr for PeriodId {
    type Err = BadPeriodId;

    fn from_str(text: &str) -> Result<Self, BadPeriodId> {
        let bad = || BadPeriodId(text.to_owned());
        let whole = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
        let date: Date = whole.parse().map_err(|_| bad())?;
        let id = Self { year: date.year(), month: date.month(), day: if text.len() == 7 { 0 } else { date.day() } };
        if id.to_string() == text { Ok(id) } else { Err(bad()) }
    }
}

/// No such zone in the built-in zone data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the IANA name of a time zone, such as Europe/Berlin")]
pub struct UnknownZone(String);

/// A time zone by its IANA name.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Finds a zone in the built-in data; the data of the machine is not asked, so that all instances agree.
    ///
    /// # Errors
    /// [`UnknownZone`]
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        TimeZoneDatabase::bundled().get(name).map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl Zone {
    /// Weekday (0 is Monday) and minutes since midnight (0…1439) by the clocks of the zone.
    #[must_use]
    pub fn weekday_and_minute(&self, now_ms: u64) -> (u8, u16) {
        let now = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let local = self.0.to_datetime(now.unwrap_or(Timestamp::MAX));
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        (local.weekday().to_monday_zero_offset().unsigned_abs(), minute)
    }
}

/// One period as a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name.
    pub id: PeriodId,
    /// First millisecond (Unix).
    pub start_ms: u64,
    /// First millisecond of the next period: when the budget starts anew.
    pub end_ms: u64,
}

impl Window {
    /// The period of that kind in which `now_ms` (Unix milliseconds) falls. A day in which the clock changes
    /// is 23 or 25 hours long, a date that a zone skipped has no period.
    #[must_use]
    pub fn at(period: Period, zone: &Zone, now_ms: u64) -> Self {
        let now = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let date = now.unwrap_or(Timestamp::MAX).to_zoned(zone.0.clone()).date();
        let (first, next) = match period {
            Period::Day => (date, date.checked_add(1.day())),
            Period::Month => (date.first_of_month(), date.first_of_month().checked_add(1.month())),
        };
        let id = PeriodId {
            year: first.year(),
            month: first.month(),
            day: if period == Period::Day { first.day() } else { 0 },
        };
        let start_ms = midnight_ms(first, zone).unwrap_or(0);
        // Beyond the year 9999 nothing turns over.
        let end_ms = next.ok().and_then(|next| midnight_ms(next, zone)).unwrap_or(u64::MAX);
        Self { id, start_ms, end_ms }
    }

    /// Whether the window holds that time.
    #[must_use]
    pub const fn contains(&self, now_ms: u64) -> bool {
        self.start_ms <= now_ms && now_ms < self.end_ms
    }
}

/// The first instant of a date; where midnight is skipped, the instant after the gap.
fn midnight_ms(date: Date, zone: &Zone) -> Option<u64> {
    let start = date.to_zoned(zone.0.clone()).ok()?.start_of_day().ok()?;
    // A date that does not exist as a whole lands on a later one; its start is that of the later one.
    u64::try_from(start.timestamp().as_millisecond()).ok()
}
