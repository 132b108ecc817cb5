//! The immutable catalogue that a request reads: taken once, never patched.

use std::collections::HashMap;
use std::sync::Arc;

use super::free::FREE;
use super::intern::Interner;
use super::names::NameIndex;
use super::spec::{CatalogSpec, RouterBudgets, UnknownPrice};
use super::{
    Channel, ChannelIx, ChannelModel, ClientKey, Group, GroupIx, KeyIx, ListIx, ModelIx, Problem, ScoreId, TagId,
};
use crate::budget::Zone;
use crate::pricing::Price;
use crate::routing::PricePolicies;

/// Everything that exists, indexed and compiled.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of the configuration version.
    pub version: u64,
    /// Hex digest of the configuration.
    pub hash: String,
    /// Budgets of the whole router.
    pub budgets: RouterBudgets,
    pub(crate) channels: Vec<Channel>,
    pub(crate) models: Vec<ChannelModel>,
    pub(crate) groups: Vec<Group>,
    pub(crate) keys: Vec<ClientKey>,
    pub(crate) key_by_hash: HashMap<[u8; 32], KeyIx>,
    pub(crate) model_by_id: HashMap<u64, ModelIx>,
    pub(crate) group_by_name: HashMap<Arc<str>, GroupIx>,
    pub(crate) channel_by_name: HashMap<Arc<str>, ChannelIx>,
    pub(crate) tags: Interner,
    pub(crate) scores: Interner,
    pub(crate) names: NameIndex,
    pub(crate) prices: PricePolicies,
    pub(crate) zone: Zone,
    pub(crate) warnings: Vec<Problem>,
}

/// One line of `/v1/models`.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<'a> {
    /// What clients ask for.
    pub name: &'a Arc<str>,
    /// For people; the name where there is no better.
    pub display_name: &'a str,
    /// Whether it is a model group.
    pub is_group: bool,
    /// Provider of the first channel; `smart-ai-router` for a group.
    pub owned_by: &'a str,
    /// The longest among its channel models, if any is known.
    pub context_length: Option<u64>,
    /// The largest among its channel models, if any is known.
    pub max_output_tokens: Option<u64>,
}

impl Snapshot {
    /// Checks, compiles and indexes a catalogue.
    ///
    /// # Errors
    /// Every problem at once; then nothing is built.
    pub fn build(spec: CatalogSpec) -> Result<Self, Vec<Problem>> {
        super::build::build(spec)
    }

    /// What is legal but probably not meant (a group without members, a price that is missing …).
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The channels, in the order of configuration; the place is the [`ChannelIx`].
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The channel models, channel by channel; the place is the [`ModelIx`].
    #[must_use]
    pub fn models(&self) -> &[ChannelModel] {
        &self.models
    }

    /// The groups, in the order of configuration; the place is the [`GroupIx`].
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The client keys; the place is the [`KeyIx`].
    #[must_use]
    pub fn keys(&self) -> &[ClientKey] {
        &self.keys
    }

    /// A channel. `None` only for an index of another snapshot.
    #[must_use]
    pub fn channel(&self, ix: ChannelIx) -> Option<&Channel> {
        self.channels.get(ix.slot())
    }

    /// A channel model. `None` only for an index of another snapshot.
    #[must_use]
    pub fn model(&self, ix: ModelIx) -> Option<&ChannelModel> {
        self.models.get(ix.slot())
    }

    /// A channel model with its channel.
    #[must_use]
    pub fn model_and_channel(&self, ix: ModelIx) -> Option<(&ChannelModel, &Channel)> {
        let model = self.model(ix)?;
        Some((model, self.channel(model.channel)?))
    }

    /// A group. `None` only for an index of another snapshot.
    #[must_use]
    pub fn group(&self, ix: GroupIx) -> Option<&Group> {
        self.groups.get(ix.slot())
    }

    /// A client key. `None` only for an index of another snapshot.
    #[must_use]
    pub fn key(&self, ix: KeyIx) -> Option<&ClientKey> {
        self.keys.get(ix.slot())
    }

    /// The client key of that SHA-256, also if it is disabled or expired: the caller judges that.
    #[must_use]
    pub fn key_by_hash(&self, hash: &[u8; 32]) -> Option<KeyIx> {
        self.key_by_hash.get(hash).copied()
    }

