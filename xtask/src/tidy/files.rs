//! What every file owes its reader.

use super::source::{code, lines_with_word};
use super::{Finding, Workspace};

/// From here on a file is a question …
const LONG: usize = 400;
/// … and from here on it is refused.
const TOO_LONG: usize = 600;

/// Every Rust file opens with a `//!` comment that says what it is for.
pub fn opens_with_its_purpose(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.rust("") {
        let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let purpose = first.strip_prefix("//!").map(str::trim).unwrap_or_default();
        if purpose.len() < 10 {
            findings.push(Finding::error(&file.path, "opens with a `//!` comment that says its purpose"));
        }
    }
    findings
}

/// A file has one purpose and fits a reader's head.
pub fn not_too_long(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.rust("") {
        let lines = file.text.lines().count();
        if lines > LONG {
            let message =
                format!("{lines} lines: over {LONG} is a question, over {TOO_LONG} is refused; split by purpose");
            findings.push(Finding { place: file.path.clone(), message, warning: lines <= TOO_LONG });
        }
    }
    findings
}

/// Nothing unfinished and no test that is switched off.
pub fn nothing_unfinished(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.rust("") {
        let code = code(&file.text);
        for (word, message) in [
            ("todo!", "unfinished: finish it, or leave it out and say so in the documents"),
            ("unimplemented!", "unfinished: finish it, or leave it out and say so in the documents"),
            ("#[ignore", "a test that is switched off is no test: repair it or delete it"),
        ] {
            for line in lines_with_word(&code, word) {
                findings.push(Finding::error(format!("{}:{line}", file.path), message));
            }
        }
    }
    findings
}

/// No path that exists on one person's machine only.
pub fn no_machine_paths(workspace: &Workspace) -> Vec<Finding> {
    // Written in halves, so that this file does not find itself.
    let roots = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let mut findings = Vec::new();
    for file in &workspace.files {
        for (index, line) in file.text.lines().enumerate() {
            let hit = roots.iter().find(|root| {
                line.match_indices(**root).any(|(at, _)| {
                    // `https://host/home/` and `src/work/` are no machine's paths.
                    let before = line.get(..at).and_then(|s| s.chars().next_back());
                    !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | ')'))
                })
            });
            if let Some(root) = hit {
                let message = format!("`{root}…` is a path of one machine: make it relative or an argument");
                findings.push(Finding::error(format!("{}:{}", file.path, index + 1), message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_files};
    use super::*;

    #[test]
    fn a_file_says_its_purpose() {
        let workspace = with_files(&[
            ("a.rs", "//! Adds numbers without overflow.\n"),
            ("b.rs", "fn main() {}\n"),
            ("c.rs", "//! X\n"),
            ("d.py", "print()\n"),
        ]);
        assert_eq!(places(&opens_with_its_purpose(&workspace)), ["b.rs", "c.rs"]);
    }

    #[test]
    fn long_files_are_warned_about_and_too_long_ones_refused() {
        let of = |lines: usize| "x\n".repeat(lines);
        let (fine, long, too_long) = (of(LONG), of(LONG + 1), of(TOO_LONG + 1));
        let workspace = with_files(&[("a.rs", &fine), ("b.rs", &long), ("c.rs", &too_long)]);
        let findings = not_too_long(&workspace);
        assert_eq!(findings.len(), 2);
        assert_eq!(places(&findings), ["c.rs"]);
    }

    #[test]
    fn unfinished_work_is_found_but_not_talk_about_it() {
        let workspace = with_files(&[
            ("a.rs", "// todo!() later\nfn f() {}\n"),
            ("b.rs", "fn f() {\n    todo!()\n}\n"),
            ("c.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"),
        ]);
        assert_eq!(places(&nothing_unfinished(&workspace)), ["b.rs:2", "c.rs:2"]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let (bad, url) = (concat!("open /ho", "me/anna/x"), concat!("https://example.com/ho", "me/"));
        let workspace = with_files(&[("a.md", bad), ("b.md", url)]);
        assert_eq!(places(&no_machine_paths(&workspace)), ["a.md:1"]);
    }
}
