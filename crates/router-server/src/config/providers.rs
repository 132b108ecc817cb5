//! Providers: a built-in vendor with what files change about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use router_wire::adapters::Quirks;
use router_wire::dialects::{PROVIDERS, provider};

use super::decode::Faults;
use super::node::{Node, Path};
use super::objects::{AuthStyle, MaxOutputParam, ProviderEntry};
use super::presets::{self, ProviderPreset};
use super::prices::Conversion;
use super::suggest::allowed_words;
use super::system::System;
use super::units::Decimal;

/// A provider as the router will talk to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// As configured (`openai`, `my-vllm`).
    pub name: Arc<str>,
    /// Names the adapter and the list of the catalogue.
    pub kind: Arc<str>,
    /// Root of its API, if it has one of its own.
    pub base_url: Option<String>,
    /// What it speaks (`openai_chat` …).
    pub dialect: String,
    /// What else it speaks at the same address.
    pub also: Vec<String>,
    /// How a key is sent.
    pub auth: AuthStyle,
    /// Whether it works without a key.
    pub key_optional: bool,
    /// Sent with every request.
    pub headers: BTreeMap<String, String>,
    /// From its currency to USD.
    pub conversion: Conversion,
    /// Which limit on output tokens it understands.
    pub max_output_param: MaxOutputParam,
    /// Whether it reports usage at the end of a stream when asked.
    pub stream_usage: bool,
    /// Client endpoints that it serves (`chat`, `completions`, `embeddings`).
    pub endpoints: Vec<String>,
    /// Habits, of the kind and of the file; see `config/presets/providers.yaml`.
    pub quirks: Vec<String>,
    /// The dated version of its API, where its addresses name one.
    pub api_version: Option<String>,
    /// Whether this version can speak to it.
    pub supported: bool,
}

/// Headers that carry credentials, or belong to the connection: never from configuration.
const REFUSED_HEADERS: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
];

/// Every provider that a channel may name: the built-in ones and those of the files.
pub(super) fn resolve(
    entries: &BTreeMap<String, ProviderEntry>,
    tree: &Node,
    system: &System,
    faults: &mut Faults,
) -> BTreeMap<String, Provider> {
    let empty = ProviderEntry::default();
    let builtin = presets::providers().keys().filter(|name| !entries.contains_key(*name));
    let mut all = BTreeMap::new();
    for (name, entry) in builtin.map(|name| (name, &empty)).chain(entries) {
        let mut scope = Scope { path: Path::root("providers").key(name), tree, faults };
        if let Some(provider) = one(name, entry, system, &mut scope) {
            all.insert(name.clone(), provider);
        }
    }
    all
}

/// Where faults of one entry are noted.
pub(super) struct Scope<'a> {
    pub(super) path: Path,
    pub(super) tree: &'a Node,
    pub(super) faults: &'a mut Faults,
}

impl Scope<'_> {
    /// Notes a fault at a field of the entry.
    pub(super) fn fault(&mut self, path: &Path, message: impl Into<String>) {
        self.faults.place(self.tree, path, message);
    }
}

fn one(name: &str, entry: &ProviderEntry, system: &System, scope: &mut Scope<'_>) -> Option<Provider> {
    let preset = preset_of(name, entry, scope)?;
    check_headers(entry, scope);
    check_words(entry, scope);
    let dialect = entry.dialect.clone().unwrap_or_else(|| preset.dialect.clone());
    // What else the vendor speaks is known only as long as nobody says that it speaks something else.
    let usual = if dialect == preset.dialect { preset.also.clone() } else { Vec::new() };
    Some(Provider {
        name: name.into(),
        kind: preset.kind.as_str().into(),
        base_url: entry.base_url.clone().or_else(|| preset.base_url.clone()),
        dialect,
        also: entry.also.clone().unwrap_or(usual),
        auth: entry.auth.unwrap_or_else(|| auth_style(&preset.auth)),
        key_optional: entry.key_optional.unwrap_or(preset.key_optional),
        headers: preset.headers.iter().chain(&entry.headers).map(|(k, v)| (k.clone(), v.clone())).collect(),
        conversion: conversion(entry, preset, system, scope),
        max_output_param: entry.max_output_param.unwrap_or_else(|| max_output_param(&preset.max_output_param)),
        stream_usage: entry.stream_usage.unwrap_or(preset.stream_usage),
        endpoints: entry.endpoints.clone().unwrap_or_else(|| preset.endpoints.clone()),
        quirks: preset.quirks.iter().chain(&entry.quirks).cloned().collect(),
        api_version: entry.api_version.clone(),
        supported: preset.supported,
    })
}

