//! `providers`: the services that channels are accounts of, as far as a channel uses them.

use std::collections::BTreeMap;

use axum::response::Response;
use router_core::catalog::Channel;
use serde_json::{Value, json};

use super::call::{self, Call};
use super::channels::state;
use super::page::{Sort, holds, page};
use super::problem::Problem;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};
use crate::snapshot::{ChannelSide, ServerSnapshot};

const LIST: &[Param] = &[
    LIMIT,
    CURSOR,
    Param { name: "q", description: "Part of the name." },
    Param { name: "sort", description: "`name`, or `-name` for the other direction." },
    Param { name: "kind", description: "Kind of the provider, such as `openai_compatible`." },
];

/// Routes of providers.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/providers",
        access: Access::Read,
        summary: "List the providers of channels",
        query: LIST,
        body: None,
        answers: Answers::Page("Provider"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/providers/{id}",
        access: Access::Read,
        summary: "One provider",
        query: &[],
        body: None,
        answers: Answers::One("Provider"),
        handler: |call| Box::pin(get(call)),
    },
];

const SORTS: &[Sort<(String, Value)>] = &[("name", |line| line.0.clone())];

async fn list(call: Call) -> Result<Response, Problem> {
    let kind = call.query.get("kind");
    let lines = rows(&call).into_iter().filter(|(name, row)| {
        kind.is_none_or(|kind| row.get("kind").and_then(Value::as_str) == Some(kind))
            && holds(name, call.query.get("q"))
    });
    let (lines, next) = page(lines.collect(), |line| line.0.clone(), SORTS, &call.query)?;
    Ok(call::page(lines.into_iter().map(|(_, row)| row).collect(), next))
}

async fn get(call: Call) -> Result<Response, Problem> {
    let mut rows = rows(&call);
    let row = rows.remove(call.param("id")).ok_or_else(|| Problem::not_found("provider"))?;
    Ok(call::json(&row))
}

fn rows(call: &Call) -> BTreeMap<String, Value> {
    let snapshot = call.control.app.snapshot.load();
    let mut providers: BTreeMap<&str, Vec<(&Channel, &ChannelSide)>> = BTreeMap::new();
    for (channel, side) in snapshot.core.channels().iter().zip(snapshot.channels()) {
        providers.entry(&channel.provider).or_default().push((channel, side));
    }
    let now_ms = call.now.unix_ms;
    let rows = providers.into_iter().map(|(name, channels)| (name.to_owned(), row(&snapshot, name, &channels, now_ms)));
    rows.collect()
}

fn row(snapshot: &ServerSnapshot, name: &str, channels: &[(&Channel, &ChannelSide)], now_ms: u64) -> Value {
    let usable = channels.iter().filter(|(channel, side)| state(snapshot, channel, side, now_ms) == "ok").count();
    let in_flight: u64 = channels.iter().map(|(_, side)| side.cell.state.health.in_flight()).sum();
    json!({
        "id": name,
        "name": name,
        "kind": channels.first().map(|(channel, _)| &*channel.kind),
        "managed_by": "file",
        "enabled": channels.iter().any(|(channel, _)| channel.enabled),
        "channels": channels.iter().map(|(channel, _)| &*channel.name).collect::<Vec<_>>(),
        "channels_ok": usable,
        "models": channels.iter().map(|(channel, _)| channel.models.len()).sum::<usize>(),
        "in_flight": in_flight,
    })
}
