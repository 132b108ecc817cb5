//! The rules of the house: what DESIGN and CONTRIBUTING say, as checks over the tree and over `cargo metadata`.
//!
//! A rule is a function from the workspace to findings and one line in [`RULES`]. Each has tests that show that it can
//! fail; one test runs them all over this very tree.

mod arrows;
mod documents;
mod files;
mod policy;
mod purity;
mod request_path;
mod secrets;
mod source;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every rule, in the order in which findings are printed.
pub const RULES: &[Rule] = &[
    Rule { name: "crate-arrows", check: arrows::crates },
    Rule { name: "module-arrows", check: arrows::modules },
    Rule { name: "purity", check: purity::no_outside_world },
    Rule { name: "no-float-money", check: purity::no_float_money },
    Rule { name: "secrets", check: secrets::opened_where_listed },
    Rule { name: "one-snapshot", check: request_path::one_snapshot },
    Rule { name: "no-database-on-the-way", check: request_path::no_database },
    Rule { name: "file-purpose", check: files::opens_with_its_purpose },
    Rule { name: "file-length", check: files::not_too_long },
    Rule { name: "unfinished", check: files::nothing_unfinished },
    Rule { name: "machine-paths", check: files::no_machine_paths },
    Rule { name: "documents", check: documents::exist },
    Rule { name: "held-by-tests", check: documents::name_tests_that_exist },
    Rule { name: "dependency-policy", check: policy::bans_licences_sources },
];

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// How it is called in the output.
    pub name: &'static str,
    /// What is wrong with this workspace.
    pub check: fn(&Workspace) -> Vec<Finding>,
}

/// Something that breaks a rule, or nearly so.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// File, `file:line`, or the name of a crate.
    pub place: String,
    /// What is wrong, and what to do instead.
    pub message: String,
    /// Worth a look, but no failure.
    pub warning: bool,
}

impl Finding {
    fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), warning: false }
    }
}

/// The tree and the dependency graph that the rules look at.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Text files under version control's eye (no build products), sorted by path.
    pub files: Vec<File>,
    /// `cargo metadata --format-version 1`: our crates and what they ask for.
    pub metadata: serde_json::Value,
    /// `cargo tree` as lines of `NAME vVERSION (SOURCE)|LICENCE`: what is really built, all targets.
    pub tree: String,
}

/// One text file.
#[derive(Debug)]
pub struct File {
    /// Path from the root, with forward slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", "node_modules", "data", "dist", "__pycache__"];

impl Workspace {
    /// Reads the tree below `root` and asks cargo for the dependency graph.
    pub fn load(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        collect(root, root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let metadata = cargo(root, &["metadata", "--format-version", "1", "--locked"])?;
        let metadata = serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
        let tree = ["tree", "--workspace", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}|{l}"];
        Ok(Self { files, metadata, tree: cargo(root, &tree)? })
    }

    /// The Rust files below `prefix`.
    fn rust<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.starts_with(prefix) && file.path.ends_with(".rs"))
    }

    /// The text of a file, if it is there.
    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(root).output();
    let output = output.map_err(|error| format!("cargo {}: {error}", arguments.join(" ")))?;
    if !output.status.success() {
        return Err(format!("cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let hidden = name.starts_with('.') && name != ".ci" && name != ".github";
        if path.is_dir() {
            if !hidden && !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, files)?;
            }
        } else if let (false, Ok(text)) = (hidden, std::fs::read_to_string(&path)) {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            files.push(File { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace of made-up files.
    pub(super) fn with_files(files: &[(&str, &str)]) -> Workspace {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Workspace { files: files.iter().map(file).collect(), ..Workspace::default() }
    }

    /// The places that a rule complains about.
    pub(super) fn places(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|finding| !finding.warning).map(|finding| finding.place.as_str()).collect()
    }

    #[test]
    fn this_tree_is_tidy() {
        let workspace = Workspace::load(&root()).unwrap();
        let problems: Vec<String> = RULES
            .iter()
            .flat_map(|rule| (rule.check)(&workspace).into_iter().map(move |finding| (rule.name, finding)))
            .filter(|(_, finding)| !finding.warning)
            .map(|(rule, finding)| format!("{rule}: {}: {}", finding.place, finding.message))
            .collect();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    #[test]
    fn names_of_rules_are_unique() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.name != rule.name), "{} twice", rule.name);
        }
    }
}
