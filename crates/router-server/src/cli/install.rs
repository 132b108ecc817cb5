//! The installation that a command is about: its configuration as the router reads it, its data folder, its database.
//! Commands take no lock of the folder, so that they work while the router runs.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};

use router_store::{Store, StoreErrorKind, StoreOptions};
use serde::Deserialize;

use super::args::InstallArgs;
use super::{Exit, Failed};
use crate::config::{self, DemoBase, Loaded, Overrides, Source};
use crate::provision::REAL_CHANNEL_SEEN;
use crate::startup::{Candidate, Origins};

/// What a running router says of itself in `instance.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Instance {
    /// Where it listens.
    pub(super) address: Option<String>,
    /// Whether it was started with `--demo`.
    pub(super) demo: bool,
    /// Its `--config`.
    pub(super) config: Option<PathBuf>,
}

/// An installation.
#[derive(Clone, Debug)]
pub(super) struct Install {
    pub(super) data_dir: PathBuf,
    pub(super) source: Source,
    pub(super) env: BTreeMap<String, String>,
    /// As the router left it at its last start here.
    pub(super) instance: Option<Instance>,
    /// Whether `--config` was given.
    pub(super) named: bool,
}

impl Install {
    /// Of the arguments. Without `--config` it is the one that the router was started with here, if it was.
    pub(super) fn new(args: &InstallArgs, env: &BTreeMap<String, String>) -> Self {
        let instance = fs::read(args.data_dir.join("instance.json")).ok();
        let instance: Option<Instance> = instance.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let running = || instance.as_ref().and_then(|instance| instance.config.clone()).filter(|path| path.exists());
        let path = args.config.config.clone().or_else(running);
        Self {
            data_dir: args.data_dir.clone(),
            source: path.map_or(Source::Default, Source::Path),
            env: env.clone(),
            named: args.config.config.is_some(),
            instance,
        }
    }

    /// Reads the configuration; with the channels of `--demo` where wanted. They are not called, so no address is needed.
    ///
    /// # Errors
    /// Every fault, one a line (exit code 2).
    pub(super) fn load(&self, demo: bool, real_channel_ever_existed: bool) -> Result<Loaded, Failed> {
        let overrides = Overrides {
            data_dir: Some(self.data_dir.clone()),
            demo: demo.then(demo_base),
            real_channel_ever_existed,
            ..Overrides::default()
        };
        config::load(&self.source, &self.env, &overrides)
            .map_err(|problems| Failed::new(Exit::Usage, format!("the configuration is not valid:\n{problems}")))
    }

    /// The configuration as the router here would have it: one that runs with `--demo` has its channels.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(super) fn load_as_served(&self) -> Result<Loaded, Failed> {
        let demo = !self.named && self.instance.as_ref().is_some_and(|instance| instance.demo);
        let loaded = self.load(demo, false)?;
        if demo && block_on(async { Ok(self.real_channel_seen(&loaded).await) })? {
            return self.load(true, true);
        }
        Ok(loaded)
    }

    /// Reads a configuration that is only to be looked at.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(super) fn load_candidate(&self, candidate: Candidate) -> Result<Loaded, Failed> {
        let demo = !self.named && self.instance.as_ref().is_some_and(|instance| instance.demo);
        let origins = Origins {
            source: self.source.clone(),
            env: self.env.clone(),
            data_dir: self.data_dir.clone(),
            demo: demo.then(demo_base),
            settings: Vec::new(),
        };
        let invalid = |problems| Failed::new(Exit::Usage, format!("the policy is not valid:\n{problems}"));
        origins.load_candidate(candidate, false).map_err(invalid)
    }

    /// Opens the database, which has to be there.
    ///
    /// # Errors
    /// With a remedy where it is not.
    pub(super) async fn open(&self, loaded: &Loaded) -> Result<Store, Failed> {
        let url = loaded.system.database.url.expose();
        if let Some(path) = sqlite_file(url).filter(|path| !exists(path)) {
            let message = format!(
                "there is no database at {} yet; start the router with `smart-ai-router serve`, or make it with `smart-ai-router migrate`, or name its folder with --data-dir",
                path.display()
            );
            return Err(Failed::new(Exit::Failure, message));
        }
        Ok(Store::open(url, StoreOptions { max_connections: 2, ..StoreOptions::default() }).await?)
    }

    /// Opens the database, whose schema has to be the one of this program.
    ///
    /// # Errors
    /// Exit code 4 where the database is newer.
    pub(super) async fn open_current(&self, loaded: &Loaded) -> Result<Store, Failed> {
        let store = self.open(loaded).await?;
        match store.require_current_schema().await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(match error.kind() {
                    StoreErrorKind::DatabaseOlder => Failed::new(Exit::Failure, error.to_string()),
                    _ => error.into(),
                })
            }
        }
    }

    /// Whether a real channel has ever served here: then groups never go to simulated ones. Nothing is known without a
    /// database.
    pub(super) async fn real_channel_seen(&self, loaded: &Loaded) -> bool {
        let Ok(store) = self.open_current(loaded).await else { return false };
        let seen = store.meta(REAL_CHANNEL_SEEN).await.is_ok_and(|seen| seen.is_some());
        store.close().await;
        seen
    }
}

/// The channels of the demo are not called here, so no address is needed.
fn demo_base() -> DemoBase {
    DemoBase { base_url: "http://127.0.0.1:9".to_owned() }
}

/// The file behind an SQLite address.
pub(super) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path).split('?').next()?;
    (!path.contains(":memory:")).then(|| PathBuf::from(path))
}

fn exists(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

/// Runs a command's work on a small runtime of its own.
///
/// # Errors
/// Those of the work, or of a system without room for a runtime.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
