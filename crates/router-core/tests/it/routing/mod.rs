//! Routing: from a catalogue, a request and live state to an order. The helpers here hide the API, so that a test
//! reads as its scenario.

mod catalogue;
mod explained;
mod filters;
mod learning;
mod names;
mod pacing;
mod prices;
mod properties;
mod ranking;
mod recompute;
mod shares;
mod wishes;

use std::collections::BTreeMap;

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::spec::{
    CatalogSpec, ChannelLimits, ChannelModelSpec, ChannelSpec, ClientKeySpec, GroupSpec, KeyLimits, KeyRotation,
    LayerSpec, MemberSpec, Role, SelectSpec, Slo, Timeouts,
};
use router_core::catalog::{Capabilities, Capability, ChannelIx, GroupIx, ModelIx, Snapshot};
use router_core::pricing::{Price, Rate};
use router_core::routing::{ChannelLive, Decision, Live, ModelLive, Moment, decide, resolve};

/// A moment in the middle of a day: 2027-01-15 08:00:00 UTC.
pub(crate) const NOW: u64 = 1_800_000_000_000;

pub(crate) fn caps(list: &[Capability]) -> Capabilities {
    list.iter().copied().collect()
}

/// A chat model at that price in cents per million tokens, in and out alike.
pub(crate) fn model(name: &str, cents: i64) -> ChannelModelSpec {
    ChannelModelSpec {
        name: name.into(),
        upstream_name: format!("{name}-upstream").into(),
        aliases: Vec::new(),
        price: Some(Price { input: Rate(cents * 10_000_000), output: Rate(cents * 10_000_000), ..Price::default() }),
        context_length: Some(8_000),
        max_output_tokens: None,
        capabilities: caps(&[Capability::Chat, Capability::Streaming]),
        tags: Vec::new(),
        scores: BTreeMap::new(),
        parameter_count: None,
    }
}

pub(crate) fn channel(name: &str, models: Vec<ChannelModelSpec>) -> ChannelSpec {
    ChannelSpec {
        name: name.into(),
        provider: "acme".into(),
        kind: "openai_compatible".into(),
        base_url: "https://api.example.com/v1".into(),
        headers: Vec::new(),
        keys: Vec::new(),
        key_rotation: KeyRotation::default(),
        region: None,
        tags: Vec::new(),
        priority: 1,
        weight: 1.0,
        enabled: true,
        limits: ChannelLimits::default(),
        timeouts: Timeouts::default(),
        models,
    }
}

/// A group of everything.
pub(crate) fn group(name: &str, strategy: &str) -> GroupSpec {
    GroupSpec {
        name: name.into(),
        strategy: strategy.into(),
        slo: (strategy == "slo").then_some(Slo { ttft_p95_ms: Some(800.0), success: Some(0.9) }),
        select: Some(SelectSpec::default()),
        ..GroupSpec::default()
    }
}

pub(crate) fn member(model: &str) -> MemberSpec {
    MemberSpec {
        channel: None,
        provider: None,
        model: model.into(),
        priority: None,
        weight: None,
        daily_limit: None,
        score_overrides: BTreeMap::new(),
        cost_multiplier: None,
        enabled: true,
    }
}

pub(crate) fn layer(field: &str, descending: bool, weight: f64) -> LayerSpec {
    LayerSpec { field: field.into(), descending, weight }
}

pub(crate) fn key(name: &str, allowed: &[&str]) -> ClientKeySpec {
    let mut hash = [0; 32];
    hash.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    ClientKeySpec {
        id: name.into(),
        name: name.into(),
        hash,
        role: Role::User,
        allowed: allowed.iter().map(ToString::to_string).collect(),
        daily_budget: None,
        monthly_budget: None,
        limits: KeyLimits::default(),
        ip_allow: Vec::new(),
        expires_at_ms: None,
        enabled: true,
    }
}

pub(crate) fn ask(model: &str) -> Ask {
    Ask {
        endpoint: Endpoint::ChatCompletions,
        model: model.into(),
        stream: false,
        needs: Capabilities::NONE,
        input_tokens: 1_000,
        input_tokens_bound: 2_000,
        max_output_tokens: Some(400),
        answers: 1,
        ..Ask::default()
    }
}

pub(crate) fn at(sequence: u64) -> Moment {
    Moment { now_ms: NOW, seed: router_core::ids::mix(sequence), sequence }
}

pub(crate) fn catalogue(channels: Vec<ChannelSpec>, groups: Vec<GroupSpec>) -> CatalogSpec {
    CatalogSpec { channels, groups, ..CatalogSpec::default() }
}

pub(crate) fn build(spec: CatalogSpec) -> Snapshot {
    Snapshot::build(spec).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Live state by name of the channel; who is not named is idle, healthy and unobserved.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    models: BTreeMap<ModelIx, ModelLive>,
    channels: BTreeMap<ChannelIx, ChannelLive>,
    pub(crate) member_requests: u64,
    pub(crate) pinned: Option<ChannelIx>,
}

impl World {
    pub(crate) fn set(
        &mut self,
        snapshot: &Snapshot,
        name: &str,
        change: impl FnOnce(&mut ModelLive, &mut ChannelLive),
    ) {
        let ix = snapshot.channel_by_name(name).expect("a channel of that name");
        let model = ModelIx(snapshot.channel(ix).expect("the channel").models.start);
        change(self.models.entry(model).or_default(), self.channels.entry(ix).or_default());
    }
}

impl Live for World {
    fn model(&self, ix: ModelIx) -> ModelLive {
        self.models.get(&ix).copied().unwrap_or_default()
    }

    fn channel(&self, ix: ChannelIx) -> ChannelLive {
        self.channels.get(&ix).copied().unwrap_or_default()
    }

    fn pinned(&self) -> Option<ChannelIx> {
        self.pinned
    }

    fn member_requests_today(&self, _: GroupIx, _: ModelIx) -> u64 {
        self.member_requests
    }
}

pub(crate) fn run(snapshot: &Snapshot, world: &World, ask: &Ask, at: Moment) -> Decision {
    let target = resolve(snapshot, None, &ask.model).expect("a target");
    decide(snapshot, &target, ask, world, at)
}

/// The order as names of channels (or `channel/model` where a channel has several).
pub(crate) fn order(snapshot: &Snapshot, decision: &Decision) -> String {
    decision.order().map(|ix| name(snapshot, ix)).collect::<Vec<_>>().join(" ")
}

pub(crate) fn name(snapshot: &Snapshot, ix: ModelIx) -> String {
    let (model, channel) = snapshot.model_and_channel(ix).expect("a channel model");
    if channel.models.len() == 1 { channel.name.to_string() } else { format!("{}/{}", channel.name, model.name) }
}

/// `channel:code` for everyone who is out.
pub(crate) fn left_out(snapshot: &Snapshot, decision: &Decision) -> String {
    let out = |candidate: &router_core::routing::Candidate| {
        let reason = candidate.verdict.reason()?;
        assert!(!reason.sentence(snapshot).is_empty());
        Some(format!("{}:{}", name(snapshot, candidate.model), reason.as_code()))
    };
    decision.candidates.iter().filter_map(out).collect::<Vec<_>>().join(" ")
}
