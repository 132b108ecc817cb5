//! From bytes to a permitted, decided request: what for, may it run, who should serve it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use http::Response;
use http::header::USER_AGENT;
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
use super::form::Form;
use super::headers::Ids;
use super::pinned::{self, owner};
use super::receive::{Identity, receive};
use super::twin::{self, Turn};
use crate::clock::Now;
use crate::gate::GatePermit;
use crate::http::GROUP_PREFIX;
use crate::http::body::Body;
use crate::http::error::{ApiError, shown};
use crate::http::intake::BodyPermit;
use crate::local::Local;
use crate::snapshot::ServerSnapshot;
use crate::telemetry::metrics::ReasonLabel;
use crate::twins::{Claim, Tape};
use crate::upstream::Upload;

/// A request as it arrived.
pub(super) struct Arrival<'a> {
    pub(super) peer: SocketAddr,
    pub(super) dialect: &'static Dialect,
    pub(super) route: &'a Route,
    pub(super) now: Now,
    pub(super) parts: &'a Parts,
    pub(super) ids: &'a Ids,
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
    /// Takes the answer in, if the request came with an idempotency key.
    pub(super) tape: Option<Arc<Tape>>,
    /// Held until the request ends.
    pub(super) holds: Holds,
}

/// What a running request holds.
pub(super) struct Holds {
    pub(super) ticket: Option<Ticket>,
    pub(super) _permit: GatePermit,
    pub(super) _memory: BodyPermit,
}

/// A request that was read and judged.
pub(super) enum Admitted {
    /// It may run; under its idempotency key, if it came with one.
    Job(Box<Job>, Option<Claim>),
    /// Another one has run for it.
    Twin(Response<Body>),
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
) -> Result<Admitted, ApiError> {
    let app = &worker.app;
    let (identity, Form { bytes, memory, rest }) = receive(worker, snapshot, &arrival, body).await?;
    let size = rest.as_ref().map_or(bytes.len() as u64, |(_, size)| *size);
    let (dialect, route) = (arrival.dialect, arrival.route);
    let endpoint = route.endpoint;
    let mut intake = Box::new((dialect.read)(route, &bytes).map_err(request_error)?);
    intake.ask.body_bytes = memory.size() as u64;
    if rest.is_some() {
        openai_work::sized(&mut intake, size);
    }
    if let Some(group) = intake.ask.model.strip_prefix(GROUP_PREFIX).filter(|name| name.starts_with("auto:")) {
        intake.ask.model = group.to_owned();
    }
    let controls = controls::read(&mut intake, &arrival.parts.headers, &bytes, snapshot.world.rules.total_ms)?;
    // Of a form that is not held as a whole nobody can say whether it is the same as another.
    let whole = rest.is_none().then_some(&*bytes);
    let claim = match twin::turn(worker, owner(snapshot, identity.key()), &arrival, whole).await {
        Ok(Turn::Answered(response)) => return Ok(Admitted::Twin(response)),
        Ok(Turn::Send(claim)) => Ok(claim),
        Err(refused) => Err(refused),
    };
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
        is_probe: false,
    });
    let seed = arrival.ids.ours.seed();
    let now_ms = arrival.now.unix_ms;
    let session = recall(&app.sessions, &snapshot.core, identity.key(), &mut intake.ask, now_ms);
    let judged = match claim {
        Ok(claim) => {
            let judged = judge(worker, snapshot, (identity, dialect), &intake, arrival.now, seed).await;
            judged.map(|judged| (judged, claim))
        }
        Err(mismatch) => Err(mismatch),
    };
    let (Judged { permit, ticket, decision, pinned }, claim) = match judged {
        Ok(judged) => judged,
        Err(refused) => {
            book.refuse(&refused).await;
            return Err(refused);
        }
    };
    book.decided(&decision, &intake.ask);
    let job = Box::new(Job {
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
        tape: claim.as_ref().map(|claim| Arc::clone(claim.tape())),
        holds: Holds { ticket, _permit: permit, _memory: memory },
    });
    Ok(Admitted::Job(job, claim))
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
        ApiError::new(ErrorCode::Overloaded, message).retry_after_ms(Some(NEWS_MS))
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

/// When to ask again for what may end at any moment, milliseconds.
pub(super) const NEWS_MS: u64 = 1_000;

/// Why nobody can serve the request, in words for the client.
fn no_candidate(dialect: &Dialect, model: &str, none: &NoCandidate, now_ms: u64) -> ApiError {
    let out: usize = none.counts.iter().map(|(_, count)| count).sum();
    let reasons: Vec<String> = none.counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    let reasons = if reasons.is_empty() { "there are none".to_owned() } else { reasons.join(", ") };
    let are = if out == 1 { "candidate is" } else { "candidates are" };
    let message = format!("No channel can serve `{model}` now: {out} {are} out ({reasons}).");
    let wait = none.until_ms.map(|until| until.saturating_sub(now_ms));
    let error = ApiError::new(none.kind.code(), message);
    // A channel that is full has room again when one of its requests ends, whenever that is.
    let is_full = none.counts.iter().any(|(code, _)| *code == Reason::MaxInFlight { limit: 0 }.as_code());
    let wait = wait.or(is_full.then_some(NEWS_MS));
    match none.kind {
        NoneKind::RateLimited => error.retry_after_ms(wait.or(Some(NEWS_MS))),
        NoneKind::ContextLength => error.param("messages"),
        NoneKind::Unsupported => unsupported(dialect, model, none, error),
        NoneKind::TooDear => error,
        NoneKind::Empty | NoneKind::Unavailable => match wait {
            Some(wait_ms) => error.nobody_for_ms(wait_ms),
            None => error.hopeless(),
        },
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
