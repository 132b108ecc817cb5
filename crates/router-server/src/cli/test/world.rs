//! The world of one assertion: the configuration as the router loads it, and live state as given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use router_core::catalog::{ChannelIx, GroupIx, KeyIx, ModelIx, Snapshot};
use router_core::routing::{Away, BreakerView, ChannelLive, Live, ModelLive};

use crate::cli::given::Configured;
use crate::config::assertions::{ChannelState, Given, ModelState};
use crate::config::units::Span;

/// A snapshot with the live state that a test names.
#[derive(Debug)]
pub(super) struct World {
    pub(super) snapshot: Snapshot,
    pub(super) key: Option<KeyIx>,
    pub(super) now_ms: u64,
    models: BTreeMap<ModelIx, ModelLive>,
    channels: BTreeMap<ChannelIx, ChannelLive>,
    today: BTreeMap<(GroupIx, ModelIx), u64>,
}

/// Why there is no world: the field of the test, and what is wrong with it.
pub(super) type Unbuilt = (Vec<String>, String);

impl World {
    /// Builds it. `folder` is where the test's file lies; `instead` replaces the configuration that it names.
    ///
    /// # Errors
    /// A configuration that is not valid, or a name that it does not have.
    pub(super) fn build(given: &Given, folder: &Path, instead: Option<&PathBuf>) -> Result<Self, Unbuilt> {
        let in_field = |field: &str, message: String| (vec!["given".to_owned(), field.to_owned()], message);
        let configured = Configured { config: given.config.as_deref(), with: given.with.as_ref(), env: &given.env };
        let loaded = configured.load(folder, instead).map_err(|message| in_field("config", message))?;
        let snapshot = Snapshot::build(loaded.catalog_spec(0, Vec::new())).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            in_field("config", lines.join("\n"))
        })?;
        let key = match &given.key {
            None => None,
            Some(name) => {
                let place = snapshot.keys().iter().position(|key| *key.name == **name);
                let place = place.and_then(|place| u32::try_from(place).ok());
                Some(KeyIx(place.ok_or_else(|| in_field("key", format!("there is no client key `{name}`")))?))
            }
        };
        let mut world = Self {
            snapshot,
            key,
            now_ms: given.time.0,
            models: BTreeMap::new(),
            channels: BTreeMap::new(),
            today: BTreeMap::new(),
        };
        world
            .live(given)
            .map_err(|(field, name, message)| (vec!["given".to_owned(), field.to_owned(), name], message))?;
        Ok(world)
    }

    /// The channel model of `CHANNEL/MODEL`.
    pub(super) fn find(&self, name: &str) -> Option<ModelIx> {
        let numbers = (0..self.snapshot.models().len()).filter_map(|place| u32::try_from(place).ok()).map(ModelIx);
        numbers.into_iter().find(|ix| self.name(*ix) == name)
    }

    /// `CHANNEL/MODEL`
    pub(super) fn name(&self, ix: ModelIx) -> String {
        let found = self.snapshot.model_and_channel(ix);
        found.map_or_else(String::new, |(model, channel)| format!("{}/{}", channel.name, model.name))
    }

    fn live(&mut self, given: &Given) -> Result<(), (&'static str, String, String)> {
        for (name, state) in &given.channels {
            let unknown = || ("channels", name.clone(), format!("there is no channel `{name}`"));
            let ix = self.snapshot.channel_by_name(name).ok_or_else(unknown)?;
            self.channels.insert(ix, channel_live(state, self.now_ms));
        }
        for (name, state) in &given.models {
            let ix = self.find(name).ok_or_else(|| ("models", name.clone(), nobody(name)))?;
            self.models.insert(ix, model_live(state, self.now_ms));
        }
        for (group, members) in &given.members {
            let unknown = || ("members", group.clone(), format!("there is no group `{group}`"));
            let group_ix = self.snapshot.group_by_name(group).ok_or_else(unknown)?;
            for (name, requests) in members {
                let ix = self.find(name).ok_or_else(|| ("members", group.clone(), nobody(name)))?;
                self.today.insert((group_ix, ix), *requests);
            }
        }
        Ok(())
    }
}

pub(super) fn nobody(name: &str) -> String {
    format!("there is no `{name}`: write CHANNEL/MODEL, with the name by which clients ask for the model")
}

fn channel_live(state: &ChannelState, now_ms: u64) -> ChannelLive {
    ChannelLive {
        in_flight: state.in_flight,
        health: state.health.map(|share| share.0),
        quota_remaining: state.quota_remaining.map(|share| share.0),
        minute_used: state.minute_used.map(|share| share.0),
        requests_today: state.requests_today,
        spent_today: state.spent_today.0,
        away: away(now_ms, state.cooldown, state.rate_limited, state.breaker_open),
        ..ChannelLive::default()
    }
}

fn model_live(state: &ModelState, now_ms: u64) -> ModelLive {
    ModelLive {
        in_flight: state.in_flight,
        ttft_ms: state.ttft_ms,
        ttft_p95_ms: state.ttft_p95_ms,
        tokens_per_second: state.tokens_per_second,
        success_rate: state.success_rate.map(|share| share.0),
        observations: state.observations,
        away: away(now_ms, state.cooldown, state.rate_limited, state.breaker_open),
    }
}

fn away(now_ms: u64, cooldown: Option<Span>, rate_limited: Option<Span>, breaker_open: Option<Span>) -> Away {
    let until = |span: Option<Span>| span.map_or(0, |span| now_ms.saturating_add(span.as_millis()));
    Away {
        cooldown_until_ms: until(cooldown),
        cooldown_is_guess: cooldown.is_some(),
        rate_limited_until_ms: until(rate_limited),
        breaker: match breaker_open {
            Some(_) => BreakerView::Open { until_ms: until(breaker_open), early_ms: until(breaker_open) },
            None => BreakerView::Closed,
        },
    }
}

impl Live for World {
    fn model(&self, ix: ModelIx) -> ModelLive {
        self.models.get(&ix).copied().unwrap_or_default()
    }

    fn channel(&self, ix: ChannelIx) -> ChannelLive {
        self.channels.get(&ix).copied().unwrap_or_default()
    }

    fn member_requests_today(&self, group: GroupIx, model: ModelIx) -> u64 {
        self.today.get(&(group, model)).copied().unwrap_or(0)
    }
}
