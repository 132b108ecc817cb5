//! The catalogue as data: validated, typed values from which a snapshot is built.
//!
//! The server makes these from configuration files, environment and database; [`super::Snapshot`] is built
//! from a whole [`CatalogSpec`] at once and never patched.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Capabilities;
use crate::limits::Limits;
use crate::money::Nano;
use crate::pricing::Price;

/// Everything that a snapshot is built from.
#[derive(Clone, Debug, Default)]
pub struct CatalogSpec {
    /// Number of the configuration version, named by every request row.
    pub version: u64,
    /// Hex digest of the configuration.
    pub hash: String,
    /// The channels, in the order of configuration.
    pub channels: Vec<ChannelSpec>,
    /// The model groups.
    pub groups: Vec<GroupSpec>,
    /// The client keys.
    pub keys: Vec<ClientKeySpec>,
    /// Budgets of the whole router.
    pub budgets: RouterBudgets,
    /// Multipliers of the effective price.
    pub pricing: PricingSpec,
}

/// `pricing_policies`: what routing multiplies prices with. The books never change.
#[derive(Clone, Debug)]
pub struct PricingSpec {
    /// Names of the kinds that count, in the order of application; see `routing::PRICE_RULES`.
    pub order: Vec<String>,
    /// The product is never below.
    pub min: f64,
    /// The product is never above.
    pub max: f64,
    /// Whether scarce quotas get a shadow price.
    pub pacing: bool,
    /// The policies, each kind in the order of configuration.
    pub policies: Vec<PricePolicySpec>,
}

impl Default for PricingSpec {
    fn default() -> Self {
        let order = crate::routing::PRICE_RULES.iter().map(|rule| rule.name.to_owned()).collect();
        Self { order, min: 0.1, max: 5.0, pacing: true, policies: Vec::new() }
    }
}

/// One multiplier; all conditions that are given must hold. Empty lists and `None` are no condition.
#[derive(Clone, Debug)]
pub struct PricePolicySpec {
    /// Name of the kind (`time`, `quota` …).
    pub kind: String,
    /// For people.
    pub name: Arc<str>,
    /// Finite, ≥ 0.
    pub multiplier: f64,
    /// Whether it counts.
    pub enabled: bool,
    /// Patterns of provider names or kinds.
    pub providers: Vec<String>,
    /// Patterns of channel names.
    pub channels: Vec<String>,
    /// Patterns of model names.
    pub models: Vec<String>,
    /// Patterns of regions.
    pub regions: Vec<String>,
    /// IANA name, for hours and weekdays.
    pub timezone: String,
    /// Start and end in minutes after midnight; start included, end not; may wrap.
    pub hours: Option<(u16, u16)>,
    /// Bit 0 is Monday; 0 is every day.
    pub weekdays: u8,
    /// Holds when what the kind observes is at least this.
    pub above: Option<f64>,
    /// Holds when what the kind observes is at most this.
    pub below: Option<f64>,
    /// Unix milliseconds.
    pub from_ms: Option<u64>,
    /// Unix milliseconds; not included.
    pub until_ms: Option<u64>,
}

/// `budgets` of system.yaml.
#[derive(Clone, Debug)]
pub struct RouterBudgets {
    /// Per day for the whole router.
    pub daily: Option<Nano>,
    /// Per month for the whole router.
    pub monthly: Option<Nano>,
    /// IANA name of the zone in which days and months turn over.
    pub timezone: String,
    /// Reserved, and sent, where neither request nor model names a limit on output tokens.
    pub default_max_output_tokens: u64,
    /// What to do with a channel model without a price.
    pub unknown_price: UnknownPrice,
}

impl Default for RouterBudgets {
    fn default() -> Self {
        Self {
            daily: None,
            monthly: None,
            timezone: "UTC".to_owned(),
            default_max_output_tokens: 4096,
            unknown_price: UnknownPrice::Refuse,
        }
    }
}

/// `budgets.unknown_price`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnknownPrice {
    /// The channel model is never chosen.
    #[default]
    Refuse,
    /// It costs nothing in the books.
    Free,
    /// It is booked at this price.
    Assume(Price),
}

