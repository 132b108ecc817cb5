//! Prices by region: avoid the far one a little.

use super::PriceRule;

pub(super) const RULE: PriceRule = PriceRule {
    name: "regional",
    doc: "for channels of certain regions",
    lacks: |spec| spec.regions.is_empty().then_some("names no `regions`, which a regional policy goes by"),
    observes: None,
};
