//! The simulated provider: a real listener on a real port that plays scripts and remembers what it received.

mod connection;
mod listen;
mod rules;

use crate::answers::Voice;
use crate::record::{Received, Recorder, Stats, WaitTimeout};
use crate::script::Script;
use rules::{Matcher, Rules};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Requests that are kept whole unless the builder says otherwise.
const KEEP_REQUESTS: usize = 10_000;

/// A running simulated provider. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct SimProvider {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

/// What all connections of a provider share.
#[derive(Debug)]
struct Shared {
    recorder: Recorder,
    setup: Mutex<Setup>,
    voice: Voice,
}

#[derive(Debug, Default)]
struct Setup {
    rules: Rules,
    keys: Vec<String>,
}

impl Shared {
    fn setup(&self) -> MutexGuard<'_, Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings of a provider that is about to start.
#[derive(Clone, Debug)]
pub struct Builder {
    address: SocketAddr,
    threads: usize,
    keep_requests: usize,
    voice: Voice,
}

impl Builder {
    /// Listen here; port 0 takes a free one. Default: `127.0.0.1:0`.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Run on this many threads of its own, each with its own runtime; 0 (the default): on the caller's runtime.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Keep the first `count` requests whole (default 10,000); later ones only count.
    #[must_use]
    pub fn keep_requests(mut self, count: usize) -> Self {
        self.keep_requests = count;
        self
    }

    /// Speak so: greeting, models, `created`.
    #[must_use]
    pub fn voice(mut self, voice: Voice) -> Self {
        self.voice = voice;
        self
    }

    /// Starts listening; the port is open when this returns.
    ///
    /// # Errors
    /// When the address cannot be bound, or a thread or runtime cannot be made.
    pub async fn start(self) -> io::Result<SimProvider> {
        let listener = listen::bind(self.address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            recorder: Recorder::new(self.keep_requests),
            setup: Mutex::default(),
            voice: self.voice,
        });
        let (stop, stopped) = watch::channel(false);
        if self.threads == 0 {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(listen::accept(listener, Arc::clone(&shared), stopped));
        } else {
            listen::on_threads(self.threads, &listener, &shared, &stopped)?;
        }
        Ok(SimProvider { shared, address, stop })
    }
}

impl SimProvider {
    /// A builder with the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            threads: 0,
            keep_requests: KEEP_REQUESTS,
            voice: Voice::default(),
        }
    }

    /// Starts on a free port of 127.0.0.1, on the caller's runtime, answering faithfully.
    ///
    /// # Panics
    /// When no port is free. Code that ships uses [`SimProvider::builder`].
    #[expect(clippy::expect_used, reason = "for tests, where a missing port should end the test")]
    pub async fn start() -> Self {
        Self::builder().start().await.expect("a free port on 127.0.0.1")
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT/v1`. (Every other prefix works too.)
    #[must_use]
    pub fn base_url(&self) -> String {
        self.url("/v1")
    }

    /// `http://127.0.0.1:PORT` and the path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Closes the port and all connections; returns when that has happened.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }
}

/// Scripting. Rules look at `POST` requests only, except those for a path; the rule set last is asked first.
impl SimProvider {
    /// Accept only these keys, in whatever form; others are refused as the dialect does it.
    #[must_use]
    pub fn with_keys<T: Into<String>>(self, keys: impl IntoIterator<Item = T>) -> Self {
        self.set_keys(keys);
        self
    }

    /// Every call that no other rule covers.
    #[must_use]
    pub fn on_any(self, script: Script) -> Self {
        self.rule(Matcher::Any, script)
    }

    /// Calls for a model.
    #[must_use]
    pub fn on_model(self, model: &str, script: Script) -> Self {
        self.rule(Matcher::Model(model.to_owned()), script)
    }

    /// Calls with a key.
    #[must_use]
    pub fn on_key(self, key: &str, script: Script) -> Self {
        self.rule(Matcher::Key(key.to_owned()), script)
    }

    /// Calls whose path starts so, e.g. `/reseller/`.
    #[must_use]
    pub fn on_calls(self, prefix: &str, script: Script) -> Self {
        self.rule(Matcher::Calls(prefix.to_owned()), script)
    }

    /// Requests of any method whose path starts so.
    #[must_use]
    pub fn on_path(self, prefix: &str, script: Script) -> Self {
        self.rule(Matcher::Path(prefix.to_owned()), script)
    }

    /// The next call of the rule named last; the last script of a rule repeats.
    #[must_use]
    pub fn then(self, script: Script) -> Self {
        self.shared.setup().rules.then(script);
        self
    }

    /// The rule named last starts over after its last script.
    #[must_use]
    pub fn cycle(self) -> Self {
        self.shared.setup().rules.cycle();
        self
    }

    /// In the middle of a test: from now on, every call that no other rule covers.
    pub fn set(&self, script: Script) {
        self.shared.setup().rules.set(Matcher::Any, script);
    }

    /// In the middle of a test: from now on, calls for a model.
    pub fn set_model(&self, model: &str, script: Script) {
        self.shared.setup().rules.set(Matcher::Model(model.to_owned()), script);
    }

    /// In the middle of a test: from now on, calls with a bearer key.
    pub fn set_key(&self, key: &str, script: Script) {
        self.shared.setup().rules.set(Matcher::Key(key.to_owned()), script);
    }

    /// In the middle of a test: the keys that are accepted; none: every key.
    pub fn set_keys<T: Into<String>>(&self, keys: impl IntoIterator<Item = T>) {
        self.shared.setup().keys = keys.into_iter().map(Into::into).collect();
    }

    fn rule(self, matcher: Matcher, script: Script) -> Self {
        self.shared.setup().rules.set(matcher, script);
        self
    }
}

/// Looking back.
impl SimProvider {
    /// The requests received, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<Received>> {
        self.shared.recorder.requests()
    }

    /// The last request received.
    #[must_use]
    pub fn last_request(&self) -> Option<Arc<Received>> {
        self.requests().pop()
    }

    /// Forgets the requests received; counters stay.
    pub fn forget(&self) {
        self.shared.recorder.forget();
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.recorder.stats()
    }

    /// Waits until `holds` is true of the counters, and returns them.
    ///
    /// # Errors
    /// After 30 s, so that a broken test ends with a reason.
    pub async fn wait_until(&self, holds: impl Fn(&Stats) -> bool) -> Result<Stats, WaitTimeout> {
        self.shared.recorder.wait_until(holds).await
    }
}

/// An address where nobody listens: connections are refused.
///
/// # Errors
/// When no port is free.
pub fn dead_address() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
