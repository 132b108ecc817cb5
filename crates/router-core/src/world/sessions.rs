//! The session of a request: where its prompt is expected to be cached, before and after.

use super::{Target, World};
use crate::ask::Ask;
use crate::catalog::{KeyIx, ModelIx, Snapshot};
use crate::ids::hash64;
use crate::request::Metered;
use crate::routing::Held;
use crate::session::{CACHE_MS, LONG_CACHE_MS, Place, Sessions, expected_tokens, session_key};

/// The session of a running request.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    key: u64,
    /// Where its prompt is expected to be cached: channel model, and place of the provider key.
    pub held: Option<(ModelIx, u16)>,
}

/// Finds the session of a request, and tells routing where its prompt is cached.
pub fn recall(sessions: &Sessions, core: &Snapshot, key: Option<KeyIx>, ask: &mut Ask, now_ms: u64) -> Option<Session> {
    let client = key.and_then(|key| core.key(key)).map_or(0, |key| hash64(key.id.as_bytes()));
    let key = session_key(ask.session?, client, hash64(ask.model.as_bytes()));
    let place = sessions.get(key, now_ms);
    let found = place.and_then(|place| Some((core.model_by_stable_id(place.model)?, place)));
    ask.held = found.map(|(model, place)| Held { model, cached_tokens: place.cached_tokens });
    Some(Session { key, held: found.map(|(model, place)| (model, place.key)) })
}

impl Session {
    /// Puts the provider key that holds the session's cache first, if it is among those that may be tried.
    pub fn held_key_first(&self, core: &Snapshot, model: ModelIx, keys: &mut [u16]) {
        let channel = |model: ModelIx| core.model(model).map(|model| model.channel);
        let Some((_, held)) = self.held.filter(|(at, _)| channel(*at) == channel(model)) else { return };
        if let Some(place) = keys.iter().position(|key| *key == held) {
            keys.get_mut(..=place).unwrap_or_default().rotate_right(1);
        }
    }

    /// Remembers where the session's prompt is cached after a good answer.
    pub fn remember(
        &self,
        sessions: &Sessions,
        world: &World,
        core: &Snapshot,
        target: &Target,
        metered: &Metered,
        now_ms: u64,
    ) {
        let Some(model) = core.model(target.model) else { return };
        let by_itself = world.channel(model.channel).is_some_and(|channel| channel.manners.caches_by_itself)
            && model.price.as_ref().is_some_and(|price| price.cached_input.is_some());
        let usage = &metered.usage;
        let told = usage.cached_input.saturating_add(usage.cache_write).saturating_add(usage.cache_write_1h);
        let kept_ms = if usage.cache_write_1h > 0 { LONG_CACHE_MS } else { CACHE_MS };
        let place = Place {
            model: model.stable_id,
            key: u16::try_from(target.key).unwrap_or(0),
            cached_tokens: expected_tokens(usage.input, told, by_itself),
            until_ms: now_ms.saturating_add(kept_ms),
        };
        sessions.put(self.key, place, now_ms);
    }
}
