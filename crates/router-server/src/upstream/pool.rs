//! Connections to providers, kept between requests. One pool for each worker, so that no lock crosses cores.
//!
//! A connection is HTTP/1.1 and carries one request at a time. It comes back with the end of its answer. An answer that is
//! dropped earlier makes hyper close its connection, unless the rest is there already; that is how a call is cancelled.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::HttpsConnector;
use router_core::request::RetryBudget;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::connector::{ConnectError, GuardedConnector};
use super::find;
use super::upload::Outgoing;
use crate::clock::Now;

/// Idle connections are kept for less than providers keep theirs, so that we rarely write into a dead one: for this many
/// looks of the one who clears them away.
const IDLE_LOOKS: u8 = 4;
/// Time between two of its looks; with the number above, a connection idles for 15 to 20 seconds.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Idle connections kept per origin.
const MAX_IDLE: usize = 256;
/// Bounds the head of an answer, and what one read of a body can hold.
const MAX_BUFFER: usize = 32 * 1024;
/// Header fields of an answer.
const MAX_FIELDS: usize = 100;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// No connection: DNS, guard, TCP or TLS.
    #[error("no connection")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection failed under the request.
    #[error("the connection failed")]
    Exchange(#[source] hyper::Error),
}

/// Scheme and authority: connections to one place serve each other's requests.
type Place = (Scheme, Authority);

/// The connections to one place.
#[derive(Debug)]
struct Slot {
    place: Place,
    /// The place as a `host` header.
    host: HeaderValue,
    idle: Mutex<Vec<Idle>>,
}

