//! Channels: what files and environment declare, with provider and catalogue facts filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use router_core::catalog::spec::{ChannelLimits, ChannelSpec, KeyRotation, ProviderKeySpec, Timeouts};
use router_core::limits::Limits;

use super::decode::Faults;
use super::models;
use super::node::{Node, Path};
use super::objects::{ApiKeyItem, ApiKeyLimitsEntry, ChannelEntry, KeyRotationWord};
use super::problem::{Level, Notice};
use super::providers::Provider;
use super::secret::Secret;
use super::suggest::allowed_words;
use super::system::System;

/// A channel with everything needed to call it: the core's view, the provider's habits, the secrets.
#[derive(Clone, Debug)]
pub struct Channel {
    /// What the core sees.
    pub spec: ChannelSpec,
    /// How to speak to it.
    pub provider: Provider,
    /// Key id (`CHANNEL/NAME`) and secret.
    pub secrets: Vec<(Arc<str>, Secret)>,
    /// Declared by a file (read-only in the admin API) rather than by the environment or `--demo`.
    pub from_file: bool,
}

/// What the building of channels needs and fills.
pub(super) struct Workshop<'a> {
    pub(super) tree: &'a Node,
    pub(super) system: &'a System,
    pub(super) providers: &'a BTreeMap<String, Provider>,
    pub(super) faults: &'a mut Faults,
    pub(super) notices: &'a mut Vec<Notice>,
}

impl Workshop<'_> {
    pub(super) fn warn(&mut self, path: &Path, message: impl Into<String>) {
        self.notices.push(Notice {
            level: Level::Warning,
            pos: Some(self.tree.place(path)),
            subject: path.to_string(),
            message: message.into(),
        });
    }

    pub(super) fn fault(&mut self, path: &Path, message: impl Into<String>) {
        self.faults.place(self.tree, path, message);
    }
}

/// The channels of the files.
pub(super) fn from_files(entries: &[ChannelEntry], shop: &mut Workshop<'_>) -> Vec<Channel> {
    let root = Path::root("channels");
    let mut names: BTreeMap<&str, Path> = BTreeMap::new();
    let mut channels = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = root.index(index);
        if let Some(first) = names.insert(&entry.name, path.clone()) {
            let place = shop.tree.place(&first.key("name"));
            shop.fault(&path.key("name"), format!("`{}` is the name of another channel at {place}", entry.name));
        }
        channels.extend(one(entry, &path, shop));
    }
    channels
}

fn one(entry: &ChannelEntry, path: &Path, shop: &mut Workshop<'_>) -> Option<Channel> {
    check_name(&entry.name, &path.key("name"), shop);
    let Some(provider) = shop.providers.get(&entry.provider) else {
        let known: Vec<&str> = shop.providers.keys().map(String::as_str).collect();
        let message = format!("`{}` is not a provider; {}", entry.provider, allowed_words(&entry.provider, &known));
        shop.fault(&path.key("provider"), message);
        return None;
    };
    let provider = provider.clone();
    let base_url = base_url(entry, &provider, path, shop);
    check_numbers(entry, path, shop);
    let (keys, secrets) = keys(entry, &provider, path, shop);
    let usable = usable(entry, &provider, &keys, path, shop);
    let models = models::from_entries(entry, &provider, path, shop);
    let spec = ChannelSpec {
        name: entry.name.as_str().into(),
        provider: provider.name.clone(),
        kind: provider.kind.clone(),
        base_url: base_url.unwrap_or_default().into(),
        headers: provider.headers.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
        keys,
        key_rotation: rotation(entry.key_rotation),
        region: entry.region.as_deref().map(Into::into),
        tags: tags(&entry.tags),
        priority: entry.priority,
        weight: entry.weight,
        enabled: entry.enabled && usable,
        limits: limits(entry),
        timeouts: timeouts(entry, shop.system),
        models,
    };
    Some(Channel { spec, provider, secrets, from_file: true })
}

