//! Anthropic: pages of up to a thousand, the next one after the last id; lengths, and what a model supports.

use router_core::catalog::{Capabilities, Capability};

use super::item::{Item, models};
use super::{Family, Listed, PLAIN, Page};
use crate::adapters::encoded;

pub(super) const FAMILY: Family = Family {
    name: "anthropic",
    dialect: Some("anthropic"),
    url: |place, after| match after {
        None => place.join("/models?limit=1000"),
        Some(id) => place.join(&format!("/models?limit=1000&after_id={}", encoded(id))),
    },
    read,
    ..PLAIN
};

/// Its words for what a model can do.
const WORDS: &[(&str, Capability)] = &[
    ("image_input", Capability::Vision),
    ("pdf_input", Capability::FileInput),
    ("structured_outputs", Capability::JsonSchema),
    ("thinking", Capability::Reasoning),
];

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    let whole = Item::of(json)?;
    let more = whole.flag("has_more") == Some(true);
    let next = if more { whole.name("last_id") } else { None };
    Some(Page { models: models(whole.items("data")?, model), next })
}

fn model(item: &Item<'_>) -> Option<Listed> {
    let mut model = item.listed("id")?;
    model.display_name = item.name("display_name");
    model.tell(Capabilities::NONE.with(Capability::Chat), true);
    model.context_length = item.tokens(&["max_input_tokens"]);
    model.max_output_tokens = item.tokens(&["max_tokens"]);
    if let Some(words) = item.object("capabilities") {
        for (word, capability) in WORDS {
            // `{"supported": true}`, or the bare word.
            let supported = words.object(word).map_or_else(|| words.flag(word), |word| word.flag("supported"));
            if let Some(supported) = supported {
                model.tell(Capabilities::NONE.with(*capability), supported);
            }
        }
    }
    Some(model)
}
