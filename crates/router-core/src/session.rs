//! Which channel model and provider key hold the prompt cache of a session: a bounded memory that forgets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::mix;

/// How long providers keep a prompt unless they are paid for more: five minutes at Anthropic, five to ten at OpenAI.
pub const CACHE_MS: u64 = 300_000;
/// A cache that was written for an hour (Anthropic's `ttl: 1h`).
pub const LONG_CACHE_MS: u64 = 3_600_000;
/// Prompts below this are not cached by anybody.
pub const LEAST_TOKENS: u64 = 1_024;
/// Providers cache in steps of this.
const STEP: u64 = 128;

const SHARDS: usize = 64;
const PER_SHARD: usize = 1_024;

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// [`crate::catalog::ChannelModel::stable_id`].
    pub model: u64,
    /// Place of the provider key in its channel.
    pub key: u16,
    /// Tokens of the prompt that are expected to be read from the cache.
    pub cached_tokens: u64,
    /// Unix milliseconds.
    pub until_ms: u64,
}

/// Sessions of all clients, at most 65,536: the shard of a new one makes room by what is over, else by chance.
#[derive(Debug)]
pub struct Sessions(Vec<Mutex<HashMap<u64, Place>>>);

impl Default for Sessions {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

/// The key of a session: what the client calls it means something only together with who asks, and for which model.
#[must_use]
pub const fn session_key(session: u64, client: u64, model: u64) -> u64 {
    mix(mix(mix(session) ^ client) ^ model)
}

impl Sessions {
    /// Where the session's prompt is cached, if it still is.
    #[must_use]
    pub fn get(&self, session: u64, now_ms: u64) -> Option<Place> {
        self.shard(session)?.get(&session).copied().filter(|place| place.until_ms > now_ms)
    }

    /// Remembers, or, where nothing is cached, forgets.
    pub fn put(&self, session: u64, place: Place, now_ms: u64) {
        let Some(mut shard) = self.shard(session) else { return };
        if place.cached_tokens == 0 {
            shard.remove(&session);
            return;
        }
        if shard.len() >= PER_SHARD && !shard.contains_key(&session) {
            shard.retain(|_, known| known.until_ms > now_ms);
            let anybody = shard.keys().next().copied().filter(|_| shard.len() >= PER_SHARD);
            if let Some(anybody) = anybody {
                shard.remove(&anybody);
            }
        }
        shard.insert(session, place);
    }

    fn shard(&self, session: u64) -> Option<MutexGuard<'_, HashMap<u64, Place>>> {
        let place = usize::try_from(session % SHARDS as u64).ok()?;
        Some(self.0.get(place)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What of a prompt is expected to be cached after an answer: what the provider says that it read and wrote; where it says
/// nothing and caches by itself, the whole prompt in its steps.
#[must_use]
pub const fn expected_tokens(input: u64, read_and_written: u64, caches_by_itself: bool) -> u64 {
    if read_and_written > 0 {
        read_and_written
    } else if caches_by_itself && input >= LEAST_TOKENS {
        input - input % STEP
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(model: u64, until_ms: u64) -> Place {
        Place { model, key: 0, cached_tokens: 2_048, until_ms }
    }

    #[test]
    fn sessions_are_remembered_for_their_time() {
        let sessions = Sessions::default();
        let key = session_key(1, 2, 3);
        sessions.put(key, place(7, 1_000), 0);
        assert_eq!(sessions.get(key, 999).map(|place| place.model), Some(7));
        assert_eq!(sessions.get(key, 1_000), None);
        assert_eq!(sessions.get(session_key(1, 2, 4), 0), None, "of another model");
        assert_eq!(sessions.get(session_key(1, 3, 3), 0), None, "of another client");
        sessions.put(key, Place { cached_tokens: 0, ..place(7, 1_000) }, 0);
        assert_eq!(sessions.get(key, 0), None, "nothing is cached any more");
    }

    #[test]
    fn the_table_is_bounded() {
        let sessions = Sessions::default();
        (0..200_000).for_each(|n| sessions.put(mix(n), place(n, 10), 0));
        let held =
            |sessions: &Sessions| sessions.0.iter().map(|shard| shard.lock().map_or(0, |s| s.len())).sum::<usize>();
        assert!(held(&sessions) <= SHARDS * PER_SHARD);
        sessions.put(mix(199_999), place(1, 50), 20);
        (0..1_000).for_each(|n| sessions.put(mix(n + 1_000_000), place(n, 50), 20));
        assert!(held(&sessions) <= 1_001 + SHARDS * PER_SHARD, "what is over makes room");
        assert_eq!(sessions.get(mix(1_000_999), 20).map(|place| place.model), Some(999));
    }

    #[test]
    fn expectations() {
        for (input, told, by_itself, expected) in
            [(5_000, 4_000, true, 4_000), (5_000, 0, true, 4_992), (5_000, 0, false, 0), (1_000, 0, true, 0)]
        {
            assert_eq!(expected_tokens(input, told, by_itself), expected);
        }
    }
}
