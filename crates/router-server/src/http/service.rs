//! Hands each request to the part that answers it; catches what must never escape.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use router_core::fault::ErrorCode;
use router_wire::dialects::{self, Dialect};
use tokio::runtime::Handle;
use tower::ServiceExt;

use super::body::{Body, json};
use super::error::{ApiError, doubled_base, not_found, shown};
use super::listener::{Handler, is_too_large, too_large};
use super::route::{Call, Route, find};
use super::{health, models};
use crate::clock::Now;
use crate::relay::{self, Ids, Stored, Worker, authenticate};
use crate::telemetry::metrics;

/// The client's socket address, for the control plane.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The service of one worker.
#[derive(Clone, Debug)]
pub struct Service {
    worker: Worker,
    /// The control plane, which runs on a runtime of its own so that it never delays calls to models.
    admin: axum::Router,
    control: Handle,
}

impl Service {
    /// A worker's service.
    #[must_use]
    pub const fn new(worker: Worker, admin: axum::Router, control: Handle) -> Self {
        Self { worker, admin, control }
    }

    async fn dispatch(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let method = request.method().clone();
        let head_only = method == Method::HEAD;
        let ids = Ids::new(request.headers());
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let dialect = error_dialect(&request);
        let refuse = |error: ApiError| error.in_dialect(dialect, Some(ids.shown()));
        let mut response = match find(&method, path, query) {
            _ if is_too_large(&request) => refuse(too_large()),
            Route::Call(Call { dialect, route }) => {
                return relay::call(&self.worker, peer, dialect, route, request, &ids).await;
            }
            Route::Stored(call) => self.stored(peer, request.into_parts().0, &call).await.unwrap_or_else(refuse),
            Route::Admin => return self.admin(peer, request).await,
            Route::Models => self.models(peer, request, Shape::List, dialect, &ids),
            Route::Model(id) => {
                let id = models::decode_id(id);
                self.models(peer, request, Shape::One(id), dialect, &ids)
            }
            Route::GeminiModels => self.models(peer, request, Shape::GeminiList, dialect, &ids),
            Route::GeminiModel(id) => {
                let id = models::decode_id(id);
                self.models(peer, request, Shape::GeminiOne(id), dialect, &ids)
            }
            Route::Root => text("Smart AI Router\n"),
            Route::Health => health::page(&self.worker.app),
            Route::Live => text("ok\n"),
            Route::Ready => health::ready(&self.worker.app),
            Route::Metrics => self.metrics(peer, &request.into_parts().0),
            Route::MethodNotAllowed if is_websocket(&request) => refuse(ApiError::new(
                ErrorCode::UpgradeRequired,
                "WebSockets are not spoken here. Send the request as POST; answers stream as server-sent events.",
            )),
            Route::MethodNotAllowed => {
                refuse(ApiError::new(ErrorCode::MethodNotAllowed, format!("{method} is not allowed here.")))
            }
            Route::DoubledBase => refuse(doubled_base()),
            Route::NotFound => refuse(not_found(path)),
        };
        ids.stamp(response.headers_mut());
        if head_only { response.map(|_| Body::empty()) } else { response }
    }

    async fn stored(&self, peer: SocketAddr, parts: Parts, call: &Stored) -> Result<Response<Body>, ApiError> {
        let snapshot = self.worker.app.snapshot.load_full();
        let key = authenticate(&snapshot, &parts, peer, Now::read())?.key();
        relay::stored(&self.worker, &snapshot, key, call, parts.method, parts.uri.query().unwrap_or_default()).await
    }

    fn models(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
        shape: Shape,
        dialect: &'static Dialect,
        ids: &Ids,
    ) -> Response<Body> {
        let parts = request.into_parts().0;
        let snapshot = self.worker.app.snapshot.load();
        let key = match authenticate(&snapshot, &parts, peer, Now::read()) {
            Ok(identity) => identity.key(),
            Err(refused) => return refused.in_dialect(dialect, Some(ids.shown())),
        };
        // Claude Code lists only names of that prefix.
        let prefixed = parts.headers.contains_key("anthropic-version");
        let found = match &shape {
            Shape::List => Some(models::list(&snapshot.core, key, prefixed)),
            Shape::One(id) => models::one(&snapshot.core, key, id),
            Shape::GeminiList => Some(models::gemini_list(&snapshot.core, key)),
            Shape::GeminiOne(id) => models::gemini_one(&snapshot.core, key, id),
        };
        match (found, shape) {
            (Some(found), _) => json(found),
            (None, Shape::One(id) | Shape::GeminiOne(id)) => {
                let shown = shown(&id);
                let message = format!("The model `{shown}` does not exist or is not available to this key.");
                let error = ApiError::new(ErrorCode::ModelNotFound, message).param("model");
                error.in_dialect(dialect, Some(ids.shown()))
            }
            (None, Shape::List | Shape::GeminiList) => self.broken(),
        }
    }

    fn metrics(&self, peer: SocketAddr, parts: &Parts) -> Response<Body> {
        let app = &self.worker.app;
        let snapshot = app.snapshot.load();
        if snapshot.settings.metrics_auth
            && let Err(refused) = authenticate(&snapshot, parts, peer, Now::read())
        {
            return refused.into_response();
        }
        health::refresh_gauges(app, &snapshot);
        let mut response = Response::new(Body::from(app.metrics.encode()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        response
    }

    #[expect(clippy::disallowed_methods, reason = "awaited at once: it changes the runtime, not the owner")]
    async fn admin(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let router = self.admin.clone();
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer));
        match self.control.spawn(router.oneshot(request)).await {
            Ok(Ok(response)) => response.map(Body::admin),
            _ => self.broken(),
        }
    }

    fn broken(&self) -> Response<Body> {
        self.worker.app.metrics.panics.inc();
        tracing::error!("a request handler panicked");
        ApiError::new(ErrorCode::InternalError, "The router failed at this request.").into_response()
    }
}

impl Handler for Service {
    async fn handle(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        // Boxed: the future is large, and hyper moves it several times.
        AssertUnwindSafe(Box::pin(self.dispatch(peer, request))).catch_unwind().await.unwrap_or_else(|_| self.broken())
    }
}

/// Which page of models.
enum Shape {
    List,
    One(String),
    GeminiList,
    GeminiOne(String),
}

/// The dialect in which a request is refused.
pub(super) fn error_dialect(request: &Request<Incoming>) -> &'static Dialect {
    dialects::of_errors(request.uri().path(), |header| request.headers().contains_key(header))
}

fn is_websocket(request: &Request<Incoming>) -> bool {
    request.headers().get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

pub(super) fn text(words: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(words));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
