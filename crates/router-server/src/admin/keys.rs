//! `keys`: client keys. The secret stands in the answer to its making, once, and nowhere else.

use std::str::FromStr;

use axum::response::Response;
use http::StatusCode;
use http::header::{ETAG, HeaderValue, IF_MATCH, LOCATION};
use router_core::fault::ErrorCode;
use router_core::money::Nano;
use router_store::{ClientKey, ClientKeySpec, ManagedBy, NewClientKey, Role};
use serde_json::{Map, Value, json};

use super::call::{self, Call, moment_ms, moment_text, one_of};
use super::page::{Sort, holds, page};
use super::problem::Problem;
use super::route::{Access, Answers, CURSOR, LIMIT, Param, Route, Verb};
use crate::snapshot::parse_network;

const ROLES: [&str; 3] = ["user", "viewer", "admin"];
const STATES: [&str; 3] = ["active", "expired", "revoked"];
/// What a caller may set.
const FIELDS: [&str; 8] =
    ["name", "role", "groups", "daily_budget", "monthly_budget", "rate_limits", "ip_allow", "expires_at"];
const RATE_LIMITS: [&str; 3] = ["requests_per_minute", "tokens_per_minute", "max_in_flight"];

const LIST: &[Param] = &[
    LIMIT,
    CURSOR,
    Param { name: "q", description: "Part of the name." },
    Param { name: "sort", description: "`name` or `created_at`, with `-` in front for the other direction." },
    Param { name: "role", description: "`user`, `viewer` or `admin`." },
    Param { name: "managed_by", description: "`api` or `file`." },
    Param { name: "status", description: "`active`, `expired` or `revoked`; all but revoked ones unless given." },
];

