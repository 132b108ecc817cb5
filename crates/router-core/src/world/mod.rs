//! What stands beside the entries of a snapshot while requests run: live state, limits, budgets; and the rules by which a
//! request takes from them and gives back. The server, the simulation and the backtest all drive requests with this.

mod account;
mod bodies;
mod cells;
mod hold;
mod keys;
mod look;
mod provider_key;
mod room;
mod sessions;
mod turns;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

pub use account::{Account, Held};
pub use bodies::Bodies;
pub use cells::{Cells, ChannelState, Keeper};
pub use hold::{Ended, Holding, Reported};
pub use keys::{Draw, MOST_CANDIDATES, attempted};
pub use provider_key::{KeyCell, KeyState};
pub use sessions::{Session, recall};
pub use turns::Turns;
pub use view::{Pinned, View};

use crate::ask::Ask;
use crate::budget::{Exceeded, Ledger, Period, ScopeBudget, ScopeKind, Window};
use crate::catalog::spec::{HedgeAfter, KeyRotation};
use crate::catalog::{Channel, ChannelIx, Group, GroupIx, KeyIx, ModelIx, Snapshot};
use crate::health::{BreakerConfig, Cooldown, CooldownConfig, Health};
use crate::limits::{Limiter, Limits, Refusal, Ticket};
use crate::money::Nano;
use crate::routing::Decision;

/// Settings by which requests run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// `breaker`
    pub breaker: BreakerConfig,
    /// `cooldown`
    pub cooldown: CooldownConfig,
    /// `failover.max_attempts`
    pub max_attempts: u32,
    /// `timeouts.total`, milliseconds.
    pub total_ms: u64,
    /// The most attempts that a channel without a `max_in_flight` of its own may have running beside other channels: one that
    /// hangs leaves room for them.
    pub per_channel: u64,
    /// The most memory that the bodies of a channel's attempts may take beside other channels, bytes, for the same reason.
    pub bodies_per_channel: u64,
    /// `failover.hedge_after`
    pub hedge_after: HedgeAfter,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            breaker: BreakerConfig::default(),
            cooldown: CooldownConfig::default(),
            max_attempts: 3,
            total_ms: crate::catalog::spec::Timeouts::default().total_ms,
            per_channel: u64::MAX,
            bodies_per_channel: u64::MAX,
            hedge_after: HedgeAfter::Never,
        }
    }
}

/// What has to be known of how a provider speaks, which the catalogue does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// Caches prompts without being asked to.
    pub caches_by_itself: bool,
    /// What it says that an answer cost is believed.
    pub believes_cost: bool,
}

/// A channel while requests run.
#[derive(Debug)]
pub struct ChannelCell {
    /// Live.
    pub state: Arc<ChannelState>,
    /// For the limiter.
    pub limits: Limits,
    /// Equal for channels of one provider.
    pub provider: u32,
    /// Its keys; one without credential where the provider needs none.
    pub keys: Vec<KeyCell>,
    /// Which of them comes first.
    pub key_rotation: KeyRotation,
    /// Its budget.
    pub budget: Option<ScopeBudget>,
    /// How its provider behaves.
    pub manners: Manners,
}

impl ChannelCell {
    /// Whether any limit has to be asked for.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.limits != Limits::default()
    }
}

/// A channel model while requests run.
#[derive(Debug)]
struct ModelCell {
    health: Arc<Health>,
    channel: ChannelIx,
    /// Of the pairs that it makes with the keys of its channel, by their places; empty where there is only one key.
    pairs: Box<[Arc<Cooldown>]>,
}

/// Something with limits.
#[derive(Debug)]
pub struct Limited {
    /// Live.
    pub limiter: Arc<Limiter>,
    /// For the limiter.
    pub limits: Limits,
}

/// A group while requests run.
#[derive(Debug)]
pub struct GroupCell {
    /// Its budget.
    pub budget: Option<ScopeBudget>,
    /// Its members that have a daily limit.
    pub members: HashMap<ModelIx, Limited>,
}

/// A client key while requests run.
#[derive(Debug)]
pub struct ClientCell {
    /// Its own limits.
    pub limited: Limited,
    /// Day and month, where capped.
    pub budgets: Vec<ScopeBudget>,
}

/// Where an attempt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The channel model.
    pub model: ModelIx,
    /// The group whose budget counts.
    pub group: Option<GroupIx>,
    /// The key's place on its channel.
    pub key: usize,
}

/// The live side of one snapshot. Belongs to that snapshot: indices of another mean nothing here.
#[derive(Debug)]
pub struct World {
    /// Settings.
    pub rules: Rules,
    /// Of the whole router, where capped.
    pub router_budgets: Vec<ScopeBudget>,
    ledger: Ledger,
    channels: Vec<Arc<ChannelCell>>,
    models: Vec<ModelCell>,
    groups: Vec<GroupCell>,
    keys: Vec<ClientCell>,
}

