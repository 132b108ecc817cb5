//! A question of the router's own: the smallest request to one channel model, which shows whether that serves again.
//!
//! It goes the way of all requests: reserved before it is sent, settled and written down afterwards, under the limits of channel
//! and router, with a pass of its breakers. Whom it asks is not chosen but given, so it tries nobody else, waits for no client and
//! belongs to no session. Who asks is a client key that nobody holds: its daily budget is what questions may cost in a day, and
//! its name marks their rows.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use router_core::catalog::spec::{ClientKeySpec, KeyLimits, Role};
use router_core::catalog::{Capability, KeyIx, ModelIx, Snapshot};
use router_core::limits::Rates;
use router_core::money::Nano;
use router_core::routing::{Decision, Members, Moment, Target as Resolved, decide};
use router_core::world::{Pinned, Target};
use router_wire::adapters::MaxOutputParam;
use router_wire::dialects::{Dialect, Intake, Route, by_path};
use serde_json::json;

use super::Worker;
use super::admit::{Holds, Job};
use super::book::{Book, Opening};
use super::controls::Controls;
use super::headers::{COST, Ids};
use crate::clock::Now;
use crate::http::error::X_ROUTER_ERROR;
use crate::local::Local;
use crate::snapshot::ServerSnapshot;

/// Id and name of who asks.
const ASKER: &str = "router:health_check";
/// The digest of no text that anybody knows.
const NOBODYS: [u8; 32] = [0; 32];
/// The largest answer. Some dialects know no smaller limit.
const MOST_OUTPUT_TOKENS: u64 = 16;

/// The key that questions are booked for, which may cost so much a day; `None` where they may cost nothing.
#[must_use]
pub fn asker(daily_budget: Nano) -> Option<ClientKeySpec> {
    (daily_budget > Nano::ZERO).then(|| ClientKeySpec {
        id: ASKER.into(),
        name: ASKER.into(),
        hash: NOBODYS,
        role: Role::User,
        allowed: Vec::new(),
        daily_budget: Some(daily_budget),
        monthly_budget: None,
        limits: KeyLimits::default(),
        ip_allow: Vec::new(),
        expires_at_ms: None,
        enabled: false,
    })
}

/// Who asks in that snapshot; `None`: nobody, since nothing may be spent.
pub(crate) fn asker_in(core: &Snapshot) -> Option<KeyIx> {
    core.key_by_hash(&NOBODYS)
}

/// What became of a question.
pub(crate) struct Probed {
    /// `ok`, `no_budget` where it was not sent since it may cost more than is left, or the code of the error.
    pub(crate) outcome: String,
    /// The id of its row, and what it has cost in USD; nothing where it was not sent.
    pub(crate) row: Option<(String, Option<String>)>,
}

/// The most that the question to a channel model costs. `None` where it may not be asked: its price is not known, or there is no
/// small question to it.
pub(crate) fn cost(snapshot: &ServerSnapshot, model: ModelIx) -> Option<Nano> {
    Some(snapshot.core.reserved_cost(model, &Question::to(snapshot, model)?.intake.ask))
}

/// Asks, and waits for the answer. `None`: it cannot be asked now; its time has not come, or the router has better things to do.
pub(crate) async fn probe(
    worker: &Worker,
    snapshot: &Local<ServerSnapshot>,
    asker: KeyIx,
    target: &Target,
) -> Option<Probed> {
    if worker.app.is_stopping() {
        return None;
    }
    let (now, question) = (Now::read(), Question::to(snapshot, target.model)?);
    let (ids, ask) = (Ids::new(&HeaderMap::new()), &question.intake.ask);
    let pinned = Pinned { channel: snapshot.core.model(target.model)?.channel, key: u16::try_from(target.key).ok()? };
    let decision = decided(snapshot, &question, (asker, target.model, pinned), now, ids.ours.seed())?;
    if snapshot.world.no_room(&snapshot.core, Some(asker), target, ask, now.unix_ms).is_some() {
        return Some(Probed { outcome: "no_budget".to_owned(), row: None });
    }
    let permit = worker.app.gate.enter(u64::from(asker.0) + 1).await.ok()?;
    let holds = Holds { ticket: None, _permit: permit, _memory: worker.app.bodies.nothing() };
    let id = ids.ours.to_string();
    let job = question.into_job(worker, snapshot, asker, (decision, pinned), (now, ids), holds);
    let response = super::answered(worker, Box::new(job), None).await?;
    let headers = response.headers();
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let outcome = if response.status() == StatusCode::OK { None } else { text(&X_ROUTER_ERROR) };
    Some(Probed { outcome: outcome.unwrap_or_else(|| "ok".to_owned()), row: Some((id, text(&COST))) })
}

