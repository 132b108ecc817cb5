//! The effective price: what routing compares, as opposed to the real price that the books hold.
//!
//! Operators name multipliers with conditions (`pricing_policies`); a quota that is used up ahead of the clock adds a
//! shadow price ([`pacing`]). Both are evaluated for the moment of a decision and are part of it.

mod demand;
mod events;
mod pacing;
mod quality;
mod quota;
mod regional;
mod rule;
mod time;

pub use pacing::{Saving, pressure};
pub(super) use pacing::{shadow_usd, used};
pub use rule::{PricePolicies, PricePolicy};

use super::factors::View;
use crate::catalog::spec::PricePolicySpec;

/// A kind of pricing policy.
#[derive(Debug)]
pub struct PriceRule {
    /// Name in configuration.
    pub name: &'static str,
    /// What it is for, for people.
    pub doc: &'static str,
    /// What a policy of this kind cannot do without, in words, if it lacks it.
    pub(crate) lacks: fn(&PricePolicySpec) -> Option<&'static str>,
    /// What `above` and `below` are compared with, 0…1; `NaN` is unknown, and then a policy with a threshold does not
    /// hold. `None`: the kind observes nothing.
    pub(crate) observes: Option<fn(&View<'_>) -> f64>,
}

/// Every kind, in the default order. To add one: a file and a line.
pub const PRICE_RULES: &[PriceRule] =
    &[regional::RULE, time::RULE, quota::RULE, demand::RULE, quality::RULE, events::RULE];

/// The kind of that name.
#[must_use]
pub fn price_rule(name: &str) -> Option<&'static PriceRule> {
    PRICE_RULES.iter().find(|rule| rule.name == name)
}

/// What a candidate would cost for this request. For ranking and explanations; the books compute their own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// USD that the books would hold for the expected usage; `NaN` where the price is unknown.
    pub real_usd: f64,
    /// USD that routing compares: the real cost × the member's `cost_multiplier` × the policies, plus the shadow price.
    pub effective_usd: f64,
    /// Product of the policies that hold, within `limits`.
    pub multiplier: f64,
    /// USD that one use of a scarce quota is worth now.
    pub shadow_usd: f64,
    /// Which policies hold: bit *n* is number *n* of [`PricePolicies::all`].
    pub policies: u64,
}

impl Costs {
    /// Where routing compares the real cost.
    pub(crate) const fn real(usd: f64) -> Self {
        Self { real_usd: usd, effective_usd: usd, multiplier: 1.0, shadow_usd: 0.0, policies: 0 }
    }

    /// Sets the real cost and what follows from it.
    pub(crate) fn of(real_usd: f64, view: &View<'_>, policies: &PricePolicies, now_ms: u64) -> Self {
        let (multiplier, holding) = policies.multiplier(view, now_ms);
        Self { real_usd, effective_usd: 0.0, multiplier, shadow_usd: 0.0, policies: holding }.with_shadow(0.0, view)
    }

    /// With another shadow price.
    pub(crate) fn with_shadow(mut self, shadow_usd: f64, view: &View<'_>) -> Self {
        self.shadow_usd = shadow_usd;
        self.effective_usd = self.real_usd * view.member.cost_multiplier * self.multiplier + shadow_usd;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        for rule in PRICE_RULES {
            assert_eq!(price_rule(rule.name).map(|found| found.doc), Some(rule.doc), "{} twice", rule.name);
            assert!(rule.doc.len() > 20, "{} has no documentation", rule.name);
        }
    }
}
