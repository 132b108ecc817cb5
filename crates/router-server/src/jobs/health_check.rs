//! The job `health_check`: passive first, so it only asks channels that are away, and only what costs nothing: for their list of
//! models. What comes of it is `core::world`'s to say.

use std::time::Duration;

use router_core::catalog::ChannelIx;
use router_core::ids::mix;
use serde_json::{Value, json};

use super::Job;
use crate::clock::unix_ms;
use crate::listing::Ask;
use crate::relay::Worker;

/// The job.
pub const JOB: Job = Job {
    name: "health_check",
    summary: "Asks channels that are away for their list of models, which costs nothing",
    timing: |settings| &settings.health_check,
    run: |worker| Box::pin(async move { Ok(json!({ "channels": look(&worker).await })) }),
};

/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks every channel that is away, one after another; what each has told.
async fn look(worker: &Worker) -> Vec<Value> {
    let snapshot = worker.app.snapshot.load_full();
    let mut told = Vec::new();
    for (slot, (channel, side)) in (0..).zip(snapshot.core.channels().iter().zip(snapshot.channels())) {
        let (ix, began_ms) = (ChannelIx(slot), unix_ms());
        if !channel.enabled || !snapshot.world.wants_a_look(ix, began_ms) {
            continue;
        }
        let ask = Ask { upstream: &worker.upstream, channel, side, now_ms: began_ms };
        let key = ask.key();
        let found = ask.look(PATIENCE).await;
        let now_ms = unix_ms();
        let seed = mix(now_ms ^ u64::from(slot));
        snapshot.world.looked(ix, key, found.as_ref().err(), began_ms, now_ms, seed);
        let outcome = found.as_ref().map_or_else(|fault| fault.kind.class(), |()| "ok");
        tracing::info!(channel = %channel.name, outcome, "asked the channel `{}` for its models: {outcome}", channel.name);
        told.push(json!({ "channel": &*channel.name, "outcome": outcome }));
    }
    told
}
