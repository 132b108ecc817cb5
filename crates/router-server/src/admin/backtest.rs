//! `routing/backtest`: what the recorded requests would have come to under another policy.

use std::sync::Arc;

use axum::response::Response;
use router_core::backtest::{Report, Scope};
use router_core::fault::ErrorCode;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::call::{self, Call, moment_ms, moment_text};
use super::problem::Problem;
use super::route::{Access, Answers, Route, Verb};
use crate::backtest::{self, NoResult};
use crate::config::{Loaded, Source, SourceFile, is_configuration};
use crate::startup::{Candidate, client_keys};

/// Routes of backtests.
pub(super) const ROUTES: &[Route] = &[Route {
    verb: Verb::Post,
    path: "/admin/v1/routing/backtest",
    access: Access::Admin,
    summary: "Replay a period of the request log against another policy: cost, times and failures, actual beside predicted",
    query: &[],
    body: Some("BacktestQuestion"),
    answers: Answers::One("Backtest"),
    handler: |call| Box::pin(answer(call)),
}];

const FIELDS: [&str; 4] = ["from", "to", "group", "policy"];
/// Name of the policy in messages.
const POLICY: &str = "policy";

/// One at a time: each goes through a part of the log, twice.
static ONE: Semaphore = Semaphore::const_new(1);

async fn answer(call: Call) -> Result<Response, Problem> {
    let asked = call.object()?;
    if let Some(field) = asked.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(Problem::invalid(field, format_args!("there is no such field; allowed: {}", FIELDS.join(", "))));
    }
    let now_ms = call.now.unix_ms;
    let from_ms = moment(&asked, "from")?.ok_or_else(|| Problem::invalid("from", "a moment has to be named"))?;
    let to_ms = moment(&asked, "to")?.unwrap_or(now_ms);
    let group = asked.get("group").filter(|value| !value.is_null());
    let group = group.map(|name| name.as_str().ok_or_else(|| Problem::invalid("group", "the name of a group")));
    let group = group.transpose()?;
    let candidate = asked.get(POLICY).filter(|value| !value.is_null());
    let candidate = candidate.map(|policy| candidate_of(policy, group)).transpose()?;
    let candidates = (call.control.candidate)(candidate).await.map_err(|faults| Problem::invalid(POLICY, faults))?;
    let scope = Scope { from_ms, to_ms, group: group.map(Arc::from) };
    let report = run(&call, &candidates.tested, scope).await?;
    Ok(call::json(&value(&report, from_ms, to_ms)))
}

/// Runs the backtest of a configuration, if no other one runs.
pub(super) async fn run(call: &Call, tested: &Loaded, scope: Scope) -> Result<Report, Problem> {
    let busy =
        |_| Problem::new(ErrorCode::Conflict, "Another backtest runs at the moment. Try again when it has ended.");
    let _permit = ONE.try_acquire().map_err(busy)?;
    let store = &call.control.app.store;
    let keys = client_keys(store).await?;
    let of = |progress: backtest::Progress| tracing::debug!(read = progress.read, of = progress.of, "backtest");
    backtest::run(store, tested, keys, scope, &mut { of }).await.map_err(Problem::from)
}

impl From<NoResult> for Problem {
    fn from(error: NoResult) -> Self {
        match error {
            NoResult::Store(error) => error.into(),
            NoResult::NoGroup { .. } => Self::invalid("group", error),
            NoResult::Backwards => Self::invalid("to", error),
            NoResult::Configuration(_) => Self::invalid(POLICY, error),
            NoResult::Empty { .. } => Self::new(ErrorCode::NotFound, format!("Nothing to test: {error}.")),
        }
    }
}

/// The result with its period.
pub(super) fn value(report: &Report, from_ms: u64, to_ms: u64) -> Value {
    let at = |ms: u64| moment_text(i64::try_from(ms).unwrap_or(i64::MAX));
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.insert("from".to_owned(), at(from_ms));
        map.insert("to".to_owned(), at(to_ms));
    }
    value
}

