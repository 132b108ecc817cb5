//! `jobs`: what runs in the background, when, and what came of it.

use axum::response::Response;
use router_core::fault::ErrorCode;
use serde_json::{Value, json};

use super::call::{self, Call, moment_text};
use super::page::{Sort, holds, page};
use super::problem::Problem;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};
use crate::jobs::{JOBS, Job, Run, Trigger};

const LIST: &[Param] = &[
    LIMIT,
    CURSOR,
    Param { name: "q", description: "Part of the name." },
    Param { name: "sort", description: "`name`, or `-name` for the other direction." },
];

/// Routes of jobs.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/jobs",
        access: Access::Read,
        summary: "List the background jobs with their schedules and last runs",
        query: LIST,
        body: None,
        answers: Answers::Page("Job"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/jobs/{name}",
        access: Access::Read,
        summary: "One job",
        query: &[],
        body: None,
        answers: Answers::One("Job"),
        handler: |call| Box::pin(get(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/admin/v1/jobs/{name}/run",
        access: Access::Admin,
        summary: "Run a job now, whatever its schedule, and wait for its end. 409 while it runs",
        query: &[],
        body: None,
        answers: Answers::One("JobRun"),
        handler: |call| Box::pin(run(call)),
    },
];

const SORTS: &[Sort<&'static Job>] = &[("name", |job| job.name.to_owned())];

async fn list(call: Call) -> Result<Response, Problem> {
    let jobs = JOBS.iter().filter(|job| holds(job.name, call.query.get("q"))).collect();
    let (jobs, next) = page(jobs, |job| job.name.to_owned(), SORTS, &call.query)?;
    Ok(call::page(jobs.into_iter().map(|job| row(&call, job)).collect(), next))
}

async fn get(call: Call) -> Result<Response, Problem> {
    Ok(call::json(&row(&call, find(&call)?)))
}

async fn run(call: Call) -> Result<Response, Problem> {
    let job = find(&call)?;
    let started = call.control.jobs.start(job, Trigger::Operator);
    let started =
        started.ok_or_else(|| Problem::new(ErrorCode::Conflict, "The job runs already. Wait for its end."))?;
    let broken_off = |_| Problem::new(ErrorCode::InternalError, "The run broke off before its end. The log says more.");
    Ok(call::json(&run_row(job, &started.await.map_err(broken_off)?)))
}

fn find(call: &Call) -> Result<&'static Job, Problem> {
    let name = call.param("name");
    JOBS.iter().find(|job| job.name == name).ok_or_else(|| Problem::not_found("job"))
}

fn row(call: &Call, job: &Job) -> Value {
    let snapshot = call.control.app.snapshot.load();
    let timing = (job.timing)(&snapshot.settings);
    let runs = call.control.jobs.runs(job);
    let next_ms = timing.by_the_clock().and_then(|schedule| schedule.next(call.now.unix_ms));
    json!({
        "id": job.name,
        "name": job.name,
        "summary": job.summary,
        "cron": timing.cron,
        "enabled": timing.enabled,
        "timeout_s": timing.timeout.as_secs_f64(),
        "retries": timing.retries,
        "running_since": runs.running_since_ms.map(moment),
        "next_run_at": next_ms.map(moment),
        "runs": runs.last.iter().map(|run| run_row(job, run)).collect::<Vec<_>>(),
    })
}

fn run_row(job: &Job, run: &Run) -> Value {
    json!({
        "job": job.name,
        "trigger": run.trigger.as_str(),
        "outcome": run.end.outcome,
        "tries": run.end.tries,
        "started_at": moment(run.began_ms),
        "ended_at": moment(run.ended_ms),
        "duration_ms": run.ended_ms.saturating_sub(run.began_ms),
        "done": run.end.done,
        "error": run.end.error,
    })
}

fn moment(ms: u64) -> Value {
    moment_text(i64::try_from(ms).unwrap_or(i64::MAX))
}
