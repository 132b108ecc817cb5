//! Azure OpenAI: the models that a resource could deploy. Requests name deployments, which only the operator knows.

use router_core::catalog::{Capabilities, Capability};

use super::item::{Item, models};
use super::openai::{entries, entry};
use super::{Family, Listed, PLAIN, Page};
use crate::adapters::encoded;

pub(super) const FAMILY: Family = Family {
    name: "azure_openai",
    kinds: &["azure_openai"],
    url: |place, _| match place.preset.api_version.as_deref() {
        None => place.join("/models"),
        Some(version) => place.join(&format!("/models?api-version={}", encoded(version))),
    },
    read,
    complete: false,
    ..PLAIN
};

const WORDS: &[(&str, Capability)] = &[("chat_completion", Capability::Chat), ("embeddings", Capability::Embeddings)];

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    Some(Page { models: models(entries(json)?, model), next: None })
}

fn model(item: &Item<'_>) -> Option<Listed> {
    let mut model = entry(item)?;
    if let Some(words) = item.object("capabilities") {
        for (word, capability) in WORDS {
            if let Some(there) = words.flag(word) {
                model.tell(Capabilities::NONE.with(*capability), there);
            }
        }
        model.active = words.flag("inference").unwrap_or(true);
    }
    Some(model)
}
