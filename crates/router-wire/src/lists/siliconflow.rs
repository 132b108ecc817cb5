//! SiliconFlow: OpenAI's list, asked for by `sub_type`, because the entries do not say what they are; then as a whole.

use router_core::catalog::{Capabilities, Capability};

use super::item::models;
use super::openai::{entries, entry};
use super::{Family, PLAIN, Page};

pub(super) const FAMILY: Family = Family {
    name: "siliconflow",
    kinds: &["siliconflow"],
    url: |place, asked| match asked {
        Some(REST) => place.join("/models"),
        asked => {
            let kind = asked.or(KINDS.first().map(|(kind, _)| *kind)).unwrap_or_default();
            place.join(&format!("/models?sub_type={kind}"))
        }
    },
    read,
    ..PLAIN
};

/// The page without a filter.
const REST: &str = "*";
/// Its words for what a model does, in the order in which they are asked for.
const KINDS: &[(&str, Capabilities)] = &[
    ("chat", Capabilities::NONE.with(Capability::Chat)),
    ("embedding", Capabilities::NONE.with(Capability::Embeddings)),
    ("reranker", Capabilities::NONE),
    ("text-to-image", Capabilities::NONE.with(Capability::ImageOutput)),
    ("speech-to-text", Capabilities::NONE.with(Capability::AudioInput)),
];
const CHAT: Capabilities = Capabilities::NONE.with(Capability::Chat);

fn read(json: &str, asked: Option<&str>) -> Option<Page> {
    let mut models = models(entries(json)?, entry);
    if asked == Some(REST) {
        return Some(Page { models, next: None });
    }
    let place = asked.and_then(|asked| KINDS.iter().position(|(kind, _)| *kind == asked)).unwrap_or(0);
    let does = KINDS.get(place).map_or(Capabilities::NONE, |(_, does)| *does);
    for model in &mut models {
        model.tell(does, true);
        model.tell(CHAT.minus(does), false);
    }
    let next = KINDS.get(place + 1).map_or(REST, |(kind, _)| *kind);
    Some(Page { models, next: Some(next.to_owned()) })
}
