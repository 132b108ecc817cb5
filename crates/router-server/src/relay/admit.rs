//! From bytes to a permitted, decided request: who asks, what for, may it run, who should serve it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use hyper::body::Incoming;
use router_core::ask::Endpoint;
use router_core::catalog::KeyIx;
use router_core::fault::{ERROR_CODES, ErrorCode};
use router_core::limits::{Rates, Refusal, Ticket};
use router_core::routing::{Decision, Moment, NoCandidate, NoneKind, NotFound, Reason, decide, resolve};
use router_core::world::{Pinned, Session, recall};
use router_wire::dialects::{Dialect, Intake, RequestError, Route, openai_work};
use router_wire::message as neutral;

use super::Worker;
use super::book::{Book, Opening, beginning};
use super::controls::{self, Controls};
use super::fit::Written;
use super::form::{self, Form};
use super::headers::Ids;
use super::pinned;
use crate::clock::Now;
use crate::gate::GatePermit;
use crate::http::GROUP_PREFIX;
use crate::http::auth::{Presented, presented, query_key};
use crate::http::error::{ApiError, invalid_api_key, missing_api_key, shown};
use crate::http::intake::{self, BodyError, BodyLimits, BodyPermit};
use crate::local::Local;
use crate::snapshot::ServerSnapshot;
use crate::telemetry::metrics::ReasonLabel;
use crate::upstream::Upload;

/// Time for a whole request body, and for its first kilobytes.
const BODY_TOTAL: std::time::Duration = std::time::Duration::from_secs(30);
const BODY_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// A request as it arrived.
pub(super) struct Arrival<'a> {
    pub(super) peer: SocketAddr,
    pub(super) dialect: &'static Dialect,
    pub(super) route: &'a Route,
    pub(super) now: Now,
    pub(super) parts: &'a Parts,
    pub(super) ids: &'a Ids,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A client key.
    Key(KeyIx),
    /// Nobody, which `auth.required: false` allows.
    Anonymous,
}

impl Identity {
    /// The key, if there is one.
    pub(crate) const fn key(self) -> Option<KeyIx> {
        match self {
            Self::Key(key) => Some(key),
            Self::Anonymous => None,
        }
    }
}

/// A request that may run: everything that its task needs.
pub(super) struct Job {
    pub(super) worker: Worker,
    pub(super) snapshot: Local<ServerSnapshot>,
    pub(super) now: Now,
    pub(super) endpoint: Endpoint,
    pub(super) dialect: &'static Dialect,
    /// Of the client's headers, what a provider of the same dialect gets.
    pub(super) forwarded: HeaderMap,
    /// The request's id as the client sees it.
    pub(super) shown_id: String,
    /// The request in the neutral form: made when the first provider of another dialect needs it.
    pub(super) neutral: OnceLock<Result<neutral::Request, RequestError>>,
    /// What was written last for a provider of another dialect.
    pub(super) written: Option<Written>,
    /// What was read of the body: of most requests all.
    pub(super) body: Bytes,
    /// What follows it.
    pub(super) upload: Option<Upload>,
    pub(super) intake: Box<Intake>,
    pub(super) decision: Decision,
    /// Who keeps the state that the request builds on.
    pub(super) pinned: Option<Pinned>,
    pub(super) controls: Controls,
    pub(super) session: Option<Session>,
    pub(super) seed: u64,
    pub(super) book: Book,
    pub(super) rates: Rates,
    /// Held until the request ends.
    pub(super) holds: Holds,
}

/// What a running request holds.
pub(super) struct Holds {
    pub(super) ticket: Option<Ticket>,
    pub(super) _permit: GatePermit,
    pub(super) _memory: BodyPermit,
}

