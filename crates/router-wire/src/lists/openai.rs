//! OpenAI's list, which most vendors have: `{"data": [{"id", …}]}`. OpenAI tells nothing but names; servers of one's own and
//! hosts of open models add lengths, each by a name of its own.

use super::item::{Item, items, models};
use super::{Family, Listed, PLAIN, Page};

pub(super) const FAMILY: Family = Family { name: "openai", dialect: Some("openai_chat"), ..PLAIN };

pub(super) fn read(json: &str, _: Option<&str>) -> Option<Page> {
    Some(Page { models: models(entries(json)?, entry), next: None })
}

/// The entries; some vendors give the list bare.
pub(super) fn entries(json: &str) -> Option<Vec<Item<'_>>> {
    match Item::of(json) {
        Some(whole) => whole.items("data"),
        None => items(json),
    }
}

pub(super) fn entry(item: &Item<'_>) -> Option<Listed> {
    let mut model = item.listed("id")?;
    model.display_name = item.name("display_name").or_else(|| item.name("name"));
    model.context_length = item.tokens(&["context_length", "context_window", "max_model_len", "max_context_length"]);
    model.max_output_tokens = item.tokens(&["max_completion_tokens", "max_output_tokens"]);
    model.active = item.flag("active").unwrap_or(true);
    Some(model)
}