/// Names go into metrics, headers and `channel:NAME/model`.
fn check_name(name: &str, path: &Path, shop: &mut Workshop<'_>) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        shop.fault(path, "not a legal name; allowed: 1 to 64 of A-Z a-z 0-9 - _ .");
    }
}

fn check_numbers(entry: &ChannelEntry, path: &Path, shop: &mut Workshop<'_>) {
    if entry.priority == 0 {
        shop.fault(&path.key("priority"), "0 is no priority; 1 is the highest");
    }
    check_weight(entry.weight, &path.key("weight"), shop);
    check_limits(&limits(entry).into(), &path.key("limits"), shop);
}

fn check_limits(limits: &Limits, path: &Path, shop: &mut Workshop<'_>) {
    for (field, limit) in [
        ("requests_per_minute", limits.requests_per_minute),
        ("tokens_per_minute", limits.tokens_per_minute),
        ("requests_per_day", limits.requests_per_day),
        ("max_in_flight", limits.max_in_flight),
    ] {
        if limit == Some(0) {
            shop.fault(&path.key(field), "0 would let nothing pass; allowed: at least 1, or null");
        }
    }
}

fn check_weight(weight: f64, path: &Path, shop: &mut Workshop<'_>) {
    if weight > 1000.0 {
        shop.fault(path, "allowed: from 0 to 1000");
    }
}

fn base_url(entry: &ChannelEntry, provider: &Provider, path: &Path, shop: &mut Workshop<'_>) -> Option<String> {
    let (url, at) = match (&entry.base_url, &provider.base_url) {
        (Some(url), _) => (url, path.key("base_url")),
        (None, Some(url)) => (url, Path::root("providers").key(&provider.name).key("base_url")),
        (None, None) => {
            let message = format!("provider `{}` has no base_url of its own; give one here", provider.name);
            shop.fault(&path.key("base_url"), message);
            return None;
        }
    };
    match super::check::origin(url, shop.system.egress.allow_insecure_http) {
        Ok(()) => Some(url.trim_end_matches('/').to_owned()),
        Err(message) => {
            shop.fault(&at, message);
            None
        }
    }
}

fn keys(
    entry: &ChannelEntry,
    provider: &Provider,
    path: &Path,
    shop: &mut Workshop<'_>,
) -> (Vec<ProviderKeySpec>, Vec<(Arc<str>, Secret)>) {
    let (mut specs, mut secrets) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for (index, ApiKeyItem(key)) in entry.api_keys.iter().enumerate() {
        let at = path.key("api_keys").index(index);
        let name = key.name.clone().unwrap_or_else(|| format!("key-{}", index + 1));
        if !names.insert(name.clone()) {
            shop.fault(&at.key("name"), format!("`{name}` is the name of another key of this channel"));
        }
        check_weight(key.weight, &at.key("weight"), shop);
        let limits = key_limits(&key.limits);
        check_limits(&limits, &at.key("limits"), shop);
        if key.value.expose().is_empty() {
            shop.warn(&at, "the key is empty and not used");
            continue;
        }
        if !key.value.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            shop.fault(&at, "not a key; allowed: visible ASCII characters without spaces");
        }
        if !key.enabled {
            continue;
        }
        let id: Arc<str> = format!("{}/{name}", entry.name).into();
        let daily_budget = key.daily_budget.map(|usd| usd.0);
        specs.push(ProviderKeySpec { id: id.clone(), weight: key.weight, daily_budget, limits });
        secrets.push((id, key.value.clone()));
    }
    if entry.api_keys.is_empty() && entry.enabled && !provider.key_optional {
        let message = format!("provider `{}` needs a key, for example api_keys: [\"${{NAME}}\"]", provider.name);
        shop.fault(&path.key("api_keys"), message);
    }
    (specs, secrets)
}