    /// The channel model of that stable id.
    #[must_use]
    pub fn model_by_stable_id(&self, id: u64) -> Option<ModelIx> {
        self.model_by_id.get(&id).copied()
    }

    /// The group of exactly that name.
    #[must_use]
    pub fn group_by_name(&self, name: &str) -> Option<GroupIx> {
        self.group_by_name.get(name).copied()
    }

    /// The channel of exactly that name.
    #[must_use]
    pub fn channel_by_name(&self, name: &str) -> Option<ChannelIx> {
        self.channel_by_name.get(name).copied()
    }

    /// The price that books and routing count: the channel model's own, or what `budgets.unknown_price` assumes.
    /// `None` is unknown and refused.
    #[must_use]
    pub fn price(&self, ix: ModelIx) -> Option<&Price> {
        match (&self.model(ix)?.price, &self.budgets.unknown_price) {
            (Some(price), _) | (None, UnknownPrice::Assume(price)) => Some(price),
            (None, UnknownPrice::Free) => Some(&FREE),
            (None, UnknownPrice::Refuse) => None,
        }
    }

    /// The number of a tag (lower case), if any channel model has it.
    #[must_use]
    pub fn tag(&self, text: &str) -> Option<TagId> {
        self.tags.find(text).map(TagId::of)
    }

    /// The text of a tag.
    #[must_use]
    pub fn tag_text(&self, tag: TagId) -> Option<&str> {
        self.tags.text(tag.slot()).map(AsRef::as_ref)
    }

    /// The name of a score, without `_score`.
    #[must_use]
    pub fn score_text(&self, score: ScoreId) -> Option<&str> {
        self.scores.text(score.slot()).map(AsRef::as_ref)
    }

    /// The channel models of a list of names.
    #[must_use]
    pub fn list(&self, list: ListIx) -> &[ModelIx] {
        self.names.list(list)
    }

    /// The pricing policies.
    #[must_use]
    pub fn prices(&self) -> &PricePolicies {
        &self.prices
    }

    /// The zone in which the router's days and months turn over.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Groups, then models, that the key may use and that at least one enabled channel serves. Without a key: all.
    pub fn listing(&self, key: Option<KeyIx>) -> impl Iterator<Item = Listed<'_>> {
        let key = key.and_then(|key| self.key(key));
        let groups = self.groups.iter().filter(move |group| key.is_none_or(|key| key.permits_group(&group.name)));
        let models = self.names.names().iter().filter_map(move |(name, list)| self.listed_model(key, name, *list));
        groups.filter_map(|group| self.listed_group(group)).chain(models)
    }

    fn listed_group<'a>(&'a self, group: &'a Group) -> Option<Listed<'a>> {
        let mut usable =
            group.members.iter().filter(|m| m.out.is_none()).filter_map(|m| self.model(m.model)).peekable();
        usable.peek()?;
        let display_name = if group.display_name.is_empty() { &*group.name } else { &group.display_name };
        let mut listed = Listed {
            name: &group.name,
            display_name,
            is_group: true,
            owned_by: "smart-ai-router",
            context_length: None,
            max_output_tokens: None,
        };
        usable.for_each(|model| listed.widen(model));
        Some(listed)
    }

    fn listed_model<'a>(&'a self, key: Option<&ClientKey>, name: &'a Arc<str>, list: ListIx) -> Option<Listed<'a>> {
        let mut usable = self
            .list(list)
            .iter()
            .filter_map(|ix| self.model(*ix))
            .filter(|model| model.out.is_none() && key.is_none_or(|key| key.permits_model(model)))
            .peekable();
        let owned_by = &*self.channel(usable.peek()?.channel)?.provider;
        let mut listed = Listed {
            name,
            display_name: name,
            is_group: false,
            owned_by,
            context_length: None,
            max_output_tokens: None,
        };
        usable.for_each(|model| listed.widen(model));
        Some(listed)
    }
}

impl Listed<'_> {
    fn widen(&mut self, model: &ChannelModel) {
        self.context_length = self.context_length.max(model.context_length);
        self.max_output_tokens = self.max_output_tokens.max(model.max_output_tokens);
    }
}
