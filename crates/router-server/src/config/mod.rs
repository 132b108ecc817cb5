//! Configuration: files, environment and command line become one validated value, or every reason why not.
//!
//! ```text
//! read → parse → interpolate → merge → environment → command line → decode → check → build
//! ```
//! The tree ([`node`]) keeps the place of every value through all of this, so each fault is told as
//! `file:line:column: field: what is wrong, what is allowed`, and all faults are told at once.
//! [`load`] is pure but for reading files: the environment is an argument.

pub mod assertions;
mod build;
mod channels;
mod check;
pub mod cron;
mod decode;
mod environment;
mod fallbacks;
mod groups;
mod interpolate;
mod keys;
mod models;
pub mod node;
pub mod objects;
pub mod presets;
pub mod prices;
mod pricing;
mod problem;
mod providers;
pub mod scenario;
mod schema;
mod secret;
mod sources;
mod suggest;
pub mod system;
pub mod units;
mod watch;
mod words;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use build::Loaded;
pub use channels::Channel;
pub(crate) use check::is_loopback;
pub use problem::{Level, Notice, Problem, Problems};
pub use providers::Provider;
pub use schema::{assertions_schema, json_schema, scenario_schema};
pub use secret::Secret;
pub(crate) use sources::is_configuration;
pub use sources::{DEFAULT_FOLDER, ENV_PREFIX, Source, SourceFile, read};
pub use suggest::nearest;
pub use system::System;
pub use watch::{content_digest, digest};

use decode::{Decode, Faults};
use node::{Node, Path, Value};
use objects::{ChannelEntry, ClientKeyEntry, GroupEntry, PricingPolicies, ProviderEntry};

/// Where the simulated provider listens (`--demo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoBase {
    /// Root of its API in the OpenAI dialect, without a trailing slash.
    pub base_url: String,
}

/// What the command line and the program's state add.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data-dir`: where the database lies unless it is configured.
    pub data_dir: Option<PathBuf>,
    /// Settings from the command line, as (`server.port`, text); they win over everything.
    pub settings: Vec<(String, String)>,
    /// `--demo`.
    pub demo: Option<DemoBase>,
    /// Whether the database knows of any real channel: then `auto:*` never resolves to simulated ones.
    pub real_channel_ever_existed: bool,
    /// A definition of that group instead of the one in the files.
    pub group: Option<(String, SourceFile)>,
}

decode::section! {
    /// What files declare beside settings.
    pub struct Objects {
        /// Services and how to speak to them, by name.
        providers: BTreeMap<String, ProviderEntry> = BTreeMap::new(),
        /// Accounts at providers.
        channels: Vec<ChannelEntry> = Vec::new(),
        /// Virtual models, by name.
        model_groups: BTreeMap<String, GroupEntry> = BTreeMap::new(),
        /// Multipliers of the effective price.
        pricing_policies: PricingPolicies = PricingPolicies::default(),
        /// Client keys as configuration.
        keys: Vec<ClientKeyEntry> = Vec::new(),
    }
}

/// Top-level keys that are settings of the program.
const SYSTEM_KEYS: [&str; 17] = [
    "server",
    "auth",
    "database",
    "redis",
    "logging",
    "limits",
    "timeouts",
    "failover",
    "breaker",
    "cooldown",
    "budgets",
    "egress",
    "retention",
    "catalog",
    "jobs",
    "alerts",
    "telemetry",
];
/// Top-level keys that declare things.
const OBJECT_KEYS: [&str; 5] = ["providers", "channels", "model_groups", "pricing_policies", "keys"];

/// Reads and validates everything.
///
/// # Errors
/// Every fault that was found. Nothing of a faulty configuration is used.
pub fn load(source: &Source, env: &BTreeMap<String, String>, overrides: &Overrides) -> Result<Loaded, Problems> {
    let files = read(source)?;
    load_files(&files, env, overrides)
}

/// Validates files that were read before: what [`load`] does after reading.
///
/// # Errors
/// As [`load`].
pub fn load_files(
    files: &[SourceFile],
    env: &BTreeMap<String, String>,
    overrides: &Overrides,
) -> Result<Loaded, Problems> {
    load_with(files, None, env, overrides)
}

/// As [`load_files`], with more that stands in a file of another kind.
///
/// # Errors
/// As [`load`]; each fault with its place in the file where it stands.
pub(crate) fn load_with(
    files: &[SourceFile],
    more: Option<&assertions::Inline>,
    env: &BTreeMap<String, String>,
    overrides: &Overrides,
) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let mut tree = sources::merge_files(files, more.map(|more| &more.node), env, &mut problems);
    sources::apply_environment(&mut tree, env, &mut problems);
    apply_overrides(&mut tree, overrides);
    if let Some((name, definition)) = &overrides.group {
        sources::define_group(&mut tree, name, definition, env, &mut problems);
    }
    let mut faults = Faults::from(problems);
    let (mut system, objects) = decode_tree(&tree, &mut faults);
    default_database(&mut system, overrides);
    let mut built = build::build(build::Inputs { tree: &tree, system, objects, env, overrides, files }, &mut faults);
    if faults.found.is_empty() {
        build::core_check(&mut built, &tree, &mut faults);
    }
    finish(faults).map(|()| built)
}

/// Decodes settings and objects; tells unknown top-level keys once, against the list of all of them.
fn decode_tree(tree: &Node, faults: &mut Faults) -> (System, Objects) {
    let all: Vec<&str> = SYSTEM_KEYS.iter().chain(&OBJECT_KEYS).copied().collect();
    let root = Path::default();
    let entries = faults.map(tree, &root, &all).unwrap_or_default();
    let part = |keys: &[&str]| {
        let entries = entries.iter().filter(|(key, _)| keys.contains(&key.name.as_str())).cloned().collect();
        Node { pos: tree.pos.clone(), value: Value::Map(entries) }
    };
    let system = System::decode(&part(&SYSTEM_KEYS), &root, faults).unwrap_or_default();
    let objects = Objects::decode(&part(&OBJECT_KEYS), &root, faults).unwrap_or_default();
    (system, objects)
}

fn apply_overrides(tree: &mut Node, overrides: &Overrides) {
    for (setting, text) in &overrides.settings {
        let keys: Vec<String> = setting.split('.').map(str::to_owned).collect();
        sources::set(tree, &keys, "command line", sources::untyped(text));
    }
}

/// An embedded database lies in the data folder unless another place is configured. A default that is written
/// out is still the default.
fn default_database(system: &mut System, overrides: &Overrides) {
    let configured = system.database.url != system::Database::default().url;
    if let (false, Some(folder)) = (configured, &overrides.data_dir) {
        system.database.url = Secret::new(format!("sqlite://{}", folder.join("router.db").display()));
    }
}

/// Sorted by place, each field told once: the first fault of a field is the one to mend.
fn finish(faults: Faults) -> Result<(), Problems> {
    let mut problems: Vec<Problem> = Vec::new();
    for problem in faults.found {
        let told = problems.iter().any(|known| known.pos == problem.pos && known.field == problem.field);
        if !told {
            problems.push(problem);
        }
    }
    problems.sort_by(|a, b| a.pos.cmp(&b.pos));
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}
