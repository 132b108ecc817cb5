//! What providers keep for clients: from an id that a provider made back to the channel and the key that made it.
//!
//! In memory, because requests ask no database; noted in the request's row before the answer ends, and read back at the
//! start, so that it outlives the process. Where several instances share a database, each learns what the others noted (see
//! [`crate::reload`]). Bounded by age and by number: the oldest goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use router_store::{PinnedState, Store, StoreResult};
use sha2::{Digest, Sha256};

/// OpenAI keeps answers for 30 days.
pub const MOST_AGE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Ids in memory; about 100 bytes each.
const MOST: u32 = 100_000;

/// Who keeps something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeper {
    /// Name of the channel.
    pub channel: Arc<str>,
    /// Id of the provider key.
    pub provider_key: Arc<str>,
    /// Since when; unix milliseconds.
    pub since_ms: u64,
}

/// All that is known to be kept.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    keepers: HashMap<Place, Keeper>,
    /// In the order in which they came.
    order: VecDeque<Place>,
}

/// A digest of owner and id: both are foreign texts of any length.
pub(crate) type Place = [u8; 16];

pub(crate) fn place(owner: &str, id: impl AsRef<[u8]>) -> Place {
    let digest = Sha256::new().chain_update(owner).chain_update([0]).chain_update(id).finalize();
    let mut place = Place::default();
    place.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    place
}

impl Kept {
    /// Reads what earlier runs noted, and forgets what is too old.
    ///
    /// # Errors
    /// As the store says.
    pub async fn load(store: &Store, now_ms: u64) -> StoreResult<Self> {
        let oldest = i64::try_from(now_ms.saturating_sub(MOST_AGE_MS)).unwrap_or(i64::MAX);
        store.forget_pinned_state(oldest).await?;
        let kept = Self::default();
        kept.learn(store, oldest).await?;
        Ok(kept)
    }

    /// Learns what was noted since then, by whatever instance; unix milliseconds.
    ///
    /// # Errors
    /// As the store says.
    pub async fn learn(&self, store: &Store, since_ms: i64) -> StoreResult<()> {
        for PinnedState { key_id, state_id, channel, provider_key_id, made_at } in
            store.pinned_state(since_ms, MOST).await?.into_iter().rev()
        {
            let since_ms = u64::try_from(made_at).unwrap_or(0);
            let keeper = Keeper { channel: channel.into(), provider_key: provider_key_id.into(), since_ms };
            self.note(&key_id, [&state_id], &keeper);
        }
        Ok(())
    }

    /// Notes who keeps these ids for that client key. Whoever made an id first keeps it.
    pub fn note<'a>(&self, owner: &str, ids: impl IntoIterator<Item = &'a String>, keeper: &Keeper) {
        let places: Vec<Place> = ids.into_iter().map(|id| place(owner, id)).collect();
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for place in places {
            if shelf.keepers.contains_key(&place) {
                continue;
            }
            if shelf.order.len() >= MOST as usize
                && let Some(oldest) = shelf.order.pop_front()
            {
                shelf.keepers.remove(&oldest);
            }
            shelf.order.push_back(place);
            shelf.keepers.insert(place, keeper.clone());
        }
    }

    /// Who keeps that id for that client key.
    #[must_use]
    pub fn find(&self, owner: &str, id: &str, now_ms: u64) -> Option<Keeper> {
        let place = place(owner, id);
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keeper = shelf.keepers.get(&place)?;
        (now_ms.saturating_sub(keeper.since_ms) <= MOST_AGE_MS).then(|| keeper.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(channel: &str, since_ms: u64) -> Keeper {
        Keeper { channel: channel.into(), provider_key: "k".into(), since_ms }
    }

    #[test]
    fn an_id_is_its_owners_the_first_ones_and_for_a_time() {
        let kept = Kept::default();
        let ids = ["resp_1".to_owned(), "msg_1".to_owned()];
        kept.note("anna", &ids, &keeper("a", 5));
        kept.note("anna", &ids, &keeper("b", 6));
        kept.note("bert", &ids[..1], &keeper("b", 7));
        assert_eq!(kept.find("anna", "msg_1", 5), Some(keeper("a", 5)));
        assert_eq!(kept.find("bert", "resp_1", 9), Some(keeper("b", 7)));
        assert_eq!((kept.find("bert", "msg_1", 9), kept.find("", "annaresp_1", 9)), (None, None));
        assert!(kept.find("anna", "msg_1", 5 + MOST_AGE_MS).is_some());
        assert_eq!(kept.find("anna", "msg_1", 6 + MOST_AGE_MS), None);
    }

    #[test]
    fn the_oldest_goes_when_the_shelf_is_full() {
        let kept = Kept::default();
        let ids: Vec<String> = (0..=MOST).map(|n| format!("resp_{n}")).collect();
        kept.note("anna", &ids, &keeper("a", 1));
        assert_eq!(kept.find("anna", "resp_0", 1), None);
        assert!(kept.find("anna", "resp_1", 1).is_some() && kept.find("anna", ids.last().unwrap(), 1).is_some());
        let shelf = kept.0.lock().unwrap();
        assert_eq!((shelf.order.len(), shelf.keepers.len()), (MOST as usize, MOST as usize));
    }
}