impl World {
    /// The live side of a snapshot: what `cells` and `ledger` know already is found again by name.
    #[must_use]
    pub fn build(
        core: &Snapshot,
        rules: Rules,
        manners: impl Fn(&Channel) -> Manners,
        cells: &Cells,
        ledger: &Ledger,
    ) -> Self {
        let budgets = Budgets(ledger);
        let mut providers: HashMap<Arc<str>, u32> = HashMap::new();
        let channels = core.channels().iter().map(|channel| {
            let next = u32::try_from(providers.len()).unwrap_or(u32::MAX);
            let provider = *providers.entry(Arc::clone(&channel.provider)).or_insert(next);
            Arc::new(channel_cell(channel, provider, manners(channel), cells, budgets))
        });
        let channels = channels.collect();
        let models = core.models().iter().map(|model| {
            let nobody: Arc<str> = "".into();
            let channel = core.channel(model.channel);
            let several = channel.map(|channel| channel.keys.as_slice()).filter(|keys| keys.len() > 1);
            ModelCell {
                health: cells.model(channel.map_or(&nobody, |channel| &channel.name), &model.name),
                channel: model.channel,
                pairs: several.unwrap_or_default().iter().map(|key| cells.pair(&key.id, &model.name)).collect(),
            }
        });
        let groups = core.groups().iter().map(|group| GroupCell {
            budget: budgets.capped(ScopeKind::Group, &group.name, Period::Day, group.daily_budget),
            members: limited_members(core, group, cells),
        });
        let keys = core.keys().iter().map(|key| ClientCell {
            limited: Limited { limiter: cells.client_key(&key.id), limits: key.limits.into() },
            budgets: budgets.of(ScopeKind::ClientKey, &key.id, key.daily_budget, key.monthly_budget),
        });
        Self {
            rules,
            router_budgets: budgets.of(ScopeKind::Router, "router", core.budgets.daily, core.budgets.monthly),
            ledger: ledger.clone(),
            models: models.collect(),
            groups: groups.collect(),
            keys: keys.collect(),
            channels,
        }
    }

    /// The live side of the same snapshot under the same rules, of which nothing is known yet.
    #[must_use]
    pub fn anew(&self, core: &Snapshot) -> Self {
        let manners = |channel: &Channel| {
            let known = core.channel_by_name(&channel.name).and_then(|ix| self.channel(ix));
            known.map(|channel| channel.manners).unwrap_or_default()
        };
        Self::build(core, self.rules, manners, &Cells::default(), &Ledger::new(core.zone().clone()))
    }

    /// A channel.
    #[must_use]
    pub fn channel(&self, ix: ChannelIx) -> Option<&Arc<ChannelCell>> {
        self.channels.get(ix.slot())
    }

    /// The health of a channel model.
    #[must_use]
    pub fn model(&self, ix: ModelIx) -> Option<&Arc<Health>> {
        self.models.get(ix.slot()).map(|model| &model.health)
    }

    /// A group.
    #[must_use]
    pub fn group(&self, ix: GroupIx) -> Option<&GroupCell> {
        self.groups.get(ix.slot())
    }

    /// A client key.
    #[must_use]
    pub fn key(&self, ix: KeyIx) -> Option<&ClientCell> {
        self.keys.get(ix.slot())
    }

    /// The channel of a channel model.
    #[must_use]
    pub fn channel_of(&self, core: &Snapshot, ix: ModelIx) -> Option<&Arc<ChannelCell>> {
        self.channel(core.model(ix)?.channel)
    }

    /// Every capped budget with its place in the ledger.
    pub fn budgets(&self) -> impl Iterator<Item = ScopeBudget> {
        let channels =
            self.channels.iter().flat_map(|c| c.budget.into_iter().chain(c.keys.iter().filter_map(|k| k.budget)));
        let keys = self.keys.iter().flat_map(|key| key.budgets.iter().copied());
        let groups = self.groups.iter().filter_map(|group| group.budget);
        self.router_budgets.iter().copied().chain(keys).chain(groups).chain(channels)
    }

