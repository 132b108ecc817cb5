//! Prices by hour and weekday: a night tariff, a rush hour.

use super::PriceRule;

pub(super) const RULE: PriceRule = PriceRule {
    name: "time",
    doc: "at certain hours and on certain weekdays of a time zone; hours may pass midnight, and the part after it belongs \
          to the day on which they began",
    lacks: |spec| {
        let timeless = spec.hours.is_none() && spec.weekdays == 0;
        timeless.then_some("names neither `hours` nor `weekdays`, which a time policy goes by")
    },
    observes: None,
};
