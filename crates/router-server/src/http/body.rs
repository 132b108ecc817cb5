//! The one body type of our answers.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
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
    Relay(mpsc::Receiver<Bytes>, Arc<OnceLock<Bytes>>),
    /// The last words have been said; what was sent has gone when this is asked for the second time.
    Broken(bool),
    Admin(axum::body::Body),
}

/// The sending half of a relayed stream.
#[derive(Debug)]
pub struct Frames {
    /// What comes next.
    pub sender: mpsc::Sender<Bytes>,
    last_words: Arc<OnceLock<Bytes>>,
}

impl Frames {
    /// The stream is to end with these words once the sender is dropped, and then to break off: nobody may take it for whole.
    pub fn break_off(&self, words: Bytes) {
        // Only the first words are the last ones.
        let _ = self.last_words.set(words);
    }
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

    /// A relayed stream that holds back so many frames for a client who does not read. It ends when the sender is dropped.
    #[must_use]
    pub fn relay(buffered: usize) -> (Frames, Self) {
        let (sender, receiver) = mpsc::channel(buffered);
        let last_words = Arc::default();
        (Frames { sender, last_words: Arc::clone(&last_words) }, Self::of(Kind::Relay(receiver, last_words)))
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
            Kind::Relay(receiver, last_words) => {
                let frame = std::task::ready!(receiver.poll_recv(cx));
                let last = if frame.is_none() { last_words.get().cloned() } else { None };
                if last.is_some() {
                    self.kind = Kind::Broken(false);
                }
                Poll::Ready(frame.or(last).map(|bytes| Ok(Frame::data(bytes))))
            }
            Kind::Broken(gone) if !*gone => {
                *gone = true;
                // hyper sends what it has before it asks again.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Kind::Broken(_) => Poll::Ready(Some(Err(axum::Error::new("the answer broke off")))),
            Kind::Admin(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream(_) | Kind::Relay(..) | Kind::Broken(_) => false,
            Kind::Admin(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(_) | Kind::Relay(..) | Kind::Broken(_) => SizeHint::default(),
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
