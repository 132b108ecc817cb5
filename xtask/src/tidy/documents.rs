//! The documents that every visitor looks for are there, and say something.

use super::{Finding, Workspace};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "deny.toml",
    "clippy.toml",
];

/// README, CHANGELOG and their like exist.
pub fn exist(workspace: &Workspace) -> Vec<Finding> {
    let missing = DOCUMENTS.iter().filter(|path| workspace.text(path).is_none_or(|text| text.trim().len() < 100));
    missing.map(|path| Finding::error(*path, "is missing or empty")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_files};
    use super::*;

    #[test]
    fn a_missing_or_empty_document_is_found() {
        let long = "word ".repeat(30);
        let mut files: Vec<(&str, &str)> = DOCUMENTS.iter().map(|path| (*path, long.as_str())).collect();
        assert!(exist(&with_files(&files)).is_empty());
        files[0].1 = " ";
        files.pop();
        assert_eq!(places(&exist(&with_files(&files))), ["README.md", "clippy.toml"]);
    }
}
