//! Laws of chance, and the lots that are drawn by them. A lot is a function of its seed alone.

use crate::ids::mix;

/// Lots from a seed, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Lots(u64);

impl Lots {
    /// The lots of a seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// A number above 0 and below 1.
    #[expect(clippy::cast_precision_loss, reason = "a lot, not a count")]
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((mix(self.0) >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// A standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// A waiting time with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }
}

/// How numbers are spread. Parameters are finite and ≥ 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// Always the same.
    Constant(f64),
    /// Evenly between two numbers.
    Uniform {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// Most near the median, some far above: how long people's texts and services' times are.
    Lognormal {
        /// Half are below.
        median: f64,
        /// Spread of the logarithm: 0.25 is narrow, 1 is wide.
        sigma: f64,
    },
    /// A heavy tail: the chance of more than `x` is `(min / x)^shape`.
    Pareto {
        /// The least.
        min: f64,
        /// Above 0; up to 2 the variance has no end, up to 1 the mean has none.
        shape: f64,
    },
}

impl Law {
    /// A number by this law: finite and ≥ 0.
    #[must_use]
    pub fn draw(&self, lots: &mut Lots) -> f64 {
        let drawn = match *self {
            Self::Constant(value) => value,
            Self::Uniform { min, max } => min + (max - min) * lots.unit(),
            Self::Lognormal { median, sigma } => median * (sigma * lots.normal()).exp(),
            Self::Pareto { min, shape } => min * lots.unit().powf(-1.0 / shape.max(f64::MIN_POSITIVE)),
        };
        if drawn.is_finite() { drawn.max(0.0) } else { f64::from(u32::MAX) }
    }

    /// A whole number by this law, at most `u32::MAX`.
    #[must_use]
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "bounded first")]
    pub fn draw_whole(&self, lots: &mut Lots) -> u64 {
        self.draw(lots).round().min(f64::from(u32::MAX)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value below which a share of many draws lies.
    fn quantile(law: Law, share: f64) -> f64 {
        let mut lots = Lots::of(1);
        let mut drawn: Vec<f64> = (0..100_000).map(|_| law.draw(&mut lots)).collect();
        drawn.sort_by(f64::total_cmp);
        drawn[(share * 100_000.0) as usize]
    }

    #[test]
    fn laws_have_their_quantiles() {
        for (law, share, expected) in [
            (Law::Constant(3.0), 0.5, 3.0),
            (Law::Uniform { min: 2.0, max: 4.0 }, 0.25, 2.5),
            (Law::Lognormal { median: 300.0, sigma: 0.5 }, 0.5, 300.0),
            // the standard normal quantile of 0.975 is 1.96
            (Law::Lognormal { median: 300.0, sigma: 0.5 }, 0.975, 300.0 * (0.98f64).exp()),
            (Law::Pareto { min: 100.0, shape: 2.0 }, 0.99, 1_000.0),
        ] {
            let was = quantile(law, share);
            assert!((was / expected - 1.0).abs() < 0.03, "{law:?} at {share}: {was}, expected {expected}");
        }
    }

    #[test]
    fn odd_laws_give_numbers() {
        for law in [
            Law::Pareto { min: 1.0, shape: 0.0 },
            Law::Lognormal { median: 1e300, sigma: 100.0 },
            Law::Uniform { min: 5.0, max: 1.0 },
        ] {
            let mut lots = Lots::of(2);
            assert!((0..1_000).all(|_| law.draw(&mut lots).is_finite()), "{law:?}");
        }
    }
}
