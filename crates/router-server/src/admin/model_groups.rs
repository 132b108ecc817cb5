//! `model-groups`: what clients may ask for instead of a model. Read-only: files declare them, some are built in.

use axum::response::Response;
use router_core::catalog::Group;
use serde_json::{Value, json};

use super::call::{self, Call};
use super::page::{Sort, holds, page};
use super::problem::Problem;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};
use crate::snapshot::ServerSnapshot;

const LIST: &[Param] = &[
    LIMIT,
    CURSOR,
    Param { name: "q", description: "Part of the name." },
    Param { name: "sort", description: "`name`, or `-name` for the other direction." },
    Param { name: "strategy", description: "Name of the strategy." },
];

/// Routes of model groups.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/model-groups",
        access: Access::Read,
        summary: "List model groups with their members",
        query: LIST,
        body: None,
        answers: Answers::Page("ModelGroup"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/model-groups/{id}",
        access: Access::Read,
        summary: "One model group",
        query: &[],
        body: None,
        answers: Answers::One("ModelGroup"),
        handler: |call| Box::pin(get(call)),
    },
];

const SORTS: &[Sort<(String, Value)>] = &[("name", |line| line.0.clone())];

async fn list(call: Call) -> Result<Response, Problem> {
    let snapshot = call.control.app.snapshot.load();
    let strategy = call.query.get("strategy");
    let groups = snapshot.core.groups().iter().filter(|group| {
        strategy.is_none_or(|strategy| group.strategy.name == strategy) && holds(&group.name, call.query.get("q"))
    });
    let lines = groups.map(|group| (group.name.to_string(), row(&snapshot, group))).collect();
    let (lines, next) = page(lines, |line| line.0.clone(), SORTS, &call.query)?;
    Ok(call::page(lines.into_iter().map(|(_, row)| row).collect(), next))
}

async fn get(call: Call) -> Result<Response, Problem> {
    let snapshot = call.control.app.snapshot.load();
    let found = snapshot.core.group_by_name(call.param("id")).and_then(|ix| snapshot.core.group(ix));
    let group = found.ok_or_else(|| Problem::not_found("model group"))?;
    Ok(call::json(&row(&snapshot, group)))
}

fn row(snapshot: &ServerSnapshot, group: &Group) -> Value {
    let core = &snapshot.core;
    let members = group.members.iter().filter_map(|member| {
        let (model, channel) = core.model_and_channel(member.model)?;
        Some(json!({
            "channel": &*channel.name,
            "provider": &*channel.provider,
            "model": &*model.name,
            "priority": member.priority,
            "weight": member.weight,
            "daily_limit": member.daily_limit,
            "out": member.out.map(|reason| reason.sentence(core)),
        }))
    });
    let layers = group.layers.iter().map(|layer| {
        json!({
            "field": layer.factor.name(core),
            "order": if layer.descending { "desc" } else { "asc" },
            "weight": layer.weight,
        })
    });
    json!({
        "id": &*group.name,
        "name": &*group.name,
        "display_name": group.display_name,
        "description": group.description,
        "managed_by": "file",
        "built_in": group.built_in,
        "strategy": group.strategy.name,
        "algorithm": group.selector.name,
        "layers": layers.collect::<Vec<_>>(),
        "daily_budget": group.daily_budget.map(|usd| usd.to_string()),
        "max_cost_per_request": group.max_cost_per_request.map(|usd| usd.to_string()),
        "fallback": group.fallback.iter().map(|name| &**name).collect::<Vec<_>>(),
        "members": members.collect::<Vec<_>>(),
    })
}
