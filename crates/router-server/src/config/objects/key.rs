//! Shapes of `keys`.

use schemars::JsonSchema;

use crate::config::decode::{Decode, Faults, choice, decode_scalar, entry, section};
use crate::config::node::{Node, Path};
use crate::config::secret::Secret;
use crate::config::units::{Network, Usd};

choice! {
    /// What a client key may do.
    pub enum RoleEntry {
        /// Own usage only.
        User = "user",
        /// Reads everything.
        Viewer = "viewer",
        /// Everything.
        Admin = "admin",
    }
}

section! {
    /// `rate_limits` of a client key; null: none.
    pub struct RateLimits {
        /// Requests in any minute.
        requests_per_minute: Option<u64> = None,
        /// Tokens in any minute.
        tokens_per_minute: Option<u64> = None,
        /// Requests at a time.
        max_in_flight: Option<u64> = None,
    }
}

entry! {
    /// A client key as configuration.
    pub struct ClientKeyEntry {
        required {
            /// Unique name.
            name: String,
        }
        optional {
            /// The key, from the environment only: ${NAME}.
            value: Option<Secret> = None,
            /// Or the SHA-256 of the key, as 64 hexadecimal digits.
            hash: Option<String> = None,
            /// What it may do.
            role: RoleEntry = RoleEntry::User,
            /// Patterns of groups and models; empty: all.
            groups: Vec<String> = Vec::new(),
            /// USD in a day.
            daily_budget: Option<Usd> = None,
            /// USD in a month.
            monthly_budget: Option<Usd> = None,
            /// Its own limits.
            rate_limits: RateLimits = RateLimits::default(),
            /// Networks it may come from; empty: all.
            ip_allow: Vec<Network> = Vec::new(),
            /// RFC 3339, `2027-01-31T00:00:00Z`, or a date.
            expires_at: Option<Instant> = None,
            /// Whether it is accepted.
            enabled: bool = true,
        }
    }
}

/// A moment, as Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Instant(pub u64);

impl Decode for Instant {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        let expected = "a moment such as 2027-01-31T00:00:00Z, or a date such as 2027-01-31 (UTC)";
        decode_scalar(node, path, faults, expected, |text, _| {
            let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
            let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| day().map(|zoned| zoned.timestamp()))?;
            u64::try_from(moment.as_millisecond()).ok().map(Self)
        })
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "2027-01-31T00:00:00Z or 2027-01-31" })
    }
}
