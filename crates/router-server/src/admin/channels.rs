//! `channels`: what serves, with its live state. Read-only: files and environment declare them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use router_core::catalog::{Channel, ChannelIx, ModelIx};
use router_core::health::Health;
use router_store::ProviderKeyFacts;
use serde_json::{Value, json};

use super::call::{self, Call, moment_text};
use super::page::{Sort, holds, page};
use super::problem::Problem;
use super::provider_keys;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};
use crate::snapshot::{ChannelSide, ServerSnapshot};

const LIST: &[Param] = &[
    LIMIT,
    CURSOR,
    Param { name: "q", description: "Part of the name." },
    Param { name: "sort", description: "`name` or `priority`, with `-` in front for the other direction." },
    Param { name: "provider", description: "Name of the provider." },
    Param { name: "enabled", description: "`true` or `false`." },
    Param { name: "status", description: "`ok`, `cooling`, `open`, `half_open` or `disabled`." },
];

/// Routes of channels.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/channels",
        access: Access::Read,
        summary: "List channels with their live state",
        query: LIST,
        body: None,
        answers: Answers::Page("Channel"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/channels/{id}",
        access: Access::Read,
        summary: "One channel with its live state",
        query: &[],
        body: None,
        answers: Answers::One("Channel"),
        handler: |call| Box::pin(get(call)),
    },
];

/// What is sorted: the name, the priority, the row.
type Line = (Arc<str>, u32, Value);
const SORTS: &[Sort<Line>] = &[("name", |line| line.0.to_string()), ("priority", |line| format!("{:010}", line.1))];
const STATES: [&str; 5] = ["ok", "cooling", "open", "half_open", "disabled"];

async fn list(call: Call) -> Result<Response, Problem> {
    let enabled = call.query.word("enabled", &["true", "false"])?.map(|word| word == "true");
    let wanted = call.query.word("status", &STATES)?;
    let provider = call.query.get("provider");
    let secrets = Secrets::read(&call).await?;
    let snapshot = call.control.app.snapshot.load();
    let now_ms = call.now.unix_ms;
    let lines = snapshot.core.channels().iter().zip(snapshot.channels()).filter(|(channel, side)| {
        provider.is_none_or(|provider| &*channel.provider == provider)
            && enabled.is_none_or(|enabled| channel.enabled == enabled)
            && wanted.is_none_or(|wanted| state(&snapshot, channel, side, now_ms) == wanted)
            && holds(&channel.name, call.query.get("q"))
    });
    let lines = lines.map(|(channel, side)| {
        (Arc::clone(&channel.name), channel.priority, row(&snapshot, channel, side, &secrets, now_ms))
    });
    let (lines, next) = page(lines.collect(), |line| line.0.to_string(), SORTS, &call.query)?;
    Ok(call::page(lines.into_iter().map(|(_, _, row)| row).collect(), next))
}

/// The channel that the path names.
pub(super) fn find<'s>(
    snapshot: &'s ServerSnapshot,
    call: &Call,
) -> Result<(ChannelIx, &'s Channel, &'s ChannelSide), Problem> {
    let ix = snapshot.core.channel_by_name(call.param("id"));
    let found = ix.and_then(|ix| Some((ix, snapshot.core.channel(ix)?, snapshot.channel(ix)?)));
    found.ok_or_else(|| Problem::not_found("channel"))
}

pub(super) async fn get(call: Call) -> Result<Response, Problem> {
    let secrets = Secrets::read(&call).await?;
    let snapshot = call.control.app.snapshot.load();
    let (_, channel, side) = find(&snapshot, &call)?;
    Ok(call::json(&row(&snapshot, channel, side, &secrets, call.now.unix_ms)))
}

/// What may be shown of provider keys, by `CHANNEL/NAME`.
struct Secrets(HashMap<String, ProviderKeyFacts>);

impl Secrets {
    async fn read(call: &Call) -> Result<Self, Problem> {
        let facts = call.control.app.store.provider_key_facts().await?;
        Ok(Self(facts.into_iter().map(|facts| (format!("{}/{}", facts.channel, facts.name), facts)).collect()))
    }
}

/// The state in a word; what keeps the channel away first.
pub(super) fn state(snapshot: &ServerSnapshot, channel: &Channel, side: &ChannelSide, now_ms: u64) -> &'static str {
    let [ok, cooling, ..] = STATES;
    if !channel.enabled {
        return "disabled";
    }
    match snapshot.channel_breaker(channel, now_ms).as_str() {
        "closed" if side.cell.state.health.cooldown.is_cooling(now_ms) => cooling,
        "closed" => ok,
        other => other,
    }
}

/// Live figures of whatever has some.
pub(super) fn live(health: &Health, now_ms: u64) -> Value {
    json!({
        "health": health.success.get(Health::TAU_MS, now_ms),
        "breaker": health.breaker.state(now_ms).as_str(),
        "breaker_open_until": health.breaker.open_until(now_ms).map(when),
        "cooldown_until": health.cooldown.until(now_ms).map(when),
        "in_flight": health.in_flight(),
        "ttft_ms": health.first_byte_ms.get(),
        "tokens_per_second": health.tokens_per_second.get(),
    })
}

pub(super) fn when(ms: u64) -> Value {
    i64::try_from(ms).map_or(Value::Null, moment_text)
}

fn row(snapshot: &ServerSnapshot, channel: &Channel, side: &ChannelSide, secrets: &Secrets, now_ms: u64) -> Value {
    let keys = channel.keys.iter().enumerate();
    let keys: Vec<Value> = keys
        .filter_map(|(place, key)| {
            provider_keys::row(snapshot, (channel, side), place, secrets.0.get(&*key.id), now_ms)
        })
        .collect();
    let models: Vec<Value> = channel.models.clone().filter_map(|ix| model(snapshot, ModelIx(ix), now_ms)).collect();
    let limits = &channel.limits;
    json!({
        "id": &*channel.name,
        "name": &*channel.name,
        "provider": &*channel.provider,
        "kind": &*channel.kind,
        "base_url": &*channel.base_url,
        "region": channel.region.as_deref(),
        "priority": channel.priority,
        "weight": channel.weight,
        "enabled": channel.enabled,
        "managed_by": "file",
        "status": state(snapshot, channel, side, now_ms),
        "live": live(&side.cell.state.health, now_ms),
        "limits": {
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "requests_per_day": limits.requests_per_day,
            "max_in_flight": limits.max_in_flight,
            "daily_budget": limits.daily_budget.map(|usd| usd.to_string()),
        },
        "key_rotation": channel.key_rotation.as_str(),
        "keys": keys,
        "models": models,
    })
}

fn model(snapshot: &ServerSnapshot, ix: ModelIx, now_ms: u64) -> Option<Value> {
    let (model, health) = snapshot.core.model(ix).zip(snapshot.world.model(ix))?;
    let tags = model.tags.iter().filter_map(|tag| snapshot.core.tag_text(*tag));
    Some(json!({
        "name": &*model.name,
        "upstream_name": &*model.upstream_name,
        "aliases": model.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>(),
        "context_length": model.context_length,
        "max_output_tokens": model.max_output_tokens,
        "capabilities": model.capabilities.names().collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
        "priced": snapshot.core.price(ix).is_some(),
        "out": model.out.map(|reason| reason.sentence(&snapshot.core)),
        "live": live(health, now_ms),
    }))
}
