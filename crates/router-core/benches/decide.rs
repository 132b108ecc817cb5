//! How long a decision takes: 10, 100 and 1,000 candidates, as the request path takes it.
//!
//! `cargo bench -p router-core --bench decide`
#![expect(clippy::expect_used, reason = "a benchmark may fail")]

use divan::Bencher;
use router_core::ask::{Ask, Endpoint};
use router_core::catalog::spec::{
    CatalogSpec, ChannelLimits, ChannelModelSpec, ChannelSpec, GroupSpec, KeyRotation, LayerSpec, SelectSpec, Timeouts,
};
use router_core::catalog::{Capabilities, Capability, ChannelIx, ModelIx, Snapshot};
use router_core::money::Nano;
use router_core::pricing::{Price, Rate};
use router_core::routing::{ChannelLive, Live, ModelLive, Moment, decide, resolve};

const SIZES: &[usize] = &[10, 100, 1_000];

fn main() {
    divan::main();
}

/// Everyone is healthy, and everyone is different.
struct Observed;

impl Live for Observed {
    fn model(&self, ix: ModelIx) -> ModelLive {
        ModelLive {
            in_flight: u64::from(ix.0 % 7),
            ttft_ms: Some(200.0 + f64::from(ix.0 * 37 % 800)),
            tokens_per_second: Some(20.0 + f64::from(ix.0 * 13 % 90)),
            success_rate: Some(1.0 - f64::from(ix.0 % 11) / 200.0),
            observations: 50.0,
            ..ModelLive::default()
        }
    }

    fn channel(&self, _: ChannelIx) -> ChannelLive {
        ChannelLive { health: Some(1.0), ..ChannelLive::default() }
    }
}

fn catalogue(models: usize, strategy: &str) -> CatalogSpec {
    let capabilities = Capabilities::NONE.with(Capability::Chat).with(Capability::Streaming);
    let channel = |number: usize| ChannelSpec {
        name: format!("channel-{number}").into(),
        provider: "openai".into(),
        kind: "openai".into(),
        base_url: "https://api.example.com/v1".into(),
        headers: Vec::new(),
        keys: Vec::new(),
        key_rotation: KeyRotation::default(),
        region: None,
        tags: vec!["paid".into()],
        priority: 1,
        weight: 1.0 + (number % 3) as f64,
        enabled: true,
        limits: ChannelLimits::default(),
        timeouts: Timeouts::default(),
        models: (0..10)
            .map(|model| ChannelModelSpec {
                name: format!("model-{model}").into(),
                upstream_name: format!("model-{model}-upstream").into(),
                aliases: vec![format!("alias-{model}").into()],
                price: Some(Price {
                    input: Rate(((number + model) % 40 + 1) as i64 * 50_000_000),
                    output: Rate(((number * 7 + model) % 50 + 1) as i64 * 200_000_000),
                    ..Price::default()
                }),
                context_length: Some(128_000),
                max_output_tokens: Some(16_384),
                capabilities,
                tags: vec!["fast".into()],
                scores: [("quality".into(), ((number * 31 + model * 7) % 100) as f64 / 100.0)].into(),
                parameter_count: None,
            })
            .collect(),
    };
    let layer = |field: &str, descending, weight| LayerSpec { field: field.into(), descending, weight };
    let own = [
        layer("speed_score", true, 1.0),
        layer("effective_cost", false, 0.3),
        layer("quality_score", true, 0.5),
        layer("reliability_score", true, 0.5),
    ];
    let group = GroupSpec {
        name: "auto:fast".into(),
        strategy: strategy.into(),
        layers: if strategy == "multi_layer" { own.into() } else { Vec::new() },
        select: Some(SelectSpec::default()),
        max_cost_per_request: Some(Nano::usd(5)),
        ..GroupSpec::default()
    };
    CatalogSpec { channels: (0..models / 10).map(channel).collect(), groups: vec![group], ..CatalogSpec::default() }
}

fn ask() -> Ask {
    Ask {
        endpoint: Endpoint::ChatCompletions,
        model: "auto:fast".into(),
        stream: true,
        needs: Capabilities::NONE,
        input_tokens: 900,
        input_tokens_bound: 1_500,
        max_output_tokens: Some(1_000),
        answers: 1,
        ..Ask::default()
    }
}

fn bench(bencher: Bencher<'_, '_>, models: usize, strategy: &str) {
    let snapshot = Snapshot::build(catalogue(models, strategy)).expect("a sound catalogue");
    let target = resolve(&snapshot, None, "auto:fast").expect("the group");
    let ask = ask();
    let mut sequence = 0;
    // A server has several decisions alive at a time. Without any, the C allocator gives the top of the heap back to
    // the system after each one, and at 1,000 candidates a third of the time is spent on page faults.
    let mut alive = None;
    bencher.bench_local(|| {
        sequence += 1;
        let at = Moment { now_ms: 1_800_000_000_000, seed: sequence * 7919, sequence };
        alive = Some(decide(&snapshot, &target, &ask, &Observed, at));
    });
    drop(alive);
}

#[divan::bench(args = SIZES)]
fn multi_layer(bencher: Bencher<'_, '_>, models: usize) {
    bench(bencher, models, "multi_layer");
}

#[divan::bench(args = SIZES)]
fn balanced(bencher: Bencher<'_, '_>, models: usize) {
    bench(bencher, models, "balanced");
}

#[divan::bench(args = SIZES)]
fn load_balance(bencher: Bencher<'_, '_>, models: usize) {
    bench(bencher, models, "load_balance");
}

/// What is stored with each request.
#[divan::bench(args = SIZES)]
fn compact_json(bencher: Bencher<'_, '_>, models: usize) {
    let snapshot = Snapshot::build(catalogue(models, "balanced")).expect("a sound catalogue");
    let target = resolve(&snapshot, None, "auto:fast").expect("the group");
    let ask = ask();
    let decision = decide(&snapshot, &target, &ask, &Observed, Moment::default());
    bencher.bench_local(|| {
        let mut out = String::new();
        decision.compact_json(&snapshot, &ask, &mut out);
        out
    });
}

#[divan::bench]
fn resolve_alias(bencher: Bencher<'_, '_>) {
    let snapshot = Snapshot::build(catalogue(1_000, "balanced")).expect("a sound catalogue");
    bencher.bench_local(|| resolve(&snapshot, None, divan::black_box("alias-3")));
}

#[divan::bench(sample_count = 20)]
fn build_10_000(bencher: Bencher<'_, '_>) {
    let spec = catalogue(10_000, "balanced");
    bencher.with_inputs(|| spec.clone()).bench_local_values(|spec| Snapshot::build(spec).map(|s| s.models().len()));
}
