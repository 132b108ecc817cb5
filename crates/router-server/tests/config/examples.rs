//! The configurations that lie in the repository stay valid: what users copy, and what the SDK tests run.

use std::path::Path;

use smart_ai_router::config::{self, Overrides, Source};

use crate::env;

fn load(path: &str, variables: &[(&str, &str)]) -> config::Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    config::load(&Source::Path(path), &env(variables), &Overrides::default())
        .unwrap_or_else(|e| panic!("refused:\n{e}"))
}

#[test]
fn the_example_needs_two_variables_only() {
    let loaded =
        load("config/example", &[("OPENAI_API_KEY", "sk-upstream"), ("CI_ROUTER_KEY", "sk-router-0123456789abcdef")]);
    let spec = loaded.catalog_spec(1, Vec::new());
    let main = spec.channels.iter().find(|channel| &*channel.name == "openai-main").expect("declared");
    assert!(main.enabled);
    for model in &main.models {
        assert!(model.price.is_some() && model.context_length.is_some(), "{} is not in the catalogue", model.name);
    }
    for name in ["groq-main", "local-vllm"] {
        let channel = spec.channels.iter().find(|channel| &*channel.name == name).expect("declared");
        assert!(!channel.enabled, "{name} waits for its variable");
    }
}

#[test]
fn the_configuration_of_the_sdk_tests_is_valid() {
    let names =
        ["SDK_KEY", "SDK_KEY_POOR", "SDK_KEY_LIMITED", "SDK_KEY_EXPIRED", "SDK_KEY_NARROW", "SDK_KEY_ELSEWHERE"];
    let keys: Vec<String> = names.iter().map(|name| format!("sk-router-{name}-0123456789abcdef")).collect();
    let mut variables = vec![
        ("SIM_ROOT", "http://127.0.0.1:9"),
        ("SIM_URL", "http://127.0.0.1:9/v1"),
        ("DEAD_URL", "http://127.0.0.1:1/v1"),
    ];
    variables.extend(names.iter().copied().zip(keys.iter().map(String::as_str)));
    let spec = load("tests/sdk/config", &variables).catalog_spec(1, Vec::new());
    assert!(spec.channels.iter().all(|channel| channel.enabled));
}