impl Slot {
    fn new(place: Place) -> Result<Self, SendError> {
        let (scheme, authority) = &place;
        let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let host = match authority.port_u16() {
            Some(port) if port != default_port => HeaderValue::from_str(named(authority)),
            _ => HeaderValue::from_str(authority.host()),
        };
        let host = host.map_err(|error| SendError::Connect(error.into()))?;
        Ok(Self { place, host, idle: Mutex::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Idle {
    connection: SendRequest<Outgoing>,
    looks: u8,
}

/// The pool.
pub(super) struct Pool {
    connector: HttpsConnector<GuardedConnector>,
    /// For DNS, TCP and TLS together.
    patience: Duration,
    retries: Arc<RetryBudget>,
    slots: Mutex<HashMap<Place, Arc<Slot>>>,
    /// Whether somebody looks after idle connections.
    tended: AtomicBool,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("slots", &self.slots).finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(
        connector: HttpsConnector<GuardedConnector>,
        patience: Duration,
        retries: Arc<RetryBudget>,
    ) -> Arc<Self> {
        Arc::new(Self {
            connector,
            patience,
            retries,
            slots: Mutex::default(),
            tended: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        })
    }

    /// Sends a request with an absolute URI and waits for the head of the answer. A connection that the provider had
    /// closed while it was idle is replaced; once, and within the retry budget, also where the end crossed the request on its way.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Outgoing>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let slot = self.slot(&mut request)?;
        while let Some(mut connection) = Self::take(&slot).await {
            let copy = copied(&request);
            let mut error = match connection.try_send_request(request).await {
                Ok(response) => return Ok(self.answer(response, connection, slot)),
                Err(error) => error,
            };
            if let Some(unsent) = error.take_message() {
                request = unsent;
                continue;
            }
            let error = error.into_error();
            match copy.filter(|_| is_end(&error) && self.retries.take(Now::read().unix_ms)) {
                Some(copy) => request = copy,
                None => return Err(SendError::Exchange(error)),
            }
            break;
        }
        let mut connection = self.connect(&slot.place).await?;
        let response = connection.send_request(request).await.map_err(SendError::Exchange)?;
        Ok(self.answer(response, connection, slot))
    }

    /// The idle connection that was used last, if one of them still stands.
    async fn take(slot: &Slot) -> Option<SendRequest<Outgoing>> {
        loop {
            let mut connection = slot.idle().pop()?.connection;
            if matches!(connection.ready().now_or_never(), Some(Ok(()))) {
                return Some(connection);
            }
            // Its task may not have seen yet that the last answer is over. One that is still not free then (a request
            // body that nobody reads) is given up.
            tokio::task::yield_now().await;
            if matches!(connection.ready().now_or_never(), Some(Ok(()))) {
                return Some(connection);
            }
        }
    }

    async fn connect(&self, place: &Place) -> Result<SendRequest<Outgoing>, SendError> {
        let (scheme, authority) = place.clone();
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        let uri = uri.map_err(|error| SendError::Connect(error.into()))?;
        // The connector bounds DNS and TCP; a handshake that does not go on is bounded here.
        let stream = tokio::time::timeout(self.patience, self.connector.clone().call(uri)).await;
        let late = |_| SendError::Connect(Box::new(ConnectError::Timeout));
        let stream = stream.map_err(late)?.map_err(SendError::Connect)?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_BUFFER).max_headers(MAX_FIELDS);
        let (connection, driver) = builder.handshake(stream).await.map_err(SendError::Exchange)?;
        // It ends with the connection's handle; its error is told to whoever waits for an answer.
        self.tasks.spawn(async move { drop(driver.await) });
        Ok(connection)
    }

    fn answer(
        self: &Arc<Self>,
        response: Response<Incoming>,
        connection: SendRequest<Outgoing>,
        slot: Arc<Slot>,
    ) -> Response<UpstreamBody> {
        response.map(|body| {
            let back = Some((Arc::clone(self), slot, connection));
            UpstreamBody { body, back }
        })
    }

    fn put(self: &Arc<Self>, slot: &Slot, connection: SendRequest<Outgoing>) {
        {
            let mut idle = slot.idle();
            if idle.len() < MAX_IDLE {
                idle.push(Idle { connection, looks: 0 });
            }
        }
        if !self.tended.swap(true, Ordering::Relaxed) {
            self.tasks.spawn(tend(Arc::downgrade(self)));
        }
    }

    /// Closes what has idled for too long. Says whether any connection is left.
    fn look(&self) -> bool {
        let mut slots = self.slots();
        slots.retain(|_, slot| {
            let mut idle = slot.idle();
            idle.retain_mut(|idle| {
                idle.looks += 1;
                idle.looks < IDLE_LOOKS && !idle.connection.is_closed()
            });
            // A request that runs brings its connection back here.
            !idle.is_empty() || Arc::strong_count(slot) > 1
        });
        !slots.is_empty()
    }

    /// The slot that an absolute URI names; leaves the request as a server gets to see it: the path alone, and the
    /// authority as `host`.
    fn slot(&self, request: &mut Request<Outgoing>) -> Result<Arc<Slot>, SendError> {
        let parts = std::mem::take(request.uri_mut()).into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(SendError::Connect(Box::new(ConnectError::Url)));
        };
        *request.uri_mut() = parts.path_and_query.map_or_else(Uri::default, Uri::from);
        let place = (scheme, authority);
        let mut slots = self.slots();
        let slot = match slots.get(&place) {
            Some(slot) => Arc::clone(slot),
            None => {
                let slot = Arc::new(Slot::new(place.clone())?);
                slots.insert(place, Arc::clone(&slot));
                slot
            }
        };
        request.headers_mut().insert(HOST, slot.host.clone());
        Ok(slot)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Place, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks after idle connections for as long as there are any.
async fn tend(pool: std::sync::Weak<Pool>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.look() {
            pool.tended.store(false, Ordering::Relaxed);
            return;
        }
    }
}

/// The same request again, if all of it stands here.
fn copied(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let mut copy = Request::new(request.body().copied()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// Whether the connection ended before an answer, as one does that the provider had given up while it was idle.
fn is_end(error: &hyper::Error) -> bool {
    let ended = |error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
    };
    error.is_incomplete_message() || find::<io::Error>(error).is_some_and(ended)
}

/// Host and port without any user information in front of them.
fn named(authority: &Authority) -> &str {
    authority.as_str().rsplit('@').next().unwrap_or_default()
}

/// The body of an answer, and with it the connection that it comes on.
#[derive(Debug)]
pub struct UpstreamBody {
    body: Incoming,
    back: Option<(Arc<Pool>, Arc<Slot>, SendRequest<Outgoing>)>,
}

impl UpstreamBody {
    fn give_back(&mut self) {
        if let Some((pool, slot, connection)) = self.back.take() {
            pool.put(&slot, connection);
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.give_back(),
            Poll::Ready(Some(Err(_))) => self.back = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
