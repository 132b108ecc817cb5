//! Models of a channel: what a file says, completed by what the catalogue knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use router_core::catalog::spec::ChannelModelSpec;
use router_core::catalog::{CAPABILITIES, Capabilities, Capability};
use router_core::usage::ServiceTier;

use super::channels::{Workshop, tags};
use super::node::Path;
use super::objects::{ChannelEntry, ModelEntry};
use super::presets::{self, ModelFacts};
use super::prices::{Conversion, PriceEntry, TierEntry};
use super::providers::{Provider, Scope};
use super::suggest::allowed_words;
use super::units::Decimal;

/// The models of a declared channel, completed from the catalogue.
pub(super) fn from_entries(
    entry: &ChannelEntry,
    provider: &Provider,
    path: &Path,
    shop: &mut Workshop<'_>,
) -> Vec<ChannelModelSpec> {
    let root = path.key("models");
    if entry.models.is_empty() {
        shop.warn(&root, "the channel serves no model");
    }
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut models = Vec::new();
    for (index, item) in entry.models.iter().enumerate() {
        let (model, at) = (&item.0, root.index(index));
        for name in std::iter::once(&model.name).chain(model.aliases.iter().flatten()) {
            if name.trim().is_empty() {
                shop.fault(&at.key("name"), "an empty name");
            } else if !names.insert(name) {
                shop.fault(&at.key("name"), format!("`{name}` is given twice in this channel"));
            }
        }
        models.push(one_model(model, provider, &at, shop));
    }
    models
}

fn one_model(model: &ModelEntry, provider: &Provider, at: &Path, shop: &mut Workshop<'_>) -> ChannelModelSpec {
    let upstream = model.upstream_name.as_deref().unwrap_or(&model.name);
    let facts = facts(provider, &model.name, upstream);
    if let Some(price) = &model.price {
        check_tiers(price, &at.key("price"), shop);
    }
    let explicit = model.price.as_ref().map(|price| provider.conversion.price(price));
    let price = explicit.or_else(|| facts.price(provider));
    if price.is_none() {
        let consequence = match shop.system.budgets.unknown_price {
            super::system::UnknownPriceSetting::Refuse => "it is never chosen (budgets.unknown_price: refuse)",
            super::system::UnknownPriceSetting::Free => "it is booked as free (budgets.unknown_price: free)",
            super::system::UnknownPriceSetting::Assume(_) => "it is booked at budgets.unknown_price",
        };
        shop.warn(
            &at.key("price"),
            format!("the price of `{}` is unknown: {consequence}; give it as price", model.name),
        );
    }
    let known = facts.facts.map(AsRef::as_ref);
    ChannelModelSpec {
        name: model.name.as_str().into(),
        upstream_name: upstream.into(),
        aliases: match &model.aliases {
            Some(aliases) => aliases.iter().map(|alias| alias.as_str().into()).collect(),
            None => facts.aliases(&model.name),
        },
        price,
        context_length: model.context_length.or(known.and_then(|facts| facts.context_length)),
        max_output_tokens: model.max_output_tokens.or(known.and_then(|facts| facts.max_output_tokens)),
        capabilities: match &model.capabilities {
            Some(words) => explicit_capabilities(words, &at.key("capabilities"), shop),
            None => known.map_or(ASSUMED, |facts| named(&facts.capabilities)),
        },
        tags: tags(&model.tags),
        scores: scores(model, known),
        parameter_count: model.parameter_count.or(known.and_then(|facts| facts.parameter_count)),
    }
}

/// What a model can do of which nothing is known.
const ASSUMED: Capabilities = Capabilities::NONE.with(Capability::Chat).with(Capability::Streaming);

/// What the catalogue knows about a model, and whether its price holds here.
struct Facts {
    facts: Option<&'static Arc<ModelFacts>>,
    own_list: bool,
}

fn facts(provider: &Provider, name: &str, upstream: &str) -> Facts {
    let own = presets::models(&provider.kind).and_then(|list| list.get(upstream).or_else(|| list.get(name)));
    if own.is_some() || &*provider.kind != "openai_compatible" {
        return Facts { facts: own, own_list: true };
    }
    let elsewhere = presets::models_anywhere(upstream).or_else(|| presets::models_anywhere(name));
    Facts { facts: elsewhere, own_list: false }
}

