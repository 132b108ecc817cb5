//! The story of a request: read it, decide, reserve, try candidates until one answers, relay, book.
//!
//! [`call`] runs in the connection's task and only waits; the request itself is owned by a task of its own ([`run`]),
//! so that a client that leaves, or a handler that is dropped, changes nothing in the books.

mod admit;
mod answer;
mod attempt;
mod book;
mod controls;
mod count;
mod end;
mod estimate;
mod explained;
mod fit;
mod form;
mod headers;
mod pinned;
mod probe;
mod race;
mod receive;
mod run;
mod stored;
mod stream;
mod tongue;
mod twin;

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use http::Response;
use hyper::body::Incoming;
use router_core::ask::Endpoint;
use router_core::fault::ErrorCode;
use router_store::Lane;
use router_wire::dialects::{Dialect, Route};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::clock::Now;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::local::{Current, Local};
use crate::twins::Claim;
use crate::upstream::Upstream;

use admit::{Admitted, Job};

pub(crate) use book::PROBE_FLAG;
pub(crate) use headers::Ids;
pub use probe::asker;
pub(crate) use probe::{Probed, asker_in, cost as probe_cost, probe};
pub(crate) use receive::authenticate;
pub use stored::{Stored, stored};

/// What a worker has to serve requests with.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Shared by all workers.
    pub app: Local<App>,
    /// The present snapshot.
    pub current: Arc<Current>,
    /// The worker's own connections.
    pub upstream: Upstream,
    /// The worker's own way into the spool.
    pub lane: Arc<Lane>,
    /// The worker's own tasks.
    pub tasks: TaskTracker,
    /// The grace of running requests is over.
    pub abort: CancellationToken,
}

impl Worker {
    /// What the calling thread serves requests with. Its tasks are awaited by whoever holds the tracker.
    #[must_use]
    pub fn new(app: Arc<App>, upstream: Upstream, tasks: TaskTracker) -> Self {
        Self {
            lane: Arc::new(Lane::new(Arc::clone(&app.spool))),
            current: Arc::new(Current::new(&app.snapshot)),
            // Of its own: whoever waits for the end is listed under a lock.
            abort: app.status.abort.child_token(),
            app: Local::new(app),
            upstream,
            tasks,
        }
    }
}

/// Answers a call to a model.
pub(crate) async fn call(
    worker: &Worker,
    peer: SocketAddr,
    dialect: &'static Dialect,
    route: Route,
    request: Request<Incoming>,
    ids: &Ids,
) -> Response<Body> {
    let now = Now::read();
    let snapshot = worker.current.get(&worker.app.snapshot);
    let (parts, body) = request.into_parts();
    let arrival = admit::Arrival { peer, dialect, route: &route, now, parts: &parts, ids };
    let admitted = admit::admit(worker, &snapshot, arrival, body);
    let mut response = match admitted.await {
        Err(mut refused) => {
            let rates = refused.rates.take();
            let mut response = refused.in_dialect(dialect, Some(ids.shown()));
            headers::stamp_rates(response.headers_mut(), &rates.unwrap_or_default());
            response
        }
        Ok(Admitted::Job(job, _)) if job.endpoint == Endpoint::Estimate => estimate::page(job).await,
        Ok(Admitted::Job(job, claim)) => answered(worker, job, claim).await.unwrap_or_else(|| {
            let error = ApiError::new(ErrorCode::InternalError, "The router failed at this request.");
            error.in_dialect(dialect, Some(ids.shown()))
        }),
        Ok(Admitted::Twin(response)) => response,
    };
    ids.stamp(response.headers_mut());
    response
}

/// Runs a request in a task of its own. `None`: that task has panicked; its guards have booked what there was.
async fn answered(worker: &Worker, job: Box<Job>, claim: Option<Claim>) -> Option<Response<Body>> {
    let (head, answer) = oneshot::channel();
    // Boxed: a request's future is large, and is moved several times on its way into the task.
    worker.tasks.spawn(Box::pin(run::run(job, head)));
    let Some(claim) = claim else { return answer.await.ok() };
    let reader = claim.reader()?;
    worker.tasks.spawn(twin::record(claim, answer));
    twin::play(worker, reader).await
}
