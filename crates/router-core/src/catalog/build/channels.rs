//! Channels and their models.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Builder, stable_id};
use crate::catalog::free::{FREE, is_free};
use crate::catalog::spec::{ChannelModelSpec, ChannelSpec, RouterBudgets, UnknownPrice};
use crate::catalog::{Capabilities, Capability, Channel, ChannelIx, ChannelModel, Facts, ModelIx, ScoreId, TagId};
use crate::pricing::{Price, Rate, upper_bound};
use crate::routing::Reason;

impl Builder {
    pub(super) fn channels(
        &mut self,
        specs: Vec<ChannelSpec>,
        budgets: &RouterBudgets,
    ) -> (Vec<Channel>, Vec<ChannelModel>) {
        let mut channels = Vec::with_capacity(specs.len());
        let mut models = Vec::with_capacity(specs.iter().map(|spec| spec.models.len()).sum());
        let mut names = HashSet::new();
        for (place, mut spec) in specs.into_iter().enumerate() {
            let path = format!("channels[{place}]");
            if spec.name.is_empty() {
                self.problems.error(format!("{path}.name"), "is empty");
            }
            if !names.insert(Arc::clone(&spec.name)) {
                self.problems.error(format!("{path}.name"), format!("`{}` is the name of two channels", spec.name));
            }
            self.problems.require_finite(|| format!("{path}.weight"), spec.weight);
            for (key, weight) in spec.keys.iter().map(|key| key.weight).enumerate() {
                self.problems.require_finite(|| format!("{path}.api_keys[{key}].weight"), weight);
            }
            let first = ModelIx::of(models.len());
            let mut own = HashSet::new();
            for (nth, model) in std::mem::take(&mut spec.models).into_iter().enumerate() {
                let path = format!("{path}.models[{nth}]");
                if model.name.is_empty() || !own.insert(Arc::clone(&model.name)) {
                    let message = format!("`{}` is empty or stands twice in the channel", model.name);
                    self.problems.error(format!("{path}.name"), message);
                }
                models.push(self.model(&path, &spec, ChannelIx::of(place), model, budgets));
            }
            channels.push(Channel {
                most_tokens: most_tokens(&spec),
                name: spec.name,
                provider: spec.provider,
                kind: spec.kind,
                base_url: spec.base_url,
                headers: spec.headers,
                keys: spec.keys,
                key_rotation: spec.key_rotation,
                region: spec.region,
                priority: spec.priority,
                weight: spec.weight,
                enabled: spec.enabled,
                limits: spec.limits,
                timeouts: spec.timeouts,
                models: first.0..ModelIx::of(models.len()).0,
            });
        }
        (channels, models)
    }

    fn model(
        &mut self,
        path: &str,
        channel: &ChannelSpec,
        channel_ix: ChannelIx,
        spec: ChannelModelSpec,
        budgets: &RouterBudgets,
    ) -> ChannelModel {
        for (name, value) in &spec.scores {
            self.problems.require_unit(|| format!("{path}.scores.{name}"), *value);
        }
        if let Some(count) = spec.parameter_count {
            self.problems.require_finite(|| format!("{path}.parameter_count"), count);
        }
        let price = match (&spec.price, &budgets.unknown_price) {
            (Some(price), _) | (None, UnknownPrice::Assume(price)) => Some(price),
            (None, UnknownPrice::Free) => Some(&FREE),
            (None, UnknownPrice::Refuse) => None,
        };
        if price.is_none() && channel.enabled {
            let message = format!("`{}` has no price, so it is never chosen; see budgets.unknown_price", spec.name);
            self.problems.warn(format!("{path}.price"), message);
        }
        let facts = facts(&spec, price);
        let mut scores: Box<[_]> =
            spec.scores.iter().map(|(name, value)| (ScoreId::of(self.scores.intern(name)), *value)).collect();
        scores.sort_by_key(|(id, _)| *id);
        ChannelModel {
            channel: channel_ix,
            stable_id: stable_id(&channel.name, &spec.name),
            tags: self.model_tags(channel, &spec, facts.is_free),
            out: if !channel.enabled {
                Some(Reason::ChannelDisabled)
            } else if price.is_none() {
                Some(Reason::UnknownPrice)
            } else {
                None
            },
            name: spec.name,
            upstream_name: spec.upstream_name,
            aliases: spec.aliases.into(),
            price: spec.price,
            context_length: spec.context_length,
            max_output_tokens: spec.max_output_tokens,
            capabilities: known_or_assumed(spec.capabilities),
            scores,
            policies: 0,
            facts,
        }
    }

