//! Group commit for [`Durability::Full`](super::Durability): one thread syncs whatever has been appended since its last sync.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::append::Appender;
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// How far syncing has come.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Tickets up to here have been covered by a sync.
    through: u64,
    /// Tickets up to here were covered by a sync that failed: the kernel may have dropped them.
    failed_through: u64,
    ended: bool,
}

/// The syncing thread; ends when dropped, after a last sync.
#[derive(Debug)]
pub(super) struct Syncer {
    appender: Arc<Appender>,
    progress: watch::Receiver<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start(appender: Arc<Appender>) -> StoreResult<Self> {
        let (sender, progress) = watch::channel(Progress::default());
        let shared = Arc::clone(&appender);
        let thread =
            std::thread::Builder::new().name("spool-sync".into()).spawn(move || run(&shared, &sender)).map_err(
                |error| StoreError::caused(StoreErrorKind::SpoolFailed, "starting the spool's sync thread", error),
            )?;
        Ok(Self { appender, progress, thread: Some(thread) })
    }

    /// Waits until the ticket is synced.
    pub(super) async fn wait_for(&self, ticket: u64) -> StoreResult<()> {
        let failed = || StoreError::new(StoreErrorKind::SpoolFailed, "the spool could not be synced");
        let mut progress = self.progress.clone();
        let reached =
            *progress.wait_for(|progress| progress.through >= ticket || progress.ended).await.map_err(|_| failed())?;
        if reached.through < ticket || ticket <= reached.failed_through { Err(failed()) } else { Ok(()) }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.appender.lock().closing = true;
        self.appender.appended_signal.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(appender: &Appender, progress: &watch::Sender<Progress>) {
    let mut done = 0;
    loop {
        let (files, through, closing) = {
            let state = appender.lock();
            let waiting = |state: &mut super::append::State| state.sequence == done && !state.closing;
            let mut state =
                appender.appended_signal.wait_while(state, waiting).unwrap_or_else(std::sync::PoisonError::into_inner);
            let (files, through) = Appender::take_unsynced(&mut state);
            (files, through, state.closing)
        };
        let outcome = files.iter().try_for_each(|file| file.sync_data());
        if let Err(error) = &outcome {
            tracing::error!(%error, "the spool could not be synced");
        }
        done = through;
        progress.send_modify(|progress| {
            progress.through = through;
            if outcome.is_err() {
                progress.failed_through = through;
            }
            progress.ended = closing;
        });
        if closing {
            return;
        }
    }
}
