//! The subcommands that need no running router.

use std::fs;

use smart_ai_router::cli::check::{self, Check};
use smart_ai_router::cli::completions;
use smart_ai_router::cli::schema::{self, SchemaOf};
use smart_ai_router::config::Source;

use crate::env;

fn run(check: &Check) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = check::run(check, &mut out, &mut err).expect("memory can be written");
    (code, String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"))
}

#[test]
fn check_tells_every_fault_and_exits_2() {
    let texts = vec![("a.yaml".to_owned(), "server: { port: x }\nchanels: []\n".to_owned())];
    let (code, out, err) = run(&Check { source: Source::Texts(texts), ..Check::default() });
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(
        err,
        "a.yaml:1:17: server.port: `x` is not a whole number from 0 to 65535\n\
         a.yaml:2:1: chanels: unknown key; did you mean `channels`?\n2 faults found\n"
    );
}

#[test]
fn check_shows_the_line_on_a_terminal_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("system.yaml");
    fs::write(&path, "server:\n  port: x\n").expect("writable");
    for (snippets, shown) in [(true, true), (false, false)] {
        let (_, _, err) = run(&Check { source: Source::Path(path.clone()), snippets, ..Check::default() });
        assert_eq!(err.contains("    2 |   port: x\n      |         ^\n"), shown, "{err}");
    }
}

#[test]
fn check_sums_up_what_is_valid() {
    let texts = vec![(
        "a.yaml".to_owned(),
        "channels: [{ name: a, provider: openai, api_keys: [\"${K}\"], models: [gpt-4o, mystery] }]\n".to_owned(),
    )];
    let (code, out, err) = run(&Check { source: Source::Texts(texts), env: env(&[("K", "sk-1")]), ..Check::default() });
    assert_eq!((code, err.as_str()), (0, ""));
    let (told, hash) = out.rsplit_once("  hash      ").expect("a hash");
    assert_eq!(
        told,
        "a.yaml:1:78: warning: channels[0].models[1].price: the price of `mystery` is unknown: it is never chosen (budgets.unknown_price: refuse); give it as price\n\
         configuration is valid\n  files     a.yaml\n  channels  1\n    a (openai): 2 models, 1 key\n  models    2\n  groups    8 (8 built in)\n  keys      0\n"
    );
    assert_eq!(hash.trim().len(), 64);
}

/// `UPDATE_GOLDEN=1 cargo test` writes the file anew.
#[test]
fn the_checked_in_schemas_are_the_programs_own() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    for (of, name) in
        [(SchemaOf::Config, "config"), (SchemaOf::Scenario, "scenario"), (SchemaOf::Assertions, "assertions")]
    {
        let path = format!("{docs}/{name}.schema.json");
        let mut out = Vec::new();
        assert_eq!(schema::run(of, &mut out).expect("memory can be written"), 0);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &out).expect("writable");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(String::from_utf8(out).expect("text"), kept, "{name} is stale: run with UPDATE_GOLDEN=1");
    }
}

/// Every file of the example is valid by its schema, and what is no key is none there.
#[test]
fn the_schemas_hold_the_example() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/example");
    for (folder, schema) in [
        ("scenarios", smart_ai_router::config::scenario_schema()),
        ("tests", smart_ai_router::config::assertions_schema()),
    ] {
        let known: Vec<&String> = schema["properties"].as_object().expect("fields").keys().collect();
        assert_eq!(schema["additionalProperties"], false, "{folder}");
        let mut files = 0;
        for entry in fs::read_dir(format!("{example}/{folder}")).expect("a folder") {
            let text = fs::read_to_string(entry.expect("an entry").path()).expect("a file");
            let top = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
            let keys = top.filter_map(|line| line.split_once(':')).map(|(key, _)| key.to_owned());
            let unknown: Vec<String> = keys.filter(|key| !known.contains(&key)).collect();
            assert!(unknown.is_empty(), "{folder}: {unknown:?} of {known:?}");
            files += 1;
        }
        assert!(files > 1, "{folder}");
    }
}

#[test]
fn the_schema_knows_every_default_and_leaves_variables_be() {
    let schema = smart_ai_router::config::json_schema();
    let definition = |name: &str| &schema["$defs"][name];
    assert_eq!(definition("Server")["properties"]["port"]["default"], 8000);
    assert_eq!(definition("Server")["properties"]["port"]["anyOf"][1]["pattern"], "^\\$\\{");
    assert_eq!(definition("ChannelEntry")["required"], serde_json::json!(["name", "provider"]));
    assert_eq!(definition("ChannelEntry")["properties"]["weight"]["default"], 1.0);
    assert_eq!(schema["properties"]["server"]["$ref"], "#/$defs/Server");
    assert_eq!(definition("Server")["additionalProperties"], false);
}

#[test]
fn completions_come_for_every_shell() {
    use clap_complete::Shell;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
        let command = clap::Command::new("smart-ai-router").subcommand(clap::Command::new("serve"));
        let mut out = Vec::new();
        assert_eq!(completions::run(shell, command, &mut out).expect("memory can be written"), 0);
        assert!(String::from_utf8(out).expect("text").contains("serve"), "{shell}");
    }
}
