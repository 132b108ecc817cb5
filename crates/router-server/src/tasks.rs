//! The one owner of background tasks: names them, catches and counts their panics, ends them in order.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns what outlives a request. Clones share the same tasks.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    runtime: Handle,
    panics: Counter,
}

impl Tasks {
    /// An owner on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle, panics: Counter) -> Self {
        Self { tracker: TaskTracker::new(), stop: CancellationToken::new(), runtime, panics }
    }

    /// Runs a named task. It should end soon after [`Tasks::stopping`] completes.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = self.tracker.spawn_on(task, &self.runtime);
        let panics = self.panics.clone();
        // The supervisor sees the panic that the runtime would swallow.
        self.tracker.spawn_on(
            async move {
                if let Err(error) = running.await
                    && error.is_panic()
                {
                    panics.inc();
                    tracing::error!(task = name, "the background task `{name}` panicked");
                }
            },
            &self.runtime,
        );
    }

    /// Completes when the tasks should end.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Tells all tasks to end and waits for them, at most `grace`. Says whether all did.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

/// The runtimes of the process, for the count of what lives on them.
#[derive(Debug, Default)]
pub struct Runtimes(Mutex<Vec<Handle>>);

impl Runtimes {
    /// One more.
    pub fn add(&self, runtime: Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(runtime);
    }

    /// Tasks that have not ended: of requests, connections and background work.
    #[must_use]
    pub fn tasks(&self) -> usize {
        let runtimes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.iter().map(|runtime| runtime.metrics().num_alive_tasks()).sum()
    }
}
