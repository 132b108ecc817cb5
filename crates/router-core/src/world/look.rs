//! Looks at channels that are away: what a question that costs nothing (the list of models) tells of them, and of what only a
//! question that costs can tell.

use super::{KeyCell, Target, World};
use crate::catalog::{ChannelIx, ModelIx, Snapshot};
use crate::fault::{Fault, Scope};
use crate::health::{BreakerState, Health};
use crate::money::Nano;

impl World {
    /// Forgets what keeps a channel away, with its models and keys: somebody has mended it. What was observed of it stays, and so
    /// do its limits.
    pub fn reset(&self, core: &Snapshot, ix: ChannelIx) {
        let Some(cell) = self.channel(ix) else { return };
        let models = core.channel(ix).map(|channel| channel.models.clone()).unwrap_or_default();
        let models = models.filter_map(|model| self.models.get(ModelIx(model).slot()));
        for pair in models.clone().flat_map(|model| &model.pairs) {
            pair.reset();
        }
        let keys = cell.keys.iter().map(|key| &key.health);
        for health in models.map(|model| &model.health).chain(keys).chain([&cell.state.health]) {
            health.reset();
        }
    }

    /// Whether something keeps the whole channel away that a look can tell of: its cooldown or its breaker. What keeps only a
    /// model or a key away is the business of real traffic and of [`Self::whom_to_ask`]: a list says nothing of money or of one model.
    #[must_use]
    pub fn wants_a_look(&self, ix: ChannelIx, now_ms: u64) -> bool {
        self.channel(ix).is_some_and(|cell| {
            let health = &cell.state.health;
            health.cooldown.is_cooling(now_ms) || health.breaker.state(now_ms) == BreakerState::Open
        })
    }

    /// Books what a look with the key at that place has told: a fault, or none. A good one ends the channel's cooldown and lets real traffic probe
    /// its breaker from now on; a bad one sets aside what its fault is about, channel or key. `began_ms` is when it was sent.
    /// Whether it has told anything: a provider without such a list tells nothing of its channel.
    pub fn looked(
        &self,
        ix: ChannelIx,
        key: usize,
        fault: Option<&Fault>,
        began_ms: u64,
        now_ms: u64,
        seed: u64,
    ) -> bool {
        let Some(cell) = self.channel(ix) else { return false };
        let health = &cell.state.health;
        let Some(fault) = fault else {
            health.cooldown.success(began_ms);
            health.breaker.hurry(now_ms);
            return true;
        };
        let of = match fault.rule().scope {
            Scope::Channel => Some(health),
            Scope::Key => cell.keys.get(key).map(|key| &key.health),
            Scope::None | Scope::KeyModel | Scope::ChannelModel => None,
        };
        if let Some(health) = of {
            let _ = health.cooldown.fault(fault, &self.rules.cooldown, now_ms, seed);
        }
        of.is_some()
    }

    /// Whom of a channel to ask a question that costs. Where the list of a channel that is away told nothing (`listed` is false),
    /// or all its keys are set aside, that is its cheapest model; else each model that is away by itself. `cost` knows what the
    /// question costs at a model, `None` where it may not be asked. Times that providers have named are waited for.
    #[must_use]
    pub fn whom_to_ask(
        &self,
        core: &Snapshot,
        ix: ChannelIx,
        listed: Option<bool>,
        cost: impl Fn(ModelIx) -> Option<Nano>,
        now_ms: u64,
    ) -> Vec<Target> {
        let Some((cell, channel)) = self.channel(ix).zip(core.channel(ix)) else { return Vec::new() };
        let cooling = |key: &KeyCell| key.health.cooldown.is_cooling(now_ms);
        let models = || channel.models.clone().map(ModelIx);
        let cheapest = |key| {
            let (_, model) = models().filter_map(|model| Some((cost(model)?, model))).min()?;
            Some(Target { model, group: None, key })
        };
        let usable = cell.keys.iter().position(|key| !cooling(key));
        match (listed, usable) {
            (Some(true), _) => Vec::new(),
            (_, None) => {
                // The first to return: a key that is asked in vain stays away for longer, so that they take turns.
                let keys = cell.keys.iter().enumerate().filter(|(_, key)| key.health.cooldown.can_be_asked(now_ms));
                let first = keys.min_by_key(|(_, key)| key.health.cooldown.until(now_ms));
                first.and_then(|(key, _)| cheapest(key)).into_iter().collect()
            }
            (Some(false), Some(key)) => cheapest(key).into_iter().collect(),
            (None, Some(key)) => {
                let away = |model: &ModelIx| self.model(*model).is_some_and(|health| can_be_asked(health, now_ms));
                let away = models().filter(away).filter(|model| cost(*model).is_some());
                let pair_cools = |model, key| self.pair(model, key).is_some_and(|pair| pair.is_cooling(now_ms));
                let with = |model| {
                    let mut keys = cell.keys.iter().enumerate();
                    keys.find(|(place, key)| !cooling(key) && !pair_cools(model, *place))
                        .map_or(key, |(place, _)| place)
                };
                away.map(|model| Target { model, group: None, key: with(model) }).collect()
            }
        }
    }
}

/// Whether something keeps it away of which a question can tell.
fn can_be_asked(health: &Health, now_ms: u64) -> bool {
    if health.cooldown.is_cooling(now_ms) {
        return health.cooldown.can_be_asked(now_ms);
    }
    health.breaker.state(now_ms) != BreakerState::Closed
}
