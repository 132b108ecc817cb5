//! The control plane: `/admin/v1/…`, `/openapi.json` and `/docs`.
//!
//! A resource is one file with a table of its routes, and one line in [`RESOURCES`]. A route names its method, path and
//! policy; the dispatcher finds the caller, judges the policy, reads query and body within bounds, and only then calls
//! the handler. The OpenAPI document is made of the same tables.

mod actions;
mod backtest;
mod call;
mod channels;
mod config;
mod discover;
mod docs;
mod explain;
mod jobs;
mod keys;
mod model_groups;
pub mod openapi;
mod page;
mod plan;
mod problem;
mod provider_keys;
mod providers;
pub mod question;
mod requests;
mod route;
mod schemas;
mod whatif;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::routing::any;

use crate::app::App;
use crate::jobs::Jobs;
use crate::reload::{Candidates, ReloadReport, Reloader};
use crate::startup::Candidate;
use crate::upstream::Upstream;
pub(crate) use call::moment_ms;
pub(crate) use keys::{is_name as is_key_name, row as key_row};
pub use route::{Access, Listed, Verb};
use route::{Route, dispatch};

/// What a hook answers with: a sentence for the operator if it failed.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;
/// Something that the running program does for the control plane.
pub type Hook<T> = Arc<dyn Fn() -> Answer<T> + Send + Sync>;

/// What the control plane controls.
#[derive(Clone)]
pub struct Control {
    /// The router.
    pub app: Arc<App>,
    /// Reads the configuration again.
    pub reload: Hook<ReloadReport>,
    /// Takes over the client keys of the database: called after each change, so that it counts at once.
    pub refresh_keys: Hook<()>,
    /// Reads and validates a configuration that is not to serve; without one, the one that serves.
    pub candidate: Arc<dyn Fn(Option<Candidate>) -> Answer<Candidates> + Send + Sync>,
    /// The control plane's own way to providers, under the guard of all others.
    pub upstream: Upstream,
    /// What runs in the background.
    pub jobs: Jobs,
}

impl Control {
    /// Over a running router.
    #[must_use]
    pub fn new(app: Arc<App>, reloader: &Arc<Reloader>, upstream: Upstream, jobs: Jobs) -> Self {
        let (reload, refresh, candidate) = (Arc::clone(reloader), Arc::clone(reloader), Arc::clone(reloader));
        Self {
            app,
            reload: Arc::new(move || {
                let reloader = Arc::clone(&reload);
                Box::pin(async move { reloader.reload().await })
            }),
            refresh_keys: Arc::new(move || {
                let reloader = Arc::clone(&refresh);
                Box::pin(async move { reloader.refresh_keys().await })
            }),
            candidate: Arc::new(move |asked| {
                let reloader = Arc::clone(&candidate);
                Box::pin(async move { reloader.candidate(asked).await })
            }),
            upstream,
            jobs,
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

/// One line a resource.
const RESOURCES: &[&[Route]] = &[
    keys::ROUTES,
    requests::ROUTES,
    channels::ROUTES,
    actions::ROUTES,
    discover::ROUTES,
    jobs::ROUTES,
    model_groups::ROUTES,
    providers::ROUTES,
    explain::ROUTES,
    backtest::ROUTES,
    whatif::ROUTES,
    config::ROUTES,
    plan::ROUTES,
    docs::ROUTES,
];

fn routes() -> impl Iterator<Item = &'static Route> {
    RESOURCES.iter().copied().flatten()
}

/// Every route with its policy.
pub fn table() -> impl Iterator<Item = Listed> {
    routes().map(|route| Listed { verb: route.verb, path: route.path, access: route.access })
}

/// The router of the control plane. It needs no state beside `control`, and expects [`crate::http::service::Peer`]
/// among the extensions of a request.
pub fn router(control: Control) -> axum::Router {
    let mut paths: Vec<&'static str> = routes().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut router = axum::Router::new();
    for path in paths {
        let control = control.clone();
        router = router.route(path, any(move |request: Request| dispatch(control.clone(), Some(path), request)));
    }
    router.fallback(move |request: Request| dispatch(control.clone(), None, request))
}
