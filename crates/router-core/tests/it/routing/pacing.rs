//! Pacing of a quota over a simulated day, against taking it greedily and against knowing the day beforehand.

use router_core::ask::Ask;
use router_core::catalog::Snapshot;
use router_core::catalog::spec::CatalogSpec;
use router_core::ids::mix;
use router_core::rehearsal::{Call, Note, Reply, Request, VirtualRouter, Watch};
use router_core::request::Status;
use router_core::routing::USUAL_OUTPUT_TOKENS;
use router_core::usage::Usage;
use router_core::world::Rules;

use super::{ask, build, catalogue, channel, group, model};
use crate::rehearsal::{By, ledger, stage_of};

const DAY_MS: u64 = 86_400_000;
/// Midnight UTC of a day.
const MIDNIGHT: u64 = 1_799_971_200_000;
const QUOTA: usize = 1_000;

/// A free channel of a thousand requests a day, and one that costs.
fn world(pacing: bool) -> Snapshot {
    let mut free = channel("free", vec![model("m", 0)]);
    free.limits.requests_per_day = Some(QUOTA as u64);
    let mut paid = channel("paid", vec![model("m", 300)]);
    paid.models[0].context_length = Some(10_000_000);
    free.models[0].context_length = Some(10_000_000);
    let mut spec: CatalogSpec = catalogue(vec![free, paid], vec![group("g", "cost_optimized")]);
    spec.pricing.pacing = pacing;
    build(spec)
}

/// Numbers in [0, 1) from a seed.
fn lots(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(1);
        (mix(state.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Requests of a day, when and with how many input tokens: five times as many at noon as at midnight, lengths
/// log-normal (median 2,000, σ = 1.2), as prompts are.
fn a_day(seed: u64, requests: usize) -> Vec<(u64, u64)> {
    let mut lot = lots(seed);
    let mut day = Vec::with_capacity(requests);
    while day.len() < requests {
        let time = lot();
        let load = 1.0 - (2.0 / 3.0) * (std::f64::consts::TAU * time).cos();
        if lot() * (5.0 / 3.0) < load {
            let normal = (-2.0 * (1.0 - lot()).ln()).sqrt() * (std::f64::consts::TAU * lot()).cos();
            let tokens = (2_000.0 * (1.2 * normal).exp()).clamp(10.0, 1e6);
            day.push((MIDNIGHT + (time * DAY_MS as f64) as u64, tokens as u64));
        }
    }
    day.sort_unstable();
    day
}

/// Counts what went to the free channel, and what all of it cost.
#[derive(Default)]
struct Bill {
    usd: f64,
    used: usize,
}

impl Watch for Bill {
    fn note(&mut self, _: u64, _: u64, note: Note<'_>) {
        match note {
            // The free channel's only model is the first of the catalogue.
            Note::Sent { target, .. } => self.used += usize::from(target.model.0 == 0),
            Note::Finished(finished) => {
                assert_eq!(finished.status, Status::Completed, "everybody is served");
                self.usd += finished.settlement.cost.as_usd_f64();
            }
            _ => {}
        }
    }
}

/// Runs the day through the virtual router: the quota is the limiter's, what it saves is learned as in production. Gives the
/// day's cost in USD and how much of the quota was used.
fn run_day(day: &[(u64, u64)], pacing: bool) -> (f64, usize) {
    let stage = stage_of(world(pacing), Rules::default(), &ledger());
    let provider = By(|call: &Call<'_>| {
        let usage = Usage { input: call.request.ask.input_tokens, output: USUAL_OUTPUT_TOKENS, ..Usage::default() };
        Reply::whole(300, 4_000, usage)
    });
    let mut router = VirtualRouter::new(stage, provider, Bill::default());
    router.run((0u64..).zip(day).map(|(number, (at_ms, tokens))| {
        let ask = Ask { input_tokens: *tokens, input_tokens_bound: *tokens, ..ask("g") };
        Request { at_ms: *at_ms, ask, seed: mix(number), ..Request::default() }
    }));
    (router.watch.usd, router.watch.used)
}

#[test]
fn a_paced_quota_is_kept_for_when_it_is_needed() {
    for seed in [1, 2, 3] {
        let day = a_day(seed, 10_000);
        let (greedy, all) = run_day(&day, false);
        let (paced, used) = run_day(&day, true);
        // knowing the day beforehand: the quota for the requests that are dearest elsewhere
        let mut costs: Vec<f64> = day.iter().map(|(_, tokens)| (*tokens + USUAL_OUTPUT_TOKENS) as f64 * 3e-6).collect();
        costs.sort_by(f64::total_cmp);
        let optimum: f64 = costs.iter().take(costs.len() - QUOTA).sum();
        let told = format!("greedy {greedy:.2}, paced {paced:.2} ({used} used), optimum {optimum:.2}");
        assert_eq!(all, QUOTA, "{told}");
        assert!(used * 100 >= QUOTA * 99 && used <= QUOTA, "{told}");
        assert!(paced <= 0.8 * greedy, "at least 20 % cheaper than greedy: {told}");
        assert!(paced <= 1.1 * optimum, "within 10 % of the optimum: {told}");
        assert!(paced >= optimum * 0.999_999, "the optimum is one: {told}");
    }
}

#[test]
fn a_quota_that_suffices_is_not_spared() {
    let day = a_day(7, 900);
    let (usd, used) = run_day(&day, true);
    // early in the day a few may pass it by, until the clock shows that there is enough
    assert!(used >= 850, "{used} of 900 used, {usd} USD");
}