/// One account at a provider.
#[derive(Clone, Debug)]
pub struct ChannelSpec {
    /// Unique name; also its stable id for live state and rows.
    pub name: Arc<str>,
    /// Provider as configured (`openai`, `my-vllm`).
    pub provider: Arc<str>,
    /// Kind of the provider: names the adapter (`openai`, `openai_compatible` …).
    pub kind: Arc<str>,
    /// Root of the provider's API, without a trailing slash.
    pub base_url: Arc<str>,
    /// Extra headers to the provider, from configuration only.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// The provider keys. Empty only where the provider needs none.
    pub keys: Vec<ProviderKeySpec>,
    /// Which of them comes first.
    pub key_rotation: KeyRotation,
    /// Free text such as `us-east-1`.
    pub region: Option<Arc<str>>,
    /// Tags, lower case.
    pub tags: Vec<Arc<str>>,
    /// 1 is the highest.
    pub priority: u32,
    /// Share among equals; finite, ≥ 0.
    pub weight: f64,
    /// Whether it may be chosen.
    pub enabled: bool,
    /// Limits that the provider sets or we set.
    pub limits: ChannelLimits,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// The models it serves.
    pub models: Vec<ChannelModelSpec>,
}

/// A provider key. Core knows its place, never its secret.
#[derive(Clone, Debug)]
pub struct ProviderKeySpec {
    /// Stable id: `CHANNEL/NAME`.
    pub id: Arc<str>,
    /// Share among the channel's keys; finite, ≥ 0.
    pub weight: f64,
    /// Per day.
    pub daily_budget: Option<Nano>,
    /// Its own limits, beside those of the channel.
    pub limits: Limits,
}

impl ProviderKeySpec {
    /// A key of weight 1 without budget and limits.
    #[must_use]
    pub fn plain(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), weight: 1.0, daily_budget: None, limits: Limits::default() }
    }
}

/// Which of a channel's usable keys comes first. The one that holds a session's cache goes before in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyRotation {
    /// Drawn by weight.
    #[default]
    Weighted,
    /// The one with the fewest attempts running; of equals the one whose attempts of the day, this one counted in, are
    /// fewest for its weight (D'Hondt: so shares of the day are as exact as whole attempts can be); of equals the first. One
    /// without weight comes last.
    LeastUsed,
}

impl KeyRotation {
    /// Its word in files and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::LeastUsed => "least_used",
        }
    }
}

/// `limits` of a channel. `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelLimits {
    /// Requests in a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests in a day.
    pub requests_per_day: Option<u64>,
    /// Requests at a time.
    pub max_in_flight: Option<u64>,
    /// Money in a day.
    pub daily_budget: Option<Nano>,
}

/// Deadlines of a call to a provider, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// DNS, TCP and TLS.
    pub connect_ms: u64,
    /// From sending to the first content.
    pub first_byte_ms: u64,
    /// Between two events of a stream.
    pub stream_idle_ms: u64,
    /// Of the whole request, all attempts together.
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms: 60_000, stream_idle_ms: 60_000, total_ms: 600_000 }
    }
}

/// One model on one channel: the unit that routing chooses.
#[derive(Clone, Debug)]
pub struct ChannelModelSpec {
    /// What clients ask for.
    pub name: Arc<str>,
    /// What the provider calls it.
    pub upstream_name: Arc<str>,
    /// Other names under which clients may ask for it.
    pub aliases: Vec<Arc<str>>,
    /// In USD; `None` is unknown.
    pub price: Option<Price>,
    /// Tokens of input and output together; `None` is unknown.
    pub context_length: Option<u64>,
    /// Tokens of output; `None` is unknown.
    pub max_output_tokens: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Tags of its own, lower case, beside those of the channel.
    pub tags: Vec<Arc<str>>,
    /// Named scores in 0…1 (`quality`, `speed`, `coding` …).
    pub scores: BTreeMap<Arc<str>, f64>,
    /// In billions, where known.
    pub parameter_count: Option<f64>,
}

/// A model group: a virtual model.
#[derive(Clone, Debug, Default)]
pub struct GroupSpec {
    /// What clients ask for (`auto:fast`).
    pub name: Arc<str>,
    /// For people.
    pub display_name: String,
    /// For people.
    pub description: String,
    /// Name of the strategy; see `routing::STRATEGIES`.
    pub strategy: String,
    /// The layers of `multi_layer`.
    pub layers: Vec<LayerSpec>,
    /// Name of the load-balancing algorithm; see `routing::SELECTORS`. Empty: the strategy's own.
    pub algorithm: String,
    /// What a candidate must hold.
    pub filters: FilterSpec,
    /// Goals of strategy `slo`.
    pub slo: Option<Slo>,
    /// Money that the group may spend.
    pub daily_budget: Option<Nano>,
    /// Bound on the reserved cost of one request.
    pub max_cost_per_request: Option<Nano>,
    /// Other layers in peak hours.
    pub time_policy: Option<TimePolicySpec>,
    /// Explicit members.
    pub members: Vec<MemberSpec>,
    /// A rule that adds members.
    pub select: Option<SelectSpec>,
    /// Groups or models to try when no candidate is left.
    pub fallback: Vec<Arc<str>>,
    /// When a second attempt starts beside a silent first one; `None`: as the router does it (`failover.hedge_after`).
    pub hedge_after: Option<HedgeAfter>,
    /// Built in rather than configured: may be empty without being a fault.
    pub built_in: bool,
}

