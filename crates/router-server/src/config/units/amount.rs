//! Amounts: bytes, money, decimals, shares.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use router_core::money::{Nano, parse_decimal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::leaf;
use crate::config::decode::{Decode, Faults, decode_scalar};
use crate::config::node::{Node, Path};

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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn decimals_are_exact_and_bounded() {
        assert_eq!(Decimal::parse("0.0375"), Some(Decimal(37_500_000)));
        assert_eq!(Decimal::parse("7.2").unwrap().to_string(), "7.2");
        for text in ["-1", "nan", ".nan", "1e9", "0.0000000001", "$5"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
