//! How long the virtual router takes for an hour of traffic: 50 requests a second over ten channels, of which one in fifty
//! attempts fails and one channel is away for ten minutes.
//!
//! `cargo bench -p router-core --bench rehearsal`
#![expect(clippy::expect_used, reason = "a benchmark may fail")]

use std::sync::Arc;

use router_core::admission::AdmissionConfig;
use router_core::ask::Ask;
use router_core::budget::{Ledger, Zone};
use router_core::catalog::spec::{
    CatalogSpec, ChannelLimits, ChannelModelSpec, ChannelSpec, GroupSpec, KeyRotation, SelectSpec, Timeouts,
};
use router_core::catalog::{Capabilities, Capability, Snapshot};
use router_core::fault::{Fault, FaultKind};
use router_core::ids::mix;
use router_core::pricing::{Price, Rate};
use router_core::rehearsal::{Call, Law, Lots, Note, Provider, Reply, Request, Stage, VirtualRouter, Watch};
use router_core::request::{RetryBudgetConfig, Status};
use router_core::usage::Usage;
use router_core::world::{Cells, Manners, Rules, World};

const START_MS: u64 = 1_800_000_000_000;
const REQUESTS: u64 = 50 * 3_600;

fn main() {
    divan::main();
}

struct Faulty;

impl Provider for Faulty {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        let mut lots = Lots::of(mix(call.request.seed ^ u64::from(call.target.model.0)) ^ u64::from(call.attempt));
        let away = call.target.model.0 == 0 && (600_000..1_200_000).contains(&(call.now_ms - START_MS));
        if away {
            return Reply::fault(5, Fault::new(FaultKind::Connect, ""));
        }
        if lots.unit() < 0.02 {
            return Reply::fault(300, Fault::new(FaultKind::Temporary, ""));
        }
        let first_ms = Law::Lognormal { median: 400.0, sigma: 0.4 }.draw_whole(&mut lots);
        let output = Law::Lognormal { median: 250.0, sigma: 0.8 }.draw_whole(&mut lots);
        Reply::whole(first_ms, first_ms + output * 15, Usage { input: 800, output, ..Usage::default() })
    }
}

#[derive(Default)]
struct Answered(u64);

impl Watch for Answered {
    fn note(&mut self, _: u64, _: u64, note: Note<'_>) {
        if let Note::Finished(finished) = note {
            self.0 += u64::from(finished.status == Status::Completed);
        }
    }
}

fn channel(number: i64) -> ChannelSpec {
    let rate = Rate(1_000_000_000 + number * 100_000_000);
    ChannelSpec {
        name: format!("channel-{number}").into(),
        provider: "acme".into(),
        kind: "openai_compatible".into(),
        base_url: "https://api.example.com/v1".into(),
        headers: Vec::new(),
        keys: Vec::new(),
        key_rotation: KeyRotation::default(),
        region: None,
        tags: Vec::new(),
        priority: 1,
        weight: 1.0,
        enabled: true,
        limits: ChannelLimits {
            requests_per_minute: Some(2_000),
            max_in_flight: Some(200),
            ..ChannelLimits::default()
        },
        timeouts: Timeouts::default(),
        models: vec![ChannelModelSpec {
            name: "chat".into(),
            upstream_name: "chat".into(),
            aliases: Vec::new(),
            price: Some(Price { input: rate, output: rate, ..Price::default() }),
            context_length: Some(100_000),
            max_output_tokens: None,
            capabilities: Capabilities::NONE.with(Capability::Chat).with(Capability::Streaming),
            tags: Vec::new(),
            scores: std::collections::BTreeMap::new(),
            parameter_count: None,
        }],
    }
}

fn stage() -> Stage {
    let spec = CatalogSpec {
        channels: (0..10).map(channel).collect(),
        groups: vec![GroupSpec {
            name: "all".into(),
            strategy: "balanced".into(),
            select: Some(SelectSpec::default()),
            ..GroupSpec::default()
        }],
        ..CatalogSpec::default()
    };
    let core = Arc::new(Snapshot::build(spec).expect("a sound catalogue"));
    let ledger = Ledger::new(Zone::named("UTC").expect("a zone"));
    let world = World::build(&core, Rules::default(), |_| Manners::default(), &Cells::default(), &ledger);
    Stage {
        core,
        world,
        retries: RetryBudgetConfig::default(),
        hedges: RetryBudgetConfig::hedges(50),
        admission: AdmissionConfig::default(),
        patience_ms: 5_000,
    }
}

#[divan::bench(sample_count = 5)]
fn an_hour_at_50_requests_a_second() -> u64 {
    let mut router = VirtualRouter::new(stage(), Faulty, Answered::default());
    router.run((0..REQUESTS).map(|number| Request {
        at_ms: START_MS + number * 20,
        ask: Ask { model: "all".into(), stream: true, input_tokens: 800, input_tokens_bound: 800, ..Ask::default() },
        seed: mix(number),
        ..Request::default()
    }));
    assert!(router.watch.0 * 100 > REQUESTS * 99, "{} of {REQUESTS} are answered", router.watch.0);
    router.watch.0
}
