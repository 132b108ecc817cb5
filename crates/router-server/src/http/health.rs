//! Health pages, and the gauges that are read when somebody scrapes.

use std::sync::atomic::Ordering;

use http::{Response, StatusCode};
use router_core::budget::{Period, Window};
use router_core::health::{BreakerState, Health};
use serde::Serialize;

use super::body::{Body, json_with};
use crate::app::App;
use crate::clock::unix_ms;
use crate::snapshot::ServerSnapshot;
use crate::telemetry::metrics::{BudgetLabels, ChannelLabel, Name};

#[derive(Serialize)]
struct Page<'a> {
    status: &'static str,
    version: &'static str,
    database: &'static str,
    active_channels: usize,
    active_providers: usize,
    channels: usize,
    models: usize,
    config_version: u64,
    config_hash: &'a str,
    /// Why the last reload changed nothing.
    config_error: Option<&'a str>,
    spool: SpoolPage,
    in_flight: usize,
    queued: usize,
    uptime_seconds: u64,
    /// What is not as it should be.
    problems: Vec<String>,
}

#[derive(Serialize)]
struct SpoolPage {
    records: u64,
    lag_seconds: f64,
    accepting: bool,
}

/// `GET /health`: 200 as long as the router serves, with everything that is wrong.
pub(super) fn page(app: &App) -> Response<Body> {
    let snapshot = app.snapshot.load();
    let now_ms = unix_ms();
    let active: Vec<_> = snapshot
        .core
        .channels()
        .iter()
        .zip(snapshot.channels())
        .filter(|(channel, side)| {
            let cooling = side.cell.state.health.cooldown.is_cooling(now_ms);
            channel.enabled && !cooling && snapshot.channel_breaker(channel, now_ms) != BreakerState::Open
        })
        .map(|(channel, _)| channel)
        .collect();
    let providers: std::collections::BTreeSet<&str> = active.iter().map(|channel| &*channel.provider).collect();
    let gauge = app.spool.gauge(i64::try_from(now_ms).unwrap_or(i64::MAX));
    let config_error = app.status.config_fault.load_full();
    let database_ok = app.status.database_ok.load(Ordering::Relaxed);
    let (in_flight, queued) = app.gate.load();
    let mut problems = Vec::new();
    if !database_ok {
        problems.push("the database does not answer; records wait in the spool".to_owned());
    }
    if let Some(fault) = &config_error {
        problems.push(format!("the configuration was not reloaded: {fault}"));
    }
    if !gauge.accepting {
        problems.push("the spool cannot be written; requests are refused".to_owned());
    }
    if active.is_empty() {
        problems.push("no channel is available".to_owned());
    }
    let stopping = app.is_stopping();
    let status = match (stopping, problems.is_empty()) {
        (true, _) => "shutting_down",
        (false, true) => "ok",
        (false, false) => "degraded",
    };
    let page = Page {
        status,
        version: env!("CARGO_PKG_VERSION"),
        database: if database_ok { "ok" } else { "unavailable" },
        active_channels: active.len(),
        active_providers: providers.len(),
        channels: snapshot.core.channels().len(),
        models: snapshot.core.models().len(),
        config_version: snapshot.version,
        config_hash: &snapshot.hash,
        config_error: config_error.as_deref().map(String::as_str),
        spool: SpoolPage { records: gauge.pending, lag_seconds: seconds(gauge.lag_ms), accepting: gauge.accepting },
        in_flight,
        queued,
        uptime_seconds: now_ms.saturating_sub(app.status.started_ms.load(Ordering::Relaxed)) / 1_000,
        problems,
    };
    json_with(StatusCode::OK, serde_json::to_string(&page).unwrap_or_default())
}

/// `GET /health/ready`: whether new requests should come here.
pub(super) fn ready(app: &App) -> Response<Body> {
    if app.is_stopping() {
        return json_with(StatusCode::SERVICE_UNAVAILABLE, r#"{"ready":false,"reason":"shutting_down"}"#.to_owned());
    }
    json_with(StatusCode::OK, r#"{"ready":true}"#.to_owned())
}

/// Brings the gauges up to date.
pub(super) fn refresh_gauges(app: &App, snapshot: &ServerSnapshot) {
    let now_ms = unix_ms();
    let metrics = &app.metrics;
    let day = Window::at(Period::Day, &snapshot.zone, now_ms);
    for (channel, side) in snapshot.core.channels().iter().zip(snapshot.channels()) {
        let label = ChannelLabel { channel: side.name.name.clone() };
        let health = &side.cell.state.health;
        let state = match snapshot.channel_breaker(channel, now_ms) {
            BreakerState::Open => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Closed => 2,
        };
        metrics.channel_state.get_or_create_owned(&label).set(state);
        let in_flight = i64::try_from(health.in_flight()).unwrap_or(i64::MAX);
        metrics.channel_in_flight.get_or_create_owned(&label).set(in_flight);
        metrics.channel_health.get_or_create_owned(&label).set(health.success.get(Health::TAU_MS, now_ms));
        if let Some(limit) = side.cell.limits.requests_per_day.filter(|limit| *limit > 0) {
            #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
            let ratio = side.cell.state.limiter.today(&day) as f64 / limit as f64;
            metrics.quota_used.get_or_create_owned(&label).set(ratio);
        }
    }
    for budget in snapshot.budgets() {
        let described = app.ledger.describe(budget.scope);
        if let Some(((kind, id), ratio)) = described.zip(app.ledger.used_ratio(&budget, now_ms)) {
            let period = match budget.period {
                Period::Day => "day",
                Period::Month => "month",
            };
            let labels = BudgetLabels { scope: kind.as_str(), name: Name(id), period };
            metrics.budget_used.get_or_create_owned(&labels).set(ratio);
        }
    }
    let gauge_of = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (running, waiting) = app.gate.load();
    metrics.running.set(gauge_of(running));
    metrics.waiting.set(gauge_of(waiting));
    metrics.body_bytes.set(gauge_of(app.bodies.used()));
    metrics.tasks.set(gauge_of(app.runtimes.tasks()));
    let gauge = app.spool.gauge(i64::try_from(now_ms).unwrap_or(i64::MAX));
    metrics.spool_records.set(i64::try_from(gauge.pending).unwrap_or(i64::MAX));
    metrics.spool_lag.set(seconds(gauge.lag_ms));
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
