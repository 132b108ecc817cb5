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
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use router_wire::dialects::openai_work::{Flaw, FormWatch};
use tokio::time::{Instant, Sleep};

/// So much has to come from a client that is waited for, in so long: 1 KiB a second, as of every body.
const SPAN: Duration = Duration::from_secs(30);
const ENOUGH: u64 = 30 * 1024;

/// Why the rest does not come: the client's doing, or ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The client left or broke HTTP.
    #[error("the client's body ended early")]
    Early,
    /// Too little came for too long.
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
    body: UnsyncBoxBody<Bytes, Broken>,
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
    /// When too little has come, and what has since it was set.
    late: Pin<Box<Sleep>>,
    since: u64,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}

impl Upload {
    /// The rest of a body, of which so many bytes have come and at most so many may come in all.
    #[must_use]
    pub fn new<B>(body: B, watch: FormWatch, (came, most): (u64, u64)) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        Self(Arc::new(Mutex::new(State {
            body: body.map_err(|_| Broken::Early).boxed_unsync(),
            watch,
            came,
            most,
            sender: 0,
            taken: false,
            waits: false,
            ended: false,
            broken: None,
            late: Box::pin(tokio::time::sleep(SPAN)),
            since: 0,
        })))
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
                    ready!(self.late.as_mut().poll(cx));
                    self.broken = Some(Broken::Slow);
                    continue;
                }
                Poll::Ready(came) => came,
            };
            let piece = match came {
                None => {
                    self.ended = true;
                    self.watch.rest()
                }
                Some(Err(broken)) => {
                    self.broken = Some(broken);
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
        let size = data.len() as u64;
        self.taken = true;
        self.came += size;
        self.since += size;
        // What was there at once has waited for the provider.
        if !std::mem::take(&mut self.waits) || self.since >= ENOUGH {
            self.late.as_mut().reset(Instant::now() + SPAN);
            self.since = 0;
        }
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

    /// The same body, if it does not come from elsewhere while it goes out.
    pub(super) fn copied(&self) -> Option<Self> {
        self.rest.is_none().then(|| Self { whole: self.whole.clone(), rest: None })
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

#[cfg(test)]
mod tests {
    use futures_util::stream::{self, StreamExt};
    use http_body_util::StreamBody;

    use super::*;

    const HEAD: &[u8] = b"--b\r\ncontent-disposition: form-data; name=model\r\n\r\nm\r\n--b\r\ncontent-disposition: form-data; name=file\r\n\r\nsound";

    /// A form of which `count` pieces of that size are to come, each after that pause.
    fn upload(count: usize, size: usize, pause: Duration) -> Upload {
        let piece = move |_| async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok::<_, Broken>(Frame::data(Bytes::from(vec![b'x'; size])))
        };
        let (watch, known) = FormWatch::begin(HEAD).expect("a model");
        assert_eq!(known, HEAD.len());
        let body = StreamBody::new(stream::iter(0..count).then(piece).boxed());
        Upload::new(body, watch, (HEAD.len() as u64, 1 << 20))
    }

    async fn next(rest: &Rest) -> Option<Result<Bytes, Broken>> {
        std::future::poll_fn(|cx| rest.next(cx)).await
    }

    /// Takes all there is, with a pause after each piece.
    async fn taken(rest: &Rest, pause: Duration) -> Result<usize, Broken> {
        let mut taken = 0;
        while let Some(piece) = next(rest).await {
            taken += piece?.len();
            tokio::time::sleep(pause).await;
        }
        Ok(taken)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_is_given_up_and_a_provider_that_lingers_is_none() {
        let secs = Duration::from_secs;
        for (count, size, client, provider, came) in [
            (100, 1, secs(10), secs(0), Err(Broken::Slow)),
            (1, 1, secs(31), secs(0), Err(Broken::Slow)),
            (100, 2_048, secs(1), secs(0), Ok(204_800)),
            (10, 50_000, secs(25), secs(0), Ok(500_000)),
            (5, 10, secs(0), secs(100), Ok(50)),
        ] {
            let upload = upload(count, size, client);
            assert_eq!(taken(&upload.send(), provider).await, came, "{count} × {size} after {client:?}");
            assert_eq!((upload.broken(), upload.size().is_some()), (came.err(), came.is_ok()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_sent_anew_while_nothing_has_gone_and_only_by_the_last() {
        let upload = upload(4, 10, Duration::ZERO);
        let (first, second) = (upload.send(), upload.send());
        assert_eq!(next(&first).await, Some(Err(Broken::Over)));
        assert!(!upload.is_spent());
        assert_eq!(next(&second).await, Some(Ok(Bytes::from_static(b"xxxxxxxxxx"))));
        assert!(upload.is_spent());
        assert_eq!(upload.progress().0, HEAD.len() as u64 + 10);
        drop(upload);
        assert_eq!(next(&second).await, Some(Err(Broken::Over)));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_may_come_does_not() {
        let upload = upload(3, 600_000, Duration::ZERO);
        assert_eq!(taken(&upload.send(), Duration::ZERO).await, Err(Broken::TooLarge));
    }
}
