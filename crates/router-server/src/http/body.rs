//! The one body type of our answers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::conn::RequestGuard;

/// What goes to a client, and with it the mark that its request is still running.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    _guard: Option<RequestGuard>,
}

#[derive(Debug)]
enum Kind {
    Full(Bytes),
    Stream(mpsc::Receiver<Bytes>),
    Admin(axum::body::Body),
}

impl Body {
    const fn of(kind: Kind) -> Self {
        Self { kind, _guard: None }
    }

    /// A body without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self::of(Kind::Full(Bytes::new()))
    }

    /// A relayed stream; it ends when the sender is dropped.
    #[must_use]
    pub const fn stream(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self::of(Kind::Stream(receiver))
    }

    /// From the admin router.
    #[must_use]
    pub const fn admin(body: axum::body::Body) -> Self {
        Self::of(Kind::Admin(body))
    }

    /// Ties the end of the request to the end of this body.
    #[must_use]
    pub fn guarded(self, guard: RequestGuard) -> Self {
        Self { _guard: Some(guard), ..self }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.kind {
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Stream(receiver) => receiver.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Admin(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream(_) => false,
            Kind::Admin(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(_) => SizeHint::default(),
            Kind::Admin(body) => body.size_hint(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::of(Kind::Full(bytes))
    }
}

/// Text that cannot fail to become a body.
impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

/// A JSON answer.
pub(super) fn json(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON answer with another status.
pub(super) fn json_with(status: StatusCode, body: String) -> Response<Body> {
    let mut response = json(body);
    *response.status_mut() = status;
    response
}