impl Facts {
    /// In USD; the provider's multiplier holds, its currency does not.
    fn price(&self, provider: &Provider) -> Option<router_core::pricing::Price> {
        let entry = self.facts.filter(|_| self.own_list)?.price.as_ref()?;
        Some(Conversion { per_usd: Decimal::ONE, ..provider.conversion }.price(entry))
    }

    fn aliases(&self, name: &str) -> Vec<Arc<str>> {
        let aliases = self.facts.filter(|facts| facts.name == name).map(|facts| facts.aliases.as_slice());
        aliases.unwrap_or_default().iter().map(|alias| alias.as_str().into()).collect()
    }
}

fn scores(model: &ModelEntry, facts: Option<&ModelFacts>) -> BTreeMap<Arc<str>, f64> {
    let known = facts.into_iter().flat_map(|facts| &facts.scores).map(|(name, score)| (name.as_str().into(), *score));
    let own = model.scores.iter().map(|(name, score)| (name.as_str().into(), score.0));
    known.chain(own).collect()
}

fn check_tiers(price: &PriceEntry, path: &Path, shop: &mut Workshop<'_>) {
    check_ascent(&price.tiers, path, shop);
    for (name, service) in &price.service_tiers {
        let at = path.key("service_tiers").key(name);
        check_ascent(&service.tiers, &at, shop);
        if ServiceTier::named(name).is_standard() {
            let message = format!("`{name}` is not a service tier with a price; {}", allowed_words(name, &SERVICES));
            shop.fault(&at, message);
        }
    }
}

/// Service tiers that may have rates of their own.
const SERVICES: [&str; 2] = [ServiceTier::Flex.as_str(), ServiceTier::Priority.as_str()];

fn check_ascent(tiers: &[TierEntry], path: &Path, shop: &mut Workshop<'_>) {
    let thresholds: Vec<u64> = tiers.iter().map(|tier| tier.above_tokens).collect();
    for (index, pair) in thresholds.windows(2).enumerate() {
        if let [low, high] = pair
            && low >= high
        {
            let at = path.key("tiers").index(index + 1).key("above_tokens");
            shop.fault(&at, format!("tiers ascend: allowed is more than {low}"));
        }
    }
}

/// Every legal name of a capability.
fn capability_names() -> Vec<&'static str> {
    CAPABILITIES.iter().map(|(_, name)| *name).collect()
}

fn named(words: &[String]) -> Capabilities {
    words.iter().filter_map(|word| Capability::from_name(word)).collect()
}

/// The set that a list of words names; unknown words are faults.
pub(super) fn capabilities(words: &[String], path: &Path, scope: &mut Scope<'_>) -> Capabilities {
    for (index, word) in words.iter().enumerate() {
        if Capability::from_name(word).is_none() {
            let message = format!("`{word}` is not a capability; {}", allowed_words(word, &capability_names()));
            scope.fault(&path.index(index), message);
        }
    }
    named(words)
}

/// A model that is not said to embed is one to chat with: lists of capabilities rarely spell it out.
fn explicit_capabilities(words: &[String], path: &Path, shop: &mut Workshop<'_>) -> Capabilities {
    let mut scope = Scope { path: path.clone(), tree: shop.tree, faults: shop.faults };
    let set = capabilities(words, path, &mut scope);
    if set.has(Capability::Embeddings) { set } else { set.with(Capability::Chat) }
}

/// All models of the provider's list whose endpoints exist here.
pub(super) fn from_catalogue(provider: &Provider) -> Vec<ChannelModelSpec> {
    let list = presets::models(&provider.kind).map(|list| list.models.as_slice()).unwrap_or_default();
    list.iter()
        .filter(|facts| matches!(facts.mode.as_str(), "chat" | "embedding"))
        .map(|facts| ChannelModelSpec {
            name: facts.name.as_str().into(),
            upstream_name: facts.name.as_str().into(),
            aliases: facts.aliases.iter().map(|alias| alias.as_str().into()).collect(),
            price: facts
                .price
                .as_ref()
                .map(|entry| Conversion { per_usd: Decimal::ONE, ..provider.conversion }.price(entry)),
            context_length: facts.context_length,
            max_output_tokens: facts.max_output_tokens,
            capabilities: named(&facts.capabilities),
            tags: Vec::new(),
            scores: facts.scores.iter().map(|(name, score)| (name.as_str().into(), *score)).collect(),
            parameter_count: facts.parameter_count,
        })
        .collect()
}
