//! Puts a router together in the one right order: folder, configuration, keys, database, books, world, sockets.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderValue;
use router_core::budget::{Ledger, Period, ScopeKind, Window, Zone};
use router_core::catalog::spec::ClientKeySpec;
use router_core::money::Nano;
use router_store::{
    ClientKeySpec as StoredKeySpec, DataDir, Durability, MasterKey, NewClientKey, Role, SecretString, Spool,
    SpoolOptions, Store, StoreErrorKind, StoreOptions, Vault, Writer, WriterHandle, WriterOptions,
};

use crate::app::{App, Parts};
use crate::clock::unix_ms;
use crate::config::system::Durability as ConfiguredDurability;
use crate::config::{self, DemoBase, Loaded, Overrides, Source, SourceFile, System};
use crate::exit::{Exit, Failed};
use crate::gate::Gate;
use crate::http::intake::{BODY_MEMORY, BodyMemory};
use crate::http::listener;
use crate::kept::Kept;
use crate::live::LiveTable;
use crate::provision::{self, REAL_CHANNEL_SEEN};
use crate::relay;
use crate::snapshot::{ServerSnapshot, Surroundings};
use crate::tasks::Tasks;
use crate::telemetry::metrics::Metrics;
use crate::today;
use crate::wiring;

/// How long a start waits for what a former run left in the spool.
const DRAIN_AT_START: Duration = Duration::from_secs(30);
/// Between two tries to reach a database that does not answer at the start: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Environment variable with the admin key.
const ADMIN_KEY: &str = "SMART_AI_ROUTER_ADMIN_KEY";
/// Environment variable with the master key.
const MASTER_KEY: &str = "SMART_AI_ROUTER_MASTER_KEY";
/// Name of the first admin key.
const ADMIN_NAME: &str = "admin";

/// Where configuration comes from; kept for reloads.
#[derive(Clone, Debug)]
pub struct Origins {
    /// Files.
    pub source: Source,
    /// The environment at the start.
    pub env: BTreeMap<String, String>,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The demo provider, if it runs.
    pub demo: Option<DemoBase>,
    /// Settings that win over everything (tests).
    pub settings: Vec<(String, String)>,
}

/// A configuration to be looked at.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// The one of the files with another definition of a group.
    Group(String, SourceFile),
    /// Another one.
    Whole(Source),
}

/// A router that is ready to serve.
#[derive(Debug)]
pub struct Prepared {
    /// The router.
    pub app: Arc<App>,
    /// What it was made of.
    pub loaded: Loaded,
    /// Where that came from.
    pub origins: Origins,
    /// This instance's id.
    pub instance: HeaderValue,
    /// The spool's way into the database.
    pub writer: WriterHandle,
    /// An admin key that was just made, to be shown once.
    pub new_admin_key: Option<SecretString>,
    /// Holds the folder's lock.
    pub data_dir: DataDir,
}

impl Origins {
    /// Reads and validates the configuration.
    ///
    /// # Errors
    /// Every fault, one a line.
    pub fn load(&self, real_channel_ever_existed: bool) -> Result<Loaded, String> {
        config::load(&self.source, &self.env, &self.overrides(real_channel_ever_existed))
            .map_err(|problems| problems.to_string())
    }

    /// Reads and validates what is not to serve, but to be looked at.
    ///
    /// # Errors
    /// Every fault, one a line.
    pub fn load_candidate(&self, candidate: Candidate, real_channel_ever_existed: bool) -> Result<Loaded, String> {
        let overrides = self.overrides(real_channel_ever_existed);
        let (source, group) = match candidate {
            Candidate::Group(name, definition) => (self.source.clone(), Some((name, definition))),
            Candidate::Whole(source) => (source, None),
        };
        config::load(&source, &self.env, &Overrides { group, ..overrides }).map_err(|problems| problems.to_string())
    }

