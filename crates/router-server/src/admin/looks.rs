//! The job `health_check`: passive first, so it only asks channels that are away, and only what costs nothing: for their list of
//! models. What comes of it is `core::world`'s to say. One owned task, jittered, so that instances do not ask at once.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use router_core::catalog::ChannelIx;
use router_core::ids::{hash64, mix};
use serde_json::{Value, json};

use super::call::{self, Call};
use super::discover::ask::Ask;
use super::problem::Problem;
use super::route::{Access, Answers, Route, Verb};
use crate::app::App;
use crate::clock::unix_ms;
use crate::tasks::Tasks;
use crate::telemetry::metrics::{JobLabels, Name};
use crate::upstream::Upstream;

const JOB: &str = "health_check";
/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);
const MINUTE_MS: u64 = 60_000;

/// Routes of jobs.
pub(super) const ROUTES: &[Route] = &[Route {
    verb: Verb::Post,
    path: "/admin/v1/jobs/{name}/run",
    access: Access::Admin,
    summary: "Run a job now: `health_check` asks the channels that are away for their list of models, which costs nothing",
    query: &[],
    body: None,
    answers: Answers::One("JobRun"),
    handler: |call| Box::pin(run(call)),
}];

async fn run(call: Call) -> Result<Response, Problem> {
    if call.param("name") != JOB {
        return Err(Problem::not_found("job"));
    }
    let told = look(&call.control.app, &call.control.upstream).await;
    Ok(call::json(&json!({ "job": JOB, "channels": told })))
}

/// Looks after channels until the tasks end.
pub fn watch(app: Arc<App>, upstream: Upstream, tasks: &Tasks) {
    let stop = tasks.clone();
    tasks.spawn("health checks", async move {
        tokio::select! {
            () = by_the_clock(&app, &upstream) => {}
            () = stop.stopping() => {}
        }
    });
}

async fn by_the_clock(app: &App, upstream: &Upstream) {
    loop {
        let (now_ms, snapshot) = (unix_ms(), app.snapshot.load_full());
        let next_ms = (now_ms / MINUTE_MS + 1) * MINUTE_MS;
        let jitter_ms = mix(hash64(snapshot.settings.instance.as_bytes()) ^ next_ms) % (MINUTE_MS / 2);
        drop(snapshot);
        tokio::time::sleep(Duration::from_millis(next_ms - now_ms + jitter_ms)).await;
        if app.snapshot.load().settings.looks.as_ref().is_some_and(|looks| looks.is_due(next_ms)) {
            let _ = look(app, upstream).await;
        }
    }
}

/// Asks every channel that is away, one after another; what each has told.
async fn look(app: &App, upstream: &Upstream) -> Vec<Value> {
    let snapshot = app.snapshot.load_full();
    let mut told = Vec::new();
    for (slot, (channel, side)) in (0..).zip(snapshot.core.channels().iter().zip(snapshot.channels())) {
        let (ix, began_ms) = (ChannelIx(slot), unix_ms());
        if !channel.enabled || !snapshot.world.wants_a_look(ix, began_ms) {
            continue;
        }
        let ask = Ask { upstream, channel, side, now_ms: began_ms };
        let key = ask.key();
        let found = ask.look(PATIENCE).await;
        let now_ms = unix_ms();
        let seed = mix(now_ms ^ u64::from(slot));
        snapshot.world.looked(ix, key, found.as_ref().err(), began_ms, now_ms, seed);
        let outcome = found.as_ref().map_or_else(|fault| fault.kind.class(), |()| "ok");
        tracing::info!(channel = %channel.name, outcome, "asked the channel `{}` for its models: {outcome}", channel.name);
        told.push(json!({ "channel": &*channel.name, "outcome": outcome }));
    }
    app.metrics.job_runs.get_or_create_owned(&JobLabels { job: Name(JOB.into()), outcome: "ok" }).inc();
    told
}
