//! The last step: decoded entries become what the program runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use router_core::catalog::Snapshot;
use router_core::catalog::spec::{CatalogSpec, ClientKeySpec, GroupSpec, RouterBudgets};
use sha2::{Digest, Sha256};

use super::channels::{self, Channel, Workshop};
use super::decode::Faults;
use super::node::{Node, Path, Value};
use super::objects::PricingPolicies;
use super::problem::{Level, Notice, Problem};
use super::providers::{self, Provider};
use super::secret::{Secret, hex};
use super::sources::SourceFile;
use super::system::System;
use super::{Objects, Overrides, check, environment, groups, keys, presets, pricing};

/// A valid configuration.
#[derive(Clone)]
pub struct Loaded {
    /// Every setting of the program.
    pub system: System,
    /// Every provider by name, built in or configured.
    pub providers: BTreeMap<String, Provider>,
    /// Every channel, in the order of files, then environment, then simulation.
    pub channels: Vec<Channel>,
    /// Every group, configured and built in.
    pub groups: Vec<GroupSpec>,
    /// The client keys of the files.
    pub keys: Vec<ClientKeySpec>,
    /// Multipliers of the effective price.
    pub pricing_policies: PricingPolicies,
    /// What its author should hear.
    pub notices: Vec<Notice>,
    /// SHA-256 over the canonical content, in hexadecimal. Secrets count through their digests.
    pub hash: String,
    /// The canonical content as JSON, secrets as digests: what a snapshot row keeps.
    pub canonical: String,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    /// Digest of the files' contents; compare with [`super::content_digest`] to see a change.
    pub content_digest: String,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("hash", &self.hash)
            .field("channels", &self.channels.len())
            .field("groups", &self.groups.len())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// The catalogue for the core. `extra_keys` are the client keys that the admin API made.
    #[must_use]
    pub fn catalog_spec(&self, version: u64, extra_keys: Vec<ClientKeySpec>) -> CatalogSpec {
        let budgets = &self.system.budgets;
        CatalogSpec {
            version,
            hash: self.hash.clone(),
            channels: self.channels.iter().map(|channel| channel.spec.clone()).collect(),
            groups: self.groups.clone(),
            keys: self.keys.iter().cloned().chain(extra_keys).collect(),
            budgets: RouterBudgets {
                daily: budgets.daily.map(|usd| usd.0),
                monthly: budgets.monthly.map(|usd| usd.0),
                timezone: budgets.timezone.0.clone(),
                default_max_output_tokens: budgets.default_max_output_tokens,
                unknown_price: budgets.unknown_price.to_core(),
            },
            pricing: pricing::spec(&self.pricing_policies),
        }
    }

    /// Every provider key: id (`CHANNEL/NAME`) and secret.
    pub fn secrets(&self) -> impl Iterator<Item = (&Arc<str>, &Secret)> {
        self.channels.iter().flat_map(|channel| channel.secrets.iter().map(|(id, secret)| (id, secret)))
    }

    /// Whether a real channel exists, which the program has to remember (see [`Overrides`]).
    #[must_use]
    pub fn has_real_channel(&self) -> bool {
        self.channels.iter().any(is_real)
    }
}

fn is_real(channel: &Channel) -> bool {
    &*channel.spec.kind != "demo"
}

/// What everything is built from.
pub(super) struct Inputs<'a> {
    pub(super) tree: &'a Node,
    pub(super) system: System,
    pub(super) objects: Objects,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) overrides: &'a Overrides,
    pub(super) files: &'a [SourceFile],
}

/// Builds and checks everything; what is built is used only if no fault was noted.
pub(super) fn build(inputs: Inputs<'_>, faults: &mut Faults) -> Loaded {
    let Inputs { tree, system, objects, env, overrides, files } = inputs;
    check::system(&system, tree, faults);
    let mut notices = Vec::new();
    let providers = providers::resolve(&objects.providers, tree, &system, faults);
    let channels = all_channels(
        &Parts { tree, system: &system, objects: &objects, env, overrides, providers: &providers },
        faults,
        &mut notices,
    );
    let known = provider_words(&providers);
    check::policies(&objects.pricing_policies, tree, &known, faults);
    let demo = overrides.demo.is_some();
    let only_demo = demo && !overrides.real_channel_ever_existed && !channels.iter().any(is_real);
    // Where a channel is faulty, a group that names it is not to blame.
    let declared = channels.iter().filter(|channel| channel.from_file).count();
    let complete = declared == objects.channels.len() && !faults.incomplete("channels");
    let world = groups::World { tree, channels: &channels, providers: &known, demo, only_demo, complete };
    let groups = groups::all(&objects.model_groups, &world, faults, &mut notices);
    let keys = keys::client_keys(&objects.keys, &groups, &channels, &system, tree, faults, &mut notices);
    notices.extend(unpriced(&channels));
    let canonical = canonical(&system, &objects, &channels, &groups);
    Loaded {
        hash: hex(&Sha256::digest(canonical.as_bytes())),
        canonical,
        content_digest: super::digest(files),
        files: files.iter().map(|file| PathBuf::from(&file.name)).collect(),
        pricing_policies: objects.pricing_policies,
        system,
        providers,
        channels,
        groups,
        keys,
        notices,
    }
}

