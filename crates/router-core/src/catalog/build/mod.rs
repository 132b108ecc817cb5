//! From a specification to a snapshot: check, compile, index.

mod channels;
mod groups;
mod prices;

use std::collections::HashMap;

use super::intern::Interner;
use super::names::NameIndex;
use super::pattern::Pattern;
use super::problem::{Problem, Problems};
use super::spec::{CatalogSpec, ClientKeySpec};
use super::{Channel, ChannelIx, ChannelModel, ClientKey, GroupIx, KeyIx, ModelIx, Snapshot};
use crate::budget::Zone;
use crate::ids::hash64;

/// What grows while a snapshot is built.
pub(super) struct Builder {
    problems: Problems,
    tags: Interner,
    scores: Interner,
}

pub(super) fn build(spec: CatalogSpec) -> Result<Snapshot, Vec<Problem>> {
    let mut builder = Builder { problems: Problems::default(), tags: Interner::default(), scores: Interner::default() };
    let zone = builder.zone("budgets.timezone", &spec.budgets.timezone);
    let (channels, mut models) = builder.channels(spec.channels, &spec.budgets);
    let channel_by_name: HashMap<_, _> =
        channels.iter().enumerate().map(|(slot, c)| (c.name.clone(), ChannelIx::of(slot))).collect();
    let prices = builder.prices(spec.pricing, &channels, &mut models);
    let model_by_id = models.iter().enumerate().map(|(slot, model)| (model.stable_id, ModelIx::of(slot))).collect();
    let groups = builder.groups(spec.groups, &channels, &models);
    let group_by_name: HashMap<_, _> =
        groups.iter().enumerate().map(|(slot, g)| (g.name.clone(), GroupIx::of(slot))).collect();
    let keys = builder.keys(spec.keys);
    let key_by_hash = keys.iter().enumerate().map(|(slot, key)| (key.hash, KeyIx::of(slot))).collect();
    let names = NameIndex::build(&models);
    let Builder { problems, tags, scores, .. } = builder;
    if !problems.errors.is_empty() {
        return Err(problems.errors);
    }
    let mut snapshot = Snapshot {
        version: spec.version,
        hash: spec.hash,
        budgets: spec.budgets,
        channels,
        models,
        groups,
        keys,
        key_by_hash,
        model_by_id,
        group_by_name,
        channel_by_name,
        tags,
        scores,
        names,
        prices,
        zone,
        warnings: problems.warnings,
    };
    let unknown = groups::fallbacks_that_lead_nowhere(&snapshot);
    snapshot.warnings.extend(unknown);
    Ok(snapshot)
}

impl Builder {
    /// A zone of the built-in data; UTC where there is none of that name, which is then a problem.
    fn zone(&mut self, path: &str, name: &str) -> Zone {
        Zone::named(name).unwrap_or_else(|unknown| {
            self.problems.error(path, unknown.to_string());
            Zone::utc()
        })
    }

    fn keys(&mut self, specs: Vec<ClientKeySpec>) -> Vec<ClientKey> {
        let mut seen = HashMap::new();
        let mut keys = Vec::with_capacity(specs.len());
        for (place, spec) in specs.into_iter().enumerate() {
            if let Some(first) = seen.insert(spec.hash, spec.name.clone()) {
                self.problems.error(format!("keys[{place}]"), format!("has the same value as the key `{first}`"));
            }
            keys.push(ClientKey {
                id: spec.id,
                name: spec.name,
                hash: spec.hash,
                role: spec.role,
                allowed: spec.allowed.iter().map(|text| Pattern::new(text)).collect(),
                daily_budget: spec.daily_budget,
                monthly_budget: spec.monthly_budget,
                limits: spec.limits,
                ip_allow: spec.ip_allow,
                expires_at_ms: spec.expires_at_ms,
                enabled: spec.enabled,
            });
        }
        keys
    }
}

/// The same in every snapshot and on every platform.
fn stable_id(channel: &str, model: &str) -> u64 {
    hash64(format!("{channel}/{model}").as_bytes())
}

/// Channels and channel models, as the builders of groups read them.
#[derive(Clone, Copy)]
struct Known<'a> {
    channels: &'a [Channel],
    models: &'a [ChannelModel],
}
