//! What files declare beside settings: providers, channels, groups, client keys, pricing policies.
//! Shapes only; meaning is checked in [`super::check`] and built in [`super::build`].

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::decode::{Decode, Faults, choice, entry, section};
use super::node::{Node, Path, Value};
use super::prices::PriceEntry;
use super::secret::Secret;
use super::units::{Decimal, Hours, Network, Share, Span, Usd, Zone};

section! {
    /// One provider. Fields that are left out come from the built-in entry of the same name, or of the kind.
    pub struct ProviderEntry {
        /// openai, anthropic, gemini, azure_openai, groq, openrouter, siliconflow, tuzi, deepseek, ollama, openai_compatible, demo
        kind: Option<String> = None,
        /// Root of its API.
        base_url: Option<String> = None,
        /// Extra headers to it. Not for credentials: those are api_keys.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// Currency of its prices.
        currency: Option<String> = None,
        /// Multiplies its prices (a platform's rebate or surcharge).
        price_multiplier: Option<Decimal> = None,
        /// How a key is sent.
        auth: Option<AuthStyle> = None,
        /// Which limit on output tokens it understands.
        max_output_param: Option<MaxOutputParam> = None,
        /// Whether it reports usage at the end of a stream.
        stream_usage: Option<bool> = None,
        /// Whether it works without a key.
        key_optional: Option<bool> = None,
        /// Client endpoints that it serves.
        endpoints: Option<Vec<String>> = None,
    }
}

choice! {
    /// How a provider key is sent.
    pub enum AuthStyle {
        /// `Authorization: Bearer KEY`
        Bearer = "bearer",
        /// `x-api-key: KEY`
        XApiKey = "x-api-key",
        /// `api-key: KEY`
        ApiKey = "api-key",
        /// `x-goog-api-key: KEY`
        XGoogApiKey = "x-goog-api-key",
        /// Not at all.
        None = "none",
    }
}

choice! {
    /// Which limit on output tokens a provider understands.
    pub enum MaxOutputParam {
        /// The newer one.
        MaxCompletionTokens = "max_completion_tokens",
        /// The older one.
        MaxTokens = "max_tokens",
        /// Either.
        Both = "both",
    }
}

entry! {
    /// One account at a provider.
    pub struct ChannelEntry {
        required {
            /// Unique name.
            name: String,
            /// Name of a provider.
            provider: String,
        }
        optional {
            /// Overrides the provider's.
            base_url: Option<String> = None,
            /// Its provider keys.
            api_keys: Vec<ApiKeyItem> = Vec::new(),
            /// Where it is.
            region: Option<String> = None,
            /// Free words for filters.
            tags: Vec<String> = Vec::new(),
            /// 1 is the highest.
            priority: u32 = 1,
            /// Share among equals.
            weight: f64 = 1.0,
            /// Whether it may be chosen.
            enabled: bool = true,
            /// Limits that the provider sets or we set.
            limits: ChannelLimitsEntry = ChannelLimitsEntry::default(),
            /// Overrides those of the system.
            timeouts: ChannelTimeouts = ChannelTimeouts::default(),
            /// The models it serves.
            models: Vec<ModelItem> = Vec::new(),
        }
    }
}

section! {
    /// `limits` of a channel; null: none.
    pub struct ChannelLimitsEntry {
        /// Requests in a minute.
        requests_per_minute: Option<u64> = None,
        /// Tokens in a minute.
        tokens_per_minute: Option<u64> = None,
        /// Requests in a day.
        requests_per_day: Option<u64> = None,
        /// Requests at a time.
        max_in_flight: Option<u64> = None,
        /// USD in a day.
        daily_budget: Option<Usd> = None,
    }
}

section! {
    /// `timeouts` of a channel; null: the system's.
    pub struct ChannelTimeouts {
        /// DNS, TCP and TLS.
        connect: Option<Span> = None,
        /// From sending to the first content.
        first_byte: Option<Span> = None,
        /// Between two events of a stream.
        stream_idle: Option<Span> = None,
        /// The whole request, all attempts together.
        total: Option<Span> = None,
    }
}

