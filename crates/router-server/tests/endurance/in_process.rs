//! The router inside the test's process, where a test can take its database or its disk away.

use router_store::{DataDir, SpoolOptions};
use smart_ai_router::cli::serve::Running;
use smart_ai_router::config::Source;
use smart_ai_router::exit::Failed;
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
    let failed = |failed: Failed| -> ! { panic!("{}", failed.message) };
    let data_dir = DataDir::open(&origins.data_dir).expect("a folder");
    let prepared = startup::prepare_with(origins, data_dir, &tasks, metrics, spool).await;
    let prepared = prepared.unwrap_or_else(|error| failed(error));
    let socket = startup::bind(&prepared.loaded.system).await.unwrap_or_else(|error| failed(error));
    Running::start(prepared, socket, tasks, None).unwrap_or_else(|error| failed(error))
}

/// Ends it in order; all is in the database afterwards.
pub(crate) async fn end(running: Running) {
    running.end(std::future::pending()).await;
}
