//! The leaves of a configuration that are more than a number: durations, sizes, money, decimals, networks.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use router_core::catalog::spec::HedgeAfter;
use router_core::money::{Nano, parse_decimal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::decode::{Decode, Faults, decode_scalar};
use super::node::{Node, Path};

macro_rules! leaf {
    ($name:ident, $expected:literal, $parse:expr, $schema:tt) => {
        impl Decode for $name {
            fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
                decode_scalar(node, path, faults, $expected, |text, _| $parse(text))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

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

/// A number of bytes: `64KiB`, `20MiB`, `1GiB`, `500KB`, `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

leaf!(ByteSize, "a size such as 64KiB, 20MiB or 1GiB (at least 1, at most 1024GiB)", ByteSize::parse, {
    "type": ["string", "integer"],
    "pattern": "^(\\$\\{.*|[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)?)$",
    "description": "A size such as 64KiB, 20MiB or 1GiB",
});

impl ByteSize {
    const UNITS: [(&'static str, u64); 8] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1000),
        ("B", 1),
        ("", 1),
    ];

    /// From mebibytes.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// In bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(unit_at)?;
        let (_, factor) = Self::UNITS.iter().find(|(name, _)| *name == unit)?;
        let millionths = u64::try_from(parse_decimal(number.trim(), 6).ok()?).ok()?;
        let bytes = u128::from(millionths) * u128::from(*factor) / 1_000_000;
        u64::try_from(bytes).ok().filter(|n| (1..=1 << 40).contains(n)).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            Self::UNITS.iter().take(3).find(|(_, n)| self.0.is_multiple_of(*n)).copied().unwrap_or(("", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// An amount of USD ≥ 0, exact to nine digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub Nano);

leaf!(Usd, "an amount in USD such as 20.0 (≥ 0, at most nine digits behind the point)", Usd::parse, {
    "type": ["number", "string"],
    "pattern": "^(\\$\\{.*|[0-9.]+([eE][-+]?[0-9]+)?)$",
    "minimum": 0,
    "description": "An amount in USD",
});

impl Usd {
    fn parse(text: &str) -> Option<Self> {
        text.parse::<Nano>().ok().filter(|amount| *amount >= Nano::ZERO).map(Self)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_decimal(f, self.0.0)
    }
}

/// An exact decimal ≥ 0 with at most nine digits behind the point: a price in any currency, an exchange rate,
/// a multiplier. In units of 10⁻⁹.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i64);

leaf!(Decimal, "a decimal number such as 0.0375 (≥ 0, at most 1000000, nine digits behind the point)", Decimal::parse, {
    "type": ["number", "string"],
    "pattern": "^(\\$\\{.*|[0-9.]+([eE][-+]?[0-9]+)?)$",
    "minimum": 0,
    "description": "A decimal number, taken exactly",
});

impl Decimal {
    /// One.
    pub const ONE: Self = Self(1_000_000_000);

    /// From units of 10⁻⁹.
    #[must_use]
    pub const fn from_billionths(value: i64) -> Self {
        Self(value)
    }

    /// In units of 10⁻⁹.
    #[must_use]
    pub const fn billionths(self) -> i64 {
        self.0
    }

    /// As a number for ranking.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for ranking, never for money")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    fn parse(text: &str) -> Option<Self> {
        let value = parse_decimal(text, 9).ok()?;
        (0..=1_000_000 * 1_000_000_000).contains(&value).then_some(Self(value))
    }
}

impl<'de> serde::Deserialize<'de> for Decimal {
    /// From the written text of a number: the YAML library hands it over digit by digit.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a decimal number"))
    }
}

impl FromStr for Decimal {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::parse(text).ok_or(())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_decimal(f, self.0)
    }
}

/// Billionths as the shortest decimal text.
fn fmt_decimal(f: &mut fmt::Formatter<'_>, billionths: i64) -> fmt::Result {
    let text = Nano(billionths).to_string();
    f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
}

/// A network (`10.0.0.0/8`) or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpNet);

leaf!(Network, "an address or network such as 10.0.0.0/8 or 2001:db8::/32", Network::parse, {
    "type": "string",
    "description": "An address or network such as 10.0.0.0/8",
});

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let single = || text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
        text.parse().ok().or_else(single).map(Self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl Decode for Share {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        decode_scalar(node, path, faults, "a number from 0 to 1", |text, _| {
            text.parse().ok().filter(|number| (0.0..=1.0).contains(number)).map(Self)
        })
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1, "description": "A number from 0 to 1" })
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
    fn sizes() {
        for (text, bytes) in
            [("20MiB", 20 << 20), ("64KiB", 65_536), ("1.5KB", 1500), ("4096", 4096), ("1GiB", 1 << 30)]
        {
            assert_eq!(ByteSize::parse(text), Some(ByteSize(bytes)), "{text}");
        }
        for text in ["", "20MIB", "-1", "0", "1TiB", "x"] {
            assert_eq!(ByteSize::parse(text), None, "{text}");
        }
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

    #[test]
    fn decimals_are_exact_and_bounded() {
        assert_eq!(Decimal::parse("0.0375"), Some(Decimal(37_500_000)));
        assert_eq!(Decimal::parse("7.2").unwrap().to_string(), "7.2");
        for text in ["-1", "nan", ".nan", "1e9", "0.0000000001", "$5"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