/// A group's definition as an object or text, or a whole configuration as text.
fn candidate_of(policy: &Value, group: Option<&str>) -> Result<Candidate, Problem> {
    let text = match policy {
        Value::String(text) => text.clone(),
        // JSON is YAML.
        Value::Object(_) => policy.to_string(),
        _ => {
            return Err(Problem::invalid(POLICY, "an object or a text: the definition of a group, or a configuration"));
        }
    };
    let file = SourceFile { name: POLICY.to_owned(), text };
    if is_configuration(&file) {
        return Ok(Candidate::Whole(Source::Texts(vec![(file.name, file.text)])));
    }
    let unnamed = || Problem::invalid("group", "a policy that defines a group needs the name of the group");
    Ok(Candidate::Group(group.ok_or_else(unnamed)?.to_owned(), file))
}

fn moment(asked: &Map<String, Value>, field: &str) -> Result<Option<u64>, Problem> {
    let Some(value) = asked.get(field).filter(|value| !value.is_null()) else { return Ok(None) };
    let ms = value.as_str().and_then(moment_ms).and_then(|ms| u64::try_from(ms).ok());
    ms.map(Some).ok_or_else(|| Problem::invalid(field, "a moment such as 2027-01-31T00:00:00Z, or a date"))
}

/// What is asked.
pub(super) fn question_schema() -> Value {
    let moment = |words: &str| json!({ "type": "string", "description": words });
    json!({
        "type": "object",
        "properties": {
            "from": moment("First moment: a date (UTC) or RFC 3339."),
            "to": moment("End of the period; now unless given."),
            "group": { "type": "string", "description": "Only requests for this group are decided anew; all others went as they went." },
            "policy": {
                "type": ["object", "string"],
                "description": "The definition of the group as under `model_groups`, or a whole configuration as YAML; the one that serves unless given.",
            },
        },
        "required": ["from"],
        "additionalProperties": false,
    })
}

/// What it comes to.
pub(super) fn answer_schema() -> Value {
    let number = || json!({ "type": "number" });
    let count = || json!({ "type": "integer" });
    let side = json!({
        "type": "object",
        "properties": {
            "requests": count(), "failed": count(), "cost_usd": { "type": "string" },
            "took_ms": { "type": ["number", "null"] }, "took_p95_ms": { "type": ["number", "null"] }, "first_ms": { "type": ["number", "null"] },
        },
    });
    let estimate = json!({
        "type": "object",
        "description": "`low` to `high`: what chance and few observations leave open, at 95 %.",
        "properties": { "actual": number(), "predicted": number(), "low": number(), "high": number() },
    });
    let channel = json!({
        "type": "object",
        "properties": { "channel": { "type": "string" }, "actual": side, "predicted": side, "observations": count() },
    });
    let hour = json!({
        "type": "object",
        "properties": { "channel": { "type": "string" }, "model": { "type": "string" }, "hour_ms": count(), "drawn": count(), "observations": count() },
    });
    json!({
        "type": "object",
        "properties": {
            "from": { "type": "string", "format": "date-time" }, "to": { "type": "string", "format": "date-time" },
            "requests": count(), "skipped": count(), "same_choice": count(),
            "actual": side, "predicted": side,
            "cost_usd": estimate, "took_ms": estimate, "failed": estimate,
            "sources": {
                "type": "object",
                "description": "Predicted attempts: as the log holds them, drawn from observations, from the catalogue's scores.",
                "properties": { "recorded": count(), "observed": count(), "assumed": count() },
            },
            "channels": { "type": "array", "items": channel },
            "hours": { "type": "array", "items": hour },
            "notes": { "type": "array", "items": { "type": "string" } },
        },
        "required": ["from", "to", "requests", "skipped", "same_choice", "cost_usd", "took_ms", "failed", "sources", "channels", "hours", "notes"],
    })
}
