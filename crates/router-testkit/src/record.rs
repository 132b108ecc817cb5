//! What a simulated provider saw: requests, connections, counters, and waiting for events instead of time.

use crate::answers::{Dialect, Endpoint, model_in};
use crate::http1::Head;
use bytes::Bytes;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long [`Recorder::wait_until`] waits before it gives up; only a broken test reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request as it arrived, bytes untouched.
#[derive(Clone, Debug)]
pub struct Received {
    /// Order of arrival over all connections, from 0.
    pub sequence: u64,
    /// The connection that carried it, from 0 in order of acceptance.
    pub connection: u64,
    /// When its head and body were complete.
    pub at: Instant,
    /// Method, e.g. `POST`.
    pub method: String,
    /// Path without the query, e.g. `/v1/chat/completions`.
    pub path: String,
    /// Query without the question mark; empty if there is none.
    pub query: String,
    /// Headers with their case and order.
    pub head: Head,
    /// The body with transfer framing taken off, otherwise exact.
    pub body: Bytes,
}

impl Received {
    /// The first value of a header, name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The bearer token, if there is one.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// The body as JSON; `Null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text; invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The model that is asked for: in the path where the dialect has it there, else in the body; empty if nowhere.
    #[must_use]
    pub fn model(&self) -> String {
        let in_body = || self.json().get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        model_in(&self.path).unwrap_or_else(in_body)
    }

    /// The credential, in any of the forms that providers take.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let header = ["x-api-key", "x-goog-api-key", "api-key"].iter().find_map(|name| self.header(name));
        let query = || self.query.split('&').find_map(|pair| pair.strip_prefix("key="));
        self.bearer().or(header).or_else(query)
    }

    /// The dialect that it is spoken in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        let anthropic = self.header("anthropic-version").is_some();
        Dialect::of(Endpoint::of(&self.method, &self.path), &self.path, anthropic)
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that the script wanted was sent.
    Completed,
    /// The client went away before the end.
    Cancelled,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests received completely.
    pub requests: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// The most requests that were being answered at once.
    pub peak_in_flight: u64,
    /// Answers sent as scripted, faults included.
    pub completed: u64,
    /// Answers that the client left before their end.
    pub cancelled: u64,
}

/// The shared memory of one provider.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
    keep: usize,
}

#[derive(Debug, Default)]
struct State {
    stats: Stats,
    requests: Vec<Arc<Received>>,
}

/// [`Recorder::wait_until`] gave up; holds the counters as they stood.
#[derive(Debug)]
pub struct WaitTimeout(pub Stats);

impl fmt::Display for WaitTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the awaited state did not come within {PATIENCE:?}; the provider saw {:?}", self.0)
    }
}

impl std::error::Error for WaitTimeout {}

impl Recorder {
    /// A recorder that keeps the first `keep` requests whole; later ones only count.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), changed: Notify::new(), keep }))
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.lock().stats
    }

    /// The requests kept, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<Received>> {
        self.lock().requests.clone()
    }

    /// Forgets the kept requests; counters stay.
    pub fn forget(&self) {
        self.lock().requests.clear();
    }

    /// Waits until `holds` is true of the counters, and returns them.
    ///
    /// # Errors
    /// [`WaitTimeout`] after 30 s, so that a broken test ends with a reason.
    pub async fn wait_until(&self, holds: impl Fn(&Stats) -> bool) -> Result<Stats, WaitTimeout> {
        let waiting = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let stats = self.stats();
                if holds(&stats) {
                    return stats;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| WaitTimeout(self.stats()))
    }

    /// Counts a new connection; the ticket counts its end when dropped. Returns the connection's number too.
    pub(crate) fn connection(&self) -> (u64, ConnectionTicket) {
        let number = self.change(|state| {
            state.stats.connections += 1;
            state.stats.open_connections += 1;
            state.stats.connections - 1
        });
        (number, ConnectionTicket(self.clone()))
    }

    /// Records a request; the ticket counts as cancelled unless it is told otherwise before it is dropped.
    pub(crate) fn request(&self, make: impl FnOnce(u64) -> Received) -> (Arc<Received>, AnswerTicket) {
        let received = self.change(|state| {
            let received = Arc::new(make(state.stats.requests));
            if state.requests.len() < self.0.keep {
                state.requests.push(Arc::clone(&received));
            }
            state.stats.requests += 1;
            state.stats.in_flight += 1;
            state.stats.peak_in_flight = state.stats.peak_in_flight.max(state.stats.in_flight);
            received
        });
        (received, AnswerTicket { recorder: self.clone(), ending: Ending::Cancelled })
    }

    fn change<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        let value = edit(&mut self.lock());
        self.0.changed.notify_waiters();
        value
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held while a connection is open.
#[derive(Debug)]
pub(crate) struct ConnectionTicket(Recorder);

impl Drop for ConnectionTicket {
    fn drop(&mut self) {
        self.0.change(|state| state.stats.open_connections -= 1);
    }
}

/// Held while a request is being answered.
#[derive(Debug)]
pub(crate) struct AnswerTicket {
    recorder: Recorder,
    ending: Ending,
}

impl AnswerTicket {
    /// The answer was sent as scripted.
    pub(crate) fn completed(mut self) {
        self.ending = Ending::Completed;
    }
}

impl Drop for AnswerTicket {
    fn drop(&mut self) {
        self.recorder.change(|state| {
            state.stats.in_flight -= 1;
            match self.ending {
                Ending::Completed => state.stats.completed += 1,
                Ending::Cancelled => state.stats.cancelled += 1,
            }
        });
    }
}
