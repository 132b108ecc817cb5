//! A secret is in clear in two modules only: where it is decrypted and where it is sent.

use super::source::{code, lines_with_word};
use super::{Finding, Workspace};

/// Files whose path starts so may open a secret.
const ALLOWED: &[&str] = &["crates/router-store/src/secret", "crates/router-server/src/upstream"];

/// `.expose_secret(` stands only in `store::secret` and in the server's `upstream`.
pub fn opened_in_two_modules_only(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.rust("crates/") {
        if ALLOWED.iter().any(|prefix| file.path.starts_with(prefix)) || file.path.contains("/tests/") {
            continue;
        }
        for line in lines_with_word(&code(&file.text), "expose_secret") {
            let message = "a secret is opened in store::secret and in upstream only: pass the secret itself on";
            findings.push(Finding::error(format!("{}:{line}", file.path), message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_files};
    use super::*;

    #[test]
    fn opening_a_secret_elsewhere_is_found() {
        let call = "//! X.\nlet key = secret.expose_secret();\n";
        let workspace = with_files(&[
            ("crates/router-store/src/secret/mod.rs", call),
            ("crates/router-server/src/upstream/auth.rs", call),
            ("crates/router-server/src/relay/mod.rs", call),
            ("crates/router-server/src/http/mod.rs", "//! never expose_secret here\n"),
        ]);
        assert_eq!(places(&opened_in_two_modules_only(&workspace)), ["crates/router-server/src/relay/mod.rs:2"]);
    }
}
