//! Pricing policies for the core.

use router_core::catalog::spec::{PricePolicySpec, PricingSpec};

use super::objects::{PolicyEntry, PolicyKind, PricingPolicies};
use super::words;

/// Each kind with its entries.
pub(super) const fn by_kind(policies: &PricingPolicies) -> [(PolicyKind, &Vec<PolicyEntry>); 6] {
    [
        (PolicyKind::Time, &policies.time),
        (PolicyKind::Quota, &policies.quota),
        (PolicyKind::Regional, &policies.regional),
        (PolicyKind::Demand, &policies.demand),
        (PolicyKind::Quality, &policies.quality),
        (PolicyKind::Events, &policies.events),
    ]
}

/// As the core wants them.
pub(super) fn spec(policies: &PricingPolicies) -> PricingSpec {
    let entries =
        by_kind(policies).into_iter().flat_map(|(kind, entries)| entries.iter().map(move |e| policy(kind, e)));
    PricingSpec {
        order: policies.order.iter().map(|kind| kind.as_str().to_owned()).collect(),
        min: policies.limits.min.as_f64(),
        max: policies.limits.max.as_f64(),
        pacing: policies.pacing,
        policies: entries.collect(),
    }
}

fn policy(kind: PolicyKind, entry: &PolicyEntry) -> PricePolicySpec {
    PricePolicySpec {
        kind: kind.as_str().to_owned(),
        name: entry.name.as_str().into(),
        multiplier: entry.multiplier.as_f64(),
        enabled: entry.enabled,
        providers: entry.providers.clone(),
        channels: entry.channels.clone(),
        models: entry.models.clone(),
        regions: entry.regions.clone(),
        timezone: entry.timezone.0.clone(),
        hours: entry.hours.map(|hours| (hours.from, hours.to)),
        weekdays: entry.weekdays.iter().filter_map(|words| weekdays(words)).fold(0, |all, days| all | days),
        above: entry.above.map(|share| share.0),
        below: entry.below.map(|share| share.0),
        from_ms: entry.from.map(|moment| moment.0),
        until_ms: entry.until.map(|moment| moment.0),
    }
}

/// `mon`, or a range such as `mon-fri` or `sat-mon`, as bits; bit 0 is Monday.
pub(super) fn weekdays(words: &str) -> Option<u8> {
    let number = |day: &str| words::WEEKDAYS.iter().position(|known| *known == day);
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    let (first, last) = (number(first)?, number(last)?);
    let length = (last + 7 - first) % 7;
    Some((0..=length).fold(0, |days, step| days | 1 << ((first + step) % 7)))
}

#[cfg(test)]
mod tests {
    use super::weekdays;

    #[test]
    fn days_and_ranges() {
        for (words, days) in [
            ("mon", Some(0b000_0001)),
            ("mon-fri", Some(0b001_1111)),
            ("mon-sun", Some(0b111_1111)),
            ("sat-mon", Some(0b110_0001)),
            ("sun-sat", Some(0b111_1111)),
            ("monday", None),
            ("mon-fri-sun", None),
            ("", None),
        ] {
            assert_eq!(weekdays(words), days, "{words}");
        }
    }
}
