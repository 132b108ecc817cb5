//! Schemas of background jobs.

use serde_json::{Value, json};

use super::{described, int, maybe, moment, nullable, number, strict, text, words};

/// A job with its schedule and last runs.
pub(super) fn job() -> Value {
    let runs = json!({ "type": "array", "items": { "$ref": "#/components/schemas/JobRun" }, "description": "The last twenty, the newest first." });
    strict(&[
        ("id", text()),
        ("name", text()),
        ("summary", text()),
        ("cron", described("string", "Minute, hour, day, month, weekday; in UTC.")),
        ("enabled", described("boolean", "Whether it runs by its schedule.")),
        ("timeout_s", number()),
        ("retries", int()),
        ("running_since", maybe(moment())),
        ("next_run_at", maybe(moment())),
        ("runs", runs),
    ])
}

/// A run that has ended.
pub(super) fn run() -> Value {
    strict(&[
        ("job", text()),
        ("trigger", words(&["clock", "operator"])),
        ("outcome", words(&["ok", "failed", "timeout"])),
        ("tries", int()),
        ("started_at", moment()),
        ("ended_at", moment()),
        ("duration_ms", int()),
        ("done", json!({ "type": ["object", "null"], "description": "What was done, as the job tells it." })),
        ("error", nullable("string")),
    ])
}