/// The built-in entry of the kind that the file names, or else of the provider's own name. Of several entries of a kind the
/// one of the provider's name counts, then the one named like the kind.
fn preset_of(name: &str, entry: &ProviderEntry, scope: &mut Scope<'_>) -> Option<&'static ProviderPreset> {
    let all = presets::providers();
    let Some(kind) = &entry.kind else {
        let preset = all.get(name);
        if preset.is_none() {
            let path = scope.path.key("kind");
            scope.fault(&path, format!("missing, but required; allowed: {}", presets::kinds().join(", ")));
        }
        return preset;
    };
    let preset = all.get(name).filter(|preset| preset.kind == *kind);
    let preset = preset.or_else(|| all.get(kind).filter(|preset| preset.kind == *kind));
    let preset = preset.or_else(|| all.values().find(|preset| preset.kind == *kind));
    if preset.is_none() {
        let path = scope.path.key("kind");
        scope.fault(&path, format!("`{kind}` is not a kind of provider; {}", allowed_words(kind, &presets::kinds())));
    }
    preset
}

fn check_headers(entry: &ProviderEntry, scope: &mut Scope<'_>) {
    for (name, value) in &entry.headers {
        let path = scope.path.key("headers").key(name);
        let lower = name.to_lowercase();
        if REFUSED_HEADERS.contains(&lower.as_str()) {
            let message =
                "this header cannot be set here; provider keys belong into api_keys, the rest is the router's";
            scope.fault(&path, message);
        } else if http::HeaderName::try_from(name.as_str()).is_err()
            || http::HeaderValue::try_from(value.as_str()).is_err()
        {
            scope.fault(&path, "not a legal header; allowed: visible ASCII characters");
        }
    }
}

/// What a file says in the words of translation must be known there.
fn check_words(entry: &ProviderEntry, scope: &mut Scope<'_>) {
    let dialect = entry.dialect.iter().map(|dialect| (scope.path.key("dialect"), dialect));
    let also = entry.also.iter().flatten().enumerate();
    let also = also.map(|(place, dialect)| (scope.path.key("also").index(place), dialect));
    let unknown: Vec<_> = dialect.chain(also).filter(|(_, dialect)| provider(dialect).is_none()).collect();
    for (path, dialect) in unknown {
        let known: Vec<&str> = PROVIDERS.iter().map(|codec| codec.name).collect();
        scope.fault(&path, format!("`{dialect}` is not a dialect; {}", allowed_words(dialect, &known)));
    }
    for (place, word) in entry.quirks.iter().enumerate() {
        let fact = presets::providers().values().any(|preset| preset.quirks.contains(word));
        if fact || Quirks::default().set(word) {
            continue;
        }
        let mut known: Vec<&str> = Quirks::words().collect();
        known.extend(["keeps_routing_fields", "drops=PARAM", "renames=PARAM:NAME", "max_output=NAME"]);
        let path = scope.path.key("quirks").index(place);
        scope.fault(&path, format!("`{word}` is not a habit; {}", allowed_words(word, &known)));
    }
    if entry.api_version.as_deref().is_some_and(|version| version.trim().is_empty()) {
        let path = scope.path.key("api_version");
        scope.fault(&path, "empty; allowed: a version such as 2024-10-21");
    }
}

fn conversion(entry: &ProviderEntry, preset: &ProviderPreset, system: &System, scope: &mut Scope<'_>) -> Conversion {
    let multiplier = entry.price_multiplier.unwrap_or(Decimal::ONE);
    let currency = entry.currency.as_deref().unwrap_or(&preset.currency);
    if currency == "USD" {
        return Conversion { multiplier, per_usd: Decimal::ONE };
    }
    let rates = &system.catalog.exchange_rates;
    let per_usd = rates.get(currency).copied();
    let per_usd = per_usd.unwrap_or_else(|| {
        let mut known: Vec<&str> = rates.keys().map(String::as_str).collect();
        known.push("USD");
        let path = scope.path.key("currency");
        let message =
            format!("`{currency}` has no rate in catalog.exchange_rates; {}", allowed_words(currency, &known));
        scope.fault(&path, message);
        Decimal::ONE
    });
    Conversion { multiplier, per_usd }
}

fn auth_style(word: &str) -> AuthStyle {
    match word {
        "x-api-key" => AuthStyle::XApiKey,
        "api-key" => AuthStyle::ApiKey,
        "x-goog-api-key" => AuthStyle::XGoogApiKey,
        "none" => AuthStyle::None,
        _ => AuthStyle::Bearer,
    }
}

fn max_output_param(word: &str) -> MaxOutputParam {
    match word {
        "max_completion_tokens" => MaxOutputParam::MaxCompletionTokens,
        "both" => MaxOutputParam::Both,
        _ => MaxOutputParam::MaxTokens,
    }
}
