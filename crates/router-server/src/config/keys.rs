//! Client keys of the files: only their digests go on from here.

use std::collections::BTreeSet;

use router_core::catalog::spec::{ClientKeySpec, GroupSpec, KeyLimits, Role};

use super::channels::Channel;
use super::decode::Faults;
use super::node::{Node, Path, Value};
use super::objects::{ClientKeyEntry, RoleEntry};
use super::problem::{Level, Notice};
use super::suggest::nearest;
use super::system::System;
use super::words;

/// The keys with digests and limits. Patterns that fit nothing are told, since they may be typing errors.
pub(super) fn client_keys(
    entries: &[ClientKeyEntry],
    groups: &[GroupSpec],
    channels: &[Channel],
    system: &System,
    tree: &Node,
    faults: &mut Faults,
    notices: &mut Vec<Notice>,
) -> Vec<ClientKeySpec> {
    let names: Vec<&str> = groups.iter().map(|group| &*group.name).chain(model_names(channels)).collect();
    let (mut seen, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    let mut keys = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = Path::root("keys").index(index);
        if !seen.insert(&entry.name) {
            faults.place(tree, &path.key("name"), format!("`{}` is the name of another key", entry.name));
        }
        let prefix = &system.auth.key_prefix;
        let Some(hash) = key_hash(entry, prefix, &path, tree, faults, notices) else { continue };
        if !hashes.insert(hash) {
            faults.place(tree, &path, "the same key as an earlier entry");
        }
        for (number, pattern) in entry.groups.iter().enumerate() {
            if !names.iter().any(|name| words::matches(pattern, name)) {
                let at = path.key("groups").index(number);
                let meant = nearest(pattern, names.iter().copied());
                let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                let message = format!("`{pattern}` fits no group and no model at present{meant}");
                notices.push(Notice {
                    level: Level::Warning,
                    pos: Some(tree.place(&at)),
                    subject: at.to_string(),
                    message,
                });
            }
        }
        keys.push(client_key(entry, hash));
    }
    keys
}

fn model_names(channels: &[Channel]) -> impl Iterator<Item = &str> {
    let models = channels.iter().flat_map(|channel| &channel.spec.models);
    models.flat_map(|model| std::iter::once(&*model.name).chain(model.aliases.iter().map(|alias| &**alias)))
}

/// SHA-256 of the key: from its value, which has to come from the environment, or as given.
fn key_hash(
    entry: &ClientKeyEntry,
    prefix: &str,
    path: &Path,
    tree: &Node,
    faults: &mut Faults,
    notices: &mut Vec<Notice>,
) -> Option<[u8; 32]> {
    match (&entry.value, &entry.hash) {
        (Some(value), None) => {
            let at = path.key("value");
            if is_clear_text(tree, path) {
                faults.place(tree, &at, "a client key in clear text; allowed: \"${NAME}\", or hash with its SHA-256");
                return None;
            }
            if !is_client_key(value.expose()) {
                faults.place(tree, &at, "not a key; allowed: 16 to 256 of A-Z a-z 0-9 - _ .");
                return None;
            }
            if !value.expose().starts_with(prefix) {
                let message = format!("the key does not begin with auth.key_prefix (`{prefix}`)");
                notices.push(Notice {
                    level: Level::Info,
                    pos: Some(tree.place(&at)),
                    subject: at.to_string(),
                    message,
                });
            }
            Some(value.digest())
        }
        (None, Some(text)) => {
            let hash = from_hex(text.strip_prefix("sha256:").unwrap_or(text));
            if hash.is_none() {
                faults.place(tree, &path.key("hash"), "not a SHA-256; allowed: 64 hexadecimal digits");
            }
            hash
        }
        _ => {
            faults.place(tree, path, "a key has either a value (\"${NAME}\") or a hash (its SHA-256)");
            None
        }
    }
}

fn is_clear_text(tree: &Node, path: &Path) -> bool {
    tree.find(&path.key("value")).is_some_and(|node| match &node.value {
        Value::Scalar(scalar) => !scalar.from_environment,
        _ => false,
    })
}

/// Long enough not to be guessed, and made of what headers and URLs carry.
fn is_client_key(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (16..=256).contains(&text.len()) && text.bytes().all(legal)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn client_key(entry: &ClientKeyEntry, hash: [u8; 32]) -> ClientKeySpec {
    ClientKeySpec {
        id: format!("file:{}", entry.name).into(),
        name: entry.name.as_str().into(),
        hash,
        role: match entry.role {
            RoleEntry::User => Role::User,
            RoleEntry::Viewer => Role::Viewer,
            RoleEntry::Admin => Role::Admin,
        },
        allowed: entry.groups.clone(),
        daily_budget: entry.daily_budget.map(|usd| usd.0),
        monthly_budget: entry.monthly_budget.map(|usd| usd.0),
        limits: KeyLimits {
            requests_per_minute: entry.rate_limits.requests_per_minute,
            tokens_per_minute: entry.rate_limits.tokens_per_minute,
            max_in_flight: entry.rate_limits.max_in_flight,
        },
        ip_allow: entry.ip_allow.iter().map(ToString::to_string).collect(),
        expires_at_ms: entry.expires_at.map(|instant| instant.0),
        enabled: entry.enabled,
    }
}
