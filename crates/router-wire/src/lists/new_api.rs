//! 兔子API and the new-api family: OpenAI's list with the kinds of endpoints that a model has; prices stand at `/api/pricing`,
//! as ratios to 2 units for a million tokens.

use std::collections::HashMap;

use router_core::catalog::Capability;
use router_core::money::Nano;
use router_core::pricing::{Price, Rate};

use super::item::{Item, models};
use super::openai::{entries, entry};
use super::rates::Ratio;
use super::{Family, Listed, PLAIN, Page, Prices, root};

pub(super) const FAMILY: Family = Family {
    name: "new_api",
    kinds: &["tuzi"],
    read,
    prices: Some(Prices { url: |place| format!("{}/api/pricing", root(place.base_url)), read: prices }),
    ..PLAIN
};

/// 500,000 units of quota are one unit of money, and a token at the ratio 1 is one of them.
const UNITS: i128 = 2;
const ENDPOINTS: &[(&str, Capability)] = &[
    ("openai", Capability::Chat),
    ("openai-response", Capability::Chat),
    ("anthropic", Capability::Chat),
    ("gemini", Capability::Chat),
    ("embeddings", Capability::Embeddings),
    ("image-generation", Capability::ImageOutput),
];

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    Some(Page { models: models(entries(json)?, model), next: None })
}

fn model(item: &Item<'_>) -> Option<Listed> {
    let mut model = entry(item)?;
    for word in item.words("supported_endpoint_types").into_iter().flatten() {
        let known = ENDPOINTS.iter().find(|(name, _)| *name == word);
        model.can = known.map_or(model.can, |(_, capability)| model.can.with(*capability));
    }
    Some(model)
}

fn prices(json: &str) -> Option<HashMap<String, Price>> {
    let whole = Item::of(json)?;
    let groups = whole.object("group_ratio");
    let named = |item: &Item<'_>| Some((item.name("model_name")?, price(item, groups.as_ref())?));
    Some(whole.items("data")?.iter().filter_map(named).take(super::MAX_MODELS).collect())
}

/// Unknown where an expression decides.
fn price(item: &Item<'_>, groups: Option<&Item<'_>>) -> Option<Price> {
    if item.text("billing_expr").is_some_and(|expression| !expression.trim().is_empty()) {
        return None;
    }
    let group = group(item, groups)?;
    let ratio = |name: &str| Ratio::parse(&item.decimal(name)?);
    if item.decimal("quota_type").as_deref() == Some("1") {
        let per_request = Nano(ratio("model_price")?.times(group)?.of(1)?);
        return Some(Price { per_request, ..Price::default() });
    }
    let input = ratio("model_ratio")?.times(group)?;
    let rate = |factor: Ratio| input.times(factor)?.of(UNITS).map(Rate);
    // Some gateways fill the place of a ratio that a model has not with 0.
    let own = |name: &str| ratio(name).filter(|ratio| *ratio > Ratio::NOTHING).and_then(rate);
    Some(Price {
        input: rate(Ratio::WHOLE)?,
        output: rate(ratio("completion_ratio").unwrap_or(Ratio::WHOLE))?,
        cached_input: own("cache_ratio"),
        cache_write: own("create_cache_ratio"),
        ..Price::default()
    })
}

/// The multiplier of the group that a key is most likely of: `default`, else the dearest that has the model. The list does
/// not tell which group the key is of.
fn group(item: &Item<'_>, groups: Option<&Item<'_>>) -> Option<Ratio> {
    let Some(groups) = groups else { return Some(Ratio::WHOLE) };
    let Some(enabled) = item.words("enable_groups").filter(|enabled| !enabled.is_empty()) else {
        return groups.decimal("default").map_or(Some(Ratio::WHOLE), |text| Ratio::parse(&text));
    };
    let ratio = |name: &str| Ratio::parse(&groups.decimal(name)?);
    let usual = enabled.iter().any(|name| name == "default").then(|| ratio("default")).flatten();
    usual.or_else(|| enabled.iter().filter_map(|name| ratio(name)).max())
}
