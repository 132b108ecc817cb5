//! An object of a list, read field by field: what is missing, null or of another kind is `None`. Numbers stay the text that
//! they are, so that no price passes through a float.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::Listed;

/// Longest name that is taken over, in bytes.
const LONGEST_NAME: usize = 256;

/// The fields of an object, unread.
#[derive(Debug)]
pub(super) struct Item<'a>(HashMap<String, &'a RawValue>);

impl<'a> Item<'a> {
    /// `None` if it is no object.
    pub(super) fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    pub(super) fn object(&self, name: &str) -> Option<Item<'a>> {
        Item::of(self.raw(name)?)
    }

    /// The objects of a list; `None` if there is no list, and without what in it is no object.
    pub(super) fn items(&self, name: &str) -> Option<Vec<Item<'a>>> {
        items(self.raw(name)?)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// A name, if it is one that could stand in a request and on a page.
    pub(super) fn name(&self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let fit = !text.trim().is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control);
        fit.then_some(text)
    }

    /// The texts of a list, or a text alone.
    pub(super) fn words(&self, name: &str) -> Option<Vec<String>> {
        let raw = self.raw(name)?;
        if let Ok(word) = serde_json::from_str::<String>(raw) {
            return Some(vec![word]);
        }
        let list: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
        Some(list.into_iter().filter_map(|word| serde_json::from_str(word.get()).ok()).collect())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// A number as it is written, or a text that should be one.
    pub(super) fn decimal(&self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        if raw.starts_with('"') { self.text(name) } else { Some(raw.to_owned()) }
    }

    /// The first of these that is a number of tokens. Nothing and less than nothing mean that it is not known.
    pub(super) fn tokens(&self, names: &[&str]) -> Option<u64> {
        names.iter().find_map(|name| {
            let whole = router_core::money::parse_decimal(&self.decimal(name)?, 0).ok()?;
            u64::try_from(whole).ok().filter(|tokens| *tokens > 0)
        })
    }

    /// The model that a field names.
    pub(super) fn listed(&self, name: &str) -> Option<Listed> {
        self.name(name).map(Listed::named)
    }
}

/// The objects of a list.
pub(super) fn items(json: &str) -> Option<Vec<Item<'_>>> {
    let list: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(list.into_iter().filter_map(|raw| Item::of(raw.get())).collect())
}

/// The models of a list: each entry that names one.
pub(super) fn models(entries: Vec<Item<'_>>, read: impl Fn(&Item<'_>) -> Option<Listed>) -> Vec<Listed> {
    entries.iter().filter_map(read).take(super::MAX_MODELS).collect()
}
