//! The router inside the test's process, where a test can take its database or its disk away.

use router_store::SpoolOptions;
use smart_ai_router::cli::serve::Running;
use smart_ai_router::config::Source;
use smart_ai_router::startup::{self, Origins};
use smart_ai_router::tasks::Tasks;
use smart_ai_router::telemetry::metrics::Metrics;

use crate::installation::Installation;

/// Starts a router that listens.
pub(crate) async fn start(installation: &Installation, spool: SpoolOptions) -> Running {
    let origins = Origins {
        source: Source::Path(installation.config()),
        env: Installation::env(),
        data_dir: installation.data(),
        demo: None,
        settings: Vec::new(),
    };
    let metrics = Metrics::new();
    let tasks = Tasks::new(tokio::runtime::Handle::current(), metrics.panics.clone());
    let prepared = startup::prepare_with(origins, &tasks, metrics, spool).await;
    let prepared = prepared.unwrap_or_else(|failed| panic!("{}", failed.message));
    Running::start(prepared, tasks, None).await.unwrap_or_else(|failed| panic!("{}", failed.message))
}

/// Ends it in order; all is in the database afterwards.
pub(crate) async fn end(running: Running) {
    running.end(std::future::pending()).await;
}
