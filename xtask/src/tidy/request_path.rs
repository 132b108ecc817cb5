//! The way of a request reads memory: one snapshot, taken once, and never the database.

use super::source::{before_tests, code, lines_with_word};
use super::{Finding, Workspace};

/// Where a request passes.
const WAY: &[&str] =
    &["crates/router-server/src/http/", "crates/router-server/src/relay/", "crates/router-server/src/upstream/"];
/// Where the snapshot of a call to a model is taken; everything after it gets it as an argument.
const TAKEN_IN: &str = "crates/router-server/src/relay/mod.rs";

/// In the relay the snapshot is taken in one place, once.
pub fn one_snapshot(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.rust("crates/router-server/src/relay/") {
        let code = code(&file.text);
        let serving = before_tests(&code);
        let mut lines =
            ["snapshot.load", "snapshot.load_full", "current.get"].map(|word| lines_with_word(serving, word)).concat();
        lines.sort_unstable();
        let taken = usize::from(file.path == TAKEN_IN);
        for line in lines.iter().skip(taken) {
            let message = "a request reads one snapshot, taken when it arrives: take it as an argument";
            findings.push(Finding::error(format!("{}:{line}", file.path), message));
        }
        if lines.len() < taken {
            findings
                .push(Finding::error(&file.path, "takes no snapshot any more: change xtask/src/tidy/request_path.rs"));
        }
    }
    findings
}

/// Nothing on the way of a request speaks to the database.
pub fn no_database(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in WAY.iter().flat_map(|prefix| workspace.rust(prefix)) {
        let code = code(&file.text);
        let serving = before_tests(&code);
        for word in ["app.store", "router_store::Store", "Store"] {
            for line in lines_with_word(serving, word) {
                let message = format!("`{word}`: a request never waits for the database; it appends to the spool");
                findings.push(Finding::error(format!("{}:{line}", file.path), message));
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
    fn a_second_snapshot_is_found() {
        let workspace = with_files(&[
            (TAKEN_IN, "//! R.\nlet one = worker.current.get(&app.snapshot);\nlet two = app.snapshot.load_full();\n"),
            ("crates/router-server/src/relay/run.rs", "//! R.\nlet three = app.snapshot.load();\n"),
            ("crates/router-server/src/http/service.rs", "//! R.\nlet page = app.snapshot.load();\n"),
        ]);
        let expected = ["crates/router-server/src/relay/mod.rs:3", "crates/router-server/src/relay/run.rs:2"];
        assert_eq!(places(&one_snapshot(&workspace)), expected);
        assert_eq!(places(&one_snapshot(&with_files(&[(TAKEN_IN, "//! R.\n")]))), [TAKEN_IN]);
    }

    #[test]
    fn a_question_to_the_database_is_found() {
        let workspace = with_files(&[
            ("crates/router-server/src/relay/run.rs", "//! R.\nself.app.store.meta();\nflag.store(1);\n"),
            ("crates/router-server/src/http/auth.rs", "//! A.\nuse router_store::{Spool, Store};\n"),
            ("crates/router-server/src/reload.rs", "//! R.\napp.store.meta();\n"),
        ]);
        let expected = ["crates/router-server/src/http/auth.rs:2", "crates/router-server/src/relay/run.rs:2"];
        assert_eq!(places(&no_database(&workspace)), expected);
    }
}
