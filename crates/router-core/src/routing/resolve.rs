//! From the name that a client asks for to the candidates, in the order of the contract: group; model or alias;
//! `tag:a,b,!c`; `provider/model`; `channel:NAME/model`; the family without date or vendor prefix.
//!
//! What a key may not use does not exist. A name found nowhere may carry one of OpenRouter's suffixes `:floor`,
//! `:nitro`, `:free`, which is then taken off.

use std::sync::Arc;

use super::nearest::nearest;
use crate::catalog::{Channel, ChannelModel, ClientKey, GroupIx, KeyIx, ListIx, ModelIx, Snapshot, TagId};

/// What a name stands for. Belongs to the snapshot it was resolved in.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Whose permissions count, also for fallbacks. `None`: everything is permitted.
    pub key: Option<KeyIx>,
    /// The candidates.
    pub members: Members,
    /// From a suffix of the name.
    pub variant: Option<Variant>,
}

impl Target {
    /// The group, if the name is a group's.
    #[must_use]
    pub const fn group(&self) -> Option<GroupIx> {
        match self.members {
            Members::Group(group) => Some(group),
            Members::Name(_) | Members::Models(_) => None,
        }
    }
}

/// Candidates, by reference into the snapshot where possible.
#[derive(Clone, Debug, PartialEq)]
pub enum Members {
    /// The members of a group.
    Group(GroupIx),
    /// All channel models of a name.
    Name(ListIx),
    /// These, in the order of configuration.
    Models(Box<[ModelIx]>),
}

/// OpenRouter's suffixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `:floor`: by price.
    Floor,
    /// `:nitro`: by throughput.
    Nitro,
    /// `:free`: only what costs nothing.
    Free,
}

const VARIANTS: &[(&str, Variant)] =
    &[(":floor", Variant::Floor), (":nitro", Variant::Nitro), (":free", Variant::Free)];

/// Nothing of that name, or nothing that the key may use: the two are alike.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model or group of that name")]
pub struct NotFound {
    /// At most three permitted names that look alike, the nearest first.
    pub nearest: Vec<Arc<str>>,
}

/// Finds what a name stands for.
///
/// # Errors
/// [`NotFound`] with the nearest permitted names.
pub fn resolve(snapshot: &Snapshot, key: Option<KeyIx>, model: &str) -> Result<Target, NotFound> {
    lookup(snapshot, key, model).ok_or_else(|| NotFound { nearest: nearest(snapshot, key, model) })
}

/// Whether anybody could use a name.
#[must_use]
pub fn exists(snapshot: &Snapshot, model: &str) -> bool {
    lookup(snapshot, None, model).is_some()
}

/// [`resolve`] without the search for similar names.
pub(crate) fn lookup(snapshot: &Snapshot, key: Option<KeyIx>, model: &str) -> Option<Target> {
    let finder = Finder { snapshot, key: key.map(|key| snapshot.key(key)) };
    let found = |members, variant| Target { key, members, variant };
    if let Some(members) = finder.find(model) {
        return Some(found(members, None));
    }
    let (name, variant) = VARIANTS.iter().find_map(|(suffix, v)| Some((model.strip_suffix(suffix)?, *v)))?;
    finder.find(name).map(|members| found(members, Some(variant)))
}

struct Finder<'a> {
    snapshot: &'a Snapshot,
    /// `Some(None)` is a key of another snapshot, which may do nothing.
    key: Option<Option<&'a ClientKey>>,
}

impl<'a> Finder<'a> {
    fn find(&self, text: &str) -> Option<Members> {
        if let Some(members) = self.group(text).or_else(|| self.permitted(self.snapshot.names.name(text)?)) {
            return Some(members);
        }
        // an expression that finds nothing is not taken for a name
        if let Some(tags) = text.strip_prefix("tag:").or_else(|| text.strip_prefix("tags:")) {
            return self.tagged(tags);
        }
        if let Some(place) = text.strip_prefix("channel:") {
            return self.on_channel(place);
        }
        self.on_provider(text).or_else(|| self.permitted(self.snapshot.names.family(text)?))
    }