entry! {
    /// A provider key with its own settings.
    pub struct ApiKeyEntry {
        required {
            /// The secret.
            value: Secret,
        }
        optional {
            /// Name within the channel; default `key-1`, `key-2` …
            name: Option<String> = None,
            /// USD in a day.
            daily_budget: Option<Usd> = None,
            /// Share among the channel's keys.
            weight: f64 = 1.0,
            /// Whether it is used.
            enabled: bool = true,
        }
    }
}

entry! {
    /// A model of a channel. What is left out comes from the built-in catalogue.
    pub struct ModelEntry {
        required {
            /// What clients ask for.
            name: String,
        }
        optional {
            /// What the provider calls it.
            upstream_name: Option<String> = None,
            /// Other names that clients may ask for.
            aliases: Option<Vec<String>> = None,
            /// Per million tokens in the provider's currency.
            price: Option<PriceEntry> = None,
            /// Tokens of input and output together.
            context_length: Option<u64> = None,
            /// Tokens of output.
            max_output_tokens: Option<u64> = None,
            /// What it can do.
            capabilities: Option<Vec<String>> = None,
            /// Free words beside those of the channel.
            tags: Vec<String> = Vec::new(),
            /// Named scores from 0 to 1, usable in strategies as NAME_score.
            scores: BTreeMap<String, Share> = BTreeMap::new(),
            /// In billions.
            parameter_count: Option<f64> = None,
        }
    }
}

/// Reads a list whose items are a bare scalar or a map, by seeing the scalar as a map with one key.
macro_rules! or_scalar {
    ($name:ident, $inner:ident, $key:literal, $scalar:ty) => {
        /// A bare value, or a map with settings.
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl Decode for $name {
            fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
                if !matches!(node.value, Value::Scalar(_)) {
                    return $inner::decode(node, path, faults).map(Self);
                }
                let key = super::node::Key { name: $key.to_owned(), pos: node.pos.clone() };
                let map = Node { pos: node.pos.clone(), value: Value::Map(vec![(key, node.clone())]) };
                $inner::decode(&map, path, faults).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let scalar = generator.subschema_for::<$scalar>();
                let map = generator.subschema_for::<$inner>();
                schemars::json_schema!({ "anyOf": [scalar, map] })
            }
        }
    };
}

or_scalar!(ApiKeyItem, ApiKeyEntry, "value", Secret);
or_scalar!(ModelItem, ModelEntry, "name", String);

choice! {
    /// Direction of a layer.
    pub enum Order {
        /// Small is good.
        Asc = "asc",
        /// Large is good.
        Desc = "desc",
    }
}

entry! {
    /// One layer of `multi_layer`.
    pub struct LayerEntry {
        required {
            /// What is looked at.
            field: String,
        }
        optional {
            /// Which end is good; default: the field's natural one.
            order: Option<Order> = None,
            /// Share in the weighted mean.
            weight: f64 = 1.0,
        }
    }
}

section! {
    /// Goals of strategy `slo`.
    pub struct SloEntry {
        /// Time to first token that 95 of 100 requests hold.
        ttft_p95: Option<Span> = None,
        /// Share of requests that succeed.
        success: Option<Share> = None,
    }
}

section! {
    /// `load_balancing` of a group.
    pub struct LoadBalancing {
        /// top_score, weighted_round_robin, least_in_flight, random, power_of_two
        algorithm: Option<String> = None,
    }
}

