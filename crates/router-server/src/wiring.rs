//! From validated configuration to what the snapshot needs: settings, and how to speak to each channel.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use router_core::admission::AdmissionConfig;
use router_core::health::{BreakerConfig, CooldownConfig};
use router_core::request::RetryBudgetConfig;
use router_core::world::Rules;
use router_store::SecretString;
use router_wire::adapters::{Auth, MaxOutputParam, UpstreamPreset, by_name};

use crate::config::cron::Schedule;
use crate::config::objects::{AuthStyle, MaxOutputParam as ConfiguredMaxOutput};
use crate::config::system::HealthCheckJob;
use crate::config::units::Share;
use crate::config::{Channel, Loaded, System};
use crate::http::intake::BODY_MEMORY;
use crate::jobs::Timing;
use crate::snapshot::{ChannelWiring, Settings};
use crate::upstream::Proxy;

/// The settings that requests read.
#[must_use]
pub fn settings(system: &System, instance: HeaderValue) -> Settings {
    Settings {
        auth_required: system.auth.required,
        ip_allow: system.auth.ip_allow.iter().map(|network| network.0).collect(),
        trusted_proxies: system.server.trusted_proxies.iter().map(|network| network.0).collect(),
        max_request_bytes: usize::try_from(system.server.max_request_bytes.as_bytes()).unwrap_or(usize::MAX),
        body_timeout: system.server.body_timeout.as_duration(),
        rules: rules(system),
        retries: retries(system),
        hedges: hedges(system),
        health_check: health_check(&system.jobs.health_check),
        allow_insecure_http: system.egress.allow_insecure_http,
        proxy: system.egress.proxy.as_ref().map(|url| Arc::new(Proxy::at(url.expose()))),
        metrics_auth: system.telemetry.metrics_auth,
        instance,
    }
}

fn health_check(job: &HealthCheckJob) -> Timing {
    Timing {
        cron: job.cron.clone(),
        schedule: Schedule::parse(&job.cron),
        enabled: job.enabled,
        timeout: job.timeout.as_duration(),
        retries: job.retries,
    }
}

/// By which requests run.
#[must_use]
pub fn rules(system: &System) -> Rules {
    let breaker = &system.breaker;
    let cooldown = &system.cooldown;
    Rules {
        max_attempts: system.failover.max_attempts,
        total_ms: system.timeouts.total.as_millis(),
        per_channel: (u64::from(system.limits.max_in_flight) * 3 / 4).max(1),
        bodies_per_channel: BODY_MEMORY as u64 * 3 / 4,
        hedge_after: system.failover.hedge_after.map(|hedge| hedge.0).unwrap_or_default(),
        breaker: BreakerConfig {
            failure_threshold: breaker.failure_threshold,
            error_rate: breaker.error_rate.0,
            min_requests: breaker.min_requests,
            window_ms: breaker.window.as_millis(),
            open_for_ms: breaker.open_for.as_millis(),
            open_max_ms: cooldown.max.as_millis(),
            half_open_probes: breaker.half_open_probes,
            success_threshold: breaker.success_threshold,
        },
        cooldown: CooldownConfig {
            rate_limited_ms: cooldown.rate_limited.as_millis(),
            temporary_ms: cooldown.temporary.as_millis(),
            max_ms: cooldown.max.as_millis(),
        },
    }
}

/// Requests that run and wait at a time.
#[must_use]
pub fn admission(system: &System) -> AdmissionConfig {
    AdmissionConfig {
        max_in_flight: usize::try_from(system.limits.max_in_flight).unwrap_or(usize::MAX),
        queue: usize::try_from(system.limits.queue).unwrap_or(usize::MAX),
    }
}

/// How many retries requests pay for.
#[must_use]
pub fn retries(system: &System) -> RetryBudgetConfig {
    RetryBudgetConfig { per_mille: per_mille(system.failover.retry_budget), ..RetryBudgetConfig::default() }
}

/// How many second attempts beside silent ones requests pay for.
#[must_use]
pub fn hedges(system: &System) -> RetryBudgetConfig {
    RetryBudgetConfig::hedges(per_mille(system.failover.hedge_budget))
}

#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "clamped to 0…1,000")]
fn per_mille(share: Share) -> u32 {
    (share.0.clamp(0.0, 1.0) * 1_000.0) as u32
}

/// How to speak to each channel, by name.
///
/// # Errors
/// A channel with headers that HTTP does not allow.
pub fn channels(loaded: &Loaded) -> Result<HashMap<Arc<str>, ChannelWiring>, String> {
    loaded.channels.iter().map(|channel| Ok((Arc::clone(&channel.spec.name), one(channel)?))).collect()
}

fn one(channel: &Channel) -> Result<ChannelWiring, String> {
    let provider = &channel.provider;
    let header = |(name, value): &(Arc<str>, Arc<str>)| {
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
        parsed.ok_or_else(|| format!("channel `{}`: header `{name}` is not allowed in HTTP", channel.spec.name))
    };
    let adapter = (by_name(&provider.kind).preset)();
    let preset = UpstreamPreset {
        also: provider.also.clone(),
        dialect: provider.dialect.clone(),
        auth: match provider.auth {
            AuthStyle::Bearer => Auth::Bearer,
            AuthStyle::XApiKey => Auth::XApiKey,
            AuthStyle::ApiKey => Auth::ApiKey,
            AuthStyle::XGoogApiKey => Auth::XGoogApiKey,
            AuthStyle::None => Auth::None,
        },
        max_output_param: match provider.max_output_param {
            ConfiguredMaxOutput::MaxCompletionTokens => MaxOutputParam::MaxCompletionTokens,
            ConfiguredMaxOutput::MaxTokens => MaxOutputParam::MaxTokens,
            ConfiguredMaxOutput::Both => MaxOutputParam::Both,
        },
        stream_usage: provider.stream_usage,
        keeps_routing_fields: provider.quirks.iter().any(|quirk| quirk == "keeps_routing_fields"),
        headers: channel.spec.headers.iter().map(header).collect::<Result<_, _>>()?,
        api_version: provider.api_version.clone().or(adapter.api_version),
        quirks: adapter.quirks.with(provider.quirks.iter().map(String::as_str)),
    };
    let secrets = channel.secrets.iter();
    let secrets = secrets.map(|(id, secret)| (Arc::clone(id), SecretString::new(secret.expose().to_owned())));
    Ok(ChannelWiring { preset, secrets: secrets.collect(), conversion: provider.conversion })
}