    fn overrides(&self, real_channel_ever_existed: bool) -> Overrides {
        Overrides {
            data_dir: Some(self.data_dir.clone()),
            settings: self.settings.clone(),
            demo: self.demo.clone(),
            real_channel_ever_existed,
            group: None,
        }
    }
}

/// Prepares a router. Background tasks go to `tasks`.
///
/// # Errors
/// With the exit code and a sentence for the operator.
pub async fn prepare(origins: Origins, data_dir: DataDir, tasks: &Tasks, metrics: Metrics) -> Result<Prepared, Failed> {
    prepare_with(origins, data_dir, tasks, metrics, SpoolOptions::default()).await
}

/// As [`prepare`], with a spool that behaves so (its durability is the configured one).
///
/// # Errors
/// With the exit code and a sentence for the operator.
pub async fn prepare_with(
    origins: Origins,
    data_dir: DataDir,
    tasks: &Tasks,
    metrics: Metrics,
    spool: SpoolOptions,
) -> Result<Prepared, Failed> {
    let invalid = |message| Failed::new(Exit::Usage, message);
    let first = origins.load(false).map_err(invalid)?;
    let (store, vault) = open_store(&origins, &first.system, &data_dir).await?;
    let real_seen = store.meta(REAL_CHANNEL_SEEN).await?.is_some();
    let loaded = if real_seen && origins.demo.is_some() { origins.load(true).map_err(invalid)? } else { first };

    let spool = open_spool(&loaded.system, &data_dir, spool)?;
    let (writer, handle) = Writer::new(store.clone(), Arc::clone(&spool), WriterOptions::default());
    tasks.spawn("spool writer", writer.run());
    drain(&spool, &handle).await?;

    let now_ms = unix_ms();
    let new_admin_key = ensure_admin_key(&store, &origins, &loaded, now_ms).await?;
    let version = provision::provision(&store, &vault, &loaded, signed(now_ms)).await?;
    let keys = client_keys(&store).await?;

    let zone = Zone::named(&loaded.system.budgets.timezone.0).map_err(|error| invalid(error.to_string()))?;
    let ledger = Ledger::new(zone.clone());
    load_budgets(&store, &ledger, &zone, now_ms).await?;
    let kept = Kept::load(&store, now_ms).await?;
    let live = LiveTable::default();
    let instance = instance_id()?;
    let around = Surroundings { live: &live, ledger: &ledger, metrics: &metrics };
    let snapshot = build_snapshot(&loaded, version, keys, instance.clone(), &around).map_err(invalid)?;
    today::load(&store, &snapshot, now_ms).await?;
    let limits = &loaded.system.limits;
    let app = App::new(Parts {
        snapshot,
        live,
        ledger,
        kept,
        spool,
        store,
        vault,
        metrics,
        gate: Gate::new(wiring::admission(&loaded.system), limits.queue_timeout.as_duration()),
        bodies: BodyMemory::new(BODY_MEMORY),
        durable: loaded.system.database.durability == ConfiguredDurability::Full,
    });
    app.status.started_ms.store(now_ms, Ordering::Relaxed);
    app.status.database_ok.store(true, Ordering::Relaxed);
    Ok(Prepared { app, loaded, origins, instance, writer: handle, new_admin_key, data_dir })
}

/// Builds the world of a configuration.
///
/// # Errors
/// Every problem, one a line.
pub fn build_snapshot(
    loaded: &Loaded,
    version: u64,
    keys: Vec<ClientKeySpec>,
    instance: HeaderValue,
    around: &Surroundings<'_>,
) -> Result<ServerSnapshot, String> {
    let mut spec = loaded.catalog_spec(version, Vec::new());
    // The database holds the keys of the files too, under the ids that rows name.
    spec.keys = keys;
    spec.keys.extend(relay::asker(loaded.system.jobs.health_check.daily_cost_limit.0));
    let wired = wiring::channels(loaded)?;
    let settings = wiring::settings(&loaded.system, instance);
    ServerSnapshot::build(spec, wired, settings, around).map_err(|problems| problems.join("\n"))
}

