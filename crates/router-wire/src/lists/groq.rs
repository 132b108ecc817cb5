//! Groq: OpenAI's list with `context_window`, `max_completion_tokens` and whether a model is `active`; models that hear and
//! speak stand among those that chat and are known by their names alone.

use super::item::{Item, models};
use super::openai::{entries, entry};
use super::{Family, Listed, PLAIN, Page};
use router_core::catalog::{Capabilities, Capability};

pub(super) const FAMILY: Family = Family { name: "groq", kinds: &["groq"], read, ..PLAIN };

const CHAT: Capabilities = Capabilities::NONE.with(Capability::Chat);

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    Some(Page { models: models(entries(json)?, model), next: None })
}

fn model(item: &Item<'_>) -> Option<Listed> {
    let mut model = entry(item)?;
    if model.id.contains("whisper") || model.id.contains("-tts") {
        model.tell(CHAT, false);
    }
    Some(model)
}
