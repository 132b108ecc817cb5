//! A request that has happened before: what is known of the present that it met goes before what the rehearsal makes of it.
//!
//! Memory at a moment cannot be told from a log to the microsecond: requests overlap, and who of two came first decides who
//! is less busy. What the log holds of that moment is therefore taken from there, as long as the rehearsal has not gone
//! another way; deciding is left to the engine.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::catalog::{ChannelIx, GroupIx, ModelIx};
use crate::fault::Fault;
use crate::routing::{ChannelLive, Held, Live, ModelLive, Sighting};
use crate::world::{Target, View};

/// What is known of a request.
#[derive(Clone, Debug, Default)]
pub struct Hindsight {
    /// What its decision saw of candidates.
    pub sightings: HashMap<ModelIx, Sighting>,
    /// Where its session's prompt was cached, if anywhere; `None`: not known.
    pub held: Option<Option<Held>>,
    /// The client key's limits had room for it.
    pub admitted: bool,
    /// Channels that were passed over since a budget had no room. Counts where its attempts are known.
    pub no_budget: Vec<ChannelIx>,
    /// Whether a second attempt was made beside the first. Counts where its attempts are known.
    pub hedged: bool,
    /// What became of its attempts, in order; `None`: not known.
    pub attempts: Option<Vec<Attempted>>,
}

/// An attempt that is known.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// Where it went.
    pub model: ModelIx,
    /// The place of its provider key; `None`: not known.
    pub key: Option<u16>,
    /// Whether it was sent.
    pub went: Went,
}

/// Whether an attempt was sent.
#[derive(Clone, Debug)]
pub enum Went {
    /// There was room for it.
    Sent,
    /// There was none.
    Unsent(Fault),
}

impl Hindsight {
    /// What became of an attempt after those before it.
    pub(super) fn went(&self, target: &Target, before: &[Target]) -> Option<&Went> {
        let earlier = before.iter().filter(|tried| tried.model == target.model).count();
        self.at(target.model).map(|attempt| &attempt.went).nth(earlier)
    }

    /// The keys with which a model was tried, in order; `None` where that is not known.
    pub(super) fn keys(&self, model: ModelIx) -> Option<Cow<'static, [u16]>> {
        let keys: Option<Vec<u16>> = self.at(model).map(|attempt| attempt.key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Cow::Owned)
    }

    fn at(&self, model: ModelIx) -> impl Iterator<Item = &Attempted> {
        self.attempts.iter().flatten().filter(move |attempt| attempt.model == model)
    }

    /// Whether a further attempt was made after those. `None` where they are not those that are known.
    pub(super) fn goes_on(&self, tried: &[Target]) -> Option<bool> {
        let attempts = self.attempts.as_ref()?;
        let (first, rest) = attempts.split_at_checked(tried.len())?;
        let same = first.iter().zip(tried).all(|(known, tried)| known.model == tried.model);
        same.then_some(!rest.is_empty())
    }
}

/// The present with what is known from before.
pub(super) struct Recalled<'a> {
    pub(super) present: View<'a>,
    pub(super) hindsight: Option<&'a Hindsight>,
}

impl Live for Recalled<'_> {
    fn model(&self, ix: ModelIx) -> ModelLive {
        self.present.model(ix)
    }

    fn channel(&self, ix: ChannelIx) -> ChannelLive {
        self.present.channel(ix)
    }

    fn pinned(&self) -> Option<ChannelIx> {
        self.present.pinned()
    }

    fn member_requests_today(&self, group: GroupIx, model: ModelIx) -> u64 {
        self.present.member_requests_today(group, model)
    }

    fn sighted(&self, model: ModelIx) -> Option<&Sighting> {
        self.hindsight?.sightings.get(&model)
    }
}
