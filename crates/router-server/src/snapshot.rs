//! The immutable world of a request: the catalogue of the core and, beside each of its entries, what the server needs
//! to act on it. Built whole, swapped whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::{HeaderValue, Uri};
use ipnet::IpNet;
use router_core::ask::Endpoint;
use router_core::budget::{Ledger, ScopeBudget, Zone};
use router_core::catalog::spec::CatalogSpec;
use router_core::catalog::{Channel, ChannelIx, GroupIx, KeyIx, ModelIx, Snapshot};
use router_core::health::BreakerState;
use router_core::request::RetryBudgetConfig;
use router_core::world::{ChannelCell, Rules, World};
use router_store::SecretString;
use router_wire::adapters::{self, Adapter, Call, UpstreamPreset};

use crate::config::prices::Conversion;
use crate::jobs::Timing;
use crate::lasting::{self, header_value, lasting};
use crate::live::{LiveTable, ModelMetrics};
use crate::telemetry::metrics::{ByEndpoint, Metrics, Name};
use crate::upstream::{Origin, Proxy, UpstreamHeaders};
use prometheus_client::metrics::counter::Counter;

/// What the server knows of a channel beyond the catalogue.
#[derive(Clone, Debug)]
pub struct ChannelWiring {
    /// How to speak to it.
    pub preset: UpstreamPreset,
    /// The keys in clear, by id; in the order of the catalogue.
    pub secrets: Vec<(Arc<str>, SecretString)>,
    /// From the provider's prices to ours.
    pub conversion: Conversion,
}

/// Settings that requests read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `auth.required`
    pub auth_required: bool,
    /// `auth.ip_allow`
    pub ip_allow: Vec<IpNet>,
    /// `server.trusted_proxies`
    pub trusted_proxies: Vec<IpNet>,
    /// `server.max_request_bytes`
    pub max_request_bytes: usize,
    /// `server.body_timeout`
    pub body_timeout: std::time::Duration,
    /// By which requests run.
    pub rules: Rules,
    /// `failover.retry_budget`
    pub retries: RetryBudgetConfig,
    /// `failover.hedge_budget`
    pub hedges: RetryBudgetConfig,
    /// `jobs.health_check`
    pub health_check: Timing,
    /// `egress.allow_insecure_http`
    pub allow_insecure_http: bool,
    /// `egress.proxy`
    pub proxy: Option<Arc<Proxy>>,
    /// `telemetry.metrics_auth`
    pub metrics_auth: bool,
    /// This instance's id, sent along to notice loops.
    pub instance: HeaderValue,
}

/// One provider key, ready to send.
#[derive(Debug)]
pub struct ProviderKeySide {
    /// Stable id.
    pub id: &'static str,
    /// With the key in them.
    pub headers: UpstreamHeaders,
}

/// One channel.
#[derive(Debug)]
pub struct ChannelSide {
    /// Live, with its limits and budgets.
    pub cell: Arc<ChannelCell>,
    /// Speaks to it.
    pub adapter: &'static Adapter,
    /// How.
    pub preset: UpstreamPreset,
    /// Its keys, in the order of the cell's; one without credential where the provider needs none.
    pub keys: Vec<ProviderKeySide>,
    /// For headers and metrics.
    pub name: Label,
    /// For headers and metrics.
    pub provider: Label,
    /// From the provider's prices to ours.
    pub conversion: Conversion,
    base_url: Arc<str>,
}

/// A name in the forms that a request needs.
#[derive(Clone, Debug)]
pub struct Label {
    /// For rows.
    pub text: &'static str,
    /// For an answer's header.
    pub header: HeaderValue,
    /// For metrics.
    pub name: Name,
}

impl Label {
    fn new(text: &Arc<str>) -> Self {
        Self { text: lasting(text), header: header_value(text), name: Name(Arc::clone(text)) }
    }
}

impl ChannelSide {
    /// Where a call goes; `None` if the provider has no such endpoint.
    #[must_use]
    pub fn address(&self, call: &Call<'_>) -> Option<Uri> {
        self.address_text(call)?.parse().ok()
    }

    fn address_text(&self, call: &Call<'_>) -> Option<String> {
        self.adapter.address(&self.preset, &self.base_url, call)
    }

    /// Where its lists of models are.
    #[must_use]
    pub fn place(&self) -> router_wire::lists::Place<'_> {
        router_wire::lists::Place { base_url: &self.base_url, preset: &self.preset }
    }
}

