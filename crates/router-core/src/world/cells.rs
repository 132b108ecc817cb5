//! Live state by stable id: it outlives snapshots; a new world finds the state of the last by name.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::Bodies;
use crate::health::{Cooldown, Health, Mean};
use crate::limits::Limiter;

/// Live state of a channel.
#[derive(Debug, Default)]
pub struct ChannelState {
    /// Cooldown, breaker, averages.
    pub health: Arc<Health>,
    /// Requests and tokens in a minute and a day.
    pub limiter: Arc<Limiter>,
    /// Memory of the bodies of its attempts.
    pub bodies: Bodies,
    /// What uses of its quota have saved, USD.
    pub saving: Mean,
}

/// Values made once per id.
#[derive(Debug)]
pub struct Keeper<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Keeper<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V> Keeper<K, V> {
    /// The value of that id, made if there is none.
    pub fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(key).or_insert_with(|| Arc::new(make())))
    }
}

/// All live state that decides.
#[derive(Debug, Default)]
pub struct Cells {
    channels: Keeper<Arc<str>, ChannelState>,
    /// By channel and model.
    models: Keeper<(Arc<str>, Arc<str>), Health>,
    provider_keys: Keeper<Arc<str>, Health>,
    provider_key_limits: Keeper<Arc<str>, Limiter>,
    /// By provider key and model.
    pairs: Keeper<(Arc<str>, Arc<str>), Cooldown>,
    client_keys: Keeper<Arc<str>, Limiter>,
    /// By group, channel and model.
    members: Keeper<[Arc<str>; 3], Limiter>,
}

impl Cells {
    /// The state of a channel.
    pub fn channel(&self, name: &Arc<str>) -> Arc<ChannelState> {
        self.channels.get(Arc::clone(name), ChannelState::default)
    }

    /// The health of a channel model.
    pub fn model(&self, channel: &Arc<str>, model: &Arc<str>) -> Arc<Health> {
        self.models.get((Arc::clone(channel), Arc::clone(model)), Health::default)
    }

    /// The health of a provider key.
    pub fn provider_key(&self, id: &Arc<str>) -> Arc<Health> {
        self.provider_keys.get(Arc::clone(id), Health::default)
    }

    /// The limits and uses of a provider key.
    pub fn provider_key_limits(&self, id: &Arc<str>) -> Arc<Limiter> {
        self.provider_key_limits.get(Arc::clone(id), Limiter::default)
    }

    /// What keeps the pair of a provider key and a model away.
    pub fn pair(&self, key: &Arc<str>, model: &Arc<str>) -> Arc<Cooldown> {
        self.pairs.get((Arc::clone(key), Arc::clone(model)), Cooldown::default)
    }

    /// The limits of a client key.
    pub fn client_key(&self, id: &Arc<str>) -> Arc<Limiter> {
        self.client_keys.get(Arc::clone(id), Limiter::default)
    }

    /// The limits of a group's member: group, channel and model by name.
    pub fn member(&self, names: [&Arc<str>; 3]) -> Arc<Limiter> {
        self.members.get(names.map(Arc::clone), Limiter::default)
    }
}
