//! Every metric of the router in one table. Names and labels are part of the contract; labels hold configured names
//! only, never a client's text. Hot paths keep their handles (see `live`) and look nothing up.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use router_core::ask::Endpoint;

/// A shared name as a label value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub Arc<str>);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($field:ident : $type:ty),+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(pub $field: $type),+ }
    )+ };
}

labels! {
    /// Of a request.
    RequestLabels { endpoint: &'static str, group: Name, status: &'static str }
    /// Of an attempt.
    AttemptLabels { provider: Name, channel: Name, outcome: &'static str }
    /// Of a channel and its provider.
    ProviderChannel { provider: Name, channel: Name }
    /// Of tokens.
    TokenLabels { channel: Name, model: Name, kind: &'static str }
    /// Of a channel model.
    ChannelModel { channel: Name, model: Name }
    /// Of a channel.
    ChannelLabel { channel: Name }
    /// Of a budget.
    BudgetLabels { scope: &'static str, name: Name, period: &'static str }
    /// Of a reason.
    ReasonLabel { reason: &'static str }
    /// Of an outcome.
    OutcomeLabel { outcome: &'static str }
    /// Of a job's run.
    JobLabels { job: Name, outcome: &'static str }
    /// Of an endpoint.
    EndpointLabel { endpoint: &'static str }
}

/// A metric for each endpoint, looked up in its family when it is first needed.
#[derive(Debug)]
pub struct ByEndpoint<T>([OnceLock<T>; Endpoint::ALL.len()]);

impl<T> ByEndpoint<T> {
    /// Uses the metric of that endpoint.
    pub fn with(&self, endpoint: Endpoint, find: impl FnOnce() -> T, used: impl FnOnce(&T)) {
        if let Some(cell) = self.0.get(endpoint as usize) {
            used(cell.get_or_init(find));
        }
    }
}

impl<T> Default for ByEndpoint<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

/// A gauge of a ratio or of seconds.
pub type FloatGauge = Gauge<f64, AtomicU64>;
/// A counter of money.
pub type FloatCounter = Counter<f64, AtomicU64>;

type HistogramFamily<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests that ended.
    pub requests: Family<RequestLabels, Counter>,
    /// From head to end.
    pub request_duration: HistogramFamily<EndpointLabel>,
    /// Its members, for calls to models: see [`Metrics::took`].
    durations: ByEndpoint<Histogram>,
    /// Time spent in the router itself.
    pub overhead: Histogram,
    /// Attempts that ended.
    pub attempts: Family<AttemptLabels, Counter>,
    /// To the first content.
    pub ttft: HistogramFamily<ProviderChannel>,
    /// Tokens booked.
    pub tokens: Family<TokenLabels, Counter>,
    /// Money booked.
    pub cost: Family<ChannelModel, FloatCounter>,
    /// 0 open, 1 half-open, 2 closed.
    pub channel_state: Family<ChannelLabel, Gauge>,
    /// Attempts running.
    pub channel_in_flight: Family<ChannelLabel, Gauge>,
    /// Decayed success rate, 0…1.
    pub channel_health: Family<ChannelLabel, FloatGauge>,
    /// Spent and reserved, as a share of the cap.
    pub budget_used: Family<BudgetLabels, FloatGauge>,
    /// Requests of the day, as a share of the quota.
    pub quota_used: Family<ChannelLabel, FloatGauge>,
    /// Attempts given up for another candidate.
    pub failovers: Family<ReasonLabel, Counter>,
    /// Records not yet in the database.
    pub spool_records: Gauge,
    /// Age of the oldest of them.
    pub spool_lag: FloatGauge,
    /// Requests that run.
    pub running: Gauge,
    /// Requests that wait for a place.
    pub waiting: Gauge,
    /// Memory that request bodies take.
    pub body_bytes: Gauge,
    /// Tasks that have not ended.
    pub tasks: Gauge,
    /// Requests refused for load.
    pub shed: Family<ReasonLabel, Counter>,
    /// Configuration reloads.
    pub reloads: Family<OutcomeLabel, Counter>,
    /// Panics caught.
    pub panics: Counter,
    /// Runs of background jobs.
    pub job_runs: Family<JobLabels, Counter>,
}

/// Seconds from 5 ms to 10 min.
fn duration_buckets() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0])
}

/// Seconds from 10 µs to 1 s.
fn overhead_buckets() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 1.0,
    ])
}