/// What channels are made of.
struct Parts<'a> {
    tree: &'a Node,
    system: &'a System,
    objects: &'a Objects,
    env: &'a BTreeMap<String, String>,
    overrides: &'a Overrides,
    providers: &'a BTreeMap<String, Provider>,
}

fn all_channels(parts: &Parts<'_>, faults: &mut Faults, notices: &mut Vec<Notice>) -> Vec<Channel> {
    let Parts { tree, system, providers, .. } = *parts;
    let mut shop = Workshop { tree, system, providers, faults: &mut *faults, notices };
    let mut channels = channels::from_files(&parts.objects.channels, &mut shop);
    clear_text_keys(tree, notices);
    let around = environment::Surroundings { env: parts.env, providers, configured: &channels, system };
    let found = environment::channels(&around, faults, notices);
    channels.extend(found);
    if let Some(base) = &parts.overrides.demo {
        channels.extend(environment::demo(base, providers, system));
    }
    channels
}

/// Channels that no file declares, and whose prices the catalogue does not know.
fn unpriced(channels: &[Channel]) -> Vec<Notice> {
    let undeclared = channels.iter().filter(|channel| !channel.from_file);
    undeclared
        .filter_map(|channel| {
            let models = &channel.spec.models;
            let unknown = models.iter().filter(|model| model.price.is_none()).count();
            (unknown > 0).then(|| Notice {
                level: Level::Warning,
                pos: None,
                subject: format!("channel {}", channel.spec.name),
                message: format!(
                    "{unknown} of {} models have no known price (see budgets.unknown_price); declare the channel in a file with the prices of your account",
                    models.len()
                ),
            })
        })
        .collect()
}

/// The core builds its snapshot from the result, and has the last word. Its warnings about declared things
/// become notices, unless something was said about the same thing before.
pub(super) fn core_check(loaded: &mut Loaded, tree: &Node, faults: &mut Faults) {
    let warnings = match Snapshot::build(loaded.catalog_spec(0, Vec::new())) {
        Ok(snapshot) => snapshot.warnings().to_vec(),
        Err(problems) => {
            for problem in problems {
                let pos = tree.place(&tree.path_of(&problem.path));
                faults.found.push(Problem { pos, field: problem.path, message: problem.message });
            }
            return;
        }
    };
    for warning in warnings {
        let path = tree.path_of(&warning.path);
        let declared = tree.find(&path).is_some() && path.len() > 1;
        let told = loaded.notices.iter().any(|notice| notice.subject == warning.path);
        if declared && !told {
            loaded.notices.push(Notice {
                level: Level::Warning,
                pos: Some(tree.place(&path)),
                subject: warning.path,
                message: warning.message,
            });
        }
    }
}

/// Provider keys that stand in a file in clear.
fn clear_text_keys(tree: &Node, notices: &mut Vec<Notice>) {
    let Some(Value::List(channels)) = tree.get("channels").map(|node| &node.value) else { return };
    for (index, channel) in channels.iter().enumerate() {
        let Some(Value::List(keys)) = channel.get("api_keys").map(|node| &node.value) else { continue };
        for (number, key) in keys.iter().enumerate() {
            if let Value::Scalar(scalar) = &key.get("value").unwrap_or(key).value
                && !scalar.from_environment
            {
                notices.push(Notice {
                    level: Level::Warning,
                    pos: Some(key.pos.clone()),
                    subject: Path::root("channels").index(index).key("api_keys").index(number).to_string(),
                    message: "a provider key in clear text; better \"${NAME}\"".to_owned(),
                });
            }
        }
    }
}

/// Names and kinds of all providers.
fn provider_words(providers: &BTreeMap<String, Provider>) -> BTreeSet<&str> {
    providers.keys().map(String::as_str).chain(presets::kinds()).collect()
}

/// The content as one JSON text whose bytes do not depend on order of files, comments or spelling. Built-in
/// data and channels without a file take part, since they decide as much as the files do.
fn canonical(system: &System, objects: &Objects, channels: &[Channel], groups: &[GroupSpec]) -> String {
    let undeclared: Vec<_> = channels
        .iter()
        .filter(|channel| !channel.from_file)
        .map(|channel| {
            let secrets: Vec<_> = channel.secrets.iter().map(|(_, secret)| secret).collect();
            serde_json::json!({
                "name": &*channel.spec.name,
                "provider": &*channel.spec.provider,
                "base_url": &*channel.spec.base_url,
                "api_keys": secrets,
                "models": channel.spec.models.len(),
            })
        })
        .collect();
    let built_in: Vec<&str> = groups.iter().filter(|group| group.built_in).map(|group| &*group.name).collect();
    serde_json::json!({
        "system": system,
        "objects": objects,
        "undeclared_channels": undeclared,
        "built_in_groups": built_in,
        "catalogue": presets::digest(),
    })
    .to_string()
}
