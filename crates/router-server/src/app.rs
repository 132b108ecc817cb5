//! What all parts of a running router share. Everything meets here, and only here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use router_core::budget::Ledger;
use router_core::request::RetryBudget;
use router_core::session::Sessions;
use router_core::world::Turns;
use router_store::{Spool, Store, Vault};
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::http::intake::BodyMemory;
use crate::kept::Kept;
use crate::live::LiveTable;
use crate::snapshot::{ServerSnapshot, Surroundings};
use crate::tasks::Runtimes;
use crate::telemetry::metrics::Metrics;
use crate::twins::Twins;
use crate::upstream::EgressPolicy;

/// A running router.
#[derive(Debug)]
pub struct App {
    /// The world of new requests.
    pub snapshot: ArcSwap<ServerSnapshot>,
    /// What may be dialled.
    pub egress: Arc<ArcSwap<EgressPolicy>>,
    /// State that outlives snapshots.
    pub live: LiveTable,
    /// Budgets.
    pub ledger: Ledger,
    /// What providers keep for clients.
    pub kept: Kept,
    /// What happened.
    pub spool: Arc<Spool>,
    /// The database, for the control plane only.
    pub store: Store,
    /// Opens secrets.
    pub vault: Vault,
    /// Metrics.
    pub metrics: Metrics,
    /// Bounds on running requests.
    pub gate: Arc<Gate>,
    /// Bounds on request bodies in memory.
    pub bodies: BodyMemory,
    /// Bounds on retries.
    pub retries: Arc<RetryBudget>,
    /// Bounds on second attempts beside silent ones.
    pub hedges: RetryBudget,
    /// Whether records must be on the disk, not only written (`durability: full`).
    pub durable: bool,
    /// How the router is.
    pub status: Status,
    /// Where its tasks live.
    pub runtimes: Runtimes,
    /// Where prompts of sessions are cached.
    pub sessions: Sessions,
    /// Numbers of requests by target, for turns.
    pub turns: Turns,
    /// Requests that came with an idempotency key, and their answers.
    pub twins: Arc<Twins>,
}

/// How the router is, for health pages.
#[derive(Debug, Default)]
pub struct Status {
    /// No new requests.
    pub stopping: AtomicBool,
    /// The grace of running requests is over.
    pub abort: CancellationToken,
    /// Why the last reload changed nothing; `None` if it went well.
    pub config_fault: ArcSwapOption<String>,
    /// Whether the database answered when it was last asked.
    pub database_ok: AtomicBool,
    /// Unix milliseconds of the start.
    pub started_ms: AtomicU64,
    /// When the log last heard that requests are refused for the spool.
    complained_ms: AtomicU64,
}

/// How often the log hears of a state that refuses every request.
const COMPLAIN_EVERY_MS: u64 = 1_000;

impl Status {
    /// Whether the log should hear of a refusal: once a second, not once a request.
    #[must_use]
    pub fn may_complain(&self, now_ms: u64) -> bool {
        let last = self.complained_ms.load(Ordering::Relaxed);
        now_ms >= last.saturating_add(COMPLAIN_EVERY_MS)
            && self.complained_ms.compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// What an [`App`] is put together from.
#[derive(Debug)]
pub struct Parts {
    /// The first world.
    pub snapshot: ServerSnapshot,
    /// Live state that the first world was built with.
    pub live: LiveTable,
    /// Budgets with what was spent before.
    pub ledger: Ledger,
    /// What providers keep since before.
    pub kept: Kept,
    /// Open.
    pub spool: Arc<Spool>,
    /// Migrated.
    pub store: Store,
    /// Checked.
    pub vault: Vault,
    /// Registered.
    pub metrics: Metrics,
    /// Of the settings.
    pub gate: Arc<Gate>,
    /// Of the settings.
    pub bodies: BodyMemory,
    /// `durability: full`
    pub durable: bool,
}

impl App {
    /// Puts the router together.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let egress = Arc::new(ArcSwap::from_pointee(egress_of(&parts.snapshot)));
        let settings = &parts.snapshot.settings;
        let retries = Arc::new(RetryBudget::new(settings.retries));
        let hedges = RetryBudget::new(settings.hedges);
        Arc::new(Self {
            snapshot: ArcSwap::from_pointee(parts.snapshot),
            egress,
            live: parts.live,
            ledger: parts.ledger,
            kept: parts.kept,
            spool: parts.spool,
            store: parts.store,
            vault: parts.vault,
            metrics: parts.metrics,
            gate: parts.gate,
            bodies: parts.bodies,
            retries,
            hedges,
            durable: parts.durable,
            status: Status::default(),
            runtimes: Runtimes::default(),
            sessions: Sessions::default(),
            turns: Turns::default(),
            twins: Arc::default(),
        })
    }

    /// Swaps the world. Requests that run keep theirs.
    pub fn swap(&self, snapshot: ServerSnapshot) {
        self.egress.store(Arc::new(egress_of(&snapshot)));
        self.ledger.set_zone(snapshot.zone.clone());
        self.retries.configure(snapshot.settings.retries);
        self.hedges.configure(snapshot.settings.hedges);
        self.snapshot.store(Arc::new(snapshot));
    }

    /// What a new world is built with.
    #[must_use]
    pub const fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { live: &self.live, ledger: &self.ledger, metrics: &self.metrics }
    }

    /// Whether new requests are refused because the router is about to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.status.stopping.load(Ordering::Relaxed)
    }
}

fn egress_of(snapshot: &ServerSnapshot) -> EgressPolicy {
    let settings = &snapshot.settings;
    EgressPolicy {
        origins: snapshot.origins.clone(),
        allow_insecure_http: settings.allow_insecure_http,
        proxy: settings.proxy.clone(),
    }
}
