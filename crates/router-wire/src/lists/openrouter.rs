//! OpenRouter: prices as decimal texts for one token, `-1` where there is no fixed one; modalities, and the parameters that
//! some host of the model takes.

use router_core::catalog::{Capabilities, Capability};
use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier};

use super::item::{Item, models};
use super::openai::{entries, entry};
use super::rates::{each, per_token};
use super::{Family, Listed, PLAIN, Page};

pub(super) const FAMILY: Family = Family { name: "openrouter", kinds: &["openrouter"], read, ..PLAIN };

const PARAMETERS: &[(&str, Capability)] = &[
    ("tools", Capability::FunctionCalling),
    ("parallel_tool_calls", Capability::ParallelTools),
    ("response_format", Capability::JsonMode),
    ("structured_outputs", Capability::JsonSchema),
    ("reasoning", Capability::Reasoning),
    ("web_search_options", Capability::WebSearch),
];
const INPUTS: &[(&str, Capability)] =
    &[("image", Capability::Vision), ("audio", Capability::AudioInput), ("file", Capability::FileInput)];
const OUTPUTS: &[(&str, Capability)] = &[
    ("text", Capability::Chat),
    ("image", Capability::ImageOutput),
    ("audio", Capability::AudioOutput),
    ("embeddings", Capability::Embeddings),
];

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    Some(Page { models: models(entries(json)?, model), next: None })
}

fn model(item: &Item<'_>) -> Option<Listed> {
    let mut model = entry(item)?;
    if let Some(top) = item.object("top_provider") {
        model.context_length = model.context_length.or_else(|| top.tokens(&["context_length"]));
        model.max_output_tokens = top.tokens(&["max_completion_tokens"]);
    }
    let architecture = item.object("architecture");
    let modalities = |name: &str| architecture.as_ref().and_then(|architecture| architecture.words(name));
    for (list, words) in [
        (item.words("supported_parameters"), PARAMETERS),
        (modalities("input_modalities"), INPUTS),
        (modalities("output_modalities"), OUTPUTS),
    ] {
        for (word, capability) in words {
            if let Some(list) = &list {
                model.tell(Capabilities::NONE.with(*capability), list.iter().any(|known| known == word));
            }
        }
    }
    model.price = item.object("pricing").and_then(|pricing| price(&pricing));
    Some(model)
}

/// Unknown unless both tokens in and out have a price.
fn price(pricing: &Item<'_>) -> Option<Price> {
    let rate = |item: &Item<'_>, name: &str| per_token(&item.decimal(name)?);
    let per_request = match pricing.decimal("request") {
        None => Nano::ZERO,
        Some(text) => each(&text)?,
    };
    // A zero among the particulars fills a place: it does not say that thoughts cost nothing.
    let own = |item: &Item<'_>, name: &str| rate(item, name).filter(|rate| *rate > Rate(0));
    let (input, output) = (rate(pricing, "prompt")?, rate(pricing, "completion")?);
    Some(Price {
        input,
        output,
        cached_input: own(pricing, "input_cache_read"),
        cache_write: own(pricing, "input_cache_write"),
        reasoning: own(pricing, "internal_reasoning"),
        audio_input: own(pricing, "audio"),
        per_request,
        tiers: tiers(pricing, input, output),
        ..Price::default()
    })
}

/// Other prices for long prompts. Those that hold by the hour have no place in a price.
fn tiers(pricing: &Item<'_>, input: Rate, output: Rate) -> Vec<Tier> {
    let rate = |item: &Item<'_>, name: &str| per_token(&item.decimal(name)?);
    let tier = |item: &Item<'_>| {
        let hourly = ["utc_start", "utc_end", "utc_days"].iter().any(|name| item.raw(name).is_some());
        let above_tokens = item.tokens(&["min_prompt_tokens"]).filter(|_| !hourly)?;
        Some(Tier {
            above_tokens,
            input: rate(item, "prompt").unwrap_or(input),
            output: rate(item, "completion").unwrap_or(output),
            cached_input: rate(item, "input_cache_read"),
            cache_write: rate(item, "input_cache_write"),
            ..Tier::default()
        })
    };
    let mut tiers: Vec<Tier> = pricing.items("overrides").iter().flatten().filter_map(tier).collect();
    tiers.sort_by_key(|tier| tier.above_tokens);
    tiers
}