/// The decision for the one candidate that there is, if that may be asked at all.
fn decided(
    snapshot: &ServerSnapshot,
    question: &Question,
    (asker, model, pinned): (KeyIx, ModelIx, Pinned),
    now: Now,
    seed: u64,
) -> Option<Decision> {
    let ask = &question.intake.ask;
    let target = Resolved { key: Some(asker), members: Members::Models([model].into()), variant: None };
    let view = snapshot.world.view(&snapshot.core, now.unix_ms, ask.tokens()).asking(pinned);
    let moment = Moment { now_ms: now.unix_ms, seed, sequence: 0 };
    Some(decide(&snapshot.core, &target, ask, &view, moment)).filter(|decision| decision.eligible() > 0)
}

/// The smallest request to a channel model.
struct Question {
    dialect: &'static Dialect,
    route: Route,
    body: Bytes,
    intake: Box<Intake>,
}

impl Question {
    fn to(snapshot: &ServerSnapshot, ix: ModelIx) -> Option<Self> {
        let model = snapshot.core.model(ix).filter(|model| model.out.is_none())?;
        // What `budgets.unknown_price` assumes is not known.
        let price = model.price.as_ref()?;
        let (can, name) = (model.capabilities, &*model.name);
        // Speech and the like are paid by their input alone, whatever lists say of their models.
        let makes_text = price.output.0 > 0 || price.input.0 == 0;
        let (path, body) = if can.has(Capability::Embeddings) {
            ("/v1/embeddings", json!({ "model": name, "input": "hi" }))
        } else if can.has(Capability::Chat) && makes_text {
            let preset = &snapshot.channel(model.channel)?.preset;
            let limit = match preset.max_output_param {
                MaxOutputParam::MaxCompletionTokens => "max_completion_tokens",
                MaxOutputParam::MaxTokens | MaxOutputParam::Both => "max_tokens",
            };
            let said = json!([{ "role": "user", "content": "hi" }]);
            ("/v1/chat/completions", json!({ "model": name, "messages": said, limit: MOST_OUTPUT_TOKENS }))
        } else {
            return None;
        };
        let (dialect, route) = by_path(path, "")?;
        let body = Bytes::from(body.to_string());
        let intake = Box::new((dialect.read)(&route, &body).ok()?);
        Some(Self { dialect, route, body, intake })
    }

    fn into_job(
        self,
        worker: &Worker,
        snapshot: &Local<ServerSnapshot>,
        asker: KeyIx,
        (decision, pinned): (Decision, Pinned),
        (now, ids): (Now, Ids),
        holds: Holds,
    ) -> Job {
        let Self { dialect, route, body, intake } = self;
        let mut book = Book::open(Opening {
            app: worker.app.clone(),
            lane: Arc::clone(&worker.lane),
            snapshot: snapshot.clone(),
            now,
            id: ids.ours,
            client_request_id: None,
            key: Some(asker),
            endpoint: route.endpoint,
            dialect: dialect.name,
            model: intake.ask.model.clone(),
            stream: false,
            bytes_in: body.len(),
            user_agent: None,
            is_probe: true,
        });
        book.decided(&decision, &intake.ask);
        Job {
            worker: worker.clone(),
            snapshot: snapshot.clone(),
            now,
            endpoint: route.endpoint,
            dialect,
            forwarded: HeaderMap::new(),
            shown_id: ids.shown().to_owned(),
            neutral: OnceLock::new(),
            written: None,
            body,
            upload: None,
            seed: ids.ours.seed(),
            intake,
            decision,
            pinned: Some(pinned),
            controls: Controls { total_ms: snapshot.world.rules.total_ms, explain: false },
            session: None,
            book,
            rates: Rates::default(),
            tape: None,
            holds,
        }
    }
}
