//! What is known of a recorded request before it is decided again.

use std::collections::HashMap;
use std::sync::Arc;

use super::partings::Partings;
use super::{Entry, key_place};
use crate::catalog::{ModelIx, Snapshot};
use crate::rehearsal::{Attempted, Hindsight, Went};
use crate::routing::Held;

/// Channel models of the tested catalogue by what the log calls them.
#[derive(Debug)]
pub(super) struct Names {
    /// By channel and what clients ask for.
    asked: HashMap<(Arc<str>, Arc<str>), ModelIx>,
    /// By channel and the name at the provider.
    upstream: HashMap<(Arc<str>, Arc<str>), ModelIx>,
}

impl Names {
    pub(super) fn of(core: &Snapshot) -> Self {
        let (mut asked, mut upstream) = (HashMap::new(), HashMap::new());
        for (place, model) in (0u32..).zip(core.models()) {
            let Some(channel) = core.channel(model.channel) else { continue };
            asked.insert((Arc::clone(&channel.name), Arc::clone(&model.name)), ModelIx(place));
            upstream.insert((Arc::clone(&channel.name), Arc::clone(&model.upstream_name)), ModelIx(place));
        }
        Self { asked, upstream }
    }

    pub(super) fn asked(&self, channel: &str, model: &str) -> Option<ModelIx> {
        self.asked.get(&(Arc::from(channel), Arc::from(model))).copied()
    }

    pub(super) fn upstream(&self, channel: &Arc<str>, model: &Arc<str>) -> Option<ModelIx> {
        self.upstream.get(&(Arc::clone(channel), Arc::clone(model))).copied()
    }
}

/// What the log tells of the present that a request met, as far as the tested configuration leaves it its meaning and the
/// replay has gone the same way.
pub(super) fn hindsight(core: &Snapshot, names: &Names, partings: &Partings, entry: &Entry) -> Option<Box<Hindsight>> {
    let unchanged = entry.unchanged.as_deref()?;
    let valid = |channel: &str| unchanged.has_channel(channel) && !partings.of_channel(channel);
    let mut known = Hindsight { admitted: !partings.of_all(), ..Hindsight::default() };
    if entry.seen.targets.iter().all(|target| unchanged.has_group(target)) {
        let valid = entry.seen.candidates.iter().filter(|(channel, ..)| valid(channel));
        let found =
            valid.filter_map(|(channel, model, sighting)| Some((names.asked(channel, model)?, sighting.clone())));
        known.sightings = found.collect();
    }
    if !partings.of_session(entry) {
        known.held = match &entry.seen.held {
            None => Some(None),
            Some((channel, model, cached_tokens)) => {
                let model = names.asked(channel, model).filter(|_| valid(channel));
                model.map(|model| Some(Held { model, cached_tokens: *cached_tokens }))
            }
        };
    }
    known.no_budget = entry.no_budget.iter().filter_map(|name| core.channel_by_name(name)).collect();
    known.hedged = is_hedged(entry);
    known.attempts = attempts(core, names, entry, valid);
    Some(Box::new(known))
}

/// Whether a second attempt was made beside the first.
fn is_hedged(entry: &Entry) -> bool {
    match entry.attempts.as_slice() {
        [first, second, ..] => second.after_ms < first.after_ms.saturating_add(first.took_ms),
        _ => false,
    }
}

/// In the order in which they were made; `None` where one went to what is not as it was.
fn attempts(core: &Snapshot, names: &Names, entry: &Entry, valid: impl Fn(&str) -> bool) -> Option<Vec<Attempted>> {
    // Of two models of a channel with one name at the provider, the one that was a candidate.
    let candidate = |channel: &Arc<str>, upstream: &Arc<str>| {
        let asked = entry.seen.candidates.iter().filter(|(name, ..)| **name == **channel);
        let mut found = asked.filter_map(|(channel, model, _)| names.asked(channel, model));
        found.find(|ix| core.model(*ix).is_some_and(|model| model.upstream_name == *upstream))
    };
    let find = |channel: &Arc<str>, upstream: &Arc<str>| {
        candidate(channel, upstream).or_else(|| names.upstream(channel, upstream)).filter(|_| valid(channel))
    };
    let mut all = Vec::with_capacity(entry.attempts.len() + entry.unsent.len());
    for tried in &entry.attempts {
        let model = find(&tried.channel, &tried.upstream_model)?;
        all.push(Attempted { model, key: key_place(core, model, tried.provider_key.as_ref()), went: Went::Sent });
    }
    for unsent in &entry.unsent {
        let model = find(&unsent.channel, &unsent.upstream_model)?;
        let key = key_place(core, model, unsent.provider_key.as_ref());
        let went = Went::Unsent(unsent.fault.clone());
        all.insert(unsent.place.min(all.len()), Attempted { model, key, went });
    }
    Some(all)
}
