//! A model group, compiled: its members found, its strategy resolved, its filters judged as far as they do not
//! depend on the request.

use std::sync::Arc;

use super::spec::{HedgeAfter, Slo};
use super::{Capabilities, Channel, ChannelModel, Hours, ModelIx};
use crate::money::Nano;
use crate::routing::{FactorRef, Layer, Reason, Selector, Strategy};

/// A virtual model.
#[derive(Clone, Debug)]
pub struct Group {
    /// What clients ask for (`auto:fast`).
    pub name: Arc<str>,
    /// For people.
    pub display_name: String,
    /// For people.
    pub description: String,
    /// How the candidates are ranked.
    pub strategy: &'static Strategy,
    /// The layers of that strategy: the group's own for `multi_layer`, else the preset.
    pub layers: Arc<[Layer]>,
    /// How the ranked candidates become an order.
    pub selector: &'static Selector,
    /// Counted by the factor `capability_match`.
    pub optional_capabilities: Capabilities,
    /// Observed time to first token, at most; milliseconds.
    pub max_latency_ms: Option<u64>,
    /// Observed output tokens per second, at least.
    pub min_throughput_tps: Option<f64>,
    /// Money that the group may spend in a day.
    pub daily_budget: Option<Nano>,
    /// Bound on the reserved cost of one request.
    pub max_cost_per_request: Option<Nano>,
    /// Goals of strategy `slo`.
    pub slo: Slo,
    /// Other layers by time of day.
    pub time_policy: Option<TimePolicy>,
    /// Every channel model that belongs to the group, explicit ones first, each once.
    pub members: Box<[Member]>,
    /// Overridden factors, shared by the members that one entry of the configuration matched.
    pub(crate) overrides: Vec<Overrides>,
    /// Groups or models to try when no candidate is left.
    pub fallback: Box<[Arc<str>]>,
    /// When a second attempt starts beside a silent first one; `None`: as the router does it.
    pub hedge_after: Option<HedgeAfter>,
    /// Built in rather than configured.
    pub built_in: bool,
}

/// Factors that a member of a group overrides.
pub(crate) type Overrides = Box<[(FactorRef, f64)]>;

impl Group {
    /// The factors that a member overrides.
    pub(crate) fn overrides_of(&self, member: &Member) -> &[(FactorRef, f64)] {
        self.overrides.get(member.overrides as usize).map_or(&[], AsRef::as_ref)
    }
}

/// A channel model as a candidate: with the numbers that its group may give it.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Which channel model.
    pub model: ModelIx,
    /// 1 is the highest.
    pub priority: u32,
    /// Share among equals; finite, ≥ 0.
    pub weight: f64,
    /// Multiplies the effective cost (routing only, never the books).
    pub cost_multiplier: f64,
    /// Requests in a day through this member.
    pub daily_limit: Option<u64>,
    /// Why it can never be chosen here, whatever the request.
    pub out: Option<Reason>,
    /// Place of its overrides in the group; `u32::MAX` where there are none.
    pub(crate) overrides: u32,
}

impl Member {
    /// A channel model outside of any group.
    #[must_use]
    pub fn plain(ix: ModelIx, model: &ChannelModel, channel: &Channel) -> Self {
        Self {
            model: ix,
            priority: channel.priority,
            weight: channel.weight,
            cost_multiplier: 1.0,
            daily_limit: None,
            out: model.out,
            overrides: u32::MAX,
        }
    }
}

/// Layers by time of day in a zone.
#[derive(Clone, Debug)]
pub struct TimePolicy {
    pub(crate) peak: Hours,
    /// `None`: the group's own.
    pub(crate) peak_layers: Option<Arc<[Layer]>>,
    /// `None`: the group's own.
    pub(crate) off_peak_layers: Option<Arc<[Layer]>>,
}

impl TimePolicy {
    /// Whether the moment lies in the peak hours. Equal start and end mean the whole day.
    #[must_use]
    pub fn is_peak(&self, now_ms: u64) -> bool {
        self.peak.contains(now_ms)
    }

    /// The layers of that moment, if they differ from the group's own.
    #[must_use]
    pub fn layers(&self, now_ms: u64) -> Option<&Arc<[Layer]>> {
        if self.is_peak(now_ms) { self.peak_layers.as_ref() } else { self.off_peak_layers.as_ref() }
    }
}
