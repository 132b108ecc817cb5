//! A request whose body is still on its way to us while it goes to the provider: what has come of it stands in the request, the
//! rest follows as it comes. It can be sent again as long as none of the rest has gone.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use router_wire::dialects::openai_work::{Flaw, FormWatch};
use tokio::time::{Instant, Sleep};

/// How long the client may send nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// Why the rest does not come: the client's doing, or ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The client left or broke HTTP.
    #[error("the client's body ended early")]
    Early,
    /// Nothing came for too long.
    #[error("the client's body came too slowly")]
    Slow,
    /// More than a request may have.
    #[error("the client's body is too large")]
    TooLarge,
    /// The form is not sound.
    #[error("{0}")]
    Flaw(Flaw),
    /// The attempt for which it was sent is over.
    #[error("the attempt is over")]
    Over,
}

/// The rest of a client's form. Dropping it ends what still sends it.
pub struct Upload(Arc<Mutex<State>>);

struct State {
    body: Incoming,
    watch: FormWatch,
    /// Bytes of the whole body that have come, and that may come.
    came: u64,
    most: u64,
    /// Which sender is at work.
    sender: u32,
    /// Whether anything has been taken from the client.
    taken: bool,
    /// Whether the client is waited for.
    waits: bool,
    ended: bool,
    broken: Option<Broken>,
    silence: Pin<Box<Sleep>>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}

impl Upload {
    /// The rest of a body, of which so many bytes have come and at most so many may come in all.
    #[must_use]
    pub fn new(body: Incoming, watch: FormWatch, (came, most): (u64, u64)) -> Self {
        let silence = Box::pin(tokio::time::sleep(SILENCE));
        let (sender, taken, waits, ended, broken) = (0, false, false, false, None);
        Self(Arc::new(Mutex::new(State { body, watch, came, most, sender, taken, waits, ended, broken, silence })))
    }

    /// For a new attempt; those before get nothing more.
    #[must_use]
    pub fn send(&self) -> Rest {
        let mut state = lock(&self.0);
        state.sender += 1;
        Rest { state: Arc::clone(&self.0), sender: state.sender }
    }

    /// Whether some of it has gone, so that it cannot be sent from its beginning.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        let state = lock(&self.0);
        state.taken || state.ended || state.broken.is_some()
    }

    /// Why it does not come.
    #[must_use]
    pub fn broken(&self) -> Option<Broken> {
        lock(&self.0).broken
    }

    /// How much of the body has come so far, and whether it is the client that is waited for.
    #[must_use]
    pub fn progress(&self) -> (u64, bool) {
        let state = lock(&self.0);
        (state.came, state.waits)
    }

    /// How long the whole body was, once it has come.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let state = lock(&self.0);
        state.ended.then_some(state.came)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        lock(&self.0).sender += 1;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            if let Some(broken) = self.broken {
                return Poll::Ready(Some(Err(broken)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let came = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => {
                    self.waits = true;
                    ready!(self.silence.as_mut().poll(cx));
                    self.broken = Some(Broken::Slow);
                    continue;
                }
                Poll::Ready(came) => came,
            };
            self.waits = false;
            self.silence.as_mut().reset(Instant::now() + SILENCE);
            let piece = match came {
                None => {
                    self.ended = true;
                    self.watch.rest()
                }
                Some(Err(_)) => {
                    self.broken = Some(Broken::Early);
                    continue;
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => match self.take(data) {
                        Ok(piece) => piece,
                        Err(broken) => {
                            self.broken = Some(broken);
                            continue;
                        }
                    },
                    Err(_) => continue,
                },
            };
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }

    fn take(&mut self, data: Bytes) -> Result<Bytes, Broken> {
        self.taken = true;
        self.came += data.len() as u64;
        if self.came > self.most {
            return Err(Broken::TooLarge);
        }
        self.watch.pass(data).map_err(Broken::Flaw)
    }
}

/// The rest as one attempt sends it.
#[derive(Clone)]
pub struct Rest {
    state: Arc<Mutex<State>>,
    sender: u32,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

impl Rest {
    fn next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let mut state = lock(&self.state);
        if state.sender == self.sender { state.next(cx) } else { Poll::Ready(Some(Err(Broken::Over))) }
    }

    /// Bytes that are to come, where the client has said so.
    fn size(&self) -> Option<u64> {
        let state = lock(&self.state);
        if state.ended {
            return Some(0);
        }
        state.body.size_hint().exact().map(|size| size + state.watch.held() as u64)
    }
}

/// The body of a request to a provider: what stands whole, then what follows.
#[derive(Debug)]
pub(super) struct Outgoing {
    whole: Option<Bytes>,
    rest: Option<Rest>,
}

impl Outgoing {
    pub(super) fn new(whole: Bytes, rest: Option<Rest>) -> Self {
        Self { whole: Some(whole).filter(|whole| !whole.is_empty()), rest }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(whole) = self.whole.take() {
            return Poll::Ready(Some(Ok(Frame::data(whole))));
        }
        let Some(rest) = &self.rest else { return Poll::Ready(None) };
        let next = ready!(rest.next(cx));
        Poll::Ready(next.map(|next| next.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.whole.is_none() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let whole = self.whole.as_ref().map_or(0, |whole| whole.len() as u64);
        match self.rest.as_ref().map(Rest::size) {
            None => SizeHint::with_exact(whole),
            Some(Some(rest)) => SizeHint::with_exact(whole + rest),
            Some(None) => SizeHint::new(),
        }
    }
}
