//! What a large catalogue takes: alone in its process, so that the process's memory is the catalogue's.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "in tests, helpers may fail too; the system says what the process holds"
)]

use router_core::catalog::spec::{
    CatalogSpec, ChannelLimits, ChannelModelSpec, ChannelSpec, GroupSpec, KeyRotation, SelectSpec, Timeouts,
};
use router_core::catalog::{Capabilities, Capability, Snapshot};
use router_core::pricing::{Price, Rate};

/// Channel models, ten to a channel.
const MODELS: usize = 10_000;
/// Of the process, in KiB.
const MOST_KIB: u64 = 40 * 1024;

fn catalogue() -> CatalogSpec {
    let capabilities = Capabilities::NONE.with(Capability::Chat).with(Capability::Streaming);
    let model = |channel: usize, number: usize| ChannelModelSpec {
        name: format!("vendor-{number}/a-model-with-a-usual-name-{number}").into(),
        upstream_name: format!("a-model-with-a-usual-name-{number}-2027-01-31").into(),
        aliases: vec![format!("alias-{number}").into()],
        price: Some(Price { input: Rate(2_500_000_000), output: Rate(10_000_000_000), ..Price::default() }),
        context_length: Some(128_000),
        max_output_tokens: Some(16_384),
        capabilities,
        tags: vec!["fast".into(), format!("tier-{}", number % 3).into()],
        scores: [("quality".into(), (channel % 100) as f64 / 100.0), ("speed".into(), 0.5)].into(),
        parameter_count: None,
    };
    let channel = |number: usize| ChannelSpec {
        name: format!("channel-{number}").into(),
        provider: format!("provider-{}", number % 20).into(),
        kind: "openai".into(),
        base_url: format!("https://api-{number}.example.com/v1").into(),
        headers: Vec::new(),
        keys: Vec::new(),
        key_rotation: KeyRotation::default(),
        region: Some("us-east-1".into()),
        tags: vec!["paid".into()],
        priority: 1,
        weight: 1.0,
        enabled: true,
        limits: ChannelLimits::default(),
        timeouts: Timeouts::default(),
        models: (0..10).map(|model_number| model(number, model_number)).collect(),
    };
    // Groups that take everybody, as the built-in ones do.
    let groups = ["balanced", "cost_optimized", "speed_optimized", "quality_optimized", "priority", "load_balance"];
    let group = |strategy: &str| GroupSpec {
        name: format!("auto:{strategy}").into(),
        strategy: strategy.into(),
        select: Some(SelectSpec::default()),
        ..GroupSpec::default()
    };
    CatalogSpec {
        channels: (0..MODELS / 10).map(channel).collect(),
        groups: groups.map(group).into(),
        ..CatalogSpec::default()
    }
}

/// What the process holds in memory, KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_snapshot_of_10_000_channel_models_takes_less_than_40_mb() {
    let before = resident_kib();
    let snapshot = Snapshot::build(catalogue()).expect("a sound catalogue");
    let taken = resident_kib().saturating_sub(before);
    assert_eq!(snapshot.models().len(), MODELS);
    println!(
        "{} KiB for {MODELS} channel models in {} groups, what it was built from included",
        taken,
        snapshot.groups().len()
    );
    assert!(taken < MOST_KIB, "{taken} KiB");
}
