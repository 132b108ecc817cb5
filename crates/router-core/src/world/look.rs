//! Looks at channels that are away: what a question that costs nothing (the list of models) tells of them.

use super::World;
use crate::catalog::{ChannelIx, ModelIx, Snapshot};
use crate::fault::{Fault, Scope};
use crate::health::BreakerState;

impl World {
    /// Forgets what keeps a channel away, with its models and keys: somebody has mended it. What was observed of it stays, and so
    /// do its limits.
    pub fn reset(&self, core: &Snapshot, ix: ChannelIx) {
        let Some(cell) = self.channel(ix) else { return };
        let models = core.channel(ix).map(|channel| channel.models.clone()).unwrap_or_default();
        let models = models.filter_map(|model| self.model(ModelIx(model)));
        let keys = cell.keys.iter().map(|key| &key.health);
        for health in models.chain(keys).chain([&cell.state.health]) {
            health.reset();
        }
    }

    /// Whether something keeps the whole channel away that a look can tell of: its cooldown or its breaker. What keeps only a
    /// model or a key away is the business of real traffic: a list says nothing of quotas, of money or of one model.
    #[must_use]
    pub fn wants_a_look(&self, ix: ChannelIx, now_ms: u64) -> bool {
        self.channel(ix).is_some_and(|cell| {
            let health = &cell.state.health;
            health.cooldown.is_cooling(now_ms) || health.breaker.state(now_ms) == BreakerState::Open
        })
    }

    /// Books what a look with the key at that place has told: a fault, or none. A good one ends the channel's cooldown and lets real traffic probe
    /// its breaker from now on; a bad one sets aside what its fault is about, channel or key. `began_ms` is when it was sent.
    pub fn looked(&self, ix: ChannelIx, key: usize, fault: Option<&Fault>, began_ms: u64, now_ms: u64, seed: u64) {
        let Some(cell) = self.channel(ix) else { return };
        let health = &cell.state.health;
        let Some(fault) = fault else {
            health.cooldown.success(began_ms);
            health.breaker.hurry(now_ms);
            return;
        };
        let of = match fault.rule().scope {
            Scope::Channel => Some(health),
            Scope::Key => cell.keys.get(key).map(|key| &key.health),
            Scope::None | Scope::KeyModel | Scope::ChannelModel => None,
        };
        if let Some(health) = of {
            let _ = health.cooldown.fault(fault, &self.rules.cooldown, now_ms, seed);
        }
    }
}
