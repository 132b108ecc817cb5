//! Shapes of `model_groups`.

use std::collections::BTreeMap;

use crate::config::decode::{choice, entry, section};
use crate::config::units::{Hedge, Hours, Share, Span, Usd, Zone};

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
        /// Ask a second channel, too, when the first is silent for so long: p95, a time or never; null: as failover.hedge_after says.
        hedge_after: Option<Hedge> = None,
    }
}
