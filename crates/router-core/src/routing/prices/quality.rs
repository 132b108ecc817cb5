//! Prices by quality: let a better model cost a little more.

use super::{PriceRule, rule};
use crate::routing::factors;

pub(super) const RULE: PriceRule = PriceRule {
    name: "quality",
    doc: "by quality_score, as configured or overridden by the group's member",
    lacks: rule::no_threshold,
    observes: Some(factors::quality),
};
