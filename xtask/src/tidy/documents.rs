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

/// The document that says which test holds which invariant.
const INVARIANTS: &str = "ARCHITECTURE.md";

/// Each invariant names what holds it, and every test that is named exists.
pub fn name_tests_that_exist(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = workspace.text(INVARIANTS).unwrap_or_default();
    let section = text.lines().enumerate().skip_while(|(_, line)| *line != "## Invariants");
    let rows =
        section.skip(1).take_while(|(_, line)| !line.starts_with("## ")).filter(|(_, line)| line.starts_with("| "));
    for (index, row) in rows {
        let place = format!("{INVARIANTS}:{}", index + 1);
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        if row.starts_with("| invariant |") {
            continue;
        }
        if !held_by.contains('`') {
            findings.push(Finding::error(&place, "an invariant that nothing holds: name the test"));
        }
        for test in held_by.split('`').skip(1).step_by(2).filter(|word| is_test_name(word)) {
            let definition = format!("fn {test}(");
            if !workspace.rust("").any(|file| file.text.contains(&definition)) {
                findings.push(Finding::error(&place, format!("no test is called `{test}`")));
            }
        }
    }
    findings
}

/// Names of our tests are sentences.
fn is_test_name(word: &str) -> bool {
    word.matches('_').count() >= 2 && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
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

    #[test]
    fn an_invariant_without_a_living_test_is_found() {
        let text = "# A\n`no_such_test_here`\n## Invariants\n\n| invariant | held by |\n|---|---|\n\
            | a | `x::tidy` (`rule`) |\n| b | core: `all_is_well_here`, `gone_for_good_now` |\n| c | nothing |\n## B\n| d | e |\n";
        let workspace = with_files(&[("ARCHITECTURE.md", text), ("a.rs", "#[test]\nfn all_is_well_here() {}\n")]);
        assert_eq!(places(&name_tests_that_exist(&workspace)), ["ARCHITECTURE.md:8", "ARCHITECTURE.md:9"]);
    }
}
