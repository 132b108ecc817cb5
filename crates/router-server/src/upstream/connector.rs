//! The one way out: resolves, judges, connects. Everything that leaves the process dials through this.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::egress::{Denied, EgressPolicy, Origin};
use super::resolver::Resolver;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not one that can be dialled.
    #[error("not an http or https URL")]
    Url,
    /// No such name, or the resolver failed.
    #[error("the name does not resolve")]
    Dns,
    /// The guard refused every address.
    #[error("egress denied: {0}")]
    Denied(Denied),
    /// Refused or unreachable.
    #[error("connection failed: {0}")]
    Tcp(io::ErrorKind),
    /// `egress.proxy` does not connect.
    #[error("the proxy does not connect: {0}")]
    Proxy(String),
    /// Not there in time.
    #[error("no connection in time")]
    Timeout,
}

/// Dials TCP under the egress policy of the moment.
#[derive(Clone, Debug)]
pub struct GuardedConnector {
    policy: Arc<ArcSwap<EgressPolicy>>,
    timeout: Duration,
    resolver: Arc<Resolver>,
}

impl GuardedConnector {
    /// A connector under a policy that may be swapped at any time. `timeout` bounds DNS and TCP together.
    #[must_use]
    pub fn new(policy: Arc<ArcSwap<EgressPolicy>>, timeout: Duration) -> Self {
        Self { policy, timeout, resolver: Arc::default() }
    }

    async fn dial(self, uri: Uri) -> Result<TcpStream, ConnectError> {
        let origin = Origin::of(&uri).ok_or(ConnectError::Url)?;
        let timeout = self.timeout;
        tokio::time::timeout(timeout, self.resolve_and_dial(origin)).await.unwrap_or(Err(ConnectError::Timeout))
    }

    async fn resolve_and_dial(self, origin: Origin) -> Result<TcpStream, ConnectError> {
        let addresses = self.resolver.addresses(&origin.host, origin.port).await.ok_or(ConnectError::Dns)?;
        let policy = self.policy.load_full();
        if let Some(proxy) = &policy.proxy {
            // It resolves the name once more, and takes any of the addresses.
            addresses
                .iter()
                .try_for_each(|address| policy.judge(&origin, address.ip()))
                .map_err(ConnectError::Denied)?;
            return proxy.connect(&origin).await;
        }
        let mut last = ConnectError::Dns;
        for &address in addresses.iter() {
            match policy.judge(&origin, address.ip()) {
                Err(denied) => last = ConnectError::Denied(denied),
                Ok(()) => match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // Without this a provider's first token waits for a delayed ACK (40 ms).
                        stream.set_nodelay(true).map_err(|e| ConnectError::Tcp(e.kind()))?;
                        return Ok(stream);
                    }
                    Err(error) => last = ConnectError::Tcp(error.kind()),
                },
            }
        }
        Err(last)
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.dial(uri).await.map(TokioIo::new) })
    }
}