    /// Takes a request of about `tokens` tokens from the client key's own limits, if there is a key.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn enter(
        &self,
        core: &Snapshot,
        key: Option<KeyIx>,
        tokens: u64,
        now_ms: u64,
    ) -> Result<Option<Ticket>, Refusal> {
        let Some(Limited { limiter, limits }) = key.and_then(|key| self.key(key)).map(|key| &key.limited) else {
            return Ok(None);
        };
        let day = Window::at(Period::Day, core.zone(), now_ms);
        limiter.acquire(limits, tokens, &day, now_ms, now_ms).map(Some)
    }

    /// Learns from a decision what uses of quotas save.
    pub fn learn(&self, decision: &Decision) {
        for saving in &decision.savings {
            if let Some(channel) = self.channel(saving.channel) {
                channel.state.saving.record(saving.usd);
            }
        }
    }

    /// The budgets with a cap that count an attempt of that client key.
    #[must_use]
    pub fn scopes(&self, core: &Snapshot, key: Option<KeyIx>, target: &Target) -> Vec<ScopeBudget> {
        let mut scopes: Vec<ScopeBudget> = self.router_budgets.clone();
        if let Some(key) = key.and_then(|key| self.key(key)) {
            scopes.extend_from_slice(&key.budgets);
        }
        scopes.extend(target.group.and_then(|group| self.group(group)?.budget));
        if let Some(channel) = self.channel_of(core, target.model) {
            scopes.extend(channel.budget);
            scopes.extend(channel.keys.get(target.key).and_then(|key| key.budget));
        }
        scopes
    }

    /// What is spent and reserved of a budget in its present period.
    #[must_use]
    pub fn used(&self, budget: &ScopeBudget, now_ms: u64) -> Nano {
        let (spent, reserved) = self.ledger.used(budget.scope, budget.period, now_ms);
        spent + reserved
    }

    /// Books what an attempt has cost that nothing was reserved for: one that the log tells of.
    pub fn spend(&self, core: &Snapshot, key: Option<KeyIx>, target: &Target, cost: Nano, now_ms: u64) {
        let _ = self.ledger.post(&self.scopes(core, key, target), cost, now_ms);
    }

    /// Books in budgets of the month what requests of that client key have cost earlier in it.
    pub fn spent_before(&self, key: Option<KeyIx>, cost: Nano, now_ms: u64) {
        let of_key = key.and_then(|key| self.key(key)).map_or(&[][..], |key| &key.budgets);
        let all = self.router_budgets.iter().chain(of_key).copied();
        let months: Vec<ScopeBudget> = all.filter(|budget| budget.period == Period::Month).collect();
        let _ = self.ledger.post(&months, cost, now_ms);
    }

    /// The budget that has no room for the most that an attempt there may cost, with any of the channel's keys; `None` where
    /// there is room. Takes nothing.
    #[must_use]
    pub fn no_room(
        &self,
        core: &Snapshot,
        key: Option<KeyIx>,
        target: &Target,
        ask: &Ask,
        now_ms: u64,
    ) -> Option<Box<Exceeded>> {
        let keys = &self.channel_of(core, target.model)?.keys;
        let several = keys.iter().any(|key| key.budget.is_some());
        let mut exceeded = None;
        for place in 0..if several { keys.len() } else { 1 } {
            let scopes = self.scopes(core, key, &Target { key: place, ..target.clone() });
            if scopes.is_empty() {
                return None;
            }
            match self.ledger.room(&scopes, core.reserved_cost(target.model, ask), now_ms) {
                Ok(()) => return None,
                Err(error) => _ = exceeded.get_or_insert(error),
            }
        }
        exceeded
    }

    /// Whether the budgets have room for an attempt at another of the targets.
    #[must_use]
    pub fn fits_elsewhere(
        &self,
        core: &Snapshot,
        key: Option<KeyIx>,
        (target, all): (&Target, &[Target]),
        ask: &Ask,
        now_ms: u64,
    ) -> bool {
        let mut others = all.iter().filter(|other| other.model != target.model);
        others.any(|other| self.no_room(core, key, other, ask, now_ms).is_none())
    }
}

#[derive(Clone, Copy)]
struct Budgets<'a>(&'a Ledger);

impl Budgets<'_> {
    fn capped(self, kind: ScopeKind, id: &str, period: Period, cap: Option<Nano>) -> Option<ScopeBudget> {
        cap.map(|cap| ScopeBudget { scope: self.0.scope(kind, id), period, cap: Some(cap) })
    }

    fn of(self, kind: ScopeKind, id: &str, daily: Option<Nano>, monthly: Option<Nano>) -> Vec<ScopeBudget> {
        let both = [self.capped(kind, id, Period::Day, daily), self.capped(kind, id, Period::Month, monthly)];
        both.into_iter().flatten().collect()
    }
}

fn channel_cell(
    channel: &Channel,
    provider: u32,
    manners: Manners,
    cells: &Cells,
    budgets: Budgets<'_>,
) -> ChannelCell {
    ChannelCell {
        state: cells.channel(&channel.name),
        limits: channel.limits.into(),
        provider,
        keys: provider_key::key_cells(channel, cells, budgets),
        key_rotation: channel.key_rotation,
        budget: budgets.capped(ScopeKind::Channel, &channel.name, Period::Day, channel.limits.daily_budget),
        manners,
    }
}

fn limited_members(core: &Snapshot, group: &Group, cells: &Cells) -> HashMap<ModelIx, Limited> {
    let limited = |member: &crate::catalog::Member| {
        let limits = Limits { requests_per_day: Some(member.daily_limit?), ..Limits::default() };
        let (model, channel) = core.model_and_channel(member.model)?;
        let limiter = cells.member([&group.name, &channel.name, &model.name]);
        Some((member.model, Limited { limiter, limits }))
    };
    group.members.iter().filter_map(limited).collect()
}
