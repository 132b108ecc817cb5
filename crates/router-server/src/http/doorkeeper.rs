//! Between the binding of the port and readiness (a database that comes up later, a long migration): whoever comes is told
//! that the router is starting, instead of being refused without a word.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use router_core::fault::ErrorCode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::{Body, json_with};
use super::conn::ConnTimers;
use super::error::ApiError;
use super::listener::{EdgeLimits, Handler, accept_loop, serve_sockets};
use super::service::{error_dialect, text};
use crate::relay::Ids;

/// Connections at a time; each lives for one answer.
const MOST: usize = 1_024;

/// Answers on a bound socket until the router itself does.
#[derive(Debug)]
pub struct Doorkeeper {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Doorkeeper {
    /// Begins to answer.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(socket: &TcpListener) -> io::Result<Self> {
        let socket = socket.try_clone()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (sender, sockets) = mpsc::unbounded_channel();
        let (open, limits) =
            (Arc::new(AtomicUsize::new(0)), EdgeLimits { max_connections: MOST, timers: ConnTimers::default() });
        tasks.spawn(serve_sockets(sockets, Starting, Arc::clone(&open), limits, stop.clone(), tasks.clone()));
        let stopped = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = accept_loop(socket, vec![sender], open, limits, stopped).await {
                tracing::error!(%error, "nobody answers while the router starts");
            }
        });
        Ok(Self { stop, tasks })
    }

    /// Ends: whoever is being answered gets the answer, whoever comes waits for the router.
    pub async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What it says.
#[derive(Clone, Debug)]
struct Starting;

impl Handler for Starting {
    async fn handle(&self, _peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let page = |page: &str| json_with(StatusCode::SERVICE_UNAVAILABLE, page.to_owned());
        match request.uri().path() {
            "/health/live" => text("ok\n"),
            "/health/ready" => page(r#"{"ready":false,"reason":"starting"}"#),
            "/health" => page(r#"{"status":"starting"}"#),
            _ => {
                let ids = Ids::new(request.headers());
                let message = "The router is starting: its database is not ready yet. Try again in a moment.";
                let error = ApiError::new(ErrorCode::Starting, message).retry_after_ms(Some(1_000));
                let mut response = error.in_dialect(error_dialect(&request), Some(ids.shown()));
                ids.stamp(response.headers_mut());
                response
            }
        }
    }
}