/// One channel model.
#[derive(Debug)]
pub struct ModelSide {
    /// Handles of its metrics.
    pub metrics: Arc<ModelMetrics>,
    /// Its name at the provider, for rows.
    pub upstream_name: &'static str,
    /// The same for the answer's header.
    pub upstream: HeaderValue,
    /// Where its conversations go in the dialect that the provider speaks first: whole, streamed.
    whole: Option<Uri>,
    streamed: Option<Uri>,
}

impl ModelSide {
    /// The address of a call that most requests make, ready made; `None`: ask [`ChannelSide::address`].
    #[must_use]
    pub fn uri(&self, call: &Call<'_>, preset: &UpstreamPreset) -> Option<&Uri> {
        let usual = call.endpoint.is_generation() && call.dialect == preset.dialect;
        if call.stream { self.streamed.as_ref() } else { self.whole.as_ref() }.filter(|_| usual)
    }
}

/// One group.
#[derive(Debug)]
pub struct GroupSide {
    /// For headers and metrics.
    pub name: Label,
    /// Counts its completed requests.
    pub completed: ByEndpoint<Counter>,
}

/// One client key.
#[derive(Debug)]
pub struct ClientKeySide {
    /// Its id and its name, for rows.
    pub id: &'static str,
    /// See `id`.
    pub name: &'static str,
    /// Networks it may come from; empty: all.
    pub ip_allow: Vec<IpNet>,
}

/// The world.
#[derive(Debug)]
pub struct ServerSnapshot {
    /// The catalogue.
    pub core: Snapshot,
    /// Of the configuration.
    pub version: u64,
    /// Hex digest of the configuration.
    pub hash: String,
    /// In which days and months turn over.
    pub zone: Zone,
    /// The live side of the catalogue, by the same indices.
    pub world: World,
    /// Settings.
    pub settings: Settings,
    /// Origins that channels name.
    pub origins: HashSet<Origin>,
    /// Counts the completed requests that went to no group.
    pub ungrouped: ByEndpoint<Counter>,
    channels: Vec<ChannelSide>,
    models: Vec<ModelSide>,
    groups: Vec<GroupSide>,
    keys: Vec<ClientKeySide>,
}

/// What a snapshot is built with.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Live state to find again.
    pub live: &'a LiveTable,
    /// Scopes of budgets.
    pub ledger: &'a Ledger,
    /// Handles.
    pub metrics: &'a Metrics,
}