/// Reads and judges a request.
///
/// # Errors
/// The refusal that the client gets. Refusals of an authenticated, readable request have a row.
pub(super) async fn admit(
    worker: &Worker,
    snapshot: &Local<ServerSnapshot>,
    arrival: Arrival<'_>,
    body: Incoming,
) -> Result<Box<Job>, ApiError> {
    let app = &worker.app;
    if app.is_stopping() {
        return Err(ApiError::new(ErrorCode::ShuttingDown, "This router is about to end. Try again in a moment.")
            .retry_after_ms(Some(1_000)));
    }
    if arrival.parts.headers.get_all(crate::http::HOP_HEADER).iter().any(|hop| hop == snapshot.settings.instance) {
        return Err(ApiError::new(ErrorCode::LoopDetected, "A channel of this router points back at this router."));
    }
    let identity = authenticate(snapshot, arrival.parts, arrival.peer, arrival.now)?;
    let form = is_form(arrival.parts, arrival.route.endpoint)?;
    let limits =
        BodyLimits { max_bytes: snapshot.settings.max_request_bytes, total: BODY_TOTAL, patience: BODY_PATIENCE };
    let read = if form {
        form::receive(body, limits, &app.bodies).await
    } else {
        intake::read(body, limits, &app.bodies).await.map(|(bytes, memory)| Form { bytes, memory, rest: None })
    };
    let Form { bytes, memory, rest } = read.map_err(|error| {
        if error == BodyError::NoMemory {
            app.metrics.shed.get_or_create_owned(&ReasonLabel { reason: "body_memory" }).inc();
        }
        body_error(error, &limits)
    })?;
    let size = rest.as_ref().map_or(bytes.len() as u64, |(_, size)| *size);
    let (dialect, route) = (arrival.dialect, arrival.route);
    let endpoint = route.endpoint;
    let mut intake = Box::new((dialect.read)(route, &bytes).map_err(request_error)?);
    if rest.is_some() {
        openai_work::sized(&mut intake, size);
    }
    if let Some(group) = intake.ask.model.strip_prefix(GROUP_PREFIX).filter(|name| name.starts_with("auto:")) {
        intake.ask.model = group.to_owned();
    }
    let controls = controls::read(&mut intake, &arrival.parts.headers, &bytes, snapshot.world.rules.total_ms)?;
    let mut book = Book::open(Opening {
        app: app.clone(),
        lane: Arc::clone(&worker.lane),
        snapshot: snapshot.clone(),
        now: arrival.now,
        id: arrival.ids.ours,
        client_request_id: arrival.ids.clients.clone(),
        key: identity.key(),
        endpoint,
        dialect: dialect.name,
        model: intake.ask.model.clone(),
        stream: intake.ask.stream,
        bytes_in: usize::try_from(size).unwrap_or(usize::MAX),
        user_agent: user_agent(arrival.parts),
    });
    let seed = arrival.ids.ours.seed();
    let now_ms = arrival.now.unix_ms;
    let session = recall(&app.sessions, &snapshot.core, identity.key(), &mut intake.ask, now_ms);
    let judged = judge(worker, snapshot, (identity, dialect), &intake, arrival.now, seed).await;
    let Judged { permit, ticket, decision, pinned } = match judged {
        Ok(judged) => judged,
        Err(refused) => {
            book.refuse(&refused).await;
            return Err(refused);
        }
    };
    book.decided(&decision, &intake.ask);
    Ok(Box::new(Job {
        worker: worker.clone(),
        snapshot: snapshot.clone(),
        now: arrival.now,
        endpoint,
        dialect,
        forwarded: router_wire::headers::only(dialect.forwarded, &arrival.parts.headers),
        shown_id: arrival.ids.shown().to_owned(),
        neutral: OnceLock::new(),
        written: None,
        body: bytes,
        upload: rest.map(|(upload, _)| upload),
        intake,
        decision,
        pinned,
        controls,
        session,
        seed,
        book,
        rates: ticket.as_ref().map(Ticket::rates).unwrap_or_default(),
        holds: Holds { ticket, _permit: permit, _memory: memory },
    }))
}

/// Finds the client key of a request and checks that it may be used now and from here.
pub(crate) fn authenticate(
    snapshot: &ServerSnapshot,
    parts: &Parts,
    peer: SocketAddr,
    now: Now,
) -> Result<Identity, ApiError> {
    let address = client_address(snapshot, parts, peer);
    let allowed = |networks: &[ipnet::IpNet]| networks.is_empty() || networks.iter().any(|net| net.contains(&address));
    let denied = || ApiError::new(ErrorCode::IpNotAllowed, "This address may not use the router.");
    if !allowed(&snapshot.settings.ip_allow) {
        return Err(denied());
    }
    let text = match presented(&parts.headers, query_key(&parts.uri)) {
        Presented::Key(text) => text,
        Presented::Nothing if !snapshot.settings.auth_required => return Ok(Identity::Anonymous),
        Presented::Nothing => return Err(missing_api_key()),
        Presented::Malformed => return Err(invalid_api_key()),
        Presented::Ambiguous => {
            let message = "The request carries two different API keys. Send one.";
            return Err(ApiError::new(ErrorCode::AmbiguousCredentials, message));
        }
    };
    let digest: [u8; 32] = sha256(text);
    let ix = snapshot.core.key_by_hash(&digest).ok_or_else(invalid_api_key)?;
    let key = snapshot.core.key(ix).filter(|key| key.enabled).ok_or_else(invalid_api_key)?;
    if key.expires_at_ms.is_some_and(|end| end <= now.unix_ms) {
        return Err(ApiError::new(ErrorCode::KeyExpired, "The API key has expired. Ask for a new one."));
    }
    if !snapshot.key(ix).is_some_and(|side| allowed(&side.ip_allow)) {
        return Err(denied());
    }
    Ok(Identity::Key(ix))
}

