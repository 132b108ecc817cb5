//! The accept loop and the workers. One thread accepts and hands sockets out in turn; each worker is a thread with a
//! runtime, a connection pool and all of a request's tasks, so that a request never crosses cores.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use router_core::fault::ErrorCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::Body;
use super::conn::{Activity, ClientIo, ConnTimers, RequestGuard, watchdog};
use super::error::ApiError;

/// Largest head that is taken.
const MAX_HEAD: usize = 16 * 1024;
/// Most header fields that are taken.
const MAX_FIELDS: usize = 100;
/// Twice as much is read, so that a head that is too large gets an error that says so. What is larger still gets the bare
/// status of the HTTP library.
const READ: usize = 2;

/// When the router ends: for the first request of a connection that was just opened.
const FIRST_REQUEST: Duration = Duration::from_secs(2);

/// Whether a head is larger than what is taken.
pub(super) fn is_too_large(head: &Request<Incoming>) -> bool {
    let fields = head.headers();
    // As they were sent: a colon, a space and the end of the line belong to each.
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = head.uri().path_and_query().map_or(0, |target| target.as_str().len());
    fields.len() > MAX_FIELDS || bytes + target > MAX_HEAD
}

/// The error of such a head.
pub(super) fn too_large() -> ApiError {
    let message = format!("The headers are larger than {MAX_HEAD} bytes, or more than {MAX_FIELDS}. Send less.");
    ApiError::new(ErrorCode::HeadersTooLarge, message)
}

/// What a worker calls for each request.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request; never fails.
    fn handle(&self, peer: SocketAddr, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Bounds of the edge.
#[derive(Clone, Copy, Debug)]
pub struct EdgeLimits {
    /// Connections at a time; the rest is refused at once.
    pub max_connections: usize,
    /// Timers of each connection.
    pub timers: ConnTimers,
}

/// Binds the address.
///
/// # Errors
/// As the system says, the port being taken for one.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // A long queue: a thousand clients may arrive in one burst.
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Accepts until `stop`, handing sockets to the workers in turn. Failures of `accept` (no descriptors left) pause it
/// for a moment instead of ending or spinning.
pub async fn accept_loop(
    listener: std::net::TcpListener,
    workers: Vec<mpsc::UnboundedSender<(std::net::TcpStream, SocketAddr)>>,
    open: Arc<AtomicUsize>,
    limits: EdgeLimits,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut turn = 0usize;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Who has been waiting to be accepted is told, not cut off.
            () = stop.cancelled() => match listener.accept().now_or_never() {
                Some(accepted) => accepted,
                None => return Ok(()),
            },
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept connections at the moment");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if open.load(Ordering::Relaxed) >= limits.max_connections {
            drop(stream);
            continue;
        }
        let Ok(stream) = stream.into_std() else { continue };
        turn = turn.wrapping_add(1);
        if let Some(worker) = workers.get(turn % workers.len().max(1)) {
            open.fetch_add(1, Ordering::Relaxed);
            if worker.send((stream, peer)).is_err() {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Serves the sockets of one worker until the accept loop is gone, then waits for the open connections: they finish
/// their requests, and idle ones close at once.
pub async fn serve_sockets<H: Handler>(
    mut sockets: mpsc::UnboundedReceiver<(std::net::TcpStream, SocketAddr)>,
    handler: H,
    open: Arc<AtomicUsize>,
    limits: EdgeLimits,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some((stream, peer)) = sockets.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        };
        let guard = OpenGuard(Arc::clone(&open));
        // Not awaited by a future around it: that one would be twice as large, for as long as the connection is open.
        tasks.spawn(serve_connection(stream, peer, handler.clone(), limits.timers, stop.clone(), guard));
    }
}

/// Counts an open connection until it is dropped.
struct OpenGuard(Arc<AtomicUsize>);

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve_connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: H,
    timers: ConnTimers,
    stop: CancellationToken,
    _open: OpenGuard,
) {
    // Without this a first token waits for the client's delayed ACK.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let activity = Activity::new(Instant::now());
    let io = TokioIo::new(ClientIo::new(stream, Arc::clone(&activity)));
    let service = {
        let activity = Arc::clone(&activity);
        let stop = stop.clone();
        service_fn(move |request: Request<Incoming>| {
            let guard = RequestGuard::begin(&activity);
            let (handler, stop) = (handler.clone(), stop.clone());
            async move {
                let last = request.version() < Version::HTTP_2;
                let mut response = handler.handle(peer, request).await;
                if last && stop.is_cancelled() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| body.guarded(guard)))
            }
        })
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).max_buf_size(READ * MAX_HEAD).max_headers(READ * MAX_FIELDS);
    builder.http1().header_read_timeout(None).keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    // Pinned where they are made: what is moved into its place keeps both places.
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut watchdog = pin!(watchdog(Arc::clone(&activity), timers));
    let mut stopped = pin!(async {
        stop.cancelled().await;
        // The HTTP library would close it unread, and its client would never know whether the request was taken.
        if !activity.has_asked() {
            tokio::time::sleep(FIRST_REQUEST).await;
        }
    });
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // How a client's connection ends is its own affair; nothing of ours depends on it.
            _ = connection.as_mut() => return,
            () = &mut watchdog => return,
            () = &mut stopped, if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Nobody;

    impl Handler for Nobody {
        async fn handle(&self, _: SocketAddr, _: Request<Incoming>) -> Response<Body> {
            Response::new(Body::empty())
        }
    }

    /// Thousands of connections may do nothing but send their head slowly.
    #[tokio::test]
    async fn an_open_connection_is_small() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, open) = (stream.local_addr().unwrap(), OpenGuard(Arc::new(AtomicUsize::new(1))));
        let task = serve_connection(stream, peer, Nobody, ConnTimers::default(), CancellationToken::new(), open);
        let size = size_of_val(&task);
        // Most of it is the HTTP library's own state, and it is there once.
        assert!(size <= 3 * 1024, "{size} bytes");
    }
}