impl ServerSnapshot {
    /// Builds the world of a catalogue.
    ///
    /// # Errors
    /// Every problem, as text for the operator.
    pub fn build(
        spec: CatalogSpec,
        mut wiring: HashMap<Arc<str>, ChannelWiring>,
        settings: Settings,
        around: &Surroundings<'_>,
    ) -> Result<Self, Vec<String>> {
        let zone = Zone::named(&spec.budgets.timezone).map_err(|error| vec![error.to_string()])?;
        let (version, hash) = (spec.version, spec.hash.clone());
        let core =
            Snapshot::build(spec).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let manners =
            |channel: &Channel| wiring.get(&channel.name).map(|wired| wired.preset.manners()).unwrap_or_default();
        let world = World::build(&core, settings.rules, manners, &around.live.cells, around.ledger);
        let mut problems = Vec::new();
        let mut channels = Vec::with_capacity(core.channels().len());
        for (ix, channel) in (0..).map(ChannelIx).zip(core.channels()) {
            let Some((wired, cell)) = wiring.remove(&channel.name).zip(world.channel(ix)) else {
                problems.push(format!("channel `{}` has no wiring", channel.name));
                continue;
            };
            match channel_side(channel, &wired, cell) {
                Ok(side) => channels.push(side),
                Err(problem) => problems.push(format!("channel `{}`: {problem}", channel.name)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let models = core.models().iter();
        let models = models.map(|model| model_side(&core, model, channels.get(model.channel.slot()), around)).collect();
        let groups = core
            .groups()
            .iter()
            .map(|group| GroupSide { name: Label::new(&group.name), completed: ByEndpoint::default() });
        let groups = groups.collect();
        let keys = core.keys().iter().map(|key| ClientKeySide {
            id: lasting(&key.id),
            name: lasting(&key.name),
            ip_allow: key.ip_allow.iter().filter_map(|text| parse_network(text)).collect(),
        });
        let keys = keys.collect();
        let origins =
            channels.iter().filter_map(|channel: &ChannelSide| Origin::of(&channel.base_url.parse().ok()?)).collect();
        Ok(Self {
            version,
            hash,
            zone,
            world,
            settings,
            origins,
            ungrouped: ByEndpoint::default(),
            channels,
            models,
            groups,
            keys,
            core,
        })
    }

    /// The server's side of a channel.
    #[must_use]
    pub fn channel(&self, ix: ChannelIx) -> Option<&ChannelSide> {
        self.channels.get(ix.slot())
    }

    /// The server's side of all channels, in the order of the catalogue.
    #[must_use]
    pub fn channels(&self) -> &[ChannelSide] {
        &self.channels
    }

    /// The breaker of a channel as people see it.
    #[must_use]
    pub fn channel_breaker(&self, channel: &Channel, now_ms: u64) -> BreakerState {
        let ix = self.core.channel_by_name(&channel.name);
        ix.map_or(BreakerState::Closed, |ix| self.world.channel_breaker(&self.core, ix, now_ms))
    }

    /// The server's side of a channel model.
    #[must_use]
    pub fn model(&self, ix: ModelIx) -> Option<&ModelSide> {
        self.models.get(ix.slot())
    }

    /// The server's side of a group.
    #[must_use]
    pub fn group(&self, ix: GroupIx) -> Option<&GroupSide> {
        self.groups.get(ix.slot())
    }

    /// The server's side of a client key.
    #[must_use]
    pub fn key(&self, ix: KeyIx) -> Option<&ClientKeySide> {
        self.keys.get(ix.slot())
    }

    /// Every capped budget with its place in the ledger, for metrics.
    pub fn budgets(&self) -> impl Iterator<Item = ScopeBudget> {
        self.world.budgets()
    }
}

/// A CIDR network, or an address as a network of one.
#[must_use]
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn channel_side(channel: &Channel, wired: &ChannelWiring, cell: &Arc<ChannelCell>) -> Result<ChannelSide, String> {
    let adapter = adapters::by_name(&channel.kind);
    let preset = &wired.preset;
    // An address that depends on the model is made of parts of which only this one can be wrong.
    let base: Result<Uri, _> = channel.base_url.parse();
    if base.map_or(true, |base| Origin::of(&base).is_none()) {
        return Err(format!("base_url `{}` is not a URL", channel.base_url));
    }
    let mut keys = Vec::with_capacity(channel.keys.len().max(1));
    for (key, (id, secret)) in channel.keys.iter().zip(&wired.secrets) {
        debug_assert_eq!(&key.id, id, "keys and secrets go side by side");
        keys.push(ProviderKeySide { id: lasting(id), headers: UpstreamHeaders::new(adapter, preset, Some(secret))? });
    }
    if keys.is_empty() {
        let id = lasting(&format!("{}/none", channel.name));
        keys.push(ProviderKeySide { headers: UpstreamHeaders::new(adapter, preset, None)?, id });
    }
    Ok(ChannelSide {
        cell: Arc::clone(cell),
        adapter,
        preset: preset.clone(),
        keys,
        name: Label::new(&channel.name),
        provider: Label::new(&channel.provider),
        conversion: wired.conversion,
        base_url: Arc::from(&*channel.base_url),
    })
}

fn model_side(
    core: &Snapshot,
    model: &router_core::catalog::ChannelModel,
    side: Option<&ChannelSide>,
    around: &Surroundings<'_>,
) -> ModelSide {
    let uri = |stream| {
        let (side, model) = (side?, &*model.upstream_name);
        let dialect = &side.preset.dialect;
        let call = Call { dialect, endpoint: Endpoint::ChatCompletions, model, stream, method: None };
        lasting::uri(&side.address_text(&call)?)
    };
    let nobody: Arc<str> = "".into();
    let (channel, provider) =
        core.channel(model.channel).map_or((&nobody, &nobody), |channel| (&channel.name, &channel.provider));
    ModelSide {
        metrics: around.live.metrics(around.metrics, provider, channel, &model.name),
        upstream_name: lasting(&model.upstream_name),
        upstream: header_value(&model.upstream_name),
        whole: uri(false),
        streamed: uri(true),
    }
}