/// The active client keys of the database.
///
/// # Errors
/// As the store says.
pub async fn client_keys(store: &Store) -> Result<Vec<ClientKeySpec>, router_store::StoreError> {
    Ok(store.client_keys(false).await?.iter().filter_map(provision::client_key).collect())
}

/// Waits until what a former run left in the spool is in the database: budgets are loaded from there. A long backlog
/// is told as it shrinks; one that does not shrink is an error.
async fn drain(spool: &Spool, writer: &WriterHandle) -> Result<(), Failed> {
    loop {
        let before = spool.pending();
        match writer.flush(DRAIN_AT_START).await {
            Ok(()) => return Ok(()),
            Err(error) if spool.pending() >= before => return Err(error.into()),
            Err(_) => {
                let left = spool.pending();
                tracing::info!(records = left, "{left} records of the last run are on their way into the database");
            }
        }
    }
}

/// Opens the store by configuration and brings the schema up.
async fn open_store(origins: &Origins, system: &System, data_dir: &DataDir) -> Result<(Store, Vault), Failed> {
    let url = system.database.url.expose();
    let full_sync = system.database.durability == ConfiguredDurability::Full;
    let options = StoreOptions {
        max_connections: system.database.max_connections,
        create: !data_dir.knows_database(url),
        full_sync,
        ..StoreOptions::default()
    };
    let is_sqlite = url.starts_with("sqlite:");
    let master = match origins.env.get(MASTER_KEY).filter(|text| !text.is_empty()) {
        Some(text) => MasterKey::parse(text)?,
        None if is_sqlite => MasterKey::load_or_create(&data_dir.master_key(), data_dir.is_first_start())?,
        None => {
            let message =
                format!("{MASTER_KEY} is required with PostgreSQL: 32 bytes in base64 (openssl rand -base64 32)");
            return Err(Failed::new(Exit::MasterKey, message));
        }
    };
    let vault = Vault::new(&master);
    let store = open_when_possible(url, options, is_sqlite).await?;
    data_dir.remember_database(url)?;
    store.check_master_key(&vault, signed(unix_ms())).await?;
    Ok((store, vault))
}

