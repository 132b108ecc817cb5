//! A provider key while requests run: its limits, its uses, its health, and what keeps it away.

use std::sync::Arc;

use super::{Budgets, Cells, Limited, World};
use crate::budget::{Period, ScopeBudget, ScopeKind, Window};
use crate::catalog::spec::KeyRotation;
use crate::catalog::{Channel, ChannelIx, ModelIx, Snapshot};
use crate::health::{Cooldown, Health};
use crate::limits::{Dimension, Limits};

/// A provider key while requests run.
#[derive(Debug)]
pub struct KeyCell {
    /// Stable id.
    pub id: Arc<str>,
    /// Live. Of the only key of a channel it tells no more than its cooldown: the rest is the channel's.
    pub health: Arc<Health>,
    /// Share among the channel's keys.
    pub weight: f64,
    /// Its own budget.
    pub budget: Option<ScopeBudget>,
    /// Its limits and uses, where it has limits or its channel chooses by use.
    pub limited: Option<Limited>,
}

/// Whether a key can be used, whatever the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It can.
    Usable,
    /// It is set aside after a fault or because nothing is left of its provider's limits.
    Cooling {
        /// Unix milliseconds.
        until_ms: u64,
        /// As [`Cooldown::why`].
        why: &'static str,
    },
    /// A limit of its own is reached.
    Full {
        /// Which.
        limit: Dimension,
        /// When there is room again, as far as that is known; unix milliseconds.
        until_ms: Option<u64>,
    },
    /// Its daily budget is used up.
    Spent {
        /// When the next day begins; unix milliseconds.
        until_ms: u64,
    },
}

impl KeyState {
    /// The word of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Cooling { .. } => "cooling",
            Self::Full { .. } => "full",
            Self::Spent { .. } => "spent",
        }
    }
}

impl KeyCell {
    /// Its limits and their counts, where it has limits.
    #[must_use]
    pub fn limits(&self) -> Option<&Limited> {
        self.limited.as_ref().filter(|limited| limited.limits != Limits::default())
    }
}

impl World {
    /// What keeps the pair of a channel model and the key at that place away; `None` where its channel has only one key.
    #[must_use]
    pub fn pair(&self, model: ModelIx, key: usize) -> Option<&Arc<Cooldown>> {
        self.models.get(model.slot())?.pairs.get(key)
    }

    /// Whether the key's own budget is used up.
    pub(super) fn is_spent(&self, key: &KeyCell, now_ms: u64) -> bool {
        key.budget.is_some_and(|budget| budget.cap.is_some_and(|cap| self.used(&budget, now_ms) >= cap))
    }

    /// Attempts of today with a key; `None` where they are not counted.
    #[must_use]
    pub fn key_requests_today(&self, core: &Snapshot, key: &KeyCell, now_ms: u64) -> Option<u64> {
        let day = Window::at(Period::Day, core.zone(), now_ms);
        key.limited.as_ref().map(|limited| limited.limiter.today(&day))
    }

    /// Whether the key at that place of a channel can be used, for people: of several causes the first of cooldown, limit and
    /// budget. `None`: there is no such key.
    #[must_use]
    pub fn key_state(&self, core: &Snapshot, channel: ChannelIx, key: usize, now_ms: u64) -> Option<KeyState> {
        let key = self.channel(channel)?.keys.get(key)?;
        if let Some((until_ms, why)) = key.health.cooldown.until(now_ms).zip(key.health.cooldown.why(now_ms)) {
            return Some(KeyState::Cooling { until_ms, why });
        }
        let day = Window::at(Period::Day, core.zone(), now_ms);
        let full = key.limits().and_then(|of| of.limiter.refusal(&of.limits, 1, &day, now_ms, now_ms));
        Some(match full {
            Some(refusal) => KeyState::Full {
                limit: refusal.dimension,
                until_ms: refusal.retry_after_ms.map(|wait_ms| now_ms.saturating_add(wait_ms)),
            },
            None if self.is_spent(key, now_ms) => KeyState::Spent { until_ms: day.end_ms },
            None => KeyState::Usable,
        })
    }
}

/// The keys of a channel; where its provider needs none, one without a credential.
pub(super) fn key_cells(channel: &Channel, cells: &Cells, budgets: Budgets<'_>) -> Vec<KeyCell> {
    let by_use = channel.key_rotation == KeyRotation::LeastUsed && channel.keys.len() > 1;
    let keys = channel.keys.iter().map(|key| KeyCell {
        id: Arc::clone(&key.id),
        health: cells.provider_key(&key.id),
        weight: key.weight,
        budget: budgets.capped(ScopeKind::ProviderKey, &key.id, Period::Day, key.daily_budget),
        limited: (by_use || key.limits != Limits::default())
            .then(|| Limited { limiter: cells.provider_key_limits(&key.id), limits: key.limits }),
    });
    let mut keys: Vec<KeyCell> = keys.collect();
    if keys.is_empty() {
        let id: Arc<str> = format!("{}/none", channel.name).into();
        keys.push(KeyCell { health: cells.provider_key(&id), weight: 1.0, budget: None, limited: None, id });
    }
    keys
}
