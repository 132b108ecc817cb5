//! The commands on an installation, while its router runs and before there is one.

use std::path::Path;

use clap::Parser;
use smart_ai_router::cli::{Cli, Exit, run};

use crate::control::{PROVIDER_SECRET, TestControl, env};

/// Runs a command line; its exit code and what it wrote, or its error.
fn command(line: &[&str]) -> (Exit, String) {
    let cli = Cli::try_parse_from(std::iter::once("smart-ai-router").chain(line.iter().copied()));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    match run(&cli.expect("a command line"), env(), false, &mut out, &mut err) {
        Ok(exit) => (exit, String::from_utf8(out).expect("text")),
        Err(failed) => (failed.exit, failed.message),
    }
}

/// The same, in the installation.
fn inside(folder: &Path, line: &[&str]) -> (Exit, String) {
    let (config, data) = (folder.join("config.yaml"), folder.join("data"));
    let place = ["--config", config.to_str().expect("text"), "--data-dir", data.to_str().expect("text")];
    command(&[line, &place].concat())
}

/// Commands have a runtime of their own, so they run beside the test's.
async fn beside(folder: &Path, line: &'static [&'static str]) -> (Exit, String) {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || inside(&folder, line)).await.expect("no panic")
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked_beside_a_running_router() {
    let control = TestControl::start().await;
    let folder = control.folder.path();
    let create = &[
        "key",
        "create",
        "--name",
        "ci",
        "--group",
        "auto:*",
        "--daily-budget",
        "5",
        "--rate-limit",
        "60/minute",
        "--expires",
        "90d",
    ];
    let (exit, out) = beside(folder, create).await;
    assert_eq!(exit, Exit::Ok, "{out}");
    let secret = out.lines().find_map(|line| line.strip_prefix("key: ")).expect("the key").to_owned();
    let kept = control.app.store.client_key("ci").await.expect("the store").expect("the key");
    assert_eq!(kept.hash, router_store::client_key_digest(&secret));
    assert_eq!((kept.spec.daily_budget_nano, kept.spec.requests_per_minute), (Some(5_000_000_000), Some(60)));
    let (exit, out) = beside(folder, create).await;
    assert_eq!(exit, Exit::Failure, "the name is taken: {out}");

    let (exit, out) = beside(folder, &["key", "list"]).await;
    let line = out.lines().find(|line| line.starts_with("ci ")).unwrap_or_else(|| panic!("{out}"));
    assert!(
        exit == Exit::Ok && line.contains("5.000000000") && line.contains("auto:*") && !out.contains(&secret),
        "{out}"
    );
    let (_, out) = beside(folder, &["key", "list", "--json"]).await;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&out).expect("JSON");
    assert!(rows.iter().any(|row| row["name"] == "ci" && row["rate_limits"]["requests_per_minute"] == 60));

    let (exit, out) = beside(folder, &["key", "revoke", "ci"]).await;
    assert_eq!(exit, Exit::Ok, "{out}");
    let (exit, out) = beside(folder, &["key", "revoke", "nobody"]).await;
    assert_eq!(exit, Exit::Failure, "{out}");
    let (exit, out) = beside(folder, &["key", "create", "--name", "x", "--daily-budget", "0.0000000001"]).await;
    assert_eq!(exit, Exit::Usage, "{out}");
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong_and_no_secret() {
    let control = TestControl::start().await;
    let folder = control.folder.path();
    let (exit, out) = beside(folder, &["doctor"]).await;
    assert_eq!(exit, Exit::Ok, "{out}");
    for said in ["ok    configuration", "ok    database", "ok    books", "ok    data folder", "may spend without limit"]
    {
        assert!(out.contains(said), "{said}:\n{out}");
    }
    assert!(!out.contains(PROVIDER_SECRET) && !out.contains("sk-router-admin"), "{out}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.join("data/master.key"), open).expect("ours");
        let (exit, out) = beside(folder, &["doctor"]).await;
        assert!(exit == Exit::Failure && out.contains("bad   master key") && out.contains("chmod 600"), "{out}");
    }
}

#[test]
fn explain_shows_every_candidate_or_names_that_look_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "channels: [{ name: a, provider: openai, api_keys: [\"${PROVIDER_KEY}\"], models: [gpt-4o-mini] }]\n";
    std::fs::write(folder.path().join("config.yaml"), config).expect("writable");
    let (exit, out) = inside(folder.path(), &["explain", "--model", "gpt-4o-mini"]);
    assert!(exit == Exit::Ok && out.contains("CHANNEL") && out.contains("gpt-4o-mini"), "{out}");
    let (exit, out) = inside(folder.path(), &["explain", "--model", "gpt-4o-mini", "--json"]);
    let explained: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((exit, &explained["chosen"]["channel"]), (Exit::Ok, &serde_json::json!("a")));
    let (exit, out) = inside(folder.path(), &["explain", "--model", "gpt-4o-minj"]);
    assert!(exit == Exit::Failure && out.contains("Did you mean gpt-4o-mini"), "{out}");
    let (exit, out) = inside(folder.path(), &["explain", "--model", "auto:demo", "--demo"]);
    assert!(exit == Exit::Ok && out.contains("demo-fast"), "{out}");

    let body = folder.path().join("body.json");
    std::fs::write(&body, r#"{"messages":[{"role":"user","content":"hi"}],"temperature":1}"#).expect("writable");
    let body = body.to_str().expect("text").to_owned();
    let (exit, out) = inside(folder.path(), &["explain", "--model", "gpt-4o-mini", "--body", &body]);
    assert_eq!(exit, Exit::Ok, "{out}");
    std::fs::write(&body, "[]").expect("writable");
    let (exit, out) = inside(folder.path(), &["explain", "--model", "gpt-4o-mini", "--body", &body]);
    assert_eq!(exit, Exit::Usage, "{out}");
    assert!(!folder.path().join("data").exists(), "explaining leaves nothing behind");
}

#[test]
fn an_installation_that_runs_the_demo_is_explained_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("writable");
    let instance = r#"{"address":"127.0.0.1:8000","pid":1,"demo":true,"config":null}"#;
    std::fs::write(data.join("instance.json"), instance).expect("writable");
    let (exit, out) = command(&["explain", "--model", "auto:demo", "--data-dir", data.to_str().expect("text")]);
    assert!(exit == Exit::Ok && out.contains("demo-cheap"), "{out}");
}

#[test]
fn migrate_makes_and_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.yaml"), "{}\n").expect("writable");
    let run = |line: &[&str]| inside(folder.path(), line);
    let (exit, out) = run(&["key", "list"]);
    assert!(exit == Exit::Failure && out.contains("smart-ai-router migrate"), "{out}");
    let (exit, out) = run(&["migrate", "--status"]);
    assert_eq!(exit, Exit::Failure, "{out}");
    for _ in 0..2 {
        let (exit, out) = run(&["migrate"]);
        assert!(exit == Exit::Ok && out.contains("up to date"), "{out}");
    }
    let (exit, out) = run(&["migrate", "--status"]);
    assert!(exit == Exit::Ok && out.contains("applied"), "{out}");
    let (exit, out) = run(&["key", "list"]);
    assert_eq!((exit, out.as_str()), (Exit::Ok, "There are no keys yet.\n"));
}
