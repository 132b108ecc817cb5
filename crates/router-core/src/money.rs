//! Money as integers: nano-USD (10⁻⁹ USD). No floating point touches an amount.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// Nano-USD in one USD.
pub const NANO_PER_USD: i64 = 1_000_000_000;

/// An amount in nano-USD. Holds ±9.2 billion USD; arithmetic saturates at the ends rather than wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Nano(pub i64);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not of the form `12` or `12.345`.
    #[error("`{0}` is not a decimal number such as 0.0375")]
    NotDecimal(String),
    /// More than nine digits behind the point: it would have to be rounded.
    #[error("`{0}` has more than nine digits behind the point")]
    TooFine(String),
    /// Outside of what a 64-bit count of nano-USD can hold.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

impl Nano {
    /// Nothing.
    pub const ZERO: Nano = Nano(0);
    /// The largest amount; also what saturated arithmetic ends in.
    pub const MAX: Nano = Nano(i64::MAX);

    /// Whole US dollars.
    #[must_use]
    pub const fn usd(dollars: i64) -> Self {
        Nano(dollars.saturating_mul(NANO_PER_USD))
    }

    /// From a 128-bit intermediate; saturates.
    #[must_use]
    pub fn from_i128(value: i128) -> Self {
        Nano(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The larger of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Ord::max(self, other)
    }

    /// For charts and scores only, never for the books.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a display value; the books never use it")]
    pub fn as_usd_f64(self) -> f64 {
        self.0 as f64 / NANO_PER_USD as f64
    }
}

impl FromStr for Nano {
    type Err = AmountError;

    /// Reads a decimal number of USD (`0.0375`, `12`, `-1.5`, `1e-6`) exactly.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        parse_decimal(text, 9).map(Nano)
    }
}

/// Reads a decimal text as an integer of 10^-`digits` units, exactly or not at all. Accepts an exponent
/// (`1.5e-7`), since YAML and JSON writers use it for small prices.
///
/// # Errors
/// See [`AmountError`].
pub fn parse_decimal(text: &str, digits: u32) -> Result<i64, AmountError> {
    let fail = || AmountError::NotDecimal(text.to_owned());
    let trimmed = text.trim();
    let (mantissa, exponent) = match trimmed.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| fail())?),
        None => (trimmed, 0),
    };
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(fail());
    }
    let too_large = || AmountError::TooLarge(text.to_owned());
    let fraction = fraction.trim_end_matches('0');
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10).ok_or_else(too_large)? + i128::from(byte - b'0');
        if value > 1 << 100 {
            return Err(too_large());
        }
    }
    // value × 10^(exponent − fraction digits) in units of 10^-digits
    let shift = i64::from(exponent) - fraction.len() as i64 + i64::from(digits);
    if value != 0 {
        if shift >= 0 {
            let factor = 10i128.checked_pow(u32::try_from(shift).map_err(|_| too_large())?);
            value = factor.and_then(|f| value.checked_mul(f)).ok_or_else(too_large)?;
        } else {
            let divisor = 10i128.checked_pow(u32::try_from(-shift).map_err(|_| too_large())?);
            let divisor = divisor.ok_or_else(|| AmountError::TooFine(text.to_owned()))?;
            if value % divisor != 0 {
                return Err(AmountError::TooFine(text.to_owned()));
            }
            value /= divisor;
        }
    }
    i64::try_from(if negative { -value } else { value }).map_err(|_| too_large())
}

impl fmt::Display for Nano {
    /// Decimal USD with nine digits behind the point: `0.000037500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one piece: a text that is made of it has its size at once.
        const POINT: usize = 11;
        let mut text = [b'0'; POINT + 10];
        let (mut left, mut begin) = (self.0.unsigned_abs(), text.len());
        for (place, letter) in text.iter_mut().enumerate().rev() {
            if place == POINT {
                *letter = b'.';
            } else {
                // no digit before the one in front of the point is zero
                if left == 0 && place < POINT - 1 {
                    break;
                }
                *letter = b'0' + (left % 10) as u8;
                left /= 10;
            }
            begin = place;
        }
        if self.0 < 0 {
            begin = begin.saturating_sub(1);
            if let Some(sign) = text.get_mut(begin) {
                *sign = b'-';
            }
        }
        f.write_str(text.get(begin..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default())
    }
}

impl Add for Nano {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Nano(self.0.saturating_add(other.0))
    }
}

impl Sub for Nano {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Nano(self.0.saturating_sub(other.0))
    }
}

impl Neg for Nano {
    type Output = Self;
    fn neg(self) -> Self {
        Nano(self.0.saturating_neg())
    }
}

impl AddAssign for Nano {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Nano {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Nano {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Nano::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimals_exactly() {
        for (text, nano) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("0.0375", 37_500_000),
            (".5", 500_000_000),
            ("1.", 1_000_000_000),
            ("-2.5", -2_500_000_000),
            ("1.5e-7", 150),
            ("1E2", 100_000_000_000),
            ("0.0000000010", 1),
            ("1.50000000000", 1_500_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Nano(nano)), "{text}");
        }
    }

    #[test]
    fn refuses_what_would_need_rounding_or_guessing() {
        for text in
            ["", "abc", "1,5", "0x10", "1.2.3", "NaN", "inf", "0.0000000001", "1e-10", "99999999999", "1e40", "."]
        {
            assert!(text.parse::<Nano>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_nine_digits() {
        assert_eq!(Nano(37_500).to_string(), "0.000037500");
        assert_eq!(Nano(-1).to_string(), "-0.000000001");
        assert_eq!(Nano::usd(12).to_string(), "12.000000000");
    }

    #[test]
    fn saturates_instead_of_wrapping() {
        assert_eq!(Nano::MAX + Nano(1), Nano::MAX);
        assert_eq!(Nano::from_i128(i128::MAX), Nano::MAX);
    }
}
