//! Shapes of `pricing_policies`.

use super::Instant;
use crate::config::decode::{choice, entry, section};
use crate::config::units::{Decimal, Hours, Share, Zone};

section! {
    /// `pricing_policies`: multipliers of the effective price, which routing sees. The books never change.
    pub struct PricingPolicies {
        /// Order of application.
        order: Vec<PolicyKind> = PolicyKind::ALL.to_vec(),
        /// Bounds of the product.
        limits: PolicyLimits = PolicyLimits::default(),
        /// Whether quotas (requests_per_day of a channel, daily_limit of a member) that are used ahead of the clock get a
        /// shadow price, so that what is cheap is kept for requests that would be dear elsewhere.
        pacing: bool = true,
        /// By hour and weekday.
        time: Vec<PolicyEntry> = Vec::new(),
        /// By used quota.
        quota: Vec<PolicyEntry> = Vec::new(),
        /// By region.
        regional: Vec<PolicyEntry> = Vec::new(),
        /// By load.
        demand: Vec<PolicyEntry> = Vec::new(),
        /// By quality.
        quality: Vec<PolicyEntry> = Vec::new(),
        /// By date.
        events: Vec<PolicyEntry> = Vec::new(),
    }
}

choice! {
    /// The kinds of pricing policies.
    pub enum PolicyKind {
        /// By region.
        Regional = "regional",
        /// By hour and weekday.
        Time = "time",
        /// By used quota.
        Quota = "quota",
        /// By load.
        Demand = "demand",
        /// By quality.
        Quality = "quality",
        /// By date.
        Events = "events",
    }
}

impl PolicyKind {
    /// All of them in the default order.
    pub const ALL: [Self; 6] = [Self::Regional, Self::Time, Self::Quota, Self::Demand, Self::Quality, Self::Events];
}

section! {
    /// Bounds of the product of all multipliers.
    pub struct PolicyLimits {
        /// Never below.
        min: Decimal = Decimal::from_billionths(100_000_000),
        /// Never above.
        max: Decimal = Decimal::from_billionths(5_000_000_000),
    }
}

entry! {
    /// A named multiplier with its conditions; all that are given must hold.
    pub struct PolicyEntry {
        required {
            /// Unique among its kind.
            name: String,
            /// What the effective price is multiplied by.
            multiplier: Decimal,
        }
        optional {
            /// Whether it counts.
            enabled: bool = true,
            /// Providers (names or kinds).
            providers: Vec<String> = Vec::new(),
            /// Channel patterns.
            channels: Vec<String> = Vec::new(),
            /// Model patterns.
            models: Vec<String> = Vec::new(),
            /// Regions.
            regions: Vec<String> = Vec::new(),
            /// Zone of hours and weekdays.
            timezone: Zone = Zone::utc(),
            /// Hours of the day.
            hours: Option<Hours> = None,
            /// mon … sun, and ranges such as mon-fri.
            weekdays: Vec<String> = Vec::new(),
            /// Holds when the observed value (used share of the quota, load, quality; 0 to 1) is at least this.
            above: Option<Share> = None,
            /// Holds when the observed value is at most this.
            below: Option<Share> = None,
            /// Begin of an event.
            from: Option<Instant> = None,
            /// End of an event.
            until: Option<Instant> = None,
        }
    }
}
