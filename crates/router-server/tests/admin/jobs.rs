//! The frame of jobs: what is listed, what a run tells, and that a job never runs twice at a time.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use smart_ai_router::config::cron::Schedule;
use smart_ai_router::jobs::{JOBS, Job, Timing, Trigger};
use smart_ai_router::telemetry::metrics::{JobLabels, Name};
use tokio::sync::Notify;

use crate::control::{ADMIN, OK, TestControl, VIEWER};

#[tokio::test]
async fn every_job_is_listed_with_its_schedule_and_its_runs() {
    let control = TestControl::start().await;
    let rows = control.get("/admin/v1/jobs", VIEWER).await.data();
    let names: Vec<&Value> = rows.iter().map(|row| &row["name"]).collect();
    assert_eq!(names, JOBS.iter().map(|job| job.name).collect::<Vec<_>>(), "those that exist, and no others");
    assert!(control.get("/admin/v1/jobs?q=nothing-like-it", VIEWER).await.data().is_empty());

    let before = control.get("/admin/v1/jobs/health_check", VIEWER).await.json();
    assert_eq!((&before["cron"], &before["enabled"]), (&json!("*/5 * * * *"), &json!(true)));
    assert_eq!((&before["runs"], &before["running_since"]), (&json!([]), &Value::Null));
    assert!(before["next_run_at"].as_str().is_some_and(|next| next.ends_with(":00Z")), "{before}");

    let run = control.call("POST", "/admin/v1/jobs/health_check/run", Some(ADMIN), &[], None).await;
    assert_eq!(run.status, OK, "{run:?}");
    let run = run.json();
    assert_eq!((&run["trigger"], &run["outcome"], &run["error"]), (&json!("operator"), &json!("ok"), &Value::Null));
    assert_eq!(run["done"]["channels"], json!([]), "nobody is away");
    let after = control.get("/admin/v1/jobs/health_check", VIEWER).await.json();
    assert_eq!(after["runs"], json!([run]));
    for (verb, path) in [("GET", "/admin/v1/jobs/data_cleanup"), ("POST", "/admin/v1/jobs/data_cleanup/run")] {
        let answer = control.call(verb, path, Some(ADMIN), &[], None).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "configured, but there is no such job");
    }
}

static PATIENT: LazyLock<Timing> = LazyLock::new(|| timing(Duration::from_secs(60), 2));
static HASTY: LazyLock<Timing> = LazyLock::new(|| timing(Duration::from_millis(20), 0));

fn timing(timeout: Duration, retries: u32) -> Timing {
    let cron = "0 0 1 1 *".to_owned();
    Timing { schedule: Schedule::parse(&cron), cron, enabled: true, timeout, retries }
}

static GATE: Notify = Notify::const_new();
static GATED: Job = Job {
    name: "gated",
    summary: "Waits until it may end.",
    timing: |_| &PATIENT,
    run: |_| {
        Box::pin(async {
            GATE.notified().await;
            Ok(json!({ "passed": 1 }))
        })
    },
};

#[tokio::test]
async fn a_job_never_runs_twice_at_a_time() {
    let control = TestControl::start().await;
    let first = control.jobs.start(&GATED, Trigger::Clock).expect("nobody runs it");
    assert!(control.jobs.start(&GATED, Trigger::Operator).is_none());
    assert!(control.jobs.runs(&GATED).running_since_ms.is_some());
    GATE.notify_one();
    let run = first.await.expect("it ends");
    assert_eq!((run.trigger, run.end.outcome, run.end.done), (Trigger::Clock, "ok", json!({ "passed": 1 })));
    let second = control.jobs.start(&GATED, Trigger::Operator).expect("it can run again");
    GATE.notify_one();
    second.await.expect("it ends");
    let runs = control.jobs.runs(&GATED);
    let triggers: Vec<Trigger> = runs.last.iter().map(|run| run.trigger).collect();
    assert_eq!((runs.running_since_ms, triggers), (None, vec![Trigger::Operator, Trigger::Clock]));
}

static TRIES: AtomicU32 = AtomicU32::new(0);
static FAILING: Job = Job {
    name: "failing",
    summary: "Fails the first time.",
    timing: |_| &PATIENT,
    run: |_| {
        Box::pin(async {
            let before = TRIES.fetch_add(1, Ordering::Relaxed);
            if before == 0 { Err("nobody is there".to_owned()) } else { Ok(Value::Null) }
        })
    },
};
static HANGING: Job =
    Job { name: "hanging", summary: "Never ends.", timing: |_| &HASTY, run: |_| Box::pin(std::future::pending()) };
static PANICKING: Job = Job {
    name: "panicking",
    summary: "Breaks off.",
    timing: |_| &HASTY,
    run: |_| Box::pin(async { panic!("a job of a test breaks off") }),
};

#[tokio::test]
async fn a_run_that_fails_is_tried_again_and_one_that_hangs_or_breaks_off_ends() {
    let control = TestControl::start().await;
    let start = |job| control.jobs.start(job, Trigger::Clock).expect("nobody runs it");
    let run = start(&FAILING).await.expect("it ends");
    assert_eq!((run.end.outcome, run.end.tries), ("ok", 2));
    let run = start(&HANGING).await.expect("it ends");
    assert_eq!((run.end.outcome, run.end.tries), ("timeout", 1));
    assert!(run.end.error.is_some_and(|why| why.contains("timeout")));
    for _ in 0..2 {
        assert!(start(&PANICKING).await.is_err());
        let runs = control.jobs.runs(&PANICKING);
        assert_eq!(runs.last.front().map(|run| run.end.outcome), Some("failed"));
        assert_eq!(runs.running_since_ms, None, "it can run again");
    }
    let metrics = &control.app.metrics;
    for (job, outcome, count) in [("failing", "ok", 1), ("hanging", "timeout", 1), ("panicking", "failed", 2)] {
        let labels = JobLabels { job: Name(job.into()), outcome };
        assert_eq!(metrics.job_runs.get_or_create_owned(&labels).get(), count, "{job}");
    }
}
