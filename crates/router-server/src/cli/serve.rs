//! `serve`: runs the router until it is told to stop.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use router_store::DataDir;
use router_testkit::demo::{self, DemoProvider};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::args::ServeArgs;
use super::start_card::StartCard;
use super::{Exit, Failed};
use crate::admin::Control;
use crate::app::App;
use crate::config::{DemoBase, Source, System};
use crate::http::conn::ConnTimers;
use crate::http::doorkeeper::Doorkeeper;
use crate::http::listener::{self, EdgeLimits};
use crate::http::service::Service;
use crate::jobs::Jobs;
use crate::relay::Worker;
use crate::reload::Reloader;
use crate::startup::{self, Origins, Prepared};
use crate::tasks::Tasks;
use crate::telemetry::logs::{self, LogSettings};
use crate::telemetry::metrics::Metrics;
use crate::upstream::{EgressPolicy, Upstream, client_config};

/// How long background tasks may take to end.
const TASKS_GRACE: Duration = Duration::from_secs(5);
/// How long the spool may take to reach the database at the end.
const DRAIN_AT_END: Duration = Duration::from_secs(10);
/// How long relays may take to end once they are cancelled.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// Runs the router.
///
/// # Errors
/// Why it could not start, with the exit code.
pub fn run(args: &ServeArgs, env: BTreeMap<String, String>, out: &mut dyn Write) -> Result<Exit, Failed> {
    let control =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()?;
    control.block_on(serve(args, env, out))
}

async fn serve(args: &ServeArgs, env: BTreeMap<String, String>, out: &mut dyn Write) -> Result<Exit, Failed> {
    let demo = if args.demo { Some(demo::start().await?) } else { None };
    let origins = Origins {
        source: args.install.config.config.clone().map_or(Source::Default, Source::Path),
        env,
        data_dir: args.install.data_dir.clone(),
        demo: demo.as_ref().map(|demo| DemoBase { base_url: demo.base_url.clone() }),
        settings: Vec::new(),
    };
    let metrics = Metrics::new();
    let tasks = Tasks::new(tokio::runtime::Handle::current(), metrics.panics.clone());
    let system = origins.load(false).map_err(|faults| Failed::new(Exit::Usage, faults))?.system;
    let logging = &system.logging;
    let directory = logging.directory.as_deref().map(Path::new);
    let _flush = logs::start(&LogSettings {
        level: logging.level.as_str(),
        filter: origins.env.get("RUST_LOG").map(String::as_str),
        json: logging.format == crate::config::system::LogFormat::Json,
        directory,
        hourly: logging.rotation == crate::config::system::Rotation::Hourly,
        keep: usize::try_from(logging.keep).unwrap_or(14),
    })?;
    let mut signals = Signals::new()?;
    let data_dir = DataDir::open(&origins.data_dir)?;
    let socket = startup::bind(&system).await?;
    let doorkeeper = Doorkeeper::open(&socket)?;
    let prepared = tokio::select! {
        prepared = startup::prepare(origins, data_dir, &tasks, metrics) => prepared?,
        () = signals.end() => return Ok(Exit::Ok),
    };
    doorkeeper.close().await;
    let running = Running::start(prepared, socket, tasks, demo)?;
    running.announce(out)?;
    running.until_told(signals).await
}

/// A router that listens.
#[derive(Debug)]
pub struct Running {
    /// The router.
    pub app: Arc<App>,
    /// Where it listens.
    pub address: SocketAddr,
    prepared: Summary,
    reloader: Arc<Reloader>,
    writer: router_store::WriterHandle,
    tasks: Tasks,
    requests: TaskTracker,
    stop: CancellationToken,
    grace: Duration,
    _data_dir: DataDir,
    _demo: Option<DemoProvider>,
}

/// What the start card tells.
#[derive(Debug)]
struct Summary {
    card: StartCard,
}

impl Running {
    /// Starts the workers on a bound socket, and watches for changes.
    ///
    /// # Errors
    /// Why it cannot serve, with the exit code.
    pub fn start(
        prepared: Prepared,
        socket: TcpListener,
        tasks: Tasks,
        demo: Option<DemoProvider>,
    ) -> Result<Self, Failed> {
        let Prepared { app, loaded, origins, instance, writer, new_admin_key, data_dir } = prepared;
        let system = loaded.system.clone();
        let address = socket.local_addr()?;
        write_instance_file(data_dir.path(), address, &origins, demo.is_some())?;
        let card = StartCard::new(&loaded, &app, address, data_dir.path(), new_admin_key.as_ref());
        let reloader = Reloader::new(Arc::clone(&app), origins, instance, loaded);
        reloader.watch(&tasks);
        let stop = CancellationToken::new();
        let requests = TaskTracker::new();
        let tls = client_config().map_err(|error| Failed::new(Exit::Failure, format!("TLS: {error}")))?;
        let way_out = Upstream::new(
            tls.clone(),
            Arc::clone(&app.egress),
            system.timeouts.connect.as_duration(),
            Arc::clone(&app.retries),
        );
        let jobs = Jobs::new(Worker::new(Arc::clone(&app), way_out.clone(), requests.clone()), tasks.clone());
        jobs.watch();
        let admin = crate::admin::router(Control::new(Arc::clone(&app), &reloader, way_out, jobs));
        start_workers(&app, &system, socket, (admin, tls), &tasks, &requests, &stop)?;
        Ok(Self {
            app,
            address,
            prepared: Summary { card },
            reloader,
            writer,
            tasks,
            requests,
            stop,
            grace: system.server.shutdown_grace.as_duration(),
            _data_dir: data_dir,
            _demo: demo,
        })
    }

