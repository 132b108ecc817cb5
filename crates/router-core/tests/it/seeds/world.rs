//! A world by a seed: catalogue, limits, budgets, rules, requests, and what providers do.

use std::sync::Arc;

use router_core::admission::AdmissionConfig;
use router_core::budget::{Ledger, Zone};
use router_core::catalog::KeyIx;
use router_core::catalog::spec::{CatalogSpec, ChannelSpec, HedgeAfter, KeyRotation, ProviderKeySpec, Timeouts};
use router_core::fault::{Fault, FaultKind, RULES};
use router_core::health::{BreakerConfig, CooldownConfig};
use router_core::ids::mix;
use router_core::limits::Limits;
use router_core::money::Nano;
use router_core::pricing::Rate;
use router_core::rehearsal::{Call, Ending, Lots, Provider, Reply, Request, Stage};
use router_core::request::RetryBudgetConfig;
use router_core::usage::Usage;
use router_core::world::{Cells, Manners, Rules, World};

use crate::routing::{NOW, ask, build, catalogue, channel, group, key, member, model};

/// Everything of a seed.
pub(super) struct Made {
    pub(super) stage: Stage,
    pub(super) provider: Whims,
    pub(super) requests: Vec<Request>,
    pub(super) ledger: Ledger,
    /// Caps of all budgets.
    pub(super) caps: Caps,
    pub(super) retries: RetryBudgetConfig,
}

/// Caps of a day, by the id of what has them.
pub(super) type Caps = Vec<(String, Nano)>;

/// A draw in small words.
struct Dice(Lots);

impl Dice {
    /// From 0 to below `n`.
    fn below(&mut self, n: u64) -> u64 {
        (self.0.unit() * n as f64) as u64
    }

    fn chance(&mut self, share: f64) -> bool {
        self.0.unit() < share
    }

    fn maybe(&mut self, share: f64, least: u64, more: u64) -> Option<u64> {
        let value = least + self.below(more);
        self.chance(share).then_some(value)
    }
}

/// Providers that do anything at all.
pub(super) struct Whims {
    /// Of each channel model: share of faults.
    faulty: f64,
}

impl Provider for Whims {
    fn call(&mut self, call: &Call<'_>) -> Reply {
        let mut dice =
            Dice(Lots::of(mix(call.request.seed ^ u64::from(call.target.model.0)) ^ u64::from(call.attempt)));
        let most = call.output_cap.unwrap_or(5_000).max(1);
        let input = call.request.ask.input_tokens;
        let usage =
            Usage { input, output: 1 + dice.below(most), cached_input: dice.below(input + 1), ..Usage::default() };
        let first_ms = dice.below(3_000);
        let last_ms = first_ms + dice.below(20_000);
        let good = Reply::whole(first_ms, last_ms, usage);
        if !dice.chance(self.faulty) {
            return good;
        }
        let kind = RULES[dice.below(RULES.len() as u64) as usize].kind;
        let fault = Fault { retry_after_ms: dice.maybe(0.3, 0, 30_000), ..Fault::new(kind, "") };
        match dice.below(6) {
            0 => Reply::silence(),
            1 => Reply { end: None, ..good },
            2 => Reply { end: Some((last_ms, Ending::Failed(Fault::new(FaultKind::Cut, "")))), ..good },
            _ => Reply::fault(dice.below(2_000), fault),
        }
    }
}

fn channels(dice: &mut Dice) -> Vec<ChannelSpec> {
    let count = 1 + dice.below(4);
    let one = |number: u64, dice: &mut Dice| {
        let names = ["large", "middle", "small"];
        let models = names.iter().take(1 + dice.below(3) as usize);
        let models = models.map(|name| {
            let mut model = model(name, dice.below(2_000) as i64);
            model.context_length = Some(8_000 + dice.below(100_000));
            if let Some(price) = model.price.as_mut().filter(|_| dice.chance(0.7)) {
                price.cached_input = Some(Rate(price.input.0 / 10));
            }
            model
        });
        let mut channel = channel(&format!("channel-{number}"), models.collect());
        channel.provider = format!("provider-{}", dice.below(3)).into();
        channel.keys = (0..dice.below(4))
            .map(|place| ProviderKeySpec {
                id: format!("channel-{number}/{place}").into(),
                weight: 1.0 + dice.below(3) as f64,
                daily_budget: dice.maybe(0.1, 1, 50).map(cents),
                limits: if dice.chance(0.3) { key_limits(dice) } else { Limits::default() },
            })
            .collect();
        channel.key_rotation = if dice.chance(0.5) { KeyRotation::LeastUsed } else { KeyRotation::Weighted };
        channel.limits.max_in_flight = dice.maybe(0.3, 1, 6);
        channel.limits.requests_per_minute = dice.maybe(0.3, 1, 40);
        channel.limits.requests_per_day = dice.maybe(0.2, 1, 60);
        channel.limits.tokens_per_minute = dice.maybe(0.1, 5_000, 500_000);
        channel.limits.daily_budget = dice.maybe(0.2, 1, 100).map(cents);
        channel.timeouts = Timeouts {
            first_byte_ms: 500 + dice.below(10_000),
            stream_idle_ms: 500 + dice.below(10_000),
            ..Timeouts::default()
        };
        channel
    };
    (0..count).map(|number| one(number, dice)).collect()
}

fn key_limits(dice: &mut Dice) -> Limits {
    Limits {
        requests_per_minute: dice.maybe(0.4, 1, 20),
        tokens_per_minute: dice.maybe(0.2, 5_000, 100_000),
        requests_per_day: dice.maybe(0.3, 1, 30),
        max_in_flight: dice.maybe(0.4, 1, 4),
    }
}