/// Routes of client keys.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/admin/v1/keys",
        access: Access::Read,
        summary: "List client keys",
        query: LIST,
        body: None,
        answers: Answers::Page("Key"),
        handler: |call| Box::pin(list(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/admin/v1/keys",
        access: Access::Admin,
        summary: "Make a client key; the answer holds the key itself, once",
        query: &[],
        body: Some("KeyInput"),
        answers: Answers::One("NewKey"),
        handler: |call| Box::pin(create(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/admin/v1/keys/{id}",
        access: Access::Read,
        summary: "One client key, by id or name",
        query: &[],
        body: None,
        answers: Answers::One("Key"),
        handler: |call| Box::pin(get(call)),
    },
    Route {
        verb: Verb::Patch,
        path: "/admin/v1/keys/{id}",
        access: Access::Admin,
        summary: "Change a client key; honours If-Match",
        query: &[],
        body: Some("KeyInput"),
        answers: Answers::One("Key"),
        handler: |call| Box::pin(change(call)),
    },
    Route {
        verb: Verb::Delete,
        path: "/admin/v1/keys/{id}",
        access: Access::Admin,
        summary: "Revoke a client key, at once; honours If-Match",
        query: &[],
        body: None,
        answers: Answers::One("Key"),
        handler: |call| Box::pin(revoke(call)),
    },
];

const SORTS: &[Sort<ClientKey>] =
    &[("name", |key| key.spec.name.clone()), ("created_at", |key| format!("{:020}", key.created_at.max(0)))];

async fn list(call: Call) -> Result<Response, Problem> {
    let role = call.query.word("role", &ROLES)?;
    let owner = call.query.word("managed_by", &["api", "file"])?;
    let wanted = call.query.word("status", &STATES)?;
    let now_ms = call.now_ms();
    let mut keys = call.control.app.store.client_keys(wanted == Some("revoked")).await?;
    keys.retain(|key| {
        role.is_none_or(|role| key.spec.role.as_str() == role)
            && owner.is_none_or(|owner| key.managed_by.as_str() == owner)
            && wanted.is_none_or(|wanted| state(key, now_ms) == wanted)
            && holds(&key.spec.name, call.query.get("q"))
    });
    let (keys, next) = page(keys, |key| key.id.clone(), SORTS, &call.query)?;
    Ok(call::page(keys.iter().map(|key| row(key, now_ms)).collect(), next))
}

async fn create(call: Call) -> Result<Response, Problem> {
    let mut spec = ClientKeySpec::default();
    for (field, value) in &call.object()? {
        set(&mut spec, field, value)?;
    }
    if spec.name.is_empty() {
        return Err(Problem::new(ErrorCode::MissingRequiredParameter, "Missing required parameter: `name`."));
    }
    if spec.expires_at.is_some_and(|end| end <= call.now_ms()) {
        return Err(Problem::invalid("expires_at", "a moment that is still to come"));
    }
    let made = NewClientKey::generate(router_store::CLIENT_KEY_PREFIX)?;
    let key = call.control.app.store.create_client_key(&spec, &made.secret, call.now_ms()).await?;
    took_effect(&call).await?;
    let mut shown = row(&key, call.now_ms());
    if let Some(map) = shown.as_object_mut() {
        map.insert("key".to_owned(), made.secret.expose().into());
    }
    let mut response = call::json(&shown);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(place) = HeaderValue::from_str(&format!("/admin/v1/keys/{}", key.id)) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

async fn get(call: Call) -> Result<Response, Problem> {
    let key = find(&call).await?;
    Ok(tagged(&row(&key, call.now_ms())))
}

async fn change(call: Call) -> Result<Response, Problem> {
    let before = find(&call).await?;
    fresh(&call, &before)?;
    writable(&before)?;
    if before.revoked_at.is_some() {
        return Err(Problem::new(ErrorCode::Conflict, "The key is revoked, for good. Make a new one."));
    }
    let mut spec = before.spec.clone();
    for (field, value) in &call.object()? {
        set(&mut spec, field, value)?;
    }
    let key = call.control.app.store.update_client_key(&before, &spec, call.now_ms()).await?;
    took_effect(&call).await?;
    Ok(tagged(&row(&key, call.now_ms())))
}

async fn revoke(call: Call) -> Result<Response, Problem> {
    let before = find(&call).await?;
    fresh(&call, &before)?;
    let key = call.control.app.store.revoke_client_key(&before.id, call.now_ms()).await?;
    took_effect(&call).await?;
    Ok(tagged(&row(&key, call.now_ms())))
}

async fn find(call: &Call) -> Result<ClientKey, Problem> {
    let id = call.param("id");
    call.control.app.store.client_key(id).await?.ok_or_else(|| Problem::not_found("key"))
}

/// What was written counts from now on in this instance. The others see it within two seconds.
async fn took_effect(call: &Call) -> Result<(), Problem> {
    (call.control.refresh_keys)().await.map_err(|fault| {
        tracing::error!(error = %fault, "a change of client keys is written but not yet in effect");
        let detail = "The change is written, but this instance could not take it over yet; it will within seconds.";
        Problem::new(ErrorCode::InternalError, detail)
    })
}

/// What a file declares is changed there.
fn writable(key: &ClientKey) -> Result<(), Problem> {
    if key.managed_by == ManagedBy::Api {
        return Ok(());
    }
    let file = key.source.as_deref().unwrap_or("a file");
    let detail = format!("The client key {} is declared in {file}: change it there.", key.spec.name);
    Err(Problem::new(ErrorCode::Conflict, detail))
}

/// Judges `If-Match`.
fn fresh(call: &Call, key: &ClientKey) -> Result<(), Problem> {
    let mut wanted = call.headers.get_all(IF_MATCH).iter().peekable();
    if wanted.peek().is_none() {
        return Ok(());
    }
    let present = etag(&row(key, call.now_ms()));
    let mut tags = wanted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if tags.any(|tag| matches!(tag.trim(), "*") || tag.trim() == present) { Ok(()) } else { Err(Problem::stale()) }
}

/// A strong validator: the content's digest.
fn etag(row: &Value) -> String {
    let digest = router_store::sha256_hex(row.to_string().as_bytes());
    format!("\"{}\"", digest.get(..24).unwrap_or(&digest))
}

fn tagged(row: &Value) -> Response {
    let mut response = call::json(row);
    if let Ok(tag) = HeaderValue::from_str(&etag(row)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn state(key: &ClientKey, now_ms: i64) -> &'static str {
    let [active, expired, revoked] = STATES;
    match (key.revoked_at, key.spec.expires_at) {
        (Some(_), _) => revoked,
        (None, Some(end)) if end <= now_ms => expired,
        (None, _) => active,
    }
}

/// A key as everybody who may read keys sees it.
pub(crate) fn row(key: &ClientKey, now_ms: i64) -> Value {
    let spec = &key.spec;
    let usd = |nano: Option<i64>| nano.map(|nano| Nano(nano).to_string());
    json!({
        "id": key.id,
        "name": spec.name,
        "role": spec.role.as_str(),
        "status": state(key, now_ms),
        "groups": spec.groups,
        "daily_budget": usd(spec.daily_budget_nano),
        "monthly_budget": usd(spec.monthly_budget_nano),
        "rate_limits": {
            "requests_per_minute": spec.requests_per_minute,
            "tokens_per_minute": spec.tokens_per_minute,
            "max_in_flight": spec.max_in_flight,
        },
        "ip_allow": spec.ip_allow,
        "expires_at": spec.expires_at.map(moment_text),
        "prefix": key.prefix,
        "last4": key.last4,
        "managed_by": key.managed_by.as_str(),
        "source": key.source,
        "created_at": moment_text(key.created_at),
        "revoked_at": key.revoked_at.map(moment_text),
    })
}

/// Sets one field; null is none. Fields that cannot be set are refused, never passed over.
fn set(spec: &mut ClientKeySpec, field: &str, value: &Value) -> Result<(), Problem> {
    match field {
        "name" => spec.name = name(value)?,
        "role" => {
            let role = value.as_str().and_then(Role::parse);
            spec.role = role.ok_or_else(|| Problem::invalid(field, one_of(&ROLES)))?;
        }
        "groups" => spec.groups = texts(field, value, "a list of patterns such as auto:*", |_| true)?,
        "ip_allow" => {
            let network = |text: &str| parse_network(text).is_some();
            spec.ip_allow = texts(field, value, "a list of addresses and networks such as 10.0.0.0/8", network)?;
        }
        "daily_budget" => spec.daily_budget_nano = budget(field, value)?,
        "monthly_budget" => spec.monthly_budget_nano = budget(field, value)?,
        "rate_limits" => rate_limits(spec, value)?,
        "expires_at" => {
            spec.expires_at = match value {
                Value::Null => None,
                other => {
                    let moment = other.as_str().and_then(moment_ms).filter(|ms| *ms > 0);
                    let wanted = "null, a moment such as 2027-01-31T00:00:00Z, or a date such as 2027-01-31 (UTC)";
                    Some(moment.ok_or_else(|| Problem::invalid(field, wanted))?)
                }
            }
        }
        other => return Err(Problem::invalid(other, format_args!("it cannot be set; allowed: {}", FIELDS.join(", ")))),
    }
    Ok(())
}

/// A name for people: any text but control characters.
fn name(value: &Value) -> Result<String, Problem> {
    let text = value.as_str().map(str::trim).filter(|text| is_name(text));
    text.map(str::to_owned)
        .ok_or_else(|| Problem::invalid("name", "1 to 100 characters, none of them a control character"))
}

/// Whether a text may be the name of a key.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn texts(field: &str, value: &Value, wanted: &str, right: fn(&str) -> bool) -> Result<Vec<String>, Problem> {
    let wrong = || Problem::invalid(field, format_args!("{wanted}, at most 100"));
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) if list.len() <= 100 => list,
        _ => return Err(wrong()),
    };
    let fine =
        |text: &&str| (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control) && right(text);
    list.iter().map(|item| item.as_str().filter(fine).map(str::to_owned).ok_or_else(wrong)).collect()
}

/// USD as a decimal text or number, exactly.
fn budget(field: &str, value: &Value) -> Result<Option<i64>, Problem> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let amount = Nano::from_str(&text).ok().filter(|amount| *amount >= Nano::ZERO);
    let wanted = "null, or an amount in USD such as \"5.00\", at most nine digits behind the point";
    amount.map(|nano| Some(nano.0)).ok_or_else(|| Problem::invalid(field, wanted))
}

fn rate_limits(spec: &mut ClientKeySpec, value: &Value) -> Result<(), Problem> {
    let none = Map::new();
    let limits = match value {
        Value::Null => {
            (spec.requests_per_minute, spec.tokens_per_minute, spec.max_in_flight) = (None, None, None);
            &none
        }
        Value::Object(limits) => limits,
        _ => return Err(Problem::invalid("rate_limits", format_args!("an object with {}", RATE_LIMITS.join(", ")))),
    };
    for (field, value) in limits {
        let path = format!("rate_limits.{field}");
        let limit = match value {
            Value::Null => None,
            other => {
                let limit = other.as_i64().filter(|limit| *limit >= 1);
                Some(limit.ok_or_else(|| Problem::invalid(&path, "null, or a whole number above 0"))?)
            }
        };
        match field.as_str() {
            "requests_per_minute" => spec.requests_per_minute = limit,
            "tokens_per_minute" => spec.tokens_per_minute = limit,
            "max_in_flight" => spec.max_in_flight = limit,
            _ => {
                let allowed = RATE_LIMITS.join(", ");
                return Err(Problem::invalid(&path, format_args!("there is no such limit; allowed: {allowed}")));
            }
        }
    }
    Ok(())
}
