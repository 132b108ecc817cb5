//! Times: spans, hours of a day, zones.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use router_core::catalog::spec::HedgeAfter;
use router_core::money::parse_decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::leaf;
use crate::config::decode::{Decode, Faults, decode_scalar};
use crate::config::node::{Node, Path};

/// A span of time: `500ms`, `30s`, `2m`, `1h`, `30d`; in milliseconds. Never zero, at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

leaf!(Span, "a time such as 500ms, 30s, 2m, 1h or 30d (longer than 0, at most 3650d)", Span::parse, {
    "type": "string",
    "pattern": "^(\\$\\{.*|[0-9]+(\\.[0-9]+)?(ms|s|m|h|d))$",
    "description": "A time such as 500ms, 30s, 2m, 1h or 30d",
});

impl Span {
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    const LONGEST: u64 = 3650 * 86_400_000;

    /// From whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    /// From whole days.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self(days * 86_400_000)
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// As the standard type.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.find(|c: char| c.is_ascii_alphabetic())?)?;
        let (_, factor) = Self::UNITS.iter().find(|(name, _)| *name == unit)?;
        // Millionths, so that `1.5h` is exact.
        let millionths = u64::try_from(parse_decimal(number.trim(), 6).ok()?).ok()?;
        let millis = u128::from(millionths) * u128::from(*factor) / 1_000_000;
        u64::try_from(millis).ok().filter(|n| (1..=Self::LONGEST).contains(n)).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = Self::UNITS.iter().find(|(_, n)| self.0.is_multiple_of(*n)).copied().unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// When a second attempt starts beside a silent first one: `p95`, a time, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge(pub HedgeAfter);

leaf!(Hedge, "p95 (the time to the first token that 95 of 100 answers have held), a time such as 800ms, or never", Hedge::parse, {
    "type": "string",
    "pattern": "^(\\$\\{.*|p95|never|[0-9]+(\\.[0-9]+)?(ms|s|m|h|d))$",
    "description": "p95, a time such as 800ms, or never",
});

impl Hedge {
    fn parse(text: &str) -> Option<Self> {
        Some(Self(match text {
            "never" => HedgeAfter::Never,
            "p95" => HedgeAfter::P95,
            text => HedgeAfter::Ms(Span::parse(text)?.as_millis()),
        }))
    }
}

impl fmt::Display for Hedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            HedgeAfter::Never => f.write_str("never"),
            HedgeAfter::P95 => f.write_str("p95"),
            HedgeAfter::Ms(ms) => Span(ms).fmt(f),
        }
    }
}

/// Name of a time zone in the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(pub String);

leaf!(Zone, "a time zone of the IANA database such as UTC or Asia/Shanghai", Zone::parse, {
    "type": "string",
    "description": "A time zone of the IANA database such as UTC or Asia/Shanghai",
});

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(text).ok().map(|_| Self(text.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hours of the day, `09:00-18:00`: minutes after midnight, start included, end not; may pass midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// First minute.
    pub from: u16,
    /// First minute after.
    pub to: u16,
}

leaf!(Hours, "hours such as 09:00-18:00 or 23:00-06:00 (start and end differ)", Hours::parse, {
    "type": "string",
    "pattern": "^(\\$\\{.*|[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2})$",
    "description": "Hours such as 09:00-18:00",
});

impl Hours {
    fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let minute = |clock: &str| {
            let (hour, minute) = clock.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour <= 24 && minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
        };
        let hours = Self { from: minute(from)?, to: minute(to)? };
        (hours.from != hours.to && hours.from < 1440).then_some(hours)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
            ("1.5s", 1500),
        ] {
            assert_eq!(Span::parse(text), Some(Span(millis)), "{text}");
        }
        for text in ["", "30", "s", "-1s", "0s", "1w", "1e9d", "1 second", "5m30s"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
        for text in ["500ms", "30s", "2m", "1h", "30d"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Span(90_000).to_string(), "90s");
    }

    #[test]
    fn hours() {
        assert_eq!(Hours::parse("09:00-18:00"), Some(Hours { from: 540, to: 1080 }));
        assert_eq!(Hours::parse("23:00-06:00"), Some(Hours { from: 1380, to: 360 }));
        assert_eq!(Hours::parse("18:00-24:00"), Some(Hours { from: 1080, to: 1440 }));
        for text in ["9-18", "09:00", "25:00-26:00", "09:60-10:00", "09:00-09:00", "24:00-01:00"] {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
    }
}