/// The database with its schema up to date. A server that does not answer is waited for: it may come up after the router, or
/// be away for a moment.
async fn open_when_possible(url: &str, options: StoreOptions, is_sqlite: bool) -> Result<Store, Failed> {
    let mut pause = FIRST_PAUSE;
    loop {
        let opened = async {
            let store = Store::open(url, options.clone()).await?;
            store.migrate().await.map(|_| store)
        };
        match opened.await {
            Ok(store) => return Ok(store),
            Err(error) if !is_sqlite && error.kind() == StoreErrorKind::Unavailable => {
                tracing::warn!(%error, "the database cannot be reached; the router starts as soon as it can, and says so until then");
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn open_spool(system: &System, data_dir: &DataDir, options: SpoolOptions) -> Result<Arc<Spool>, Failed> {
    let durability = match system.database.durability {
        ConfiguredDurability::Normal => Durability::Normal,
        ConfiguredDurability::Full => Durability::Full,
    };
    let spool = Spool::open(data_dir.spool(), &SpoolOptions { durability, ..options })?;
    let recovered = spool.recovered();
    if !recovered.interrupted.is_empty() {
        let count = recovered.interrupted.len();
        tracing::warn!(
            requests = count,
            "{count} requests were running when the router last ended; each is booked at its reservation"
        );
    }
    if recovered.quarantined > 0 {
        tracing::error!(
            segments = recovered.quarantined,
            "damaged parts of the spool were set apart in spool/quarantine"
        );
    }
    Ok(Arc::new(spool))
}

/// Makes the first admin key, or the one of the environment. Gives a new key, to be shown once.
async fn ensure_admin_key(
    store: &Store,
    origins: &Origins,
    loaded: &Loaded,
    now_ms: u64,
) -> Result<Option<SecretString>, Failed> {
    let spec = |name: &str| StoredKeySpec { name: name.to_owned(), role: Role::Admin, ..StoredKeySpec::default() };
    let given = origins.env.get(ADMIN_KEY).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if let Some(text) = given {
        let digest = router_store::client_key_digest(&text);
        let known = store.client_keys(false).await?;
        if known.iter().any(|key| key.hash == digest) {
            return Ok(None);
        }
        // A changed key in the environment replaces the former one.
        if let Some(old) = known.iter().find(|key| key.spec.name == ENV_ADMIN_NAME) {
            store.revoke_client_key(&old.id, signed(now_ms)).await?;
        }
        let made = store.create_client_key(&spec(ENV_ADMIN_NAME), &SecretString::new(text), signed(now_ms)).await;
        return match made {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == StoreErrorKind::Invalid => {
                let message = format!("{ADMIN_KEY} cannot be a key: 8 to 256 characters of A-Z a-z 0-9 - _ .");
                Err(Failed::new(Exit::Usage, message))
            }
            Err(error) => Err(error.into()),
        };
    }
    let known = store.client_keys(true).await?;
    if known.iter().any(|key| key.spec.role == Role::Admin) {
        return Ok(None);
    }
    let made = NewClientKey::generate(&loaded.system.auth.key_prefix)?;
    store.create_client_key(&spec(ADMIN_NAME), &made.secret, signed(now_ms)).await?;
    Ok(Some(made.secret))
}

/// Name of the key that the environment gives.
const ENV_ADMIN_NAME: &str = "admin-from-environment";

/// Loads what was spent in the current day and month.
async fn load_budgets(store: &Store, ledger: &Ledger, zone: &Zone, now_ms: u64) -> Result<(), Failed> {
    let windows = [Window::at(Period::Day, zone, now_ms), Window::at(Period::Month, zone, now_ms)];
    let periods: Vec<String> = windows.iter().map(|window| window.id.to_string()).collect();
    for spent in store.budget_spent(&periods).await? {
        let window = windows.iter().find(|window| window.id.to_string() == spent.scope.period);
        let kind = scope_kind(&spent.scope.scope_kind);
        if let Some((window, kind)) = window.zip(kind) {
            let scope = ledger.scope(kind, &spent.scope.scope_id);
            ledger.load(scope, window.id, Nano(spent.posted_nano.saturating_add(spent.reserved_nano)));
        }
    }
    Ok(())
}

fn scope_kind(text: &str) -> Option<ScopeKind> {
    let all = [ScopeKind::Router, ScopeKind::Group, ScopeKind::ClientKey, ScopeKind::Channel, ScopeKind::ProviderKey];
    all.into_iter().find(|kind| kind.as_str() == text)
}

/// A random id, to recognise requests of our own that come back.
fn instance_id() -> Result<HeaderValue, Failed> {
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| Failed::new(Exit::Failure, format!("no randomness: {error}")))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&text).map_err(|error| Failed::new(Exit::Failure, error.to_string()))
}

/// Binds the address of the configuration.
///
/// # Errors
/// Exit code 2: the host is none of this machine's, or the port is taken.
pub async fn bind(system: &System) -> Result<TcpListener, Failed> {
    let (host, port) = (system.server.host.as_str(), system.server.port);
    let found = tokio::net::lookup_host((host, port)).await.ok().and_then(|mut found| found.next());
    let wanted = found
        .ok_or_else(|| Failed::new(Exit::Usage, format!("server.host `{host}` is not an address of this machine")))?;
    listener::bind(wanted).map_err(|error| {
        let message = format!("cannot listen on {wanted}: {error}; another server.port helps if it is taken");
        Failed::new(Exit::Usage, message)
    })
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
