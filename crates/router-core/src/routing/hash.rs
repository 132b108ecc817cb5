//! Numbers of a request as lots.

/// 53 bits of a number as a fraction in [0, 1).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
pub(super) fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_reaches_one() {
        assert_eq!(fraction(0).to_bits(), 0);
        assert_eq!(fraction(1 << 63).to_bits(), 0.5f64.to_bits());
        assert!(fraction(u64::MAX) < 1.0);
    }
}
