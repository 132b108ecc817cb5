//! Names of the catalogue, found once.

use std::sync::Arc;

use router_core::catalog::{ChannelIx, KeyIx, ModelIx, Snapshot};

/// Names by index and back.
#[derive(Debug)]
pub(super) struct Names {
    core: Arc<Snapshot>,
    /// `CHANNEL/MODEL`
    models: Vec<String>,
}

impl Names {
    pub(super) fn of(core: &Arc<Snapshot>) -> Self {
        let name = |model: &router_core::catalog::ChannelModel| {
            let channel = core.channel(model.channel).map_or("", |channel| &channel.name);
            format!("{channel}/{}", model.name)
        };
        Self { models: core.models().iter().map(name).collect(), core: Arc::clone(core) }
    }

    /// `CHANNEL/MODEL`
    pub(super) fn model(&self, ix: ModelIx) -> &str {
        usize::try_from(ix.0).ok().and_then(|place| self.models.get(place)).map_or("", String::as_str)
    }

    /// All channel models with their names.
    pub(super) fn models(&self) -> impl Iterator<Item = (ModelIx, &str)> {
        (0..).map(ModelIx).zip(self.models.iter().map(String::as_str))
    }

    /// The channel of a channel model.
    pub(super) fn channel_of(&self, ix: ModelIx) -> Option<ChannelIx> {
        self.core.model(ix).map(|model| model.channel)
    }

    /// The name of a channel.
    pub(super) fn channel(&self, ix: ChannelIx) -> &str {
        self.core.channel(ix).map_or("", |channel| &channel.name)
    }

    /// How many channels there are.
    pub(super) fn channels(&self) -> usize {
        self.core.channels().len()
    }

    /// Whether there is a channel of that name.
    pub(super) fn has_channel(&self, name: &str) -> bool {
        self.core.channel_by_name(name).is_some()
    }

    /// The id of a provider key.
    pub(super) fn provider_key(&self, model: ModelIx, key: usize) -> Option<&str> {
        let channel = self.core.channel(self.channel_of(model)?)?;
        channel.keys.get(key).map(|key| &*key.id)
    }

    /// The client key of that name.
    pub(super) fn key(&self, name: &str) -> Option<KeyIx> {
        let place = self.core.keys().iter().position(|key| *key.name == *name)?;
        u32::try_from(place).ok().map(KeyIx)
    }

    /// What a scenario says that names nobody.
    pub(super) fn nobody(name: &str) -> String {
        format!("there is no `{name}`: write CHANNEL, CHANNEL/MODEL (with the name by which clients ask for it) or `*`")
    }
}
