//! Built-in data: vendors, the catalogue of models, and the built-in groups. Facts as YAML, compiled in.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, OnceLock};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::objects::GroupEntry;
use super::prices::PriceEntry;

const PROVIDERS: &str = include_str!("../../../../config/presets/providers.yaml");
const MODELS: &str = include_str!("../../../../config/presets/models.yaml");
pub(super) const GROUPS: &str = include_str!("../../../../config/presets/groups.yaml");

/// A built-in vendor; see the comments of `config/presets/providers.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in the data file")]
pub struct ProviderPreset {
    pub kind: String,
    pub base_url: Option<String>,
    pub env: Option<String>,
    pub base_url_env: Option<String>,
    #[serde(default)]
    pub env_is_url: bool,
    #[serde(default)]
    pub base_url_suffix: String,
    pub dialect: String,
    #[serde(default)]
    pub also: Vec<String>,
    pub auth: String,
    #[serde(default)]
    pub key_optional: bool,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub currency: String,
    pub max_output_param: String,
    pub stream_usage: bool,
    pub endpoints: Vec<String>,
    pub supported: bool,
    #[serde(default)]
    pub quirks: Vec<String>,
}

/// A model of the catalogue; see the comments of `config/presets/models.yaml`. Prices are USD.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in the data file")]
pub struct ModelFacts {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub mode: String,
    pub price: Option<PriceEntry>,
    pub context_length: Option<u64>,
    pub max_output_tokens: Option<u64>,
    pub parameter_count: Option<f64>,
    #[serde(default)]
    pub capabilities: Vec<String>,
    #[serde(default)]
    pub scores: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct ProviderFile {
    providers: BTreeMap<String, ProviderPreset>,
}

/// Every built-in vendor by name. Empty only if the compiled-in file were broken, which a test excludes.
pub fn providers() -> &'static BTreeMap<String, ProviderPreset> {
    static ALL: LazyLock<BTreeMap<String, ProviderPreset>> = LazyLock::new(|| {
        serde_saphyr::from_str::<ProviderFile>(PROVIDERS).map(|file| file.providers).unwrap_or_default()
    });
    &ALL
}

/// Names of the provider kinds, sorted.
pub fn kinds() -> Vec<&'static str> {
    let mut kinds: Vec<_> = providers().values().map(|preset| preset.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// One list of the catalogue, by name and alias.
#[derive(Debug, Default)]
pub struct ModelList {
    /// In the order of the file.
    pub models: Vec<Arc<ModelFacts>>,
    by_name: HashMap<String, usize>,
}

impl ModelList {
    fn parse(yaml: &str) -> Self {
        let models: Vec<ModelFacts> = serde_saphyr::from_str(yaml).unwrap_or_default();
        let models: Vec<Arc<ModelFacts>> = models.into_iter().map(Arc::new).collect();
        let mut by_name = HashMap::with_capacity(models.len());
        for (index, model) in models.iter().enumerate() {
            by_name.entry(model.name.clone()).or_insert(index);
        }
        for (index, model) in models.iter().enumerate() {
            for alias in &model.aliases {
                by_name.entry(alias.clone()).or_insert(index);
            }
        }
        Self { models, by_name }
    }

    /// The model of that name or alias.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<ModelFacts>> {
        self.by_name.get(name).and_then(|index| self.models.get(*index))
    }
}

/// A part of the catalogue, parsed when it is first asked for: few installations use every vendor, and the
/// whole file is a noticeable part of the start.
struct LazyList {
    yaml: &'static str,
    parsed: OnceLock<ModelList>,
}

/// The lists by kind, cut at the keys of the generated file (`  kind:` alone on its line).
static LISTS: LazyLock<Vec<(&'static str, LazyList)>> = LazyLock::new(|| {
    let body = MODELS.split_once("\nmodels:\n").map_or("", |(_, body)| body);
    let mut lists = Vec::new();
    let mut rest = body;
    while let Some((name, after)) = next_list(rest) {
        let end = list_end(after);
        let (yaml, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        lists.push((name, LazyList { yaml, parsed: OnceLock::new() }));
        rest = tail;
    }
    lists
});

/// The name of the list that `text` begins with, and what follows its line.
fn next_list(text: &str) -> Option<(&str, &str)> {
    let (line, after) = text.split_once('\n')?;
    Some((line.strip_prefix("  ")?.split_once(':')?.0, after))
}

/// Where the indented lines of a list end.
fn list_end(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with("    ") {
            break;
        }
        end += line.len();
    }
    end
}

/// The catalogue's list for a provider kind or family.
pub fn models(kind: &str) -> Option<&'static ModelList> {
    let (_, list) = LISTS.iter().find(|(name, _)| *name == kind)?;
    Some(list.parsed.get_or_init(|| ModelList::parse(list.yaml)))
}

/// Facts about a model wherever the catalogue knows them. For context and abilities only: a price of one
/// vendor says nothing about another.
pub fn models_anywhere(name: &str) -> Option<&'static Arc<ModelFacts>> {
    // Most lists do not hold the name at all, and need not be parsed to know.
    let lists = LISTS.iter().filter(|(_, list)| list.yaml.contains(name));
    lists.filter_map(|(kind, _)| models(kind)).find_map(|list| list.get(name))
}

/// The built-in groups with the name of each, in the order of the file.
pub fn groups() -> &'static [(String, GroupEntry)] {
    static ALL: LazyLock<Vec<(String, GroupEntry)>> = LazyLock::new(|| super::sources::builtin_groups(GROUPS));
    &ALL
}

/// Digest of the built-in data: another catalogue is another configuration.
pub(super) fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = Sha256::new();
        for text in [PROVIDERS, MODELS, GROUPS] {
            hasher.update(text.as_bytes());
        }
        super::secret::hex(&hasher.finalize())
    });
    &DIGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Whole {
        models: BTreeMap<String, Vec<ModelFacts>>,
    }

    #[test]
    fn the_compiled_in_files_are_readable_in_full() {
        let file: ProviderFile = serde_saphyr::from_str(PROVIDERS).unwrap();
        assert_eq!(file.providers.len(), 24);
        let whole: Whole = serde_saphyr::from_str(MODELS).unwrap();
        assert_eq!(LISTS.len(), whole.models.len());
        for (kind, expected) in &whole.models {
            let list = models(kind).unwrap();
            let found: Vec<ModelFacts> = list.models.iter().map(|model| (**model).clone()).collect();
            assert_eq!(&found, expected, "{kind}");
        }
    }

    #[test]
    fn catalogue_facts_use_known_words_only() {
        for (kind, _) in LISTS.iter() {
            for model in &models(kind).unwrap().models {
                for capability in &model.capabilities {
                    let known = router_core::catalog::Capability::from_name(capability);
                    assert!(known.is_some(), "{kind}/{}: {capability}", model.name);
                }
            }
        }
    }

    #[test]
    fn prices_keep_their_digits() {
        let price = models("openai").unwrap().get("gpt-4o-mini").unwrap().price.clone().unwrap();
        assert_eq!(price.cached_input.unwrap().to_string(), "0.075");
    }
}
