//! Channels that no file declares: one for each provider key in the environment, and the simulated ones of
//! `--demo`.

use std::collections::{BTreeMap, BTreeSet};

use super::channels::{Channel, synthetic};
use super::decode::Faults;
use super::node::Pos;
use super::presets::{self, ProviderPreset};
use super::prices::Conversion;
use super::problem::{Level, Notice, Problem};
use super::providers::Provider;
use super::secret::Secret;
use super::system::System;
use super::units::Decimal;
use super::{DemoBase, check};

/// A simulated channel. They differ, so that strategies have something to choose by.
struct DemoChannel {
    name: &'static str,
    priority: u32,
    /// Share of the catalogue's price.
    price: Decimal,
    /// Share of the catalogue's speed score.
    speed: f64,
}

const DEMO_CHANNELS: [DemoChannel; 3] = [
    DemoChannel { name: "demo-fast", priority: 1, price: Decimal::ONE, speed: 1.0 },
    DemoChannel { name: "demo-cheap", priority: 1, price: Decimal::from_billionths(500_000_000), speed: 0.5 },
    DemoChannel { name: "demo-flaky", priority: 2, price: Decimal::from_billionths(800_000_000), speed: 0.9 },
];

/// What channels from the environment are made of.
pub(super) struct Surroundings<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) providers: &'a BTreeMap<String, Provider>,
    pub(super) configured: &'a [Channel],
    pub(super) system: &'a System,
}

/// A channel for each provider whose key stands in the environment and in no configured channel.
pub(super) fn channels(around: &Surroundings<'_>, faults: &mut Faults, notices: &mut Vec<Notice>) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    let known = presets::providers().iter().filter_map(|(name, preset)| Some((name, preset, preset.env.as_deref()?)));
    for (name, preset, variable) in known {
        let Some(value) = around.env.get(variable).map(|value| value.trim()).filter(|value| !value.is_empty()) else {
            continue;
        };
        // A file may have changed what this name means; the key in the environment is the vendor's own.
        let Some(provider) = around.providers.get(name).filter(|provider| *provider.kind == *preset.kind) else {
            continue;
        };
        if !provider.supported {
            notices.push(note(
                Level::Warning,
                variable,
                "known, but not supported in this version; no channel was made of it",
            ));
            continue;
        }
        let found = Found { name, preset, provider, variable, value };
        channels.extend(from_variable(&found, around, faults, notices));
    }
    channels
}

/// A variable that names a provider.
struct Found<'a> {
    name: &'a str,
    preset: &'a ProviderPreset,
    provider: &'a Provider,
    variable: &'a str,
    value: &'a str,
}

fn from_variable(
    found: &Found<'_>,
    around: &Surroundings<'_>,
    faults: &mut Faults,
    notices: &mut Vec<Notice>,
) -> Option<Channel> {
    let secrets = if found.preset.env_is_url { Vec::new() } else { unused_secrets(found, around) };
    let configured = around.configured.iter().any(|channel| *channel.spec.kind == *found.preset.kind);
    if secrets.is_empty() && (!found.preset.env_is_url || configured) {
        let message = "its key is used by a configured channel; no channel was made of it";
        notices.push(note(Level::Info, found.variable, message));
        return None;
    }
    let (url, variable) = base_url(found, around);
    let bad = secrets.iter().any(|secret| !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    let problem = if bad {
        Some((found.variable, "not a key; allowed: visible ASCII characters without spaces".to_owned()))
    } else {
        check::origin(&url, around.system.egress.allow_insecure_http).err().map(|message| (variable, message))
    };
    if let Some((variable, message)) = problem {
        faults.found.push(Problem {
            pos: Pos::whole(&format!("environment {variable}")),
            field: String::new(),
            message,
        });
        return None;
    }
    let taken: BTreeSet<&str> = around.configured.iter().map(|channel| &*channel.spec.name).collect();
    let name = if taken.contains(found.name) { format!("{}-env", found.name) } else { found.name.to_owned() };
    Some(synthetic(&name, found.provider, &url, secrets, around.system))
}

/// The keys in the variable (separated by commas) that no configured channel of the vendor uses.
fn unused_secrets(found: &Found<'_>, around: &Surroundings<'_>) -> Vec<Secret> {
    let vendor = around.configured.iter().filter(|channel| *channel.spec.kind == *found.preset.kind);
    let used: Vec<&Secret> = vendor.flat_map(|channel| channel.secrets.iter().map(|(_, secret)| secret)).collect();
    let words = found.value.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(Secret::new).filter(|secret| !used.contains(&secret)).collect()
}

/// Where the provider listens, and which variable says so.
fn base_url<'a>(found: &Found<'a>, around: &Surroundings<'_>) -> (String, &'a str) {
    if let Some(variable) = found.preset.base_url_env.as_deref()
        && let Some(url) = around.env.get(variable).map(|url| url.trim()).filter(|url| !url.is_empty())
    {
        return (url.to_owned(), variable);
    }
    if found.preset.env_is_url {
        return (complete(found.value, &found.preset.base_url_suffix), found.variable);
    }
    (found.provider.base_url.clone().unwrap_or_default(), found.variable)
}

/// `localhost:11434` → `http://localhost:11434/v1`; `0.0.0.0`, which servers listen on, is this machine.
fn complete(address: &str, suffix: &str) -> String {
    let with_scheme = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = with_scheme.trim_end_matches('/').replacen("://0.0.0.0", "://127.0.0.1", 1);
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let port =
        if host.rsplit(']').next().is_some_and(|tail| tail.contains(':')) || scheme == "https" { "" } else { ":11434" };
    match path {
        "" => format!("{scheme}://{host}{port}{suffix}"),
        path => format!("{scheme}://{host}{port}/{path}"),
    }
}

fn note(level: Level, variable: &str, message: &str) -> Notice {
    Notice { level, pos: None, subject: variable.to_owned(), message: message.to_owned() }
}

/// The simulated channels of `--demo`.
pub(super) fn demo(base: &DemoBase, providers: &BTreeMap<String, Provider>, system: &System) -> Vec<Channel> {
    let Some(provider) = providers.get("demo") else { return Vec::new() };
    let make = |demo: DemoChannel| {
        let priced =
            Provider { conversion: Conversion { multiplier: demo.price, ..provider.conversion }, ..provider.clone() };
        // Each channel has a path of its own, by which the simulation tells them apart.
        let url = format!("{}/{}/v1", base.base_url, demo.name);
        let mut channel = synthetic(demo.name, &priced, &url, Vec::new(), system);
        channel.provider = provider.clone();
        channel.spec.priority = demo.priority;
        channel.spec.tags = vec!["demo".into()];
        for speed in channel.spec.models.iter_mut().filter_map(|model| model.scores.get_mut("speed")) {
            *speed *= demo.speed;
        }
        channel
    };
    DEMO_CHANNELS.into_iter().map(make).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ollama_are_completed() {
        for (given, url) in [
            ("localhost", "http://localhost:11434/v1"),
            ("0.0.0.0:11434", "http://127.0.0.1:11434/v1"),
            ("http://gpu:8080/", "http://gpu:8080/v1"),
            ("https://ollama.example.com", "https://ollama.example.com/v1"),
            ("[::1]", "http://[::1]:11434/v1"),
            ("http://h:1/other/v1", "http://h:1/other/v1"),
        ] {
            assert_eq!(complete(given, "/v1"), url, "{given}");
        }
    }
}
