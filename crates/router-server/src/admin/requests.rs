//! `requests`: the request log. A key with the role `user` meets only its own rows: that is part of the query.

use axum::response::Response;
use router_core::money::Nano;
use router_core::routing::spell_out;
use router_store::{AttemptRecord, RequestFilter, RequestRecord, RequestStatus, TokenCounts};
use serde_json::{Value, json};

use super::call::{self, Call, moment_text, one_of};
use super::problem::Problem;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};

const LIST: &[Param] = &[
    LIMIT,
    CURSOR,
    Param { name: "q", description: "A request id, ours or the client's, whole." },
    Param { name: "sort", description: "Only `-created_at`: the newest first." },
    Param { name: "key", description: "Id or name of the client key." },
    Param { name: "model", description: "The model that was asked for." },
    Param { name: "channel", description: "The channel that served." },
    Param { name: "group", description: "The group that was asked for." },
    Param {
        name: "status",
        description: "`completed`, `error`, `client_closed`, `timeout`, `shutdown` or `interrupted`.",
    },
    Param { name: "from", description: "From this moment on, RFC 3339." },
    Param { name: "to", description: "Before this moment, RFC 3339." },
];

/// Routes of the request log.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/requests",
        access: Access::Own,
        summary: "List requests, the newest first",
        query: LIST,
        body: None,
        answers: Answers::Page("Request"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/requests/{id}",
        access: Access::Own,
        summary: "One request",
        query: &[],
        body: None,
        answers: Answers::One("Request"),
        handler: |call| Box::pin(get(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/requests/{id}/decision",
        access: Access::Own,
        summary: "The routing decision of a request, as it was taken",
        query: &[],
        body: None,
        answers: Answers::Object,
        handler: |call| Box::pin(decision(call)),
    },
];

async fn list(call: Call) -> Result<Response, Problem> {
    let query = &call.query;
    let store = &call.control.app.store;
    query.word("sort", &["-created_at"])?;
    let status = match query.get("status") {
        None => None,
        Some(word) => {
            let words = RequestStatus::ALL.map(RequestStatus::as_str);
            Some(RequestStatus::parse(word).ok_or_else(|| Problem::invalid("status", one_of(&words)))?)
        }
    };
    let own = call.bound_to();
    let key_id = match (own, query.get("key")) {
        (own, None) => own.map(str::to_owned),
        // Whoever is bound to one key learns nothing of others, not even whether they exist.
        (Some(own), Some(key)) if names_caller(&call, key) => Some(own.to_owned()),
        (Some(_), Some(_)) => return Ok(call::page(Vec::new(), None)),
        (None, Some(key)) => Some(store.client_key(key).await?.map_or_else(|| key.to_owned(), |key| key.id)),
    };
    let filter = RequestFilter {
        key_id,
        model: query.text("model"),
        channel: query.text("channel"),
        group: query.text("group"),
        status,
        since_ms: query.moment("from")?,
        until_ms: query.moment("to")?,
        q: query.text("q"),
        limit: u32::try_from(query.limit()?).unwrap_or(u32::MAX),
        cursor: query.text("cursor"),
    };
    let page = store.requests(&filter).await?;
    let rows = page.rows.iter().map(|record| row(record, own.is_none())).collect();
    Ok(call::page(rows, page.next_cursor))
}

fn names_caller(call: &Call, key: &str) -> bool {
    call.caller.as_ref().is_some_and(|caller| caller.id == key || caller.name == key)
}

async fn get(call: Call) -> Result<Response, Problem> {
    let own = call.bound_to();
    let found = call.control.app.store.request(call.param("id"), own).await?;
    let record = found.ok_or_else(|| Problem::not_found("request"))?;
    Ok(call::json(&row(&record, own.is_none())))
}

async fn decision(call: Call) -> Result<Response, Problem> {
    let found = call.control.app.store.request_decision(call.param("id"), call.bound_to()).await?;
    let text = found.ok_or_else(|| Problem::not_found("request"))?;
    let mut decision = text.and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or(Value::Null);
    spell_out(&mut decision);
    Ok(call::json(&json!({ "id": call.param("id"), "decision": decision })))
}

/// A row as the contract has it. `whole` adds what concerns the operator only: providers' words and which of their
/// keys was used.
fn row(record: &RequestRecord, whole: bool) -> Value {
    json!({
        "id": record.id,
        "client_request_id": record.client_request_id,
        "key": record.key_name,
        "key_id": record.key_id,
        "endpoint": record.endpoint,
        "dialect": record.dialect,
        "model": record.model,
        "group": record.group,
        "channel": record.channel,
        "provider": record.provider,
        "upstream_model": record.upstream_model,
        "strategy": record.strategy,
        "status": record.status.as_str(),
        "error_code": record.error_code,
        "error_class": record.error_class,
        "stream": record.stream,
        "attempts": record.attempts.iter().map(|attempt| attempt_row(attempt, whole)).collect::<Vec<_>>(),
        "tokens": tokens(&record.tokens),
        "tokens_source": record.tokens_source.as_str(),
        "cost_usd": Nano(record.cost_nano).to_string(),
        "reserved_usd": Nano(record.reserved_nano).to_string(),
        "price_version": record.price_version,
        "latency_ms": record.latency_ms,
        "ttft_ms": record.ttft_ms,
        "throughput_tps": record.throughput_tps,
        "overhead_us": record.overhead_us,
        "config_version": record.config_version,
        "created_at": moment_text(record.created_at),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "user_agent": record.user_agent,
        "flags": record.flags,
    })
}

fn attempt_row(attempt: &AttemptRecord, whole: bool) -> Value {
    let mut row = json!({
        "n": attempt.n,
        "channel": attempt.channel,
        "provider": attempt.provider,
        "upstream_model": attempt.upstream_model,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "started_at": moment_text(attempt.started_at),
        "first_byte_at": attempt.first_byte_at.map(moment_text),
        "ended_at": moment_text(attempt.ended_at),
        "tokens": tokens(&attempt.tokens),
        "cost_usd": Nano(attempt.cost_nano).to_string(),
    });
    if let Some(map) = row.as_object_mut().filter(|_| whole) {
        map.insert("provider_key".to_owned(), attempt.provider_key_id.clone().into());
        map.insert("upstream_request_id".to_owned(), attempt.upstream_request_id.clone().into());
        map.insert("retry_after_ms".to_owned(), attempt.retry_after_ms.into());
        map.insert("away_until".to_owned(), attempt.away_until.map(moment_text).into());
        map.insert("detail".to_owned(), attempt.detail.clone().into());
    }
    row
}

fn tokens(tokens: &TokenCounts) -> Value {
    json!({
        "input": tokens.input,
        "cached_input": tokens.cached_input,
        "cache_write": tokens.cache_write,
        "output": tokens.output,
        "reasoning": tokens.reasoning,
    })
}
