//! Who may know whom. Crates: server → {store, wire → core}, store and test kit alone. Modules of the server:
//! http → relay → upstream, never back; admin → jobs → relay.

use serde_json::Value;

use super::source::{code, lines_reaching_into};
use super::{Finding, Workspace};

/// Our crates and what of ours each may depend on, also for development.
const CRATES: &[(&str, &[&str])] = &[
    ("router-core", &[]),
    ("router-wire", &["router-core"]),
    ("router-store", &[]),
    ("router-testkit", &[]),
    ("router-server", &["router-core", "router-wire", "router-store", "router-testkit"]),
    ("xtask", &[]),
];

/// Crates of others that a pure crate must not have, even unused.
const IMPURE: &[&str] =
    &["tokio", "hyper", "hyper-util", "axum", "reqwest", "sqlx", "getrandom", "rand", "fastrand", "uuid", "tracing"];

/// Module of the server → modules that it must not reach into. The relay may use the edge's words (`http::body`,
/// `http::error`, `http::auth`, `http::intake`), not its machinery.
const MODULES: &[(&str, &[&str])] = &[
    ("http", &["upstream"]),
    (
        "relay",
        &[
            "http::listener",
            "http::conn",
            "http::service",
            "http::route",
            "http::health",
            "http::models",
            "admin",
            "jobs",
            "cli",
        ],
    ),
    ("upstream", &["http", "relay", "admin", "jobs", "cli", "app"]),
    ("jobs", &["http", "admin", "cli"]),
    ("config", &["http", "relay", "upstream", "admin", "jobs", "cli", "app", "snapshot", "live"]),
    ("telemetry", &["http", "relay", "upstream", "admin", "jobs", "cli", "app"]),
];

/// Dependencies between crates.
pub fn crates(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = |name: &str| CRATES.iter().any(|(known, _)| *known == name);
    for package in members(&workspace.metadata) {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = CRATES.iter().find(|(known, _)| *known == name) else {
            findings
                .push(Finding::error(name, "a crate that the rules do not know: add it to xtask/src/tidy/arrows.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            // A crate may ask for itself: that is how its tests switch on one of its features.
            if ours(other) && other != name && !allowed.contains(&other) {
                findings.push(Finding::error(name, format!("must not depend on {other}: arrows point downward only")));
            }
            let pure = matches!(name, "router-core" | "router-wire");
            if pure && IMPURE.contains(&other) {
                findings
                    .push(Finding::error(name, format!("must not depend on {other}: no IO, clock or randomness here")));
            }
            if other == "anyhow" && name != "router-server" && name != "router-testkit" {
                findings.push(Finding::error(name, "anyhow belongs to start-up and tools: use a thiserror type"));
            }
        }
    }
    findings
}

/// Dependencies between the server's modules.
pub fn modules(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (module, forbidden) in MODULES {
        let (file, folder) =
            (format!("crates/router-server/src/{module}.rs"), format!("crates/router-server/src/{module}/"));
        for source in workspace.rust("crates/router-server/src/") {
            if source.path != file && !source.path.starts_with(&folder) {
                continue;
            }
            let code = code(&source.text);
            for other in *forbidden {
                for line in lines_reaching_into(&code, other) {
                    let message = format!("`{module}` must not know `{other}`: http → relay → upstream, never back");
                    findings.push(Finding::error(format!("{}:{line}", source.path), message));
                }
            }
        }
    }
    findings
}

/// The packages of the workspace itself.
pub fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    let ids = metadata["workspace_members"].as_array();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(move |package| ids.is_some_and(|ids| ids.contains(&package["id"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{places, with_files};
    use super::*;

    fn with_dependency(name: &str, dependency: &str) -> Workspace {
        let package = json!({ "id": "a", "name": name, "dependencies": [{ "name": dependency }] });
        Workspace { metadata: json!({ "workspace_members": ["a"], "packages": [package] }), ..Workspace::default() }
    }

    #[test]
    fn arrows_between_crates_point_downward() {
        for (name, dependency, allowed) in [
            ("router-server", "router-wire", true),
            ("router-wire", "router-core", true),
            ("router-wire", "router-store", false),
            ("router-core", "router-wire", false),
            ("router-testkit", "router-core", false),
            ("router-core", "serde", true),
            ("router-core", "tokio", false),
            ("router-wire", "getrandom", false),
            ("router-store", "tokio", true),
            ("router-store", "router-store", true),
            ("router-store", "anyhow", false),
            ("router-new", "serde", false),
        ] {
            let findings = crates(&with_dependency(name, dependency));
            assert_eq!(findings.is_empty(), allowed, "{name} → {dependency}: {findings:?}");
        }
    }

    #[test]
    fn arrows_between_modules_go_one_way() {
        let workspace = with_files(&[
            ("crates/router-server/src/upstream/pool.rs", "use crate::relay::X;"),
            (
                "crates/router-server/src/relay.rs",
                "use crate::{upstream::Y,\n http::conn::Z};\nuse crate::http::body::Body;",
            ),
            ("crates/router-server/src/http/mod.rs", "use crate::relay::X;\n// crate::upstream\n"),
            ("crates/router-server/src/http/chat.rs", "\ncrate::upstream::connect();"),
        ]);
        let expected = [
            "crates/router-server/src/http/chat.rs:2",
            "crates/router-server/src/relay.rs:1",
            "crates/router-server/src/upstream/pool.rs:1",
        ];
        assert_eq!(places(&modules(&workspace)), expected);
    }
}
