//! Gemini: `models/NAME` in pages by token, limits of input and output, and the methods that a model has.

use router_core::catalog::{Capabilities, Capability};

use super::item::{Item, models};
use super::{Family, Listed, PLAIN, Page};
use crate::adapters::encoded;

pub(super) const FAMILY: Family = Family {
    name: "gemini",
    dialect: Some("gemini"),
    url: |place, token| match token {
        None => place.join("/models?pageSize=1000"),
        Some(token) => place.join(&format!("/models?pageSize=1000&pageToken={}", encoded(token))),
    },
    read,
    identity: bare,
    ..PLAIN
};

const CHATS: Capabilities = Capabilities::NONE.with(Capability::Chat);

fn bare(name: &str) -> &str {
    name.strip_prefix("models/").unwrap_or(name)
}

fn read(json: &str, _: Option<&str>) -> Option<Page> {
    let whole = Item::of(json)?;
    let next = whole.text("nextPageToken").filter(|token| !token.is_empty() && token.len() <= 4_096);
    // An account without any model: an object without the list.
    let entries = match whole.items("models") {
        Some(entries) => entries,
        None if json.trim() == "{}" => Vec::new(),
        None => return None,
    };
    Some(Page { models: models(entries, model), next })
}

fn model(item: &Item<'_>) -> Option<Listed> {
    let mut model = item.listed("name")?;
    model.id = Some(bare(&model.id).to_owned()).filter(|id| !id.is_empty())?;
    model.display_name = item.name("displayName");
    model.context_length = item.tokens(&["inputTokenLimit"]);
    model.max_output_tokens = item.tokens(&["outputTokenLimit"]);
    if let Some(methods) = item.words("supportedGenerationMethods") {
        let has = |wanted: &[&str]| methods.iter().any(|method| wanted.contains(&method.as_str()));
        model.tell(CHATS, has(&["generateContent"]));
        model.tell(
            Capabilities::NONE.with(Capability::Embeddings),
            has(&["embedContent", "batchEmbedContents", "asyncBatchEmbedContent"]),
        );
    }
    if let Some(thinks) = item.flag("thinking") {
        model.tell(Capabilities::NONE.with(Capability::Reasoning), thinks);
    }
    Some(model)
}
