//! The dependency policy of `deny.toml`, held without cargo-deny: banned crates, licences, sources.
//!
//! Reads of that file only what it needs: the strings of `allow = […]` under `[licenses]`, the crates of `exceptions`
//! and those of `deny = […]` under `[bans]`.

use super::arrows::members;
use super::{Finding, Workspace};

/// What deny.toml says.
#[derive(Debug, Default)]
struct Policy {
    licences: Vec<String>,
    /// Crate and licence that is accepted for it alone.
    exceptions: Vec<(String, String)>,
    /// Not in the build at all.
    banned: Vec<String>,
    /// Only behind somebody else's crate (`wrappers`), never asked for by ours.
    banned_directly: Vec<String>,
}

/// No banned crate, no unknown licence, nothing from elsewhere than crates.io.
pub fn bans_licences_sources(workspace: &Workspace) -> Vec<Finding> {
    let policy = read(workspace.text("deny.toml").unwrap_or_default());
    let mut findings = Vec::new();
    let mut lines: Vec<&str> = workspace.tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    lines.sort_unstable();
    lines.dedup();
    for line in lines.into_iter().filter(|line| !line.is_empty()) {
        let (package, licence) = line.split_once('|').unwrap_or((line, ""));
        let mut words = package.split(' ');
        let (name, source) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        if policy.banned.iter().any(|banned| banned == name) {
            findings.push(Finding::error(name, "is banned by deny.toml (the reason stands there)"));
        }
        // cargo tree names a source only where it is not the registry: `(/path)` or `(https://…)`.
        if source.contains("://") {
            findings.push(Finding::error(name, format!("comes from {source}: crates.io only")));
        }
        let exception = |id: &str| policy.exceptions.iter().any(|(of, what)| of == name && what == id);
        if !satisfied(licence, &|id| policy.licences.iter().any(|known| known == id) || exception(id)) {
            findings.push(Finding::error(name, format!("licence `{licence}` is not in the list of deny.toml")));
        }
    }
    for package in members(&workspace.metadata) {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            if policy.banned_directly.iter().any(|banned| banned == other) {
                let name = package["name"].as_str().unwrap_or_default();
                findings.push(Finding::error(name, format!("asks for {other}, which deny.toml bans")));
            }
        }
    }
    findings
}

fn read(text: &str) -> Policy {
    let mut policy = Policy::default();
    let (mut section, mut list) = (String::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') && line.ends_with(']') {
            section = line.to_owned();
        } else if let Some(key) = line.strip_suffix(" = [") {
            list = key.to_owned();
        } else if line == "]" {
            list.clear();
        } else {
            let strings: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            match (section.as_str(), list.as_str(), strings.as_slice()) {
                ("[licenses]", "allow", [licence]) => policy.licences.push((*licence).to_owned()),
                ("[licenses]", "exceptions", [of, licence]) => {
                    policy.exceptions.push(((*of).to_owned(), (*licence).to_owned()));
                }
                ("[bans]", "deny", [banned, ..]) if line.contains("wrappers") => {
                    policy.banned_directly.push((*banned).to_owned());
                }
                ("[bans]", "deny", [banned, ..]) => policy.banned.push((*banned).to_owned()),
                _ => {}
            }
        }
    }
    policy
}

/// Whether an SPDX expression can be satisfied with allowed licences: `(MIT OR Apache-2.0) AND Unicode-3.0`.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let expression = expression.trim();
    // The old form `MIT/Apache-2.0` means OR.
    for (operator, any) in [(" OR ", true), ("/", true), (" AND ", false)] {
        let parts = split_outside_brackets(expression, operator);
        if parts.len() > 1 {
            let mut results = parts.iter().map(|part| satisfied(part, allowed));
            return if any { results.any(|ok| ok) } else { results.all(|ok| ok) };
        }
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => satisfied(inner, allowed),
        None => allowed(expression),
    }
}

fn split_outside_brackets<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && text.get(at..).is_some_and(|rest| rest.starts_with(separator)) => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + separator.len();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{places, with_files};
    use super::*;

    #[test]
    fn licences_are_read_as_spdx() {
        let allowed = |id: &str| matches!(id, "MIT" | "Apache-2.0" | "Unicode-3.0");
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("(GPL-3.0) AND Unicode-3.0", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("", false),
        ] {
            assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
        }
    }

    const DENY: &str = r#"
[licenses]
allow = [
  "MIT",
]
exceptions = [
  { crate = "roots", allow = ["CDLA"] },
]
[bans]
deny = [
  { crate = "openssl", reason = "one TLS stack" },
  { crate = "lazy_static", wrappers = ["other"], reason = "LazyLock" },
]
"#;

    const TREE: &str = "good v1.0.0|MIT
roots v1.0.0|CDLA
openssl v1.0.0|MIT
odd v1.0.0|GPL-3.0
good v1.0.0|MIT (*)

lazy_static v1.0.0|MIT
fork v1.0.0 (https://example.com/fork#1)|MIT
ours v1.0.0 (/somewhere)|MIT
";

    #[test]
    fn a_banned_crate_a_strange_licence_and_a_strange_source_are_found() {
        let mut workspace = with_files(&[("deny.toml", DENY)]);
        workspace.tree = TREE.to_owned();
        let ours = json!({ "id": "a", "name": "ours", "dependencies": [{ "name": "lazy_static" }] });
        workspace.metadata = json!({ "workspace_members": ["a"], "packages": [ours] });
        assert_eq!(places(&bans_licences_sources(&workspace)), ["fork", "odd", "openssl", "ours"]);
    }
}
