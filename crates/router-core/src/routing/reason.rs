//! Why a candidate is out: data, a code for machines, a sentence for people.

use crate::ask::Endpoint;
use crate::catalog::{Capabilities, Snapshot, TagId};
use crate::money::Nano;

/// What a state of live data belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One model on one channel.
    Model,
    /// The whole channel.
    Channel,
}

impl Scope {
    const fn word(self) -> &'static str {
        match self {
            Self::Model => "this model on the channel",
            Self::Channel => "the channel",
        }
    }
}

/// Whether, and by whom, a reason can be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonClass {
    /// The configuration says so, whatever the request.
    Configured,
    /// Another request might pass.
    Request,
    /// The same request might pass later.
    Passing,
}

/// Why a candidate is out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// The channel is switched off.
    ChannelDisabled,
    /// The member is switched off in the group.
    MemberDisabled,
    /// It has no price, and `budgets.unknown_price` is `refuse`.
    UnknownPrice,
    /// It lacks capabilities that the group requires.
    MissingCapabilities(Capabilities),
    /// It has capabilities that the group excludes.
    ExcludedCapabilities(Capabilities),
    /// Dearer than the group's `max_cost_per_million`.
    CostPerMillion {
        /// Input and output mixed 3:1.
        usd: f64,
        /// The group's.
        limit: Nano,
    },
    /// Below the group's `min_quality_score`.
    LowQuality {
        /// `NaN` where it has none.
        score: f64,
        /// The group's.
        limit: f64,
    },
    /// Below the group's `min_context_length`.
    ShortContext {
        /// `None` where it is unknown.
        tokens: Option<u64>,
        /// The group's.
        limit: u64,
    },
    /// The group's `exclude_models` names it.
    ExcludedModel,
    /// Not one of the group's `providers`.
    OtherProvider,
    /// Not in one of the group's `regions`.
    OtherRegion,
    /// The request builds on state that another channel keeps.
    PinnedElsewhere,
    /// It does not do this kind of work.
    WrongEndpoint(Endpoint),
    /// It lacks what the request uses.
    LacksNeeds(Capabilities),
    /// It does not stream, and the request asks for a stream.
    NoStreaming,
    /// The request is longer than the model's context.
    ContextLength {
        /// Estimated input tokens.
        tokens: u64,
        /// The model's.
        limit: u64,
    },
    /// The request alone is larger than the channel's limit on tokens per minute.
    LargerThanMinute {
        /// Estimated input tokens.
        tokens: u64,
        /// The channel's.
        limit: u64,
    },
    /// The request asks for a tag that it lacks; `None`: that no channel model has.
    MissingTag(Option<TagId>),
    /// It has a tag that the request excludes.
    ForbiddenTag(TagId),
    /// The request asks for a free model.
    NotFree,
    /// The request's wishes about providers leave it out.
    ProviderUnwanted,
    /// The request allows nobody but the first candidate.
    FallbacksOff,
    /// Dearer than the request's `provider.max_price`.
    MaxPrice,
    /// It might cost more than the request or the group allows for one request.
    TooDear {
        /// Upper bound of the cost.
        bound: Nano,
        /// The limit.
        limit: Nano,
    },
    /// Observed slower to the first token than the group's `max_latency_ms`.
    SlowLatency {
        /// Observed.
        ms: f64,
        /// The group's.
        limit: u64,
    },
    /// Observed below the group's `min_throughput_tps`.
    SlowThroughput {
        /// Observed.
        tps: f64,
        /// The group's.
        limit: f64,
    },
    /// Cooling down after faults.
    CoolingDown {
        /// Of what.
        scope: Scope,
        /// Unix milliseconds.
        until_ms: u64,
        /// Whether it is only our guess after a passing fault.
        guess: bool,
    },
    /// The circuit breaker is open, or half-open with all its probes under way.
    BreakerOpen {
        /// Of what.
        scope: Scope,
        /// Unix milliseconds; `None` where probes are under way.
        until_ms: Option<u64>,
    },
    /// Rate limited.
    RateLimited {
        /// Of what.
        scope: Scope,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// As many requests at a time as the channel may have.
    MaxInFlight {
        /// The channel's, or what leaves room for the others.
        limit: u64,
    },
    /// The channel's requests of the day are used up.
    DailyRequests {
        /// The channel's.
        limit: u64,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// The member's requests of the day are used up.
    MemberDailyLimit {
        /// The member's.
        limit: u64,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// The channel's money of the day is used up.
    DailyBudget {
        /// The channel's.
        limit: Nano,
        /// Unix milliseconds.
        until_ms: u64,
    },
}

impl Reason {
    /// The code for machines.
    #[must_use]
    pub const fn as_code(self) -> &'static str {
        match self {
            Self::ChannelDisabled => "channel_disabled",
            Self::MemberDisabled => "member_disabled",
            Self::UnknownPrice => "unknown_price",
            Self::MissingCapabilities(_) => "missing_capabilities",
            Self::ExcludedCapabilities(_) => "excluded_capabilities",
            Self::CostPerMillion { .. } => "max_cost_per_million",
            Self::LowQuality { .. } => "min_quality_score",
            Self::ShortContext { .. } => "min_context_length",
            Self::ExcludedModel => "excluded_model",
            Self::OtherProvider => "other_provider",
            Self::OtherRegion => "other_region",
            Self::PinnedElsewhere => "pinned_elsewhere",
            Self::WrongEndpoint(_) => "wrong_endpoint",
            Self::LacksNeeds(_) => "lacks_needs",
            Self::NoStreaming => "no_streaming",
            Self::ContextLength { .. } => "context_length",
            Self::LargerThanMinute { .. } => "larger_than_minute_limit",
            Self::MissingTag(_) => "missing_tag",
            Self::ForbiddenTag(_) => "forbidden_tag",
            Self::NotFree => "not_free",
            Self::ProviderUnwanted => "provider_unwanted",
            Self::FallbacksOff => "fallbacks_off",
            Self::MaxPrice => "max_price",
            Self::TooDear { .. } => "max_cost",
            Self::SlowLatency { .. } => "max_latency",
            Self::SlowThroughput { .. } => "min_throughput",
            Self::CoolingDown { .. } => "cooling_down",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::RateLimited { .. } => "rate_limited",
            Self::MaxInFlight { .. } => "max_in_flight",
            Self::DailyRequests { .. } => "requests_per_day",
            Self::MemberDailyLimit { .. } => "member_daily_limit",
            Self::DailyBudget { .. } => "channel_daily_budget",
        }
    }

    /// Whether the configuration, the request or the moment is the cause.
    #[must_use]
    pub const fn class(self) -> ReasonClass {
        match self {
            Self::ChannelDisabled
            | Self::MemberDisabled
            | Self::UnknownPrice
            | Self::MissingCapabilities(_)
            | Self::ExcludedCapabilities(_)
            | Self::CostPerMillion { .. }
            | Self::LowQuality { .. }
            | Self::ShortContext { .. }
            | Self::ExcludedModel
            | Self::OtherProvider
            | Self::OtherRegion => ReasonClass::Configured,
            Self::PinnedElsewhere
            | Self::WrongEndpoint(_)
            | Self::LacksNeeds(_)
            | Self::NoStreaming
            | Self::ContextLength { .. }
            | Self::LargerThanMinute { .. }
            | Self::MissingTag(_)
            | Self::ForbiddenTag(_)
            | Self::NotFree
            | Self::ProviderUnwanted
            | Self::FallbacksOff
            | Self::MaxPrice
            | Self::TooDear { .. } => ReasonClass::Request,
            Self::SlowLatency { .. }
            | Self::SlowThroughput { .. }
            | Self::CoolingDown { .. }
            | Self::BreakerOpen { .. }
            | Self::RateLimited { .. }
            | Self::MaxInFlight { .. }
            | Self::DailyRequests { .. }
            | Self::MemberDailyLimit { .. }
            | Self::DailyBudget { .. } => ReasonClass::Passing,
        }
    }

    /// When it will be over, where that is known; unix milliseconds.
    #[must_use]
    pub const fn until_ms(self) -> Option<u64> {
        match self {
            Self::CoolingDown { until_ms, .. }
            | Self::RateLimited { until_ms, .. }
            | Self::DailyRequests { until_ms, .. }
            | Self::MemberDailyLimit { until_ms, .. }
            | Self::DailyBudget { until_ms, .. } => Some(until_ms),
            Self::BreakerOpen { until_ms, .. } => until_ms,
            _ => None,
        }
    }

    /// A sentence for people, without a full stop.
    #[must_use]
    pub fn sentence(self, snapshot: &Snapshot) -> String {
        match self {
            Self::ChannelDisabled => "the channel is disabled".into(),
            Self::MemberDisabled => "disabled in this group".into(),
            Self::UnknownPrice => "its price is unknown, and budgets.unknown_price is refuse".into(),
            Self::MissingCapabilities(set) => format!("lacks {}, which the group requires", list(set)),
            Self::ExcludedCapabilities(set) => format!("has {}, which the group excludes", list(set)),
            Self::CostPerMillion { usd, limit } => {
                format!("costs {usd:.4} USD per million tokens; the group allows {}", usd_text(limit))
            }
            Self::LowQuality { score, limit } if score.is_nan() => {
                format!("has no quality score; the group requires {limit}")
            }
            Self::LowQuality { score, limit } => format!("quality score {score}; the group requires {limit}"),
            Self::ShortContext { tokens: None, limit } => {
                format!("context length unknown; the group requires {limit} tokens")
            }
            Self::ShortContext { tokens: Some(tokens), limit } => {
                format!("context of {tokens} tokens; the group requires {limit}")
            }
            Self::ExcludedModel => "named in the group's exclude_models".into(),
            Self::OtherProvider => "not one of the group's providers".into(),
            Self::OtherRegion => "not in one of the group's regions".into(),
            Self::PinnedElsewhere => "the request builds on state that another channel keeps".into(),
            Self::WrongEndpoint(endpoint) => format!("does not serve {}", endpoint.as_str()),
            Self::LacksNeeds(set) => format!("lacks {}, which the request uses", list(set)),
            Self::NoStreaming => "does not stream".into(),
            Self::ContextLength { tokens, limit } => {
                format!("the request has about {tokens} input tokens, its context holds {limit}")
            }
            Self::LargerThanMinute { tokens, limit } => {
                format!("the request has about {tokens} input tokens, the channel may take {limit} a minute")
            }
            Self::MissingTag(tag) => match tag.and_then(|tag| snapshot.tag_text(tag)) {
                Some(tag) => format!("lacks the tag `{tag}`"),
                None => "lacks a tag that no channel has".into(),
            },
            Self::ForbiddenTag(tag) => format!("has the tag `{}`", snapshot.tag_text(tag).unwrap_or("?")),
            Self::NotFree => "is not free".into(),
            Self::ProviderUnwanted => "the request's `provider` (only, ignore, order) leaves it out".into(),
            Self::FallbacksOff => "the request allows no fallback (provider.allow_fallbacks)".into(),
            Self::MaxPrice => "dearer than the request's provider.max_price".into(),
            Self::TooDear { bound, limit } => {
                format!("might cost {} USD; this request may cost {}", usd_text(bound), usd_text(limit))
            }
            Self::SlowLatency { ms, limit } => {
                format!("takes {ms:.0} ms to the first token; the group allows {limit} ms")
            }
            Self::SlowThroughput { tps, limit } => {
                format!("gives {tps:.1} tokens/s; the group requires {limit}")
            }
            Self::CoolingDown { scope, .. } => format!("{} is cooling down after faults", scope.word()),
            Self::BreakerOpen { scope, until_ms: Some(_) } => {
                format!("{} failed too often: its circuit breaker is open", scope.word())
            }
            Self::BreakerOpen { scope, until_ms: None } => {
                format!("{} is being probed after failures: its circuit breaker is half-open", scope.word())
            }
            Self::RateLimited { scope, .. } => format!("{} is rate limited", scope.word()),
            Self::MaxInFlight { limit } => format!("the channel has its {limit} requests in flight"),
            Self::DailyRequests { limit, .. } => format!("the channel's {limit} requests of today are used up"),
            Self::MemberDailyLimit { limit, .. } => {
                format!("its {limit} requests of today in this group are used up")
            }
            Self::DailyBudget { limit, .. } => {
                format!("the channel's budget of {} USD for today is used up", usd_text(limit))
            }
        }
    }
}

fn list(set: Capabilities) -> String {
    set.names().collect::<Vec<_>>().join(", ")
}

/// An amount without the zeros at its end.
fn usd_text(amount: Nano) -> String {
    let text = amount.to_string();
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}
