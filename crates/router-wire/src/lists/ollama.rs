//! Ollama: what is pulled stands at `/api/tags`; what a model can do and how much it reads is told of each by `/api/show`.

use router_core::catalog::{Capabilities, Capability};

use super::item::{Item, models};
use super::{About, Family, Listed, PLAIN, Page, root};

pub(super) const FAMILY: Family = Family {
    name: "ollama",
    kinds: &["ollama"],
    dialect: Some("ollama"),
    url: |place, _| format!("{}/api/tags", root(place.base_url)),
    read,
    about: Some(About { url: |place| format!("{}/api/show", root(place.base_url)), body, complete }),
    // A name without a tag means the tag `latest`.
    identity: |name| name.strip_suffix(":latest").unwrap_or(name),
    ..PLAIN
};

const WORDS: &[(&str, Capability)] = &[
    ("completion", Capability::Chat),
    ("tools", Capability::FunctionCalling),
    ("vision", Capability::Vision),
    ("thinking", Capability::Reasoning),
    ("embedding", Capability::Embeddings),
];

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    let entry = |item: &Item<'_>| item.listed("model").or_else(|| item.listed("name"));
    Some(Page { models: models(Item::of(json)?.items("models")?, entry), next: None })
}

fn body(model: &Listed) -> String {
    serde_json::json!({ "model": model.id }).to_string()
}

fn complete(json: &str, model: &mut Listed) {
    let Some(shown) = Item::of(json) else { return };
    if let Some(words) = shown.words("capabilities") {
        for (word, capability) in WORDS {
            model.tell(Capabilities::NONE.with(*capability), words.iter().any(|known| known == word));
        }
    }
    // What the weights allow (`llama.context_length`); a server may be set to read less.
    let Some(info) = shown.object("model_info") else { return };
    let family = info.text("general.architecture").unwrap_or_default();
    model.context_length = info.tokens(&[&format!("{family}.context_length")]);
}
