//! Lists of models that providers publish: where they are, and what they say of each model. One file for each family of lists,
//! one line in [`FAMILIES`]; vendors without a family of their own have that of their dialect.
//!
//! What a provider says is read leniently (unknown fields and values are no fault) and within bounds. Prices are exact.

mod anthropic;
mod azure;
mod gemini;
mod groq;
mod item;
mod new_api;
mod ollama;
mod openai;
mod openrouter;
mod rates;
mod siliconflow;

use std::collections::{HashMap, HashSet};

use router_core::catalog::Capabilities;
use router_core::pricing::Price;

use crate::adapters::UpstreamPreset;

/// Models that are taken over from all pages together.
pub const MAX_MODELS: usize = 20_000;
/// Pages of one list that are asked for.
pub const MAX_PAGES: usize = 50;
/// Models of which a question of their own is asked, where a family has one.
pub const MAX_ASKED: usize = 200;

/// What a provider says of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// As requests have to name it.
    pub id: String,
    /// For people.
    pub display_name: Option<String>,
    /// Tokens of input and output together, or the most of input where only that is told.
    pub context_length: Option<u64>,
    /// Tokens of output.
    pub max_output_tokens: Option<u64>,
    /// In the currency in which the provider lists its prices; `None` is unknown.
    pub price: Option<Price>,
    /// What the list says that it can do.
    pub can: Capabilities,
    /// What the list says that it cannot do; of the rest it says nothing.
    pub cannot: Capabilities,
    /// Whether it can be called at the moment.
    pub active: bool,
}

impl Listed {
    fn named(id: String) -> Self {
        Self { id, active: true, ..Self::default() }
    }

    /// Notes that these are there or, if not, that they are missing.
    fn tell(&mut self, capabilities: Capabilities, there: bool) {
        let side = if there { &mut self.can } else { &mut self.cannot };
        *side = side.union(capabilities);
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the provider's order.
    pub models: Vec<Listed>,
    /// What [`Family::url`] needs for the page after this one.
    pub next: Option<String>,
}

/// The bytes are not a list of this family: an error, a web page, something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of models")]
pub struct NotAList;

/// Where a provider is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The base URL of its API.
    pub base_url: &'a str,
    /// What is known of the vendor.
    pub preset: &'a UpstreamPreset,
}

impl Place<'_> {
    fn join(&self, path: &str) -> String {
        crate::adapters::join(self.base_url, path)
    }
}

/// Prices that stand apart from the list: the address, and what the answer says by the name of the model.
#[derive(Clone, Copy, Debug)]
pub struct Prices {
    /// A `GET`, without a body.
    pub url: fn(&Place<'_>) -> String,
    read: fn(&str) -> Option<HashMap<String, Price>>,
}

impl Prices {
    /// Reads the answer and completes the models by it. Gives how many got a price.
    ///
    /// # Errors
    /// [`NotAList`] if it is not what was asked for.
    pub fn complete(&self, body: &[u8], models: &mut [Listed]) -> Result<usize, NotAList> {
        let mut prices = text(body).and_then(self.read).ok_or(NotAList)?;
        let mut count = 0;
        for model in models {
            model.price = prices.remove(&model.id).or(model.price.take());
            count += usize::from(model.price.is_some());
        }
        Ok(count)
    }
}

/// A question about one model, for lists that only name them.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Where it is asked.
    pub url: fn(&Place<'_>) -> String,
    /// The body of the `POST`.
    pub body: fn(&Listed) -> String,
    complete: fn(&str, &mut Listed),
}

impl About {
    /// Completes the model by the answer. One that cannot be read tells nothing.
    pub fn complete(&self, body: &[u8], model: &mut Listed) {
        if let Some(text) = text(body) {
            (self.complete)(text, model);
        }
    }
}

/// A family of lists.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// For people.
    pub name: &'static str,
    /// Kinds of providers whose lists are of this family.
    kinds: &'static [&'static str],
    /// The dialect whose providers have such lists unless their kind says otherwise.
    dialect: Option<&'static str>,
    /// The address of the first page, or of the one after what [`Page::next`] named.
    pub url: fn(&Place<'_>, Option<&str>) -> String,
    read: fn(&str, Option<&str>) -> Option<Page>,
    /// Prices beside the list.
    pub prices: Option<Prices>,
    /// Questions about single models.
    pub about: Option<About>,
    /// Whether every model that can be called stands in the list. Azure's names what could be deployed.
    pub complete: bool,
    /// The part of a name that tells models apart.
    identity: fn(&str) -> &str,
}

