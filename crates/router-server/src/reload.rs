//! Changes while running: configuration files, SIGHUP, and client keys made elsewhere. The old world serves until a new
//! one is whole.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderValue;
use router_store::Engine;
use tokio::sync::Mutex;

use crate::app::App;
use crate::clock::unix_ms;
use crate::config::{Loaded, content_digest};
use crate::provision;
use crate::startup::{Candidate, Origins, build_snapshot, client_keys};
use crate::tasks::Tasks;
use crate::telemetry::metrics::OutcomeLabel;

/// How often files are looked at.
const FILES_EVERY: Duration = Duration::from_secs(2);
/// How often the database is asked for changed keys and for its health.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// A database that says nothing for so long is shown as away.
const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

/// How often the database is asked for what other instances' providers keep, and how far that look goes back.
const KEPT_EVERY: Duration = Duration::from_secs(2);
const KEPT_BACK_MS: u64 = 60_000;
/// A row counts by the beginning of its request and is written after its end: each of so many looks goes back further.
const LONG_LOOK: u32 = 30;
const LONG_BACK_MS: u64 = 30 * 60_000;

/// What a reload came to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReloadReport {
    /// Number of the configuration that serves now.
    pub version: u64,
    /// Its digest.
    pub hash: String,
    /// Whether it differs from the one before.
    pub changed: bool,
}

/// A configuration to be looked at, beside the one that serves.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// Serves.
    pub serving: Loaded,
    /// To be looked at.
    pub tested: Loaded,
}

/// Rebuilds the world when something has changed.
#[derive(Debug)]
pub struct Reloader {
    app: Arc<App>,
    origins: Origins,
    instance: HeaderValue,
    /// The configuration that serves; held while a new one is built, so that only one is at a time.
    loaded: Mutex<Loaded>,
}

impl Reloader {
    /// Starts from the configuration that serves.
    #[must_use]
    pub fn new(app: Arc<App>, origins: Origins, instance: HeaderValue, loaded: Loaded) -> Arc<Self> {
        Arc::new(Self { app, origins, instance, loaded: Mutex::new(loaded) })
    }

    /// Reads the configuration again. A broken one changes nothing: log, metric and `/health` say so.
    ///
    /// # Errors
    /// Why nothing changed, one fault a line.
    pub async fn reload(&self) -> Result<ReloadReport, String> {
        let mut current = self.loaded.lock().await;
        let outcome = self.try_reload(&mut current).await;
        let label = if outcome.is_ok() { "ok" } else { "failed" };
        self.app.metrics.reloads.get_or_create_owned(&OutcomeLabel { outcome: label }).inc();
        match &outcome {
            Ok(report) => {
                self.app.status.config_fault.store(None);
                tracing::info!(config.version = report.version, "configuration {} serves", report.version);
            }
            Err(fault) => {
                self.app.status.config_fault.store(Some(Arc::new(fault.clone())));
                tracing::error!(error = %fault, "the configuration was not reloaded; the old one keeps serving");
            }
        }
        outcome
    }

    async fn try_reload(&self, current: &mut Loaded) -> Result<ReloadReport, String> {
        let app = &self.app;
        let real_seen = app.store.meta(provision::REAL_CHANNEL_SEEN).await.is_ok_and(|seen| seen.is_some());
        let loaded = self.origins.load(real_seen)?;
        let changed = loaded.hash != current.hash;
        let now_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
        let away = |error: router_store::StoreError| format!("the database does not answer: {error}");
        let version = provision::provision(&app.store, &app.vault, &loaded, now_ms).await.map_err(away)?;
        let keys = client_keys(&app.store).await.map_err(away)?;
        let snapshot = build_snapshot(&loaded, version, keys, self.instance.clone(), &app.surroundings())?;
        app.swap(snapshot);
        let report = ReloadReport { version, hash: loaded.hash.clone(), changed };
        *current = loaded;
        Ok(report)
    }