    fn group(&self, text: &str) -> Option<Members> {
        let ix = self.snapshot.group_by_name(text).or_else(|| {
            // Claude Code lists only models of that prefix, so groups are listed, and asked for, with it
            self.snapshot.group_by_name(text.strip_prefix("anthropic/")?)
        })?;
        let group = self.snapshot.group(ix)?;
        let permitted = match self.key {
            None => true,
            Some(key) => key.is_some_and(|key| key.permits_group(&group.name)),
        };
        permitted.then_some(Members::Group(ix))
    }

    fn permits(&self, model: &ChannelModel) -> bool {
        match self.key {
            None => true,
            Some(key) => key.is_some_and(|key| key.permits_model(model)),
        }
    }

    /// A list of names, less what the key may not use.
    fn permitted(&self, list: ListIx) -> Option<Members> {
        let models = self.snapshot.list(list);
        let allowed = |ix: &&ModelIx| self.snapshot.model(**ix).is_some_and(|model| self.permits(model));
        let count = models.iter().filter(allowed).count();
        if count == 0 {
            None
        } else if count == models.len() {
            Some(Members::Name(list))
        } else {
            Some(Members::Models(models.iter().filter(allowed).copied().collect()))
        }
    }

    /// `a,b,!c`: every channel model with a and b and without c.
    fn tagged(&self, expression: &str) -> Option<Members> {
        let (mut required, mut forbidden): (Vec<TagId>, Vec<TagId>) = (Vec::new(), Vec::new());
        for tag in expression.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            match tag.strip_prefix('!') {
                Some(tag) => forbidden.extend(find_tag(self.snapshot, tag)),
                None => required.push(find_tag(self.snapshot, tag)?),
            }
        }
        if required.is_empty() && forbidden.is_empty() {
            return None;
        }
        self.collect(
            self.snapshot.models().iter().enumerate().map(|(slot, model)| (ModelIx::of(slot), model)),
            |m, _| required.iter().all(|tag| m.has_tag(*tag)) && !forbidden.iter().any(|tag| m.has_tag(*tag)),
        )
    }

    /// `provider/model`; the provider by name or kind.
    fn on_provider(&self, text: &str) -> Option<Members> {
        let (provider, name) = text.split_once('/')?;
        let serves = |channel: &Channel| {
            channel.provider.eq_ignore_ascii_case(provider) || channel.kind.eq_ignore_ascii_case(provider)
        };
        self.named(name, serves)
    }

    /// `NAME/model`, the name that of a channel.
    fn on_channel(&self, text: &str) -> Option<Members> {
        let (channel, name) = text.split_once('/')?;
        self.named(name, |candidate| &*candidate.name == channel)
    }

    /// A name, alias or else family on some channels only.
    fn named(&self, name: &str, on: impl Fn(&Channel) -> bool) -> Option<Members> {
        let names = &self.snapshot.names;
        let of = |list: ListIx| {
            let models = self.snapshot.list(list).iter().filter_map(|ix| Some((*ix, self.snapshot.model(*ix)?)));
            self.collect(models, |_, channel| on(channel))
        };
        names.name(name).and_then(of).or_else(|| of(names.family(name)?))
    }

    fn collect(
        &self,
        models: impl Iterator<Item = (ModelIx, &'a ChannelModel)>,
        wanted: impl Fn(&ChannelModel, &Channel) -> bool,
    ) -> Option<Members> {
        let found: Box<[ModelIx]> = models
            .filter(|(_, model)| self.snapshot.channel(model.channel).is_some_and(|channel| wanted(model, channel)))
            .filter(|(_, model)| self.permits(model))
            .map(|(ix, _)| ix)
            .collect();
        (!found.is_empty()).then_some(Members::Models(found))
    }
}

/// A tag as a client or operator writes it.
pub(crate) fn find_tag(snapshot: &Snapshot, tag: &str) -> Option<TagId> {
    let tag = tag.trim();
    snapshot.tag(tag).or_else(|| snapshot.tag(&tag.to_ascii_lowercase()))
}
