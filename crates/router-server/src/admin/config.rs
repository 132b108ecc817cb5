//! `config/…`: the numbered configurations, and reading the files again.

use axum::response::Response;
use router_core::fault::ErrorCode;
use serde_json::{Value, json};

use super::call::{self, Call, moment_text};
use super::problem::Problem;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};

/// Routes of the configuration.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/config/versions",
        access: Access::Read,
        summary: "List the configurations that have served, the newest first",
        query: &[LIMIT, CURSOR, Param { name: "sort", description: "Only `-number`: the newest first." }],
        body: None,
        answers: Answers::Page("ConfigVersion"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/config/versions/{number}",
        access: Access::Admin,
        summary: "One configuration with its content; `current` is the one that serves",
        query: &[],
        body: None,
        answers: Answers::Object,
        handler: |call| Box::pin(get(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/admin/v1/config/reload",
        access: Access::Admin,
        summary: "Read the configuration files again; a faulty one changes nothing",
        query: &[],
        body: None,
        answers: Answers::One("ReloadReport"),
        handler: |call| Box::pin(reload(call)),
    },
];

async fn list(call: Call) -> Result<Response, Problem> {
    call.query.word("sort", &["-number"])?;
    let limit = call.query.limit()?;
    let below = call.query.get("cursor").map(str::parse::<i64>).transpose();
    let below = below.map_err(|_| Problem::invalid("cursor", "the `next_cursor` of the page before"))?;
    let wanted = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    let mut versions = call.control.app.store.config_versions(below, wanted).await?;
    let more = versions.len() > limit;
    versions.truncate(limit);
    let next = versions.last().filter(|_| more).map(|version| version.number.to_string());
    let serving = serving(&call);
    let rows = versions.iter().map(|version| {
        json!({
            "id": version.number.to_string(),
            "number": version.number,
            "hash": version.hash,
            "source": version.source,
            "created_at": moment_text(version.created_at),
            "serving": version.number == serving,
        })
    });
    Ok(call::page(rows.collect(), next))
}

async fn get(call: Call) -> Result<Response, Problem> {
    let serving = serving(&call);
    let number = match call.param("number") {
        "current" => serving,
        text => text.parse().map_err(|_| missing())?,
    };
    let text = call.control.app.store.config(number).await?.ok_or_else(missing)?;
    let mut content: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    hide_digests(&mut content);
    Ok(call::json(&json!({
        "id": number.to_string(),
        "number": number,
        "serving": number == serving,
        "content": content,
    })))
}

async fn reload(call: Call) -> Result<Response, Problem> {
    match (call.control.reload)().await {
        Ok(report) => {
            Ok(call::json(&json!({ "version": report.version, "hash": report.hash, "changed": report.changed })))
        }
        Err(faults) => {
            let detail = format!("Nothing was changed; the configuration before keeps serving. {faults}");
            Err(Problem::new(ErrorCode::Conflict, detail))
        }
    }
}

fn serving(call: &Call) -> i64 {
    i64::try_from(call.control.app.snapshot.load().version).unwrap_or(i64::MAX)
}

fn missing() -> Problem {
    Problem::not_found("version of the configuration")
}

/// Kept configurations hold digests where secrets stand, to tell a change. Nobody needs to read those.
fn hide_digests(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("sha256:") => "configured".clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(hide_digests),
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                if name == "hash" && value.is_string() {
                    *value = "configured".into();
                } else {
                    hide_digests(value);
                }
            }
        }
        _ => {}
    }
}
