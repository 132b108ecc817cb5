//! Live state by stable id: health, limits and metric handles of channels, channel models and keys. It outlives
//! snapshots; a new one finds the state of the last by name.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use router_core::health::{Health, Mean};
use router_core::limits::Limiter;

use crate::telemetry::metrics::{
    AttemptLabels, ChannelModel, FloatCounter, Metrics, Name, ProviderChannel, TokenLabels,
};

/// Of a channel.
#[derive(Debug)]
pub struct ChannelState {
    /// Cooldown, breaker, averages.
    pub health: Arc<Health>,
    /// Requests and tokens in a minute and a day.
    pub limiter: Arc<Limiter>,
    /// What uses of its quota have saved, USD.
    pub saving: Mean,
}

/// Of a channel model.
#[derive(Debug)]
pub struct ModelState {
    /// Cooldown, breaker, averages.
    pub health: Arc<Health>,
    /// Handles of its metrics.
    pub metrics: ModelMetrics,
}

/// Metric handles of a channel model, found once instead of for each request.
#[derive(Debug)]
pub struct ModelMetrics {
    /// Attempts with outcome `completed`.
    pub completed: Counter,
    /// Seconds to the first content.
    pub ttft: Histogram,
    /// Input tokens.
    pub input: Counter,
    /// Of them, cached.
    pub cached_input: Counter,
    /// Output tokens.
    pub output: Counter,
    /// Of them, reasoning.
    pub reasoning: Counter,
    /// USD.
    pub cost: FloatCounter,
}

/// All live state.
#[derive(Debug, Default)]
pub struct LiveTable {
    channels: Keeper<Arc<str>, ChannelState>,
    models: Keeper<(Arc<str>, Arc<str>), ModelState>,
    provider_keys: Keeper<Arc<str>, Arc<Health>>,
    client_keys: Keeper<Arc<str>, Arc<Limiter>>,
    /// By group, channel and model.
    members: Keeper<[Arc<str>; 3], Arc<Limiter>>,
}

/// Values made once per id.
#[derive(Debug)]
struct Keeper<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Keeper<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V> Keeper<K, V> {
    fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(key).or_insert_with(|| Arc::new(make())))
    }
}

impl LiveTable {
    /// The state of a channel.
    pub fn channel(&self, name: &Arc<str>) -> Arc<ChannelState> {
        self.channels.get(Arc::clone(name), || ChannelState {
            health: Arc::default(),
            limiter: Arc::default(),
            saving: Mean::default(),
        })
    }

    /// The state of a channel model.
    pub fn model(
        &self,
        metrics: &Metrics,
        provider: &Arc<str>,
        channel: &Arc<str>,
        model: &Arc<str>,
    ) -> Arc<ModelState> {
        self.models.get((Arc::clone(channel), Arc::clone(model)), || ModelState {
            health: Arc::default(),
            metrics: ModelMetrics::new(metrics, provider, channel, model),
        })
    }

    /// The health of a provider key.
    pub fn provider_key(&self, id: &Arc<str>) -> Arc<Health> {
        Arc::clone(&*self.provider_keys.get(Arc::clone(id), Arc::default))
    }

    /// The limits of a client key.
    pub fn client_key(&self, id: &Arc<str>) -> Arc<Limiter> {
        Arc::clone(&*self.client_keys.get(Arc::clone(id), Arc::default))
    }

    /// The limits of a group's member: group, channel and model by name.
    pub fn member(&self, names: [&Arc<str>; 3]) -> Arc<Limiter> {
        Arc::clone(&*self.members.get(names.map(Arc::clone), Arc::default))
    }
}

impl ModelMetrics {
    fn new(metrics: &Metrics, provider: &Arc<str>, channel: &Arc<str>, model: &Arc<str>) -> Self {
        let name = |text: &Arc<str>| Name(Arc::clone(text));
        let tokens = |kind| {
            metrics.tokens.get_or_create_owned(&TokenLabels { channel: name(channel), model: name(model), kind })
        };
        let attempt = AttemptLabels { provider: name(provider), channel: name(channel), outcome: "completed" };
        Self {
            completed: metrics.attempts.get_or_create_owned(&attempt),
            ttft: metrics
                .ttft
                .get_or_create_owned(&ProviderChannel { provider: name(provider), channel: name(channel) }),
            input: tokens("input"),
            cached_input: tokens("cached_input"),
            output: tokens("output"),
            reasoning: tokens("reasoning"),
            cost: metrics.cost.get_or_create_owned(&ChannelModel { channel: name(channel), model: name(model) }),
        }
    }
}