fn sha256(text: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).into()
}

/// The client's address: the peer's, or, behind a trusted proxy, the right-most hop that is not trusted.
fn client_address(snapshot: &ServerSnapshot, parts: &Parts, peer: SocketAddr) -> IpAddr {
    let trusted = |address: &IpAddr| snapshot.settings.trusted_proxies.iter().any(|net| net.contains(address));
    let peer = peer.ip().to_canonical();
    if !trusted(&peer) {
        return peer;
    }
    let hops = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !trusted(&client) {
            return client;
        }
    }
    client
}

/// Whether the body is a form; else it has to be JSON.
fn is_form(parts: &Parts, endpoint: Endpoint) -> Result<bool, ApiError> {
    let unsupported = |message: &'static str| Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    if parts.headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return unsupported("Compressed request bodies are not read. Send the body without Content-Encoding.");
    }
    let media = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let json = media.eq_ignore_ascii_case("application/json") || media.to_ascii_lowercase().ends_with("+json");
    let form = matches!(endpoint, Endpoint::ImageEdits | Endpoint::Transcriptions | Endpoint::Translations)
        && media.eq_ignore_ascii_case("multipart/form-data");
    if json || form { Ok(form) } else { unsupported("The body must be JSON: send `Content-Type: application/json`.") }
}

fn body_error(error: BodyError, limits: &BodyLimits) -> ApiError {
    match error {
        BodyError::TooLarge => {
            let message = format!("The body is larger than {} bytes, the limit of this router.", limits.max_bytes);
            ApiError::new(ErrorCode::RequestTooLarge, message)
        }
        BodyError::NoMemory => {
            let message = "The router holds too many large requests at the moment.";
            ApiError::new(ErrorCode::Overloaded, message).retry_after_ms(Some(1_000))
        }
        BodyError::TooSlow => ApiError::new(ErrorCode::RequestTimeout, "The body came too slowly."),
        BodyError::Broken => ApiError::new(ErrorCode::InvalidJson, "The body ended before it was complete."),
    }
}

pub(super) fn request_error(error: RequestError) -> ApiError {
    let known = ERROR_CODES.iter().find(|rule| rule.name == error.code);
    let code = known.map_or(ErrorCode::InvalidValue, |rule| rule.code);
    ApiError { param: error.param, ..ApiError::new(code, error.message) }
}

fn user_agent(parts: &Parts) -> Option<String> {
    let text = parts.headers.get(USER_AGENT)?.to_str().ok()?;
    Some(beginning(text, 200).to_owned())
}

/// What a permitted request holds, and where it goes.
struct Judged {
    permit: GatePermit,
    ticket: Option<Ticket>,
    decision: Decision,
    pinned: Option<Pinned>,
}

