//! `channels/{id}/discover`: asks a channel's provider for its models, and compares them with those of the channel. It changes
//! nothing: files and environment declare what a channel serves.

mod ask;
mod compare;

use std::time::Duration;

use axum::response::Response;
use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier};
use serde_json::{Map, Value, json};

use self::ask::Found;
use self::compare::{Change, Compared, State, compare};
use super::call::{self, Call};
use super::channels;
use super::problem::Problem;
use super::route::{Access, Answers, Param, Route, Verb};
use crate::config::presets;
use crate::listing::Ask;

/// Routes of discovery.
pub(super) const ROUTES: &[Route] = &[Route {
    verb: Verb::Post,
    path: "/admin/v1/channels/{id}/discover",
    access: Access::Admin,
    summary: "Ask the channel's provider for its models: what is new, gone or changed against the channel. Nothing is changed by it",
    query: &[Param { name: "timeout_s", description: "Seconds for all of it, 1 to 300; 60 unless given." }],
    body: None,
    answers: Answers::One("Discovery"),
    handler: |call| Box::pin(discover(call)),
}];

async fn discover(call: Call) -> Result<Response, Problem> {
    let patience = match call.query.get("timeout_s").map(str::parse::<u64>) {
        None => 60,
        Some(Ok(seconds)) if (1..=300).contains(&seconds) => seconds,
        Some(_) => return Err(Problem::invalid("timeout_s", "a whole number of seconds from 1 to 300")),
    };
    let snapshot = call.control.app.snapshot.load_full();
    let (_, channel, side) = channels::find(&snapshot, &call)?;
    let asked = Ask { upstream: &call.control.upstream, channel, side, now_ms: call.now.unix_ms };
    let found = asked.everything(Duration::from_secs(patience)).await?;
    let compared = compare(&snapshot.core, channel, &found);
    Ok(call::json(&json!({
        "channel": &*channel.name,
        "provider": &*channel.provider,
        "list": found.family.name,
        "pages": found.pages,
        "complete": found.complete,
        "found": found.models.len(),
        "new": compared.count(State::New),
        "changed": compared.count(State::Changed),
        "models": models(&channel.kind, &found, &compared),
        "gone": compared.gone.iter().map(|model| json!({
            "model": &*model.name,
            "upstream_name": &*model.upstream_name,
        })).collect::<Vec<_>>(),
        "notes": found.notes,
    })))
}

fn models(kind: &str, found: &Found, compared: &Compared<'_>) -> Vec<Value> {
    let catalogue = presets::models(kind);
    let rows = found.models.iter().zip(&compared.models).map(|(model, row)| {
        json!({
            "id": model.id,
            "display_name": model.display_name,
            "state": row.state.as_str(),
            "models": row.names,
            "in_catalogue": catalogue.is_some_and(|list| list.get(&model.id).is_some()),
            "active": model.active,
            "context_length": model.context_length,
            "max_output_tokens": model.max_output_tokens,
            "capabilities": model.can.names().collect::<Vec<_>>(),
            "price": model.price.as_ref().map(price),
            "changes": row.changes.iter().map(change).collect::<Vec<_>>(),
        })
    });
    rows.collect()
}

fn change(change: &Change<'_>) -> Value {
    json!({ "model": change.model, "field": change.field, "ours": change.ours, "theirs": change.theirs })
}

/// A price as configuration would have it, in USD; only what is told.
fn price(price: &Price) -> Value {
    let mut fields = Map::new();
    let mut tell = |name: &str, rate: Option<Rate>| {
        fields.extend(rate.map(|rate| (name.to_owned(), Value::from(Nano(rate.0).to_string()))));
    };
    tell("input", Some(price.input));
    tell("output", Some(price.output));
    tell("cached_input", price.cached_input);
    tell("cache_write", price.cache_write);
    tell("reasoning", price.reasoning);
    tell("audio_input", price.audio_input);
    tell("per_request", Some(Rate(price.per_request.0)).filter(|amount| *amount > Rate(0)));
    if !price.tiers.is_empty() {
        fields.insert("tiers".to_owned(), price.tiers.iter().map(tier).collect());
    }
    Value::Object(fields)
}

fn tier(tier: &Tier) -> Value {
    json!({
        "above_tokens": tier.above_tokens,
        "input": Nano(tier.input.0).to_string(),
        "output": Nano(tier.output.0).to_string(),
    })
}
