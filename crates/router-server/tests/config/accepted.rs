//! What is accepted: the examples of the documentation, and what they come to.

use router_core::catalog::Capability;
use router_core::money::Nano;
use router_core::pricing::Rate;
use smart_ai_router::config::{self, Overrides, Source, System};

use crate::{env, valid};

const SYSTEM: &str = include_str!("contract/system.yaml");
const PROVIDERS: &str = include_str!("contract/providers.yaml");
const CHANNELS: &str = include_str!("contract/channels.yaml");
const GROUPS: &str = include_str!("contract/model_groups.yaml");
const KEYS: &str = include_str!("contract/keys.yaml");

const VARIABLES: &[(&str, &str)] =
    &[("OPENAI_API_KEY", "sk-first"), ("OPENAI_KEY_2", "sk-second"), ("CI_ROUTER_KEY", "sk-router-0123456789abcdef")];

#[test]
fn the_documented_system_file_holds_the_defaults() {
    let documented = valid(SYSTEM, &[]).system;
    assert_eq!(documented, System::default());
}

#[test]
fn the_documented_files_work_together() {
    let texts = [
        ("system", SYSTEM),
        ("providers", PROVIDERS),
        ("channels", CHANNELS),
        ("model_groups", GROUPS),
        ("keys", KEYS),
    ];
    let source = Source::Texts(texts.map(|(name, text)| (format!("{name}.yaml"), text.to_owned())).to_vec());
    let loaded = config::load(&source, &env(VARIABLES), &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let spec = loaded.catalog_spec(7, Vec::new());
    assert_eq!(spec.version, 7);

    let [channel] = spec.channels.as_slice() else { panic!("one channel: {:?}", spec.channels) };
    assert_eq!((&*channel.name, &*channel.base_url), ("openai-main", "https://api.openai.com/v1"));
    assert_eq!(
        channel.keys.iter().map(|key| &*key.id).collect::<Vec<_>>(),
        ["openai-main/key-1", "openai-main/second"]
    );
    assert_eq!(channel.keys[1].daily_budget, Some(Nano::usd(20)));
    assert_eq!(channel.timeouts.first_byte_ms, 20_000);
    assert_eq!(channel.timeouts.total_ms, 600_000);
    assert_eq!(channel.limits.requests_per_minute, Some(3500));

    let [mini, full] = channel.models.as_slice() else { panic!("two models") };
    let price = mini.price.as_ref().expect("from the catalogue");
    assert_eq!((price.input, price.cached_input), (Rate(150_000_000), Some(Rate(75_000_000))));
    assert_eq!(mini.context_length, Some(128_000));
    assert!(mini.capabilities.has(Capability::FunctionCalling));
    assert_eq!(&*full.upstream_name, "gpt-4o-2024-08-06");
    assert!(full.capabilities.has(Capability::Chat), "implied");
    assert_eq!(full.scores["quality"], 0.92);

    let group = spec.groups.iter().find(|group| &*group.name == "auto:fast").expect("configured");
    assert!(!group.built_in);
    assert_eq!(group.layers.len(), 2);
    assert_eq!(group.members[0].cost_multiplier, Some(0.8));
    assert_eq!(group.time_policy.as_ref().expect("given").peak, (540, 1080));
    assert_eq!(group.max_cost_per_request, Some(Nano::usd(5)));
    assert_eq!(spec.groups.len(), 8, "seven built-in ones beside it");

    assert_eq!(spec.keys.len(), 1);
    assert_eq!(loaded.pricing_policies.time.len(), 1);
    assert_eq!(loaded.secrets().map(|(_, secret)| secret.expose()).collect::<Vec<_>>(), ["sk-first", "sk-second"]);
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let loaded = valid("", &[]);
    assert_eq!(loaded.channels.len(), 0);
    assert_eq!(loaded.groups.len(), 8);
    assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
}

#[test]
fn prices_in_another_currency_become_usd_exactly() {
    let file = "providers:\n  cn: { kind: openai_compatible, base_url: \"https://cn.example.com/v1\", currency: CNY, price_multiplier: 0.5 }\n\
                channels:\n  - name: cn\n    provider: cn\n    models: [{ name: m, price: { input: 14.4, output: 2, per_request: 0.072 } }]\n";
    let loaded = valid(file, &[]);
    let price = loaded.channels[0].spec.models[0].price.clone().expect("given");
    assert_eq!((price.input, price.output), (Rate(1_000_000_000), Rate(138_888_889)));
    assert_eq!(price.per_request, Nano(5_000_000));
}

#[test]
fn an_unknown_price_is_told_and_stays_unknown() {
    let file = "channels: [{ name: a, provider: openai, api_keys: [k], models: [no-such-model] }]\n";
    let loaded = valid(file, &[]);
    assert_eq!(loaded.channels[0].spec.models[0].price, None);
    assert!(loaded.notices.iter().any(|notice| notice.message.contains("the price of `no-such-model` is unknown")));
}

#[test]
fn another_vendors_price_is_never_taken() {
    let file =
        "channels: [{ name: a, provider: openai_compatible, base_url: \"http://localhost:1/v1\", models: [gpt-4o] }]\n";
    let model = valid(file, &[]).channels[0].spec.models[0].clone();
    assert_eq!(model.price, None);
    assert_eq!(model.context_length, Some(128_000));
}

#[test]
fn anchors_merges_and_numbers_as_text_are_yaml_like_any_other() {
    let file = "channels:\n  - &base\n    name: a\n    provider: groq\n    api_keys: [k]\n    weight: 2\n    models: []\n  - <<: *base\n    name: \"7\"\n";
    let loaded = valid(file, &[]);
    assert_eq!(loaded.channels[1].spec.weight, 2.0);
    assert_eq!(&*loaded.channels[1].spec.name, "7");
}

#[test]
fn the_built_in_groups_would_be_a_valid_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/presets/groups.yaml");
    let overrides = Overrides {
        demo: Some(config::DemoBase { base_url: "http://127.0.0.1:9".to_owned() }),
        ..Overrides::default()
    };
    let loaded = config::load(&Source::Path(path.into()), &env(&[]), &overrides);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let built_in = valid("", &[]).groups;
    assert_eq!(loaded.groups.len(), built_in.len() + 1, "auto:demo exists with its channels only");
}

#[test]
fn goals_of_strategy_slo_reach_the_core() {
    let file = "channels: [{ name: a, provider: openai, api_keys: [k], models: [gpt-4o] }]\n\
                model_groups:\n  g: { strategy: slo, slo: { ttft_p95: 800ms, success: 0.99 } }\n";
    let loaded = valid(file, &[]);
    let group = loaded.groups.iter().find(|group| &*group.name == "g").expect("configured");
    let goals = group.slo.expect("goals");
    assert_eq!((&*group.strategy, goals.ttft_p95_ms, goals.success), ("slo", Some(800.0), Some(0.99)));
    assert!(!loaded.notices.iter().any(|notice| notice.subject.starts_with("model_groups.g")));
}
