//! A secret is in clear in few places: where it is read, sealed, opened, handed over, and sent. All of them are named here.

use super::source::{before_tests, code, lines_with_word};
use super::{Finding, Workspace};

/// Files and folders that may open a secret, and what for.
const ALLOWED: &[(&str, &str)] = &[
    ("crates/router-store/src/secret/", "seals and opens; hashes client keys"),
    ("crates/router-store/src/query/keys.rs", "last characters and hash of a client key"),
    ("crates/router-store/src/query/meta.rs", "whether the master key is the right one"),
    ("crates/router-server/src/config/", "reads them from files and environment and judges their form"),
    ("crates/router-server/src/provision.rs", "from the configuration's type into the store's"),
    ("crates/router-server/src/wiring.rs", "from the store into the upstream's headers"),
    ("crates/router-server/src/startup.rs", "address of the database"),
    ("crates/router-server/src/upstream/", "sends them"),
    ("crates/router-server/src/admin/keys.rs", "shows a new client key, once"),
    ("crates/router-server/src/cli/", "shows a new key, once; address of the database"),
];

/// `.expose(` stands only in the places that [`ALLOWED`] lists; a listed place that opens nothing is listed no longer.
pub fn opened_where_listed(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; ALLOWED.len()];
    for file in workspace.rust("crates/").filter(|file| !file.path.contains("/tests/")) {
        let code = code(&file.text);
        let lines = lines_with_word(before_tests(&code), ".expose");
        if lines.is_empty() {
            continue;
        }
        let place = ALLOWED.iter().position(|(path, _)| file.path.starts_with(path));
        if let Some(used) = place.and_then(|place| used.get_mut(place)) {
            *used = true;
            continue;
        }
        for line in lines {
            let message =
                "a secret is opened here: pass the secret itself on, or list the place in xtask/src/tidy/secrets.rs";
            findings.push(Finding::error(format!("{}:{line}", file.path), message));
        }
    }
    for ((path, _), _) in ALLOWED.iter().zip(&used).filter(|(_, used)| !**used) {
        findings.push(Finding::error(*path, "opens no secret: take it off the list in xtask/src/tidy/secrets.rs"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_files};
    use super::*;

    #[test]
    fn opening_a_secret_elsewhere_is_found_and_so_is_an_idle_permission() {
        let call = "//! X.\nlet key = secret.expose();\n";
        let mut files: Vec<(&str, &str)> = vec![
            ("crates/router-server/src/relay/mod.rs", call),
            ("crates/router-server/src/http/mod.rs", "//! never .expose() here\n"),
            ("crates/router-server/src/live.rs", "//! L.\n#[cfg(test)]\nmod tests { fn f() { s.expose(); } }\n"),
        ];
        for (path, _) in ALLOWED.iter().skip(1).filter(|(path, _)| path.ends_with(".rs")) {
            files.push((path, call));
        }
        files.push(("crates/router-server/src/config/keys.rs", call));
        files.push(("crates/router-server/src/upstream/headers.rs", call));
        files.push(("crates/router-server/src/cli/start_card.rs", call));
        let expected = ["crates/router-server/src/relay/mod.rs:2", "crates/router-store/src/secret/"];
        assert_eq!(places(&opened_where_listed(&with_files(&files))), expected);
    }
}
