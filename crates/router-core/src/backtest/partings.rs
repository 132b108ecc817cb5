//! Where the replay has gone another way than the log. As long as it has not, the present of a channel is the one that the log
//! tells of; from there on it is the replay's own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Entry;
use crate::budget::{Period, Window};
use crate::catalog::Snapshot;
use crate::health::Health;
use crate::ids::{hash64, mix};

/// What of a channel's averages is older than that decides nothing any more.
const FADED_MS: u64 = 3 * Health::TAU_MS;

/// Channels and sessions whose traffic in the replay is not the log's.
#[derive(Debug, Default)]
pub(super) struct Partings {
    /// Until when it can be felt, unix milliseconds.
    channels: HashMap<Arc<str>, u64>,
    sessions: HashSet<u64>,
    /// Of all channels.
    last_ms: u64,
}

impl Partings {
    /// The replay sent something there that the log did not, or the other way round.
    pub(super) fn part(&mut self, core: &Snapshot, channel: &Arc<str>, at_ms: u64) {
        let mut until_ms = at_ms.saturating_add(FADED_MS);
        let limits = core.channel_by_name(channel).and_then(|ix| core.channel(ix)).map(|channel| &channel.limits);
        if limits.is_some_and(|limits| limits.requests_per_day.is_some() || limits.daily_budget.is_some()) {
            until_ms = until_ms.max(Window::at(Period::Day, core.zone(), at_ms).end_ms);
        }
        self.last_ms = self.last_ms.max(until_ms);
        let known = self.channels.entry(Arc::clone(channel)).or_default();
        *known = (*known).max(until_ms);
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
    pub(super) fn of_channel(&self, channel: &str, at_ms: u64) -> bool {
        self.channels.get(channel).is_some_and(|until| at_ms < *until)
    }

    /// Whether any channel's is.
    pub(super) const fn of_any(&self, at_ms: u64) -> bool {
        at_ms < self.last_ms
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
