//! The job `health_check`: passive first. Channels that are away are asked for their list of models, which costs nothing; what no
//! list can tell of (single models, keys, accounts, channels without a list) is asked the smallest question there is, as far as
//! `daily_cost_limit` allows. What comes of it is `core::world`'s to say.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use router_core::catalog::{ChannelIx, KeyIx};
use router_core::ids::mix;
use router_core::world::Target;
use serde_json::{Value, json};

use super::Job;
use crate::clock::unix_ms;
use crate::listing::Ask;
use crate::local::Local;
use crate::relay::{self, Probed, Worker};
use crate::snapshot::ServerSnapshot;

/// The job.
pub const JOB: Job = Job {
    name: "health_check",
    summary: "Asks channels that are away for their list of models, which costs nothing, and within `daily_cost_limit` what no list can tell of",
    timing: |settings| &settings.health_check,
    run: |worker| Box::pin(async move { Ok(check(&worker).await) }),
};

/// For one free question.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions that cost, at a time: one that hangs keeps nobody waiting.
const AT_ONCE: usize = 8;

async fn check(worker: &Worker) -> Value {
    let snapshot = worker.current.get(&worker.app.snapshot);
    let (mut channels, mut to_ask) = (Vec::new(), Vec::new());
    let asker = relay::asker_in(&snapshot.core);
    for ix in (0..).map(ChannelIx).take(snapshot.channels().len()) {
        if !snapshot.core.channel(ix).is_some_and(|channel| channel.enabled) {
            continue;
        }
        let listed = look(worker, &snapshot, ix, &mut channels).await;
        if asker.is_some() {
            let cost = |model| relay::probe_cost(&snapshot, model);
            to_ask.extend(snapshot.world.whom_to_ask(&snapshot.core, ix, listed, cost, unix_ms()));
        }
    }
    let asked = stream::iter(to_ask.into_iter().map(|target| ask(worker, &snapshot, asker, target)));
    let probes: Vec<Value> = asked.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    json!({ "channels": channels, "probes": probes })
}

/// Asks a channel for its list if it is away; whether that has told anything, if it was asked.
async fn look(worker: &Worker, snapshot: &ServerSnapshot, ix: ChannelIx, told: &mut Vec<Value>) -> Option<bool> {
    let began_ms = unix_ms();
    let (channel, side) = snapshot.core.channel(ix).zip(snapshot.channel(ix))?;
    if !snapshot.world.wants_a_look(ix, began_ms) {
        return None;
    }
    let ask = Ask { upstream: &worker.upstream, channel, side, now_ms: began_ms };
    let key = ask.key();
    let found = ask.look(PATIENCE).await;
    let now_ms = unix_ms();
    let seed = mix(now_ms ^ u64::from(ix.0));
    let has_told = snapshot.world.looked(ix, key, found.as_ref().err(), began_ms, now_ms, seed);
    let outcome = found.as_ref().map_or_else(|fault| fault.kind.class(), |()| "ok");
    tracing::info!(channel = %channel.name, outcome, "asked the channel `{}` for its models: {outcome}", channel.name);
    told.push(json!({ "channel": &*channel.name, "outcome": outcome }));
    Some(has_told)
}

/// Asks a channel model whether it serves. `None`: it may not be asked now.
async fn ask(worker: &Worker, snapshot: &Local<ServerSnapshot>, asker: Option<KeyIx>, target: Target) -> Option<Value> {
    let Probed { outcome, row } = relay::probe(worker, snapshot, asker?, &target).await?;
    let (model, channel) = snapshot.core.model_and_channel(target.model)?;
    let (model, channel) = (&*model.name, &*channel.name);
    tracing::info!(channel, model, outcome, "asked `{model}` of the channel `{channel}` whether it serves: {outcome}");
    let (request, cost) = row.map_or((None, None), |(id, cost)| (Some(id), cost));
    Some(json!({ "channel": channel, "model": model, "outcome": outcome, "request": request, "cost_usd": cost }))
}
