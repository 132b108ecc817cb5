//! Live state by stable id: what decides ([`router_core::world::Cells`]), and metric handles of channel models. It outlives
//! snapshots; a new one finds the state of the last by name.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use router_core::world::{Cells, Keeper};

use crate::telemetry::metrics::{
    AttemptLabels, ChannelModel, FloatCounter, Metrics, Name, ProviderChannel, TokenLabels,
};

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
    /// What decides.
    pub cells: Cells,
    /// By channel and model.
    metrics: Keeper<(Arc<str>, Arc<str>), ModelMetrics>,
}

impl LiveTable {
    /// Handles of the metrics of a channel model.
    pub fn metrics(
        &self,
        metrics: &Metrics,
        provider: &Arc<str>,
        channel: &Arc<str>,
        model: &Arc<str>,
    ) -> Arc<ModelMetrics> {
        let make = || ModelMetrics::new(metrics, provider, channel, model);
        self.metrics.get((Arc::clone(channel), Arc::clone(model)), make)
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