/// Limits, permit, decision.
async fn judge(
    worker: &Worker,
    snapshot: &ServerSnapshot,
    (identity, dialect): (Identity, &Dialect),
    intake: &Intake,
    now: Now,
    seed: u64,
) -> Result<Judged, ApiError> {
    let app = &worker.app;
    let key = identity.key();
    let turn = key.map_or(0, |key| u64::from(key.0) + 1);
    let permit = app.gate.enter(turn).await.map_err(|turned| {
        app.metrics.shed.get_or_create_owned(&ReasonLabel { reason: turned.as_str() }).inc();
        let message = "The router is at its limit of running requests. Try again in a moment.";
        ApiError::new(ErrorCode::Overloaded, message).retry_after_ms(Some(1_000))
    })?;
    let ask = &intake.ask;
    let target = resolve(&snapshot.core, key, &ask.model).map_err(|missing| model_not_found(&ask.model, &missing))?;
    let tokens = ask.tokens();
    let ticket = within_limits(snapshot, key, tokens, now)?;
    let pinned = intake.state.as_ref().map(|state| pinned::find(app, snapshot, key, state, now)).transpose()?;
    let view = snapshot.world.view(&snapshot.core, now.unix_ms, tokens).pinned_to(pinned);
    let moment = Moment { now_ms: now.unix_ms, seed, sequence: app.turns.next(&ask.model) };
    let decision = decide(&snapshot.core, &target, ask, &view, moment);
    snapshot.world.learn(&decision);
    match decision.none() {
        None => Ok(Judged { permit, ticket, decision, pinned }),
        Some(none) => {
            let rates = ticket.as_ref().map(|ticket| Box::new(ticket.rates()));
            let elsewhere = none.counts.iter().all(|(code, _)| *code == Reason::PinnedElsewhere.as_code());
            let error = match intake.state.as_ref().filter(|_| elsewhere) {
                Some(state) => pinned::other_model(&ask.model, state),
                None => no_candidate(dialect, &ask.model, &none, now.unix_ms),
            };
            Err(ApiError { rates, ..error })
        }
    }
}

/// Takes a request of about `tokens` tokens from the client key's own limits, if there is a key.
pub(super) fn within_limits(
    snapshot: &ServerSnapshot,
    key: Option<KeyIx>,
    tokens: u64,
    now: Now,
) -> Result<Option<Ticket>, ApiError> {
    snapshot.world.enter(&snapshot.core, key, tokens, now.unix_ms).map_err(|refusal| rate_limited(&refusal))
}

fn model_not_found(model: &str, missing: &NotFound) -> ApiError {
    let shown = shown(model);
    let hint = match missing.nearest.as_slice() {
        [] => "See GET /v1/models for what this key may use.".to_owned(),
        names => format!("Did you mean {}?", names.join(", ")),
    };
    ApiError::new(
        ErrorCode::ModelNotFound,
        format!("The model `{shown}` does not exist or is not available to this key. {hint}"),
    )
    .param("model")
}

fn rate_limited(refusal: &Refusal) -> ApiError {
    let message = match refusal.retry_after_ms {
        Some(_) => format!("This key's limit of {} {} is reached.", refusal.limit, refusal.dimension.as_str()),
        None => format!(
            "This request alone is larger than this key's limit of {} {}.",
            refusal.limit,
            refusal.dimension.as_str()
        ),
    };
    let error = ApiError::new(ErrorCode::RateLimitExceeded, message).retry_after_ms(refusal.retry_after_ms);
    let error = ApiError { rates: Some(Box::new(refusal.rates)), ..error };
    if refusal.retry_after_ms.is_none() { error.hopeless() } else { error }
}

/// Why nobody can serve the request, in words for the client.
fn no_candidate(dialect: &Dialect, model: &str, none: &NoCandidate, now_ms: u64) -> ApiError {
    let out: usize = none.counts.iter().map(|(_, count)| count).sum();
    let reasons: Vec<String> = none.counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    let reasons = if reasons.is_empty() { "there are none".to_owned() } else { reasons.join(", ") };
    let message = format!("No channel can serve `{model}` now: {out} candidates are out ({reasons}).");
    let wait = none.until_ms.map(|until| until.saturating_sub(now_ms));
    let error = ApiError::new(none.kind.code(), message);
    match none.kind {
        NoneKind::RateLimited => error.retry_after_ms(wait),
        NoneKind::ContextLength => error.param("messages"),
        NoneKind::Unsupported => unsupported(dialect, model, none, error),
        NoneKind::TooDear => error,
        NoneKind::Empty | NoneKind::Unavailable => {
            let error = error.retry_after_ms(wait);
            if wait.is_none() { error.hopeless() } else { error }
        }
    }
}

/// No candidate has what the request uses: the error names that, and the parameter that asks for it.
fn unsupported(dialect: &Dialect, model: &str, none: &NoCandidate, error: ApiError) -> ApiError {
    if none.lacking.is_empty() {
        return error;
    }
    let names: Vec<&str> = none.lacking.names().collect();
    let message = format!("No channel for `{model}` has what this request uses: {}.", names.join(", "));
    let error = ApiError::new(none.kind.code(), message);
    match dialect.params.iter().find(|(capability, _)| none.lacking.has(*capability)) {
        Some((_, param)) => error.param(*param),
        None => error,
    }
}