    /// The configured tags and the implied ones: provider, its kind, the words of the model's name, `free`.
    fn model_tags(&mut self, channel: &ChannelSpec, spec: &ChannelModelSpec, is_free: bool) -> Box<[TagId]> {
        let name = spec.name.to_ascii_lowercase();
        let words = name.split(['-', '_', '/', ':', '@', ' ', ',']).filter(|word| word.len() > 1);
        let configured = channel.tags.iter().chain(&spec.tags).map(|tag| tag.to_ascii_lowercase());
        let implied = [channel.provider.to_ascii_lowercase(), channel.kind.to_ascii_lowercase()];
        let free = is_free.then(|| "free".to_owned());
        let mut tags: Vec<_> = configured
            .chain(implied)
            .chain(words.map(ToOwned::to_owned))
            .chain(free)
            .map(|tag| TagId::of(self.tags.intern(&tag)))
            .collect();
        tags.sort_unstable();
        tags.dedup();
        tags.into()
    }
}

/// What is larger fits into no minute of the channel, or of any of its keys.
fn most_tokens(channel: &ChannelSpec) -> Option<u64> {
    let of_keys = channel.keys.iter().map(|key| key.limits.tokens_per_minute.unwrap_or(u64::MAX)).max();
    let own = channel.limits.tokens_per_minute.into_iter();
    own.chain(of_keys).min().filter(|most| *most < u64::MAX)
}

/// A model of which nothing is known is taken to chat and to stream; otherwise nobody could try it.
fn known_or_assumed(capabilities: Capabilities) -> Capabilities {
    if capabilities.is_empty() {
        Capabilities::NONE.with(Capability::Chat).with(Capability::Streaming)
    } else {
        capabilities
    }
}

/// Tokens at which every price tier is reached, to tell the dearest rate per token.
const BILLION: u64 = 1_000_000_000;

#[expect(clippy::cast_precision_loss, reason = "numbers for ranking, not for the books")]
fn facts(spec: &ChannelModelSpec, price: Option<&Price>) -> Facts {
    let per_token = |rate: fn(&Price) -> Rate| price.map_or(f64::NAN, |price| rate(price).0 as f64 / 1e15);
    let score = |name: &str| spec.scores.get(name).copied().unwrap_or(f64::NAN);
    let (usd_per_input, usd_per_output) = (per_token(|price| price.input), per_token(|price| price.output));
    let bound = |input, output, answers| price.map_or(f64::NAN, |p| upper_bound(p, input, output, answers).0 as f64);
    Facts {
        usd_per_input,
        usd_per_cached: per_token(|price| price.cached_input.unwrap_or(price.input)),
        usd_per_output,
        usd_per_request: price.map_or(f64::NAN, |price| price.per_request.as_usd_f64()),
        has_tiers: price.is_some_and(|price| !price.tiers.is_empty()),
        bound_per_input: bound(BILLION, 0, 1) / BILLION as f64,
        bound_per_output: (bound(BILLION, BILLION, 1) - bound(BILLION, 0, 1)) / BILLION as f64,
        bound_per_answer: bound(0, 0, 2) - bound(0, 0, 1),
        bound_per_request: bound(0, 0, 1),
        is_free: price.is_some_and(is_free),
        usd_per_million: (usd_per_input * 3.0 + usd_per_output) / 4.0 * 1e6,
        quality: score("quality"),
        speed: score("speed"),
        reliability: score("reliability"),
        context_length: spec.context_length.map_or(f64::NAN, |tokens| tokens as f64),
        parameter_count: spec.parameter_count.unwrap_or(f64::NAN),
    }
}
