//! The benchmark's floor: the least that a hyper proxy can do. It passes method, path, headers and body frames on to
//! one upstream over a pooled client, and nothing else: no routing, no timers, no accounting, no logging.

use super::Failure;
use super::args::Args;
use super::upstream::{listen_shared, on_each};
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;

/// The options of `mini-proxy`.
pub const OPTIONS: [&str; 3] = ["listen", "upstream", "threads"];

type Upstream = Client<HttpConnector, Incoming>;

/// Listens and proxies for ever: each thread has its own listener, runtime and client, so nothing is shared.
///
/// # Errors
/// Wrong arguments; an address that cannot be bound.
pub fn run(args: &Args, ready: impl FnOnce(SocketAddr)) -> Result<(), Failure> {
    let address: SocketAddr = args.get("listen", SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let upstream: SocketAddr = args.text("upstream").ok_or("--upstream ADDR is required")?.parse()?;
    let threads = args.get("threads", 2_usize)?.max(1);
    let first = listen_shared(address)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..threads {
        listeners.push(listen_shared(address)?);
    }
    ready(address);
    on_each(listeners, move |listener| serve(listener, upstream))
}

async fn serve(listener: tokio::net::TcpListener, upstream: SocketAddr) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    while let Ok((stream, _)) = listener.accept().await {
        drop(stream.set_nodelay(true));
        let client = client.clone();
        let service = service_fn(move |request| forward(client.clone(), upstream, request));
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A connection that ends badly is its client's affair; a proxy without logging says nothing.
            drop(connection.await);
        });
    }
}

async fn forward(
    client: Upstream,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Ok(uri) = format!("http://{upstream}{path}").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    for name in [HOST, CONNECTION, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    match client.request(request).await {
        Ok(mut response) => {
            for name in [CONNECTION, TRANSFER_ENCODING] {
                response.headers_mut().remove(name);
            }
            Ok(response.map(BodyExt::boxed))
        }
        Err(_) => {
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(response)
        }
    }
}