section! {
    /// `filters` of a group.
    pub struct FilterEntry {
        /// A candidate has all.
        required_capabilities: Vec<String> = Vec::new(),
        /// Counted by the field capability_match.
        optional_capabilities: Vec<String> = Vec::new(),
        /// A candidate has none.
        exclude_capabilities: Vec<String> = Vec::new(),
        /// USD per million tokens, input and output mixed 3:1.
        max_cost_per_million: Option<Usd> = None,
        /// 0 to 1.
        min_quality_score: Option<Share> = None,
        /// Tokens.
        min_context_length: Option<u64> = None,
        /// Observed time to first token.
        max_latency_ms: Option<u64> = None,
        /// Observed output tokens per second.
        min_throughput_tps: Option<f64> = None,
        /// Model patterns.
        exclude_models: Vec<String> = Vec::new(),
        /// Only these providers (names or kinds).
        providers: Vec<String> = Vec::new(),
        /// Only these regions.
        regions: Vec<String> = Vec::new(),
    }
}

section! {
    /// `budget_limits` of a group.
    pub struct GroupBudget {
        /// USD in a day.
        daily_budget: Option<Usd> = None,
        /// USD that one request may reserve.
        max_cost_per_request: Option<Usd> = None,
    }
}

section! {
    /// `time_policies` of a group.
    pub struct TimePolicyEntry {
        /// Zone of the hours.
        timezone: Zone = Zone::utc(),
        /// When it is peak time.
        peak_hours: Option<Hours> = None,
        /// Fields in peak time, first is most important.
        peak_strategy: Vec<String> = Vec::new(),
        /// Fields at other times.
        off_peak_strategy: Vec<String> = Vec::new(),
    }
}

section! {
    /// An explicit member of a group.
    pub struct MemberEntry {
        /// Pattern of channel names.
        channel: Option<String> = None,
        /// Pattern of provider names or kinds.
        provider: Option<String> = None,
        /// Pattern of model names.
        model: String = "*".to_owned(),
        /// Overrides the channel's.
        priority: Option<u32> = None,
        /// Overrides the channel's.
        weight: Option<f64> = None,
        /// Requests in a day through this member.
        daily_limit: Option<u64> = None,
        /// Factors to use instead (`speed_score` …, 0 to 1) and `cost_multiplier`.
        overrides: BTreeMap<String, f64> = BTreeMap::new(),
        /// Whether it counts.
        enabled: bool = true,
    }
}

section! {
    /// `select` of a group: a rule that adds members.
    pub struct SelectEntry {
        /// All hold; `!tag` does not.
        tags: Vec<String> = Vec::new(),
        /// Any of these patterns.
        models: Vec<String> = Vec::new(),
    }
}

section! {
    /// A virtual model.
    pub struct GroupEntry {
        /// For people.
        display_name: Option<String> = None,
        /// For people.
        description: String = String::new(),
        /// multi_layer, cost_optimized, speed_optimized, quality_optimized, balanced, priority, load_balance, slo
        strategy: String = "balanced".to_owned(),
        /// The layers of multi_layer.
        routing_strategy: Vec<LayerEntry> = Vec::new(),
        /// Goals of strategy slo.
        slo: Option<SloEntry> = None,
        /// Who among good candidates is taken.
        load_balancing: LoadBalancing = LoadBalancing::default(),
        /// What a candidate must hold.
        filters: FilterEntry = FilterEntry::default(),
        /// Money.
        budget_limits: GroupBudget = GroupBudget::default(),
        /// Other layers at other hours.
        time_policies: Option<TimePolicyEntry> = None,
        /// Explicit members.
        channels: Vec<MemberEntry> = Vec::new(),
        /// A rule that adds members.
        select: Option<SelectEntry> = None,
        /// Groups or models to try when no candidate is left.
        fallback: Vec<String> = Vec::new(),
    }
}

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
        super::decode::decode_scalar(node, path, faults, expected, |text, _| {
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

section! {
    /// `pricing_policies`: multipliers of the effective price, which routing sees. The books never change.
    pub struct PricingPolicies {
        /// Order of application.
        order: Vec<PolicyKind> = PolicyKind::ALL.to_vec(),
        /// Bounds of the product.
        limits: PolicyLimits = PolicyLimits::default(),
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
