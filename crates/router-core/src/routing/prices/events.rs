//! Prices by date: a promotion, a planned migration.

use super::PriceRule;

pub(super) const RULE: PriceRule = PriceRule {
    name: "events",
    doc: "from one moment until another",
    lacks: |spec| {
        let endless = spec.from_ms.is_none() && spec.until_ms.is_none();
        endless.then_some("names neither `from` nor `until`, which an event goes by")
    },
    observes: None,
};