fn cents(cents: u64) -> Nano {
    Nano(cents as i64 * 10_000_000)
}

fn catalogue_of(dice: &mut Dice) -> CatalogSpec {
    let strategies = ["cost_optimized", "balanced", "speed_optimized", "priority", "load_balance", "slo"];
    let mut any = group("any", strategies[dice.below(6) as usize]);
    any.daily_budget = dice.maybe(0.2, 10, 200).map(cents);
    let mut few = group("few", "priority");
    few.select = None;
    few.members = vec![member("large"), member("small")];
    few.members[0].daily_limit = dice.maybe(0.5, 1, 30);
    few.fallback = vec!["any".into()];
    any.hedge_after = hedge(dice);
    let mut spec = catalogue(channels(dice), vec![any, few]);
    spec.budgets.daily = Some(cents(50 + dice.below(5_000)));
    for number in 0..2 {
        let mut key = key(&format!("key-{number}"), &[]);
        key.limits.max_in_flight = dice.maybe(0.4, 1, 10);
        key.limits.requests_per_minute = dice.maybe(0.3, 5, 100);
        key.daily_budget = dice.maybe(0.3, 1, 300).map(cents);
        spec.keys.push(key);
    }
    spec
}

fn hedge(dice: &mut Dice) -> Option<HedgeAfter> {
    [None, Some(HedgeAfter::Never), Some(HedgeAfter::P95), Some(HedgeAfter::Ms(dice.below(2_000)))]
        [dice.below(4) as usize]
}

fn caps(spec: &CatalogSpec) -> Caps {
    let mut caps: Caps = vec![("router".to_owned(), spec.budgets.daily.expect("always one"))];
    caps.extend(spec.groups.iter().filter_map(|group| Some((group.name.to_string(), group.daily_budget?))));
    caps.extend(spec.keys.iter().filter_map(|key| Some((key.id.to_string(), key.daily_budget?))));
    for channel in &spec.channels {
        caps.extend(channel.limits.daily_budget.map(|cap| (channel.name.to_string(), cap)));
        caps.extend(channel.keys.iter().filter_map(|key| Some((key.id.to_string(), key.daily_budget?))));
    }
    caps
}

fn rules(dice: &mut Dice) -> Rules {
    Rules {
        breaker: BreakerConfig {
            failure_threshold: 1 + dice.below(5) as u32,
            open_for_ms: 500 + dice.below(20_000),
            half_open_probes: 1 + dice.below(3) as u32,
            success_threshold: 1 + dice.below(3) as u32,
            ..BreakerConfig::default()
        },
        cooldown: CooldownConfig {
            rate_limited_ms: 100 + dice.below(10_000),
            temporary_ms: 1 + dice.below(3_000),
            max_ms: 20_000 + dice.below(100_000),
        },
        max_attempts: 1 + dice.below(5) as u32,
        total_ms: 5_000 + dice.below(60_000),
        per_channel: 2 + dice.below(20),
        bodies_per_channel: 40_000 + dice.below(400_000),
        hedge_after: hedge(dice).unwrap_or_default(),
    }
}

fn requests(dice: &mut Dice) -> Vec<Request> {
    let spread_ms = [50, 500, 5_000][dice.below(3) as usize];
    let mut at_ms = NOW;
    let count = 20 + dice.below(100);
    let mut one = |number: u64| {
        at_ms += dice.below(spread_ms);
        let mut ask = ask(["any", "few", "large", "small", "nothing"][dice.below(5).min(dice.below(6)) as usize]);
        ask.stream = dice.chance(0.6);
        ask.input_tokens = dice.below(9_000);
        ask.input_tokens_bound = ask.input_tokens;
        ask.max_output_tokens = dice.maybe(0.7, 1, 4_000);
        ask.body_bytes = ask.input_tokens * 4;
        ask.session = dice.maybe(0.5, 0, 4);
        Request {
            at_ms,
            key: dice.maybe(0.7, 0, 2).map(|key| KeyIx(key as u32)),
            ask,
            seed: mix(number ^ dice.below(1 << 40)),
            total_ms: dice.maybe(0.1, 100, 5_000),
            leaves_ms: dice.maybe(0.15, 0, 15_000),
            ..Request::default()
        }
    };
    (0..count).map(&mut one).collect()
}

/// The world of a seed.
pub(super) fn make(seed: u64) -> Made {
    let mut dice = Dice(Lots::of(seed));
    let spec = catalogue_of(&mut dice);
    let (caps, rules) = (caps(&spec), rules(&mut dice));
    let core = Arc::new(build(spec));
    let ledger = Ledger::new(Zone::named("UTC").expect("a zone"));
    let manners = Manners { caches_by_itself: true, believes_cost: false };
    let world = World::build(&core, rules, |_| manners, &Cells::default(), &ledger);
    let per_mille = [0, 100, 200, 1_000][dice.below(4) as usize];
    let retries = RetryBudgetConfig { per_mille, floor_per_second: dice.below(11) as u32 };
    let admission = AdmissionConfig { max_in_flight: 1 + dice.below(60) as usize, queue: dice.below(30) as usize };
    let hedges = RetryBudgetConfig::hedges([0, 50, 500, 1_000][dice.below(4) as usize]);
    let stage = Stage { core, world, retries, hedges, admission, patience_ms: 100 + dice.below(5_000) };
    let provider = Whims { faulty: [0.02, 0.2, 0.6, 0.95][dice.below(4) as usize] };
    Made { stage, provider, requests: requests(&mut dice), ledger, caps, retries }
}