    fn announce(&self, out: &mut dyn Write) -> Result<(), Failed> {
        write!(out, "{}", self.prepared.card)?;
        writeln!(out, "listening on http://{}", self.address)?;
        out.flush()?;
        Ok(())
    }

    /// Serves until a signal says otherwise, then ends in order.
    async fn until_told(self, mut signals: Signals) -> Result<Exit, Failed> {
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                () = signals.end() => break,
                _ = hangup.recv() => { let _ = self.reloader.reload().await; }
            }
        }
        self.end(signals.end()).await;
        Ok(Exit::Ok)
    }

    /// Ends: no new requests, the open ones may finish within the grace, all is written.
    pub async fn end(self, at_once: impl Future<Output = ()>) {
        tracing::info!("stopping: open requests may finish for {} s", self.grace.as_secs());
        self.app.status.stopping.store(true, Ordering::Relaxed);
        self.stop.cancel();
        self.requests.close();
        tokio::select! {
            () = self.requests.wait() => {}
            () = tokio::time::sleep(self.grace) => tracing::warn!("the grace is over; open requests are cancelled"),
            () = at_once => tracing::warn!("second signal: open requests are cancelled"),
        }
        self.app.status.abort.cancel();
        let _ = tokio::time::timeout(ABORT_GRACE, self.requests.wait()).await;
        let left = self.writer.close(DRAIN_AT_END).await;
        if left > 0 {
            tracing::warn!(records = left, "{left} records stay in the spool for the next start");
        }
        if !self.tasks.stop(TASKS_GRACE).await {
            tracing::warn!("some background tasks did not end in time");
        }
        self.app.store.close().await;
    }
}

/// The signals that end the router.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failed> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn start_workers(
    app: &Arc<App>,
    system: &System,
    socket: TcpListener,
    (admin, tls): (axum::Router, rustls::ClientConfig),
    tasks: &Tasks,
    requests: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), Failed> {
    let limits = EdgeLimits {
        max_connections: usize::try_from(system.server.max_connections).unwrap_or(usize::MAX),
        timers: ConnTimers::default(),
    };
    let open = Arc::new(AtomicUsize::new(0));
    let control = tokio::runtime::Handle::current();
    app.runtimes.add(control.clone());
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut senders = Vec::with_capacity(count);
    for number in 0..count {
        let (sender, sockets) = mpsc::unbounded_channel();
        senders.push(sender);
        let policy: Arc<ArcSwap<EgressPolicy>> = Arc::clone(&app.egress);
        let connect = system.timeouts.connect.as_duration();
        let (app, tls, admin, control) = (Arc::clone(app), tls.clone(), admin.clone(), control.clone());
        let (open, stop) = (Arc::clone(&open), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        app.runtimes.add(runtime.handle().clone());
        // `requests` waits for every worker.
        let held = requests.token();
        std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            let upstream = Upstream::new(tls, policy, connect, Arc::clone(&app.retries));
            let (connections, relays) = (TaskTracker::new(), TaskTracker::new());
            let worker = Worker::new(app, upstream, relays.clone());
            let service = Service::new(worker, admin, control);
            runtime.block_on(async {
                listener::serve_sockets(sockets, service, open, limits, stop, connections.clone()).await;
                // A request may outlive its connection: its books are written by its own task.
                for tracker in [connections, relays] {
                    tracker.close();
                    tracker.wait().await;
                }
            });
            drop(held);
        })?;
    }
    let stop = stop.clone();
    tasks.spawn("accept loop", async move {
        if let Err(error) = listener::accept_loop(socket, senders, open, limits, stop).await {
            tracing::error!(error = %error, "the accept loop ended");
        }
    });
    Ok(())
}

/// Tells command line tools how this installation runs.
fn write_instance_file(folder: &Path, address: SocketAddr, origins: &Origins, demo: bool) -> Result<(), Failed> {
    let config = match &origins.source {
        Source::Path(path) => Some(path.display().to_string()),
        _ => None,
    };
    let text = serde_json::json!({
        "address": address.to_string(),
        "pid": std::process::id(),
        "demo": demo,
        "config": config,
    });
    std::fs::write(folder.join("instance.json"), format!("{text:#}\n"))
        .map_err(|error| Failed::new(Exit::Usage, format!("cannot write to {}: {error}", folder.display())))
}