/// Whether the channel can work at all in this version and with these keys.
fn usable(
    entry: &ChannelEntry,
    provider: &Provider,
    keys: &[ProviderKeySpec],
    path: &Path,
    shop: &mut Workshop<'_>,
) -> bool {
    if !provider.supported {
        let kind = &provider.kind;
        shop.warn(
            &path.key("provider"),
            format!("{kind} is known, but not supported in this version; the channel stays off"),
        );
        return false;
    }
    if keys.is_empty() && !provider.key_optional && !entry.api_keys.is_empty() {
        shop.warn(&path.key("api_keys"), "no usable key; the channel stays off");
        return false;
    }
    true
}

pub(super) fn tags(words: &[String]) -> Vec<Arc<str>> {
    words.iter().map(|tag| tag.trim().to_lowercase().into()).collect()
}

fn limits(entry: &ChannelEntry) -> ChannelLimits {
    let limits = &entry.limits;
    ChannelLimits {
        requests_per_minute: limits.requests_per_minute,
        tokens_per_minute: limits.tokens_per_minute,
        requests_per_day: limits.requests_per_day,
        max_in_flight: limits.max_in_flight,
        daily_budget: limits.daily_budget.map(|usd| usd.0),
    }
}

fn key_limits(limits: &ApiKeyLimitsEntry) -> Limits {
    Limits {
        requests_per_minute: limits.requests_per_minute,
        tokens_per_minute: limits.tokens_per_minute,
        requests_per_day: limits.requests_per_day,
        max_in_flight: limits.max_in_flight,
    }
}

const fn rotation(word: KeyRotationWord) -> KeyRotation {
    match word {
        KeyRotationWord::Weighted => KeyRotation::Weighted,
        KeyRotationWord::LeastUsed => KeyRotation::LeastUsed,
    }
}

fn timeouts(entry: &ChannelEntry, system: &System) -> Timeouts {
    let (own, general) = (&entry.timeouts, &system.timeouts);
    Timeouts {
        connect_ms: own.connect.unwrap_or(general.connect).as_millis(),
        first_byte_ms: own.first_byte.unwrap_or(general.first_byte).as_millis(),
        stream_idle_ms: own.stream_idle.unwrap_or(general.stream_idle).as_millis(),
        total_ms: own.total.unwrap_or(general.total).as_millis(),
    }
}

/// A channel that no file declares: every model that the catalogue lists for its provider.
pub(super) fn synthetic(
    name: &str,
    provider: &Provider,
    base_url: &str,
    secrets: Vec<Secret>,
    system: &System,
) -> Channel {
    let entry = ChannelEntry::synthetic(name, &provider.name);
    let ids: Vec<Arc<str>> = (1..=secrets.len()).map(|number| format!("{name}/key-{number}").into()).collect();
    let spec = ChannelSpec {
        name: name.into(),
        provider: provider.name.clone(),
        kind: provider.kind.clone(),
        base_url: base_url.trim_end_matches('/').into(),
        headers: provider.headers.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
        keys: ids.iter().cloned().map(ProviderKeySpec::plain).collect(),
        key_rotation: KeyRotation::default(),
        region: None,
        tags: Vec::new(),
        priority: 1,
        weight: 1.0,
        enabled: true,
        limits: ChannelLimits::default(),
        timeouts: timeouts(&entry, system),
        models: models::from_catalogue(provider),
    };
    Channel { spec, provider: provider.clone(), secrets: ids.into_iter().zip(secrets).collect(), from_file: false }
}

impl ChannelEntry {
    fn synthetic(name: &str, provider: &str) -> Self {
        Self {
            name: name.to_owned(),
            provider: provider.to_owned(),
            base_url: None,
            api_keys: Vec::new(),
            key_rotation: KeyRotationWord::Weighted,
            region: None,
            tags: Vec::new(),
            priority: 1,
            weight: 1.0,
            enabled: true,
            limits: super::objects::ChannelLimitsEntry::default(),
            timeouts: super::objects::ChannelTimeouts::default(),
            models: Vec::new(),
        }
    }
}
