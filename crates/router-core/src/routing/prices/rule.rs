//! Policies, compiled when the snapshot is built: of each channel model is known which may ever apply to it, so that a
//! decision looks at those only.

use std::sync::Arc;

use super::PriceRule;
use crate::catalog::spec::PricePolicySpec;
use crate::catalog::{Hours, MOST_PRICE_POLICIES};
use crate::routing::factors::View;

/// One multiplier.
#[derive(Clone, Debug)]
pub struct PricePolicy {
    /// Its kind.
    pub rule: &'static PriceRule,
    /// Name in configuration.
    pub name: Arc<str>,
    /// What the price is multiplied by.
    pub multiplier: f64,
    pub(crate) hours: Option<Hours>,
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) above: Option<f64>,
    pub(crate) below: Option<f64>,
}

/// All multipliers that count, in the order of application, and the bounds of their product.
#[derive(Clone, Debug)]
pub struct PricePolicies {
    pub(crate) all: Vec<PricePolicy>,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Whether quotas are paced.
    pub(crate) pacing: bool,
}

impl PricePolicies {
    /// The multipliers, in the order of application.
    #[must_use]
    pub fn all(&self) -> &[PricePolicy] {
        &self.all
    }

    /// Those whose bit is set.
    pub fn holding(&self, bits: u64) -> impl Iterator<Item = &PricePolicy> {
        self.all.iter().take(MOST_PRICE_POLICIES).enumerate().filter(move |(n, _)| bits >> n & 1 == 1).map(|(_, p)| p)
    }

    /// Whether one of those whose bit is set goes by a threshold.
    pub(crate) fn watch(&self, bits: u64) -> bool {
        bits != 0 && self.holding(bits).any(|policy| policy.above.is_some() || policy.below.is_some())
    }

    /// The product of those that hold for a candidate, and which do. Without any: exactly 1.
    pub(crate) fn multiplier(&self, view: &View<'_>, now_ms: u64) -> (f64, u64) {
        let mut left = view.model.policies;
        let (mut product, mut holding) = (1.0, 0);
        while left != 0 {
            let number = left.trailing_zeros();
            left &= left - 1;
            if let Some(policy) = self.all.get(number as usize).filter(|policy| policy.holds(view, now_ms)) {
                product *= policy.multiplier;
                holding |= 1 << number;
            }
        }
        if holding == 0 { (1.0, 0) } else { (product.max(self.min).min(self.max), holding) }
    }
}

impl PricePolicy {
    /// Providers, channels, models and regions were judged when the snapshot was built.
    fn holds(&self, view: &View<'_>, now_ms: u64) -> bool {
        if now_ms < self.from_ms || now_ms >= self.until_ms || self.hours.as_ref().is_some_and(|h| !h.contains(now_ms))
        {
            return false;
        }
        if self.above.is_none() && self.below.is_none() {
            return true;
        }
        let value = self.rule.observes.map_or(f64::NAN, |observe| observe(view));
        // comparisons with NaN are false: what is unknown lies on neither side
        self.above.is_none_or(|limit| value >= limit) && self.below.is_none_or(|limit| value <= limit)
    }
}

/// For kinds that compare something with thresholds.
pub(super) fn no_threshold(spec: &PricePolicySpec) -> Option<&'static str> {
    let none = spec.above.is_none() && spec.below.is_none();
    none.then_some("names neither `above` nor `below`, from 0 to 1, which a policy of this kind goes by")
}