impl Metrics {
    /// Registers everything.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("router");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(duration_buckets),
            durations: ByEndpoint::default(),
            overhead: overhead_buckets(),
            attempts: Family::default(),
            ttft: Family::new_with_constructor(duration_buckets),
            tokens: Family::default(),
            cost: Family::default(),
            channel_state: Family::default(),
            channel_in_flight: Family::default(),
            channel_health: Family::default(),
            budget_used: Family::default(),
            quota_used: Family::default(),
            failovers: Family::default(),
            spool_records: Gauge::default(),
            spool_lag: FloatGauge::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            body_bytes: Gauge::default(),
            tasks: Gauge::default(),
            shed: Family::default(),
            reloads: Family::default(),
            panics: Counter::default(),
            job_runs: Family::default(),
        };
        metrics.register_all(&mut registry);
        metrics.registry = registry;
        metrics
    }

    fn register_all(&self, to: &mut Registry) {
        to.register("requests", "Requests that ended", self.requests.clone());
        to.register("request_duration_seconds", "From a request's head to its end", self.request_duration.clone());
        to.register("overhead_seconds", "Time spent in the router itself", self.overhead.clone());
        to.register("attempts", "Attempts that ended", self.attempts.clone());
        to.register("time_to_first_token_seconds", "From sending to the first content", self.ttft.clone());
        to.register("tokens", "Tokens booked", self.tokens.clone());
        to.register("cost_usd", "Money booked, in USD", self.cost.clone());
        to.register("channel_state", "0 open, 1 half-open, 2 closed", self.channel_state.clone());
        to.register("channel_in_flight", "Attempts running", self.channel_in_flight.clone());
        to.register("channel_health", "Decayed success rate", self.channel_health.clone());
        to.register("budget_used_ratio", "Spent and reserved over the cap", self.budget_used.clone());
        to.register("quota_used_ratio", "Requests of the day over the quota", self.quota_used.clone());
        to.register("failovers", "Attempts given up for another candidate", self.failovers.clone());
        to.register("spool_records", "Records not yet in the database", self.spool_records.clone());
        to.register("spool_lag_seconds", "Age of the oldest record not yet in the database", self.spool_lag.clone());
        to.register("requests_running", "Requests that run", self.running.clone());
        to.register("requests_waiting", "Requests that wait for a place", self.waiting.clone());
        to.register("request_body_bytes", "Memory that request bodies take", self.body_bytes.clone());
        to.register("tasks", "Tasks that have not ended", self.tasks.clone());
        to.register("shed", "Requests refused for load", self.shed.clone());
        to.register("config_reloads", "Configuration reloads", self.reloads.clone());
        to.register("panics", "Panics caught", self.panics.clone());
        to.register("job_runs", "Runs of background jobs", self.job_runs.clone());
    }

    /// Counts how long a request took, seconds.
    pub fn took(&self, endpoint: Endpoint, seconds: f64) {
        let find = || self.request_duration.get_or_create_owned(&EndpointLabel { endpoint: endpoint.as_str() });
        self.durations.with(endpoint, find, |histogram| histogram.observe(seconds));
    }

    /// The text of a scrape.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Content type of a scrape.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_has_the_names_of_the_contract() {
        let metrics = Metrics::new();
        let name = |text: &str| Name(text.into());
        metrics
            .requests
            .get_or_create_owned(&RequestLabels {
                endpoint: "chat_completions",
                group: name("auto:\"x\""),
                status: "completed",
            })
            .inc();
        metrics.panics.inc();
        metrics.shed.get_or_create_owned(&ReasonLabel { reason: "queue_full" }).inc();
        let text = metrics.encode();
        assert!(
            text.contains(
                r#"router_requests_total{endpoint="chat_completions",group="auto:\"x\"",status="completed"} 1"#
            ),
            "{text}"
        );
        assert!(text.contains("router_panics_total 1"));
        assert!(text.contains("router_spool_records 0"));
        assert!(text.contains(r#"router_shed_total{reason="queue_full"} 1"#));
        assert!(text.contains(&format!(r#"router_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION"))));
    }
}
