//! Where the replay has gone another way than the log. As long as it sends a channel nearly the attempts that the log has there,
//! the present of the channel is the one that the log tells of; else it is the replay's own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Entry;
use crate::health::Health;
use crate::ids::{hash64, mix};

/// So large a share of a channel's attempts may be in one of both only: few enough to leave averages and load what they were.
const FEW: f64 = 0.05;

/// Channels and sessions whose traffic in the replay is not the log's.
#[derive(Debug, Default)]
pub(super) struct Partings {
    channels: HashMap<Arc<str>, Traffic>,
    whole: Traffic,
    sessions: HashSet<u64>,
}

/// Attempts of late, older ones fading as they do in averages.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    all: f64,
    /// In the log or in the replay only.
    apart: f64,
    at_ms: u64,
}

impl Traffic {
    #[expect(clippy::cast_precision_loss, reason = "a decay")]
    fn count(&mut self, apart: bool, at_ms: u64) {
        let passed_ms = at_ms.saturating_sub(self.at_ms) as f64;
        let left = (-passed_ms / Health::TAU_MS as f64).exp();
        self.all = self.all * left + 1.0;
        self.apart = self.apart * left + f64::from(u8::from(apart));
        self.at_ms = self.at_ms.max(at_ms);
    }

    fn has_parted(&self) -> bool {
        self.apart > self.all * FEW
    }
}

impl Partings {
    /// An attempt at a channel; `apart`: the replay made it and the log did not, or the other way round.
    pub(super) fn attempt(&mut self, channel: &Arc<str>, apart: bool, at_ms: u64) {
        self.whole.count(apart, at_ms);
        self.channels.entry(Arc::clone(channel)).or_default().count(apart, at_ms);
    }

    /// Notes whether a request of a session went as it went.
    pub(super) fn session(&mut self, entry: &Entry, parted: bool) {
        let Some(session) = session(entry) else { return };
        if parted {
            self.sessions.insert(session);
        } else {
            self.sessions.remove(&session);
        }
    }

    /// Whether the channel's present is another than the log's.
    pub(super) fn of_channel(&self, channel: &str) -> bool {
        self.channels.get(channel).is_some_and(Traffic::has_parted)
    }

    /// Whether the present on the whole is.
    pub(super) fn of_all(&self) -> bool {
        self.whole.has_parted()
    }

    /// Whether the session's last request went elsewhere.
    pub(super) fn of_session(&self, entry: &Entry) -> bool {
        session(entry).is_some_and(|session| self.sessions.contains(&session))
    }
}

/// Sessions are one client key's and one name's.
fn session(entry: &Entry) -> Option<u64> {
    let ask = entry.ask.as_ref()?;
    let of_whom = mix(hash64(entry.key.as_bytes())) ^ hash64(ask.model.as_bytes());
    Some(mix(ask.session?) ^ of_whom)
}
