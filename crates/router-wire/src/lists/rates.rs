//! Prices in the forms that lists have, exactly.

use router_core::money::{Nano, parse_decimal};
use router_core::pricing::Rate;

/// A price for one token, in whole units of the currency. `None`: less than nothing, which says that there is no fixed
/// price, or no number.
pub(super) fn per_token(text: &str) -> Option<Rate> {
    // For a million tokens in billionths: 10⁶ × 10⁹.
    parse_decimal(text, 15).ok().filter(|rate| *rate >= 0).map(Rate)
}

/// A price for one thing, in whole units of the currency; rounded up to the billionth.
pub(super) fn each(text: &str) -> Option<Nano> {
    let fine = parse_decimal(text, 15).ok().filter(|amount| *amount >= 0)?;
    Some(Nano(fine / 1_000_000 + i64::from(fine % 1_000_000 > 0)))
}

/// Places behind the point of a ratio: resellers write a fourteenth as 0.07142857142857142.
const PLACES: u32 = 12;
const ONE: i128 = 10_i128.pow(PLACES);

/// A multiplier, without what stands beyond its twelfth place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ratio(i128);

impl Ratio {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const WHOLE: Self = Self(ONE);

    /// `None` if it is no number, or less than nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let shift: i64 = exponent.parse().ok()?;
        let places = usize::try_from(i64::from(PLACES).checked_add(shift)?).unwrap_or(0);
        let fraction: String = fraction.chars().take(places).collect();
        let value = parse_decimal(&format!("{whole}.{fraction}e{shift}"), PLACES).ok()?;
        (value >= 0).then_some(Self(i128::from(value)))
    }

    /// The product, rounded up to the last place. `None` if it is beyond all measure.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        let product = self.0.checked_mul(other.0)?;
        Some(Self(product / ONE + i128::from(product % ONE > 0)))
    }

    /// So many whole units of the currency, in billionths, rounded up.
    pub(super) fn of(self, units: i128) -> Option<i64> {
        let step = 10_i128.pow(PLACES - 9);
        let fine = self.0.checked_mul(units)?;
        i64::try_from(fine / step + i128::from(fine % step > 0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_prices_keep_every_digit() {
        for (text, rate) in [
            ("0.00000015", Some(150_000_000)),
            ("0.000000000000001", Some(1)),
            ("1.5e-7", Some(150_000_000)),
            ("0", Some(0)),
            ("-1", None),
            ("0.0000000000000001", None),
            ("", None),
            ("free", None),
        ] {
            assert_eq!(per_token(text), rate.map(Rate), "{text}");
        }
        assert_eq!((each("0.01"), each("0.0000000001"), each("-1")), (Some(Nano(10_000_000)), Some(Nano(1)), None));
    }

    #[test]
    fn ratios_multiply_exactly_and_round_up_once_in_the_end() {
        let ratio = |text: &str| Ratio::parse(text).unwrap();
        for (text, other, units, billionths) in [
            ("0.075", "1", 2, 150_000_000),
            ("1.25", "0.8", 2, 2_000_000_000),
            ("0.07142857142857142", "1", 2, 142_857_143),
            ("3e-1", "1", 2, 600_000_000),
            ("2.5E1", "1", 1, 25_000_000_000),
            ("0", "7", 2, 0),
        ] {
            assert_eq!(ratio(text).times(ratio(other)).unwrap().of(units), Some(billionths), "{text} × {other}");
        }
        for wrong in ["-1", "", "x", "1e99", "1e-99999999999999999999", "9e18"] {
            assert_eq!(Ratio::parse(wrong), None, "{wrong}");
        }
    }
}
