//! The demo provider behind `serve --demo`: works with no account, and says in every answer that it is simulated.
//!
//! Three channels, told apart by path prefix, with the same models: `/demo-fast/v1` answers quickly, `/demo-cheap/v1`
//! slowly, `/demo-flaky/v1` fails every third call (in turn 500, 429 and a stream that is cut), so that failover shows.

use crate::answers::Voice;
use crate::provider::SimProvider;
use crate::script::Script;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The demo's models: two for chat, one for embeddings.
pub const MODELS: [&str; 3] = ["demo-small", "demo-large", "demo-embed"];
/// The demo's channels; each is also the prefix of its path.
pub const CHANNELS: [&str; 3] = ["demo-fast", "demo-cheap", "demo-flaky"];

/// The running demo provider; dropping it ends it.
#[derive(Debug)]
pub struct DemoProvider {
    provider: SimProvider,
    /// `http://127.0.0.1:PORT`; a channel's base URL is [`DemoProvider::channel_url`].
    pub base_url: String,
}

impl DemoProvider {
    /// The base URL of a channel: `http://127.0.0.1:PORT/CHANNEL/v1`.
    #[must_use]
    pub fn channel_url(&self, channel: &str) -> String {
        format!("{}/{channel}/v1", self.base_url)
    }

    /// The provider itself, for its counters.
    #[must_use]
    pub fn provider(&self) -> &SimProvider {
        &self.provider
    }
}

/// Starts the demo provider on a free port of 127.0.0.1, on one thread of its own.
///
/// # Errors
/// When no port, thread or runtime is to be had.
pub async fn start() -> io::Result<DemoProvider> {
    let provider = SimProvider::builder().threads(1).keep_requests(0).voice(voice()).start().await?;
    let fast = pace(Script::ok(), 20, 5);
    let provider = provider
        .on_calls("/demo-fast/", fast.clone())
        .on_calls("/demo-cheap/", pace(Script::ok(), 250, 40))
        .on_calls("/demo-flaky/", fast.clone())
        .then(fast.clone())
        .then(Script::error(500, "server_error", None, "The demo provider fails on purpose."))
        .then(fast.clone())
        .then(fast.clone())
        .then(Script::rate_limited(Some(2)))
        .then(fast.clone())
        .then(fast)
        .then(pace(Script::cut_before_first_token(), 20, 5))
        .cycle();
    let base_url = provider.url("");
    Ok(DemoProvider { provider, base_url })
}

/// A script with a delay before the head and a gap between stream events, in milliseconds.
fn pace(script: Script, head: u64, gap: u64) -> Script {
    script.delay(Duration::from_millis(head)).gap(Duration::from_millis(gap))
}

fn voice() -> Voice {
    Voice {
        greeting: "This is a simulated answer from the demo provider; no model was asked. You said: ".to_owned(),
        models: MODELS.map(str::to_owned).to_vec(),
        strict_models: true,
        created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs()),
        ..Voice::default()
    }
}
