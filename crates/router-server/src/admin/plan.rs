//! `config/plan`: what a new configuration would change, and its backtest on the last hour.

use axum::response::Response;
use router_core::backtest::Scope;
use router_core::fault::ErrorCode;
use serde_json::{Value, json};

use super::backtest;
use super::call::{self, Call};
use super::problem::Problem;
use super::route::{Access, Answers, Route, Verb};
use crate::config::Source;
use crate::plan::findings;
use crate::startup::{Candidate, client_keys};

/// Routes of plans.
pub(super) const ROUTES: &[Route] = &[Route {
    verb: Verb::Post,
    path: "/admin/v1/config/plan",
    access: Access::Admin,
    summary: "What a new configuration would change, and its backtest on the last hour; nothing is changed",
    query: &[],
    body: Some("PlanQuestion"),
    answers: Answers::One("Plan"),
    handler: |call| Box::pin(plan(call)),
}];

const HOUR_MS: u64 = 3_600_000;

async fn plan(call: Call) -> Result<Response, Problem> {
    let asked = call.object()?;
    let wrong = || Problem::invalid("files", "an object of file names and their texts");
    if let Some(field) = asked.keys().find(|field| *field != "files") {
        return Err(Problem::invalid(field, "there is no such field; allowed: files"));
    }
    let files = asked.get("files").and_then(Value::as_object).filter(|files| !files.is_empty()).ok_or_else(wrong)?;
    let text = |(name, text): (&String, &Value)| Some((name.clone(), text.as_str()?.to_owned()));
    let texts: Option<Vec<(String, String)>> = files.iter().map(text).collect();
    let candidate = Candidate::Whole(Source::Texts(texts.ok_or_else(wrong)?));
    let invalid = |faults: String| Problem::invalid("files", faults);
    let candidates = (call.control.candidate)(Some(candidate)).await.map_err(invalid)?;
    let keys = client_keys(&call.control.app.store).await?;
    let found = findings(&candidates.serving, &candidates.tested, &keys).map_err(invalid)?;
    let to_ms = call.now.unix_ms;
    let from_ms = to_ms.saturating_sub(HOUR_MS);
    let scope = Scope { from_ms, to_ms, group: None };
    // Without traffic the findings still stand.
    let (report, note) = match backtest::run(&call, &candidates.tested, scope).await {
        Ok(report) => (backtest::value(&report, from_ms, to_ms), Value::Null),
        Err(problem) if problem.code() == ErrorCode::NotFound.name() => {
            (Value::Null, json!("no requests in the last hour"))
        }
        Err(problem) => return Err(problem),
    };
    Ok(call::json(&json!({ "findings": found, "backtest": report, "note": note })))
}

/// What is asked.
pub(super) fn question_schema() -> Value {
    let files = json!({
        "type": "object",
        "description": "The whole configuration: texts of YAML files by name.",
        "additionalProperties": { "type": "string" },
    });
    json!({ "type": "object", "properties": { "files": files }, "required": ["files"], "additionalProperties": false })
}

/// What it comes to.
pub(super) fn answer_schema() -> Value {
    let finding = json!({
        "type": "object",
        "properties": {
            "level": { "type": "string", "enum": ["change", "warning"] },
            "about": { "type": "string" },
            "text": { "type": "string" },
        },
        "required": ["level", "about", "text"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "findings": { "type": "array", "items": finding },
            "backtest": { "oneOf": [{ "$ref": "#/components/schemas/Backtest" }, { "type": "null" }] },
            "note": { "type": ["string", "null"] },
        },
        "required": ["findings", "backtest", "note"],
        "additionalProperties": false,
    })
}
