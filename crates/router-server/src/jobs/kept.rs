//! Runs between memory and database.

use router_store::{JobRun, JobSettings};
use serde_json::{Value, json};

use super::{End, Job, Run, Timing, Trigger};

/// The settings of a job for its row.
pub(super) fn settings(job: &Job, timing: &Timing) -> JobSettings {
    JobSettings {
        name: job.name.to_owned(),
        cron: timing.cron.clone(),
        timeout_ms: i64::try_from(timing.timeout.as_millis()).unwrap_or(i64::MAX).max(1),
        retries: timing.retries.into(),
        enabled: timing.enabled,
    }
}

/// The row of a run.
pub(super) fn row(run: &Run) -> JobRun {
    JobRun {
        id: uuid::Uuid::now_v7().to_string(),
        started_at: signed(run.began_ms),
        ended_at: signed(run.ended_ms),
        outcome: run.end.outcome.to_owned(),
        tries: run.end.tries.into(),
        triggered_by: run.trigger.as_str().to_owned(),
        detail: json!({ "done": run.end.done, "error": run.end.error }).to_string(),
    }
}

/// The run of a row; `None` where it says what this version does not know.
pub(super) fn read(row: &JobRun) -> Option<Run> {
    let mut detail: Value = serde_json::from_str(&row.detail).ok()?;
    Some(Run {
        trigger: [Trigger::Clock, Trigger::Operator].into_iter().find(|known| known.as_str() == row.triggered_by)?,
        began_ms: u64::try_from(row.started_at).ok()?,
        ended_ms: u64::try_from(row.ended_at).ok()?,
        end: End {
            outcome: OUTCOMES.into_iter().find(|known| *known == row.outcome)?,
            tries: u32::try_from(row.tries).ok()?,
            done: detail.get_mut("done").map(Value::take)?,
            error: detail.get("error").and_then(Value::as_str).map(str::to_owned),
        },
    })
}

const OUTCOMES: [&str; 3] = ["ok", "failed", "timeout"];

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
