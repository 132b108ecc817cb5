//! The only module that opens connections: sends one attempt to a provider and hands back head and body.

mod connector;
pub mod egress;
mod headers;
mod pool;
mod resolver;
mod tls;
mod tunnel;
mod upload;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use router_core::fault::{Fault, FaultKind};
use router_core::request::RetryBudget;

pub use connector::{ConnectError, GuardedConnector};
pub use egress::{EgressPolicy, Origin};
pub use headers::UpstreamHeaders;
pub use pool::UpstreamBody;
use pool::{Pool, SendError};
pub use tls::client_config;
pub use tunnel::Proxy;
use upload::Outgoing;
pub use upload::{Broken, Rest, Upload};

/// A worker's way to providers: clones share its connections.
#[derive(Clone, Debug)]
pub struct Upstream {
    pool: Arc<Pool>,
}

impl Upstream {
    /// A pool whose connections obey `policy`. `connect_timeout` bounds DNS, TCP and TLS of one connection; `retries`, how often one
    /// that ended under its request is replaced.
    #[must_use]
    pub fn new(
        tls: rustls::ClientConfig,
        policy: Arc<ArcSwap<EgressPolicy>>,
        connect_timeout: Duration,
        retries: Arc<RetryBudget>,
    ) -> Self {
        let tcp = GuardedConnector::new(policy, connect_timeout);
        // HTTP/1.1 only: over HTTP/2 one lost packet, or one provider's stream limit, stalls every request of a host.
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self { pool: Pool::new(https, connect_timeout, retries) }
    }

    /// Sends the request and waits for the head of the answer.
    ///
    /// # Errors
    /// A [`Fault`] of the transport.
    pub async fn send(&self, request: UpstreamRequest) -> Result<http::Response<UpstreamBody>, Fault> {
        self.pool.send(request.build()).await.map_err(|error| transport_fault(&error))
    }
}

/// What goes to the provider.
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
    /// What follows it while it goes out.
    pub rest: Option<Rest>,
}

impl UpstreamRequest {
    fn build(self) -> http::Request<Outgoing> {
        let mut request = http::Request::new(Outgoing::new(self.body, self.rest));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

fn transport_fault(error: &SendError) -> Fault {
    if let Some(connect) = find::<ConnectError>(error) {
        let kind = match connect {
            ConnectError::Denied(_) | ConnectError::Url => FaultKind::EgressDenied,
            ConnectError::Timeout => FaultKind::ConnectTimeout,
            ConnectError::Dns => FaultKind::Dns,
            ConnectError::Tcp(_) | ConnectError::Proxy(_) => FaultKind::Connect,
        };
        return Fault::new(kind, connect.to_string());
    }
    if find::<rustls::Error>(error).is_some() {
        return Fault::new(FaultKind::Tls, "the TLS handshake failed");
    }
    if matches!(error, SendError::Connect(_)) {
        return Fault::new(FaultKind::Connect, "the connection failed");
    }
    body_fault(error, FaultKind::ClosedEarly)
}

/// Whether an answer comes as events.
#[must_use]
pub fn is_events(headers: &http::HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/event-stream")
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// A [`Fault`] of the transport, or that the answer is larger.
pub async fn collect(mut body: UpstreamBody, limit: usize) -> Result<Bytes, Fault> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| body_fault(&error, FaultKind::Cut))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(Fault::new(FaultKind::BadAnswer, "the answer is larger than the limit"));
        }
        if whole.is_empty() && hyper::body::Body::is_end_stream(&body) {
            return Ok(data);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
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
