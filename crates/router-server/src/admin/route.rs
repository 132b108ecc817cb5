//! A route of the control plane, and the one way from a request to its handler.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query as UriQuery, RawPathParams, Request};
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use router_core::catalog::spec::Role;
use router_core::fault::ErrorCode;

use super::call::{Call, Caller, Query};
use super::problem::Problem;
use super::{Control, routes};
use crate::clock::Now;
use crate::http::error::missing_api_key;
use crate::http::service::Peer;
use crate::relay::authenticate;

/// Largest body.
const MAX_BODY: usize = 1024 * 1024;
/// Time for a whole body.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// The methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads; `HEAD` too.
    Get,
    /// Makes or does.
    Post,
    /// Changes some fields.
    Patch,
    /// Removes.
    Delete,
}

impl Verb {
    /// As in HTTP.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::PATCH => Some(Self::Patch),
            Method::DELETE => Some(Self::Delete),
            _ => None,
        }
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a key.
    Public,
    /// Every key; one with the role `user` meets only what is its own.
    Own,
    /// The roles `viewer` and `admin`.
    Read,
    /// The role `admin`.
    Admin,
}

/// A route for those outside of this module.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its method.
    pub verb: Verb,
    /// Its path, parameters in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// A parameter of the query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

/// `limit` and `cursor`, which every list has.
pub(super) const LIMIT: Param = Param { name: "limit", description: "Rows of a page, 1 to 200; 50 unless given." };
pub(super) const CURSOR: Param = Param { name: "cursor", description: "`next_cursor` of the page before." };

/// What a handler gives.
pub(super) type Reply = BoxFuture<'static, Result<Response, Problem>>;

/// What a route answers when all is well, for the document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers {
    /// An object of that schema.
    One(&'static str),
    /// A page of objects of that schema.
    Page(&'static str),
    /// An object without a schema of its own.
    Object,
    /// A page for the browser.
    Html,
}

/// A route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    pub(super) access: Access,
    /// One sentence.
    pub(super) summary: &'static str,
    /// Every parameter that the query may hold; others are refused.
    pub(super) query: &'static [Param],
    /// Schema of the body, if it takes one.
    pub(super) body: Option<&'static str>,
    pub(super) answers: Answers,
    pub(super) handler: fn(Call) -> Reply,
}

/// Answers a request to a path of the table, or to none.
pub(super) async fn dispatch(control: Control, path: Option<&'static str>, request: Request) -> Response {
    let head_only = request.method() == Method::HEAD;
    let mut response = match answer(control, path, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if head_only { response.map(|_| axum::body::Body::empty()) } else { response }
}

async fn answer(control: Control, path: Option<&'static str>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Some(path) = path else {
        let detail = "Nothing is served at this path. GET /openapi.json describes what there is.";
        return Err(Problem::new(ErrorCode::NotFound, detail));
    };
    let verb = Verb::of(&parts.method);
    let Some(route) = routes().find(|route| route.path == path && Some(route.verb) == verb) else {
        let verbs: Vec<&str> = routes().filter(|route| route.path == path).map(|route| route.verb.as_str()).collect();
        return Err(Problem::method_not_allowed(verbs.join(", ")));
    };
    let now = Now::read();
    let caller = match route.access {
        Access::Public => None,
        access => {
            let caller = caller(&control, &parts, now)?;
            permit(access, &caller, route)?;
            Some(caller)
        }
    };
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let params = params.map_err(|_| Problem::not_found("object"))?;
    let params = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = query(&parts, route)?;
    let body = match route.body {
        None => bytes::Bytes::new(),
        Some(_) => read_body(&parts, body).await?,
    };
    let name = caller.as_ref().map(|caller| caller.name.clone());
    let answered = (route.handler)(Call { control, caller, params, query, headers: parts.headers, body, now }).await;
    if let (Access::Admin, Some(name), false) = (route.access, name, route.verb == Verb::Get) {
        let result = answered.as_ref().map_or_else(Problem::code, |_| "ok");
        tracing::info!(target: "audit", actor = &*name, action = route.verb.as_str(), path, result, "admin action");
    }
    answered
}

/// Finds who calls: the same check as for calls to models.
fn caller(control: &Control, parts: &Parts, now: Now) -> Result<Caller, Problem> {
    let snapshot = control.app.snapshot.load();
    let unknown = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = parts.extensions.get::<Peer>().map_or(unknown, |peer| peer.0);
    // Without a key there is nobody, also where calls to models need none.
    let key = authenticate(&snapshot, parts, peer, now)?.key().ok_or_else(missing_api_key)?;
    let key = snapshot.core.key(key).ok_or_else(missing_api_key)?;
    Ok(Caller { id: key.id.to_string(), name: key.name.to_string(), role: key.role })
}

fn permit(access: Access, caller: &Caller, route: &Route) -> Result<(), Problem> {
    let needed = match (access, caller.role) {
        (Access::Public | Access::Own, _) | (_, Role::Admin) | (Access::Read, Role::Viewer) => return Ok(()),
        (Access::Read, Role::User) => "viewer or admin",
        (Access::Admin, Role::User | Role::Viewer) => "admin",
    };
    let (action, path) = (route.verb.as_str(), route.path);
    tracing::warn!(target: "audit", actor = &*caller.name, action, path, result = "admin_required", "refused");
    Err(Problem::admin_required(needed))
}

/// The parameters, each once and each a known one.
fn query(parts: &Parts, route: &Route) -> Result<Query, Problem> {
    let pairs = UriQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let UriQuery(pairs) =
        pairs.map_err(|_| Problem::new(ErrorCode::InvalidValue, "The query of the URL cannot be read."))?;
    let mut query = Query::default();
    for (name, value) in pairs {
        if !route.query.iter().any(|param| param.name == name) {
            let allowed: Vec<&str> = route.query.iter().map(|param| param.name).collect();
            let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
            return Err(Problem::invalid(&name, format_args!("there is no such parameter here; allowed: {allowed}")));
        }
        query.add(name, value)?;
    }
    Ok(query)
}

async fn read_body(parts: &Parts, body: axum::body::Body) -> Result<bytes::Bytes, Problem> {
    let media = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !media.is_empty() && media != "application/json" && !media.ends_with("+json") {
        let detail = "The body must be JSON: send `Content-Type: application/json`.";
        return Err(Problem::new(ErrorCode::UnsupportedMediaType, detail));
    }
    match tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Problem::new(ErrorCode::RequestTooLarge, "The body is larger than 1 MiB, or broke off.")),
        Err(_) => Err(Problem::new(ErrorCode::RequestTimeout, "The body came too slowly.")),
    }
}