    /// Reads and validates a configuration that is not to serve. Without one it is the one that serves.
    ///
    /// # Errors
    /// Every fault, one a line.
    pub async fn candidate(&self, candidate: Option<Candidate>) -> Result<Candidates, String> {
        let serving = self.loaded.lock().await.clone();
        let Some(candidate) = candidate else { return Ok(Candidates { tested: serving.clone(), serving }) };
        let real_seen = self.app.store.meta(provision::REAL_CHANNEL_SEEN).await.is_ok_and(|seen| seen.is_some());
        let tested = self.origins.load_candidate(candidate, real_seen)?;
        Ok(Candidates { serving, tested })
    }

    /// Takes over the client keys of the database.
    ///
    /// # Errors
    /// Why not.
    pub async fn refresh_keys(&self) -> Result<(), String> {
        let current = self.loaded.lock().await;
        let keys = client_keys(&self.app.store).await.map_err(|error| error.to_string())?;
        let version = self.app.snapshot.load().version;
        let snapshot = build_snapshot(&current, version, keys, self.instance.clone(), &self.app.surroundings())?;
        self.app.swap(snapshot);
        Ok(())
    }

    /// Watches files and database until the tasks end.
    pub fn watch(self: &Arc<Self>, tasks: &Tasks) {
        let (files, keys) = (Arc::clone(self), Arc::clone(self));
        let (stop_files, stop_keys) = (tasks.clone(), tasks.clone());
        tasks.spawn("configuration watcher", async move {
            tokio::select! {
                () = files.watch_files() => {}
                () = stop_files.stopping() => {}
            }
        });
        if self.app.store.engine() == Engine::Postgres {
            let (kept, stop_kept) = (Arc::clone(self), tasks.clone());
            tasks.spawn("watcher of kept state", async move {
                tokio::select! {
                    () = kept.watch_kept() => {}
                    () = stop_kept.stopping() => {}
                }
            });
        }
        tasks.spawn("key watcher", async move {
            tokio::select! {
                () = keys.watch_keys() => {}
                () = stop_keys.stopping() => {}
            }
        });
    }

    /// Reloads when two looks in a row agree on a change: a file may be half written.
    async fn watch_files(&self) {
        let digest = || {
            let source = self.origins.source.clone();
            async move { tokio::task::spawn_blocking(move || content_digest(&source)).await.unwrap_or_default() }
        };
        let mut serving = self.loaded.lock().await.content_digest.clone();
        let mut last = serving.clone();
        loop {
            tokio::time::sleep(FILES_EVERY).await;
            let seen = digest().await;
            if seen == last && seen != serving {
                // A broken configuration is told once, not every two seconds.
                let _ = self.reload().await;
                serving.clone_from(&seen);
            }
            last = seen;
        }
    }

    /// What providers keep for other instances' clients can be asked for here within a few seconds. A database of files has
    /// one instance alone.
    async fn watch_kept(&self) {
        for look in 1_u32.. {
            tokio::time::sleep(KEPT_EVERY).await;
            let back = if look % LONG_LOOK == 0 { LONG_BACK_MS } else { KEPT_BACK_MS };
            let since = i64::try_from(unix_ms().saturating_sub(back)).unwrap_or(i64::MAX);
            if let Err(error) = self.app.kept.learn(&self.app.store, since).await {
                tracing::debug!(%error, "what other instances noted is not known yet");
            }
        }
    }

    /// Keys made or revoked by the command line or another instance count within two seconds.
    async fn watch_keys(&self) {
        let mut known = None;
        loop {
            let mark = tokio::time::timeout(DATABASE_PATIENCE, self.app.store.client_keys_mark()).await;
            let mark = mark.ok().and_then(Result::ok);
            self.app.status.database_ok.store(mark.is_some(), Ordering::Relaxed);
            if let Some(mark) = mark {
                if known.as_ref().is_some_and(|known| *known != mark)
                    && let Err(error) = self.refresh_keys().await
                {
                    tracing::error!(error = %error, "changed client keys could not be taken over");
                    tokio::time::sleep(KEYS_EVERY).await;
                    continue;
                }
                known = Some(mark);
            }
            tokio::time::sleep(KEYS_EVERY).await;
        }
    }
}