/// When a second attempt starts beside a silent first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HedgeAfter {
    /// Never.
    #[default]
    Never,
    /// After the time to the first byte that 95 of 100 answers of the channel model have held, of streams or of whole answers as
    /// this one will be, once enough were seen.
    P95,
    /// After so many milliseconds.
    Ms(u64),
}

/// `slo` of a group. `None` is no goal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slo {
    /// Milliseconds to the first token that 95 of 100 requests hold.
    pub ttft_p95_ms: Option<f64>,
    /// Share of attempts that succeed, 0…1.
    pub success: Option<f64>,
}

/// One layer of `multi_layer`.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// Name of a factor (`effective_cost`, `speed_score`, `coding_score` …).
    pub field: String,
    /// Whether a larger value is better.
    pub descending: bool,
    /// Share in the weighted mean; finite, ≥ 0.
    pub weight: f64,
}

/// `filters` of a group. Empty lists and `None` filter nothing.
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    /// A candidate must have all.
    pub required_capabilities: Capabilities,
    /// Counted by the factor `capability_match`.
    pub optional_capabilities: Capabilities,
    /// A candidate must have none.
    pub exclude_capabilities: Capabilities,
    /// Of input and output, mixed 3:1, per million tokens.
    pub max_cost_per_million: Option<Nano>,
    /// 0…1.
    pub min_quality_score: Option<f64>,
    /// Tokens.
    pub min_context_length: Option<u64>,
    /// Observed time to first token.
    pub max_latency_ms: Option<u64>,
    /// Observed output tokens per second.
    pub min_throughput_tps: Option<f64>,
    /// Model patterns (`*` and `?`).
    pub exclude_models: Vec<String>,
    /// Only these providers (names or kinds).
    pub providers: Vec<String>,
    /// Only these regions.
    pub regions: Vec<String>,
}

/// `time_policies` of a group.
#[derive(Clone, Debug)]
pub struct TimePolicySpec {
    /// IANA name.
    pub timezone: String,
    /// Start and end in minutes after midnight; start included, end not; may wrap.
    pub peak: (u16, u16),
    /// Layers in peak hours; empty: the group's own.
    pub peak_layers: Vec<LayerSpec>,
    /// Layers outside of them; empty: the group's own.
    pub off_peak_layers: Vec<LayerSpec>,
}

/// An explicit member of a group.
#[derive(Clone, Debug)]
pub struct MemberSpec {
    /// Pattern of channel names; `None`: any.
    pub channel: Option<String>,
    /// Pattern of provider names or kinds; `None`: any.
    pub provider: Option<String>,
    /// Pattern of model names.
    pub model: String,
    /// Overrides the channel's.
    pub priority: Option<u32>,
    /// Overrides the channel's.
    pub weight: Option<f64>,
    /// Requests in a day through this member.
    pub daily_limit: Option<u64>,
    /// Overridden factors (`speed_score`, `quality_score` …), 0…1.
    pub score_overrides: BTreeMap<String, f64>,
    /// Multiplies the effective cost (routing only, never the books).
    pub cost_multiplier: Option<f64>,
    /// Whether it counts.
    pub enabled: bool,
}

/// A rule that fills a group.
#[derive(Clone, Debug, Default)]
pub struct SelectSpec {
    /// All must hold; `!tag` must not. Empty: any.
    pub tags: Vec<String>,
    /// Any of these patterns. Empty: any.
    pub models: Vec<String>,
}

/// What a client authenticates with.
#[derive(Clone, Debug)]
pub struct ClientKeySpec {
    /// Stable id.
    pub id: Arc<str>,
    /// For people; unique.
    pub name: Arc<str>,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What it may do beside calling models.
    pub role: Role,
    /// Patterns of groups and models that it may use. Empty: all.
    pub allowed: Vec<String>,
    /// Per day.
    pub daily_budget: Option<Nano>,
    /// Per month.
    pub monthly_budget: Option<Nano>,
    /// Its own limits.
    pub limits: KeyLimits,
    /// Networks it may come from, as CIDR. Empty: all.
    pub ip_allow: Vec<String>,
    /// Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// False: revoked or disabled.
    pub enabled: bool,
}

/// What a client key may do on the control plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Own usage only.
    #[default]
    User,
    /// Reads everything.
    Viewer,
    /// Everything.
    Admin,
}

/// `rate_limits` of a client key. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests in any minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in any minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at a time.
    pub max_in_flight: Option<u64>,
}