/// A family without habits: what the others are made of.
const PLAIN: Family = Family {
    name: "",
    kinds: &[],
    dialect: None,
    url: |place, _| place.join("/models"),
    read: openai::read,
    prices: None,
    about: None,
    complete: true,
    identity: |name| name,
};

/// The families.
pub static FAMILIES: &[Family] = &[
    openai::FAMILY,
    anthropic::FAMILY,
    gemini::FAMILY,
    ollama::FAMILY,
    openrouter::FAMILY,
    groq::FAMILY,
    siliconflow::FAMILY,
    new_api::FAMILY,
    azure::FAMILY,
];

/// The family of a provider of that kind which speaks that dialect.
#[must_use]
pub fn family(kind: &str, dialect: &str) -> &'static Family {
    let by_kind = FAMILIES.iter().find(|family| family.kinds.contains(&kind));
    let by_dialect = || FAMILIES.iter().find(|family| family.dialect == Some(dialect));
    by_kind.or_else(by_dialect).unwrap_or(&openai::FAMILY)
}

impl Family {
    /// Reads a page. `asked` is what [`Page::next`] of the page before had said.
    ///
    /// # Errors
    /// [`NotAList`] if it is none.
    pub fn read(&self, asked: Option<&str>, body: &[u8]) -> Result<Page, NotAList> {
        text(body).and_then(|text| (self.read)(text, asked)).ok_or(NotAList)
    }

    /// Whether a name of the list and one that requests use are the same model.
    #[must_use]
    pub fn is_same(&self, listed: &str, used: &str) -> bool {
        (self.identity)(listed) == (self.identity)(used)
    }
}

/// The pages of one list, put together within bounds.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Each model once, as the first page that named it said.
    pub models: Vec<Listed>,
    /// How many pages there were.
    pub pages: usize,
    /// Whether the list went on beyond the bounds.
    pub cut: bool,
    names: HashSet<String>,
    asked: HashSet<String>,
}

impl Gathered {
    /// Adds a page. Gives what to ask for next; nothing after the last page, or where a list leads in a circle or beyond
    /// the bounds.
    pub fn add(&mut self, page: Page) -> Option<String> {
        self.pages += 1;
        for model in page.models {
            if self.models.len() >= MAX_MODELS {
                self.cut = true;
                return None;
            }
            if self.names.insert(model.id.clone()) {
                self.models.push(model);
            }
        }
        let next = page.next?;
        if self.pages >= MAX_PAGES || !self.asked.insert(next.clone()) {
            self.cut = true;
            return None;
        }
        Some(next)
    }
}

/// Text without a byte order mark.
fn text(body: &[u8]) -> Option<&str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).ok()
}

/// The base URL without the version at its end: where a server's other pages are.
fn root(base_url: &str) -> &str {
    let base = base_url.trim_end_matches('/');
    base.strip_suffix("/v1").unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_before_dialects() {
        for (kind, dialect, name) in [
            ("openai", "openai_chat", "openai"),
            ("deepseek", "openai_chat", "openai"),
            ("openai_compatible", "anthropic", "anthropic"),
            ("gemini", "gemini", "gemini"),
            ("gemini", "openai_chat", "openai"),
            ("ollama", "openai_chat", "ollama"),
            ("tuzi", "openai_chat", "new_api"),
            ("openrouter", "anthropic", "openrouter"),
            ("unheard-of", "unheard-of", "openai"),
        ] {
            assert_eq!(family(kind, dialect).name, name, "{kind} {dialect}");
        }
    }

    #[test]
    fn a_list_that_leads_in_a_circle_ends() {
        let page = |next: &str| Page { models: vec![Listed::named("m".to_owned())], next: Some(next.to_owned()) };
        let mut gathered = Gathered::default();
        assert_eq!(gathered.add(page("a")).as_deref(), Some("a"));
        assert_eq!(gathered.add(page("b")).as_deref(), Some("b"));
        assert_eq!(gathered.add(page("a")), None);
        assert_eq!((gathered.models.len(), gathered.pages, gathered.cut), (1, 3, true));
    }

    #[test]
    fn a_list_without_an_end_ends() {
        let mut gathered = Gathered::default();
        let mut next = Some("0".to_owned());
        for number in 1_usize.. {
            let models = (0..1_000).map(|k| Listed::named(format!("{number}-{k}"))).collect();
            next = gathered.add(Page { models, next: Some(number.to_string()) });
            if next.is_none() {
                break;
            }
        }
        assert_eq!((next, gathered.models.len(), gathered.cut), (None, MAX_MODELS, true));
    }
}
