//! The only module that opens connections: sends one attempt to a provider and hands back head and body.

mod connector;
pub mod egress;
mod headers;
mod tls;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use router_core::fault::{Fault, FaultKind};

pub use connector::{ConnectError, GuardedConnector};
pub use egress::{EgressPolicy, Origin};
pub use headers::UpstreamHeaders;
pub use tls::client_config;

/// Idle connections are kept for less than providers keep theirs, so that we rarely write into a dead one.
const POOL_IDLE: Duration = Duration::from_secs(20);
/// Idle connections kept per origin and worker.
const POOL_MAX_IDLE: usize = 256;
/// Bounds the head of an answer, and what one read of a body can hold.
const MAX_BUFFER: usize = 32 * 1024;

/// A pool of connections to providers. One for each worker, so that no lock is shared between cores.
#[derive(Clone, Debug)]
pub struct Upstream {
    client: Client<HttpsConnector<GuardedConnector>, Full<Bytes>>,
}

impl Upstream {
    /// A pool whose connections obey `policy`. `connect_timeout` bounds DNS and TCP of one connection.
    #[must_use]
    pub fn new(tls: rustls::ClientConfig, policy: Arc<ArcSwap<EgressPolicy>>, connect_timeout: Duration) -> Self {
        let tcp = GuardedConnector::new(policy, connect_timeout);
        // HTTP/1.1 only: over HTTP/2 one lost packet, or one provider's stream limit, stalls every request of a host.
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_max_buf_size(MAX_BUFFER)
            .http1_max_headers(100)
            .build(https);
        Self { client }
    }

    /// Sends the request and waits for the head of the answer. A connection that the provider had closed while it
    /// was idle is replaced once, since nothing of an answer has come.
    ///
    /// # Errors
    /// A [`Fault`] of the transport.
    pub async fn send(&self, request: &UpstreamRequest) -> Result<http::Response<Incoming>, Fault> {
        match self.client.request(request.build()).await {
            Ok(response) => Ok(response),
            Err(error) if is_stale_connection(&error) => {
                self.client.request(request.build()).await.map_err(|error| transport_fault(&error))
            }
            Err(error) => Err(transport_fault(&error)),
        }
    }
}

/// What goes to the provider; kept so that it can be built anew on a fresh connection.
#[derive(Clone, Debug)]
pub struct UpstreamRequest {
    /// `POST` for all work of models.
    pub method: http::Method,
    /// Always absolute.
    pub uri: http::Uri,
    /// Everything but `host` and `content-length`, which hyper adds.
    pub headers: http::HeaderMap,
    /// The spliced body.
    pub body: Bytes,
}

impl UpstreamRequest {
    fn build(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Whether a pooled connection turned out to be closed before any byte of an answer came.
fn is_stale_connection(error: &hyper_util::client::legacy::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    find::<hyper::Error>(error).is_some_and(|e| e.is_canceled())
}

fn transport_fault(error: &hyper_util::client::legacy::Error) -> Fault {
    if let Some(connect) = find::<ConnectError>(error) {
        let kind = match connect {
            ConnectError::Denied(_) | ConnectError::Url => FaultKind::EgressDenied,
            ConnectError::Timeout => FaultKind::ConnectTimeout,
            ConnectError::Dns | ConnectError::Tcp(_) => FaultKind::Connect,
        };
        return Fault::new(kind, connect.to_string());
    }
    if find::<rustls::Error>(error).is_some() {
        return Fault::new(FaultKind::Tls, "the TLS handshake failed");
    }
    if error.is_connect() {
        return Fault::new(FaultKind::Connect, "the connection failed");
    }
    body_fault(error, FaultKind::ClosedEarly)
}

/// The fault behind an error while reading an answer. `closed` is what an early end means at this place.
#[must_use]
pub fn body_fault(error: &(dyn StdError + 'static), closed: FaultKind) -> Fault {
    match find::<hyper::Error>(error) {
        Some(e) if e.is_parse() || e.is_parse_too_large() => {
            Fault::new(FaultKind::BadAnswer, "the answer is not valid HTTP")
        }
        _ => Fault::new(closed, "the connection ended before the answer was complete"),
    }
}

/// The first error of type `E` in the chain of sources; looks into IO errors too, which hide theirs.
fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            current = Some(inner);
            continue;
        }
        current = error.source();
    }
    None
}
