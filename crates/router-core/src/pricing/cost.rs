//! What a usage costs: non-overlapping parts × rates, tiers by context length, one rounding up at the end.

use std::ops::Add;

use super::{Price, Rate, Tier};
use crate::money::Nano;
use crate::usage::{ServiceTier, Usage};

/// Tokens in the unit of a [`Rate`].
const TOKENS_PER_RATE: i128 = 1_000_000;

/// A cost before rounding, in nano-USD × 10⁻⁶. Attempts are added up in this form, so that a request rounds once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactCost(pub i128);

impl ExactCost {
    /// Rounds up to whole nano-USD; saturates.
    #[must_use]
    pub fn round_up(self) -> Nano {
        let whole = self.0 / TOKENS_PER_RATE;
        let up = i128::from(self.0 % TOKENS_PER_RATE > 0);
        Nano::from_i128(whole.saturating_add(up))
    }
}

impl Add for ExactCost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The rates that hold for one request, every fallback resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Plain input.
    pub input: Rate,
    /// Cached reads.
    pub cached_input: Rate,
    /// Cache writes (5 minutes).
    pub cache_write: Rate,
    /// Cache writes (1 hour).
    pub cache_write_1h: Rate,
    /// Audio in.
    pub audio_input: Rate,
    /// Plain output.
    pub output: Rate,
    /// Reasoning.
    pub reasoning: Rate,
    /// Audio out.
    pub audio_output: Rate,
}

impl Price {
    /// The rates for a request with that many input tokens, cached ones included. The highest threshold that
    /// the input strictly exceeds counts, in whatever order the tiers stand.
    #[must_use]
    pub fn rates(&self, input_tokens: u64) -> Rates {
        let tier = self.tiers.iter().filter(|tier| tier.applies(input_tokens)).max_by_key(|tier| tier.above_tokens);
        tier.map_or_else(|| self.base_rates(), |tier| self.tier_rates(tier))
    }

    fn base_rates(&self) -> Rates {
        let cache_write = self.cache_write.unwrap_or(self.input);
        Rates {
            input: self.input,
            cached_input: self.cached_input.unwrap_or(self.input),
            cache_write,
            cache_write_1h: self.cache_write_1h.unwrap_or(cache_write),
            audio_input: self.audio_input.unwrap_or(self.input),
            output: self.output,
            reasoning: self.reasoning.unwrap_or(self.output),
            audio_output: self.audio_output.unwrap_or(self.output),
        }
    }

    /// The tier's own classes; see [`Tier`] for those that it does not name.
    fn tier_rates(&self, tier: &Tier) -> Rates {
        let dearer = |own: Option<Rate>, plain: Rate| own.map_or(plain, |own| own.max(plain));
        let cache_write = tier.cache_write.unwrap_or(tier.input);
        Rates {
            input: tier.input,
            cached_input: tier.cached_input.unwrap_or(tier.input),
            cache_write,
            cache_write_1h: tier.cache_write_1h.unwrap_or_else(|| dearer(self.cache_write_1h, cache_write)),
            audio_input: tier.audio_input.unwrap_or_else(|| dearer(self.audio_input, tier.input)),
            output: tier.output,
            reasoning: tier.reasoning.unwrap_or_else(|| dearer(self.reasoning, tier.output)),
            audio_output: tier.audio_output.unwrap_or_else(|| dearer(self.audio_output, tier.output)),
        }
    }
}

/// The cost of a usage, rounded up to whole nano-USD. Hostile usage is sanitised first ([`Usage::sanitized`]).
#[must_use]
pub fn cost(price: &Price, usage: &Usage) -> Nano {
    exact_cost(price, usage).round_up()
}

/// What goes into the books: the provider's own figure where it is to be believed and named one (a bill needs no price), else
/// the computed cost. `None` if nobody knows it.
#[must_use]
pub fn booked_cost(price: Option<&Price>, usage: &Usage, believes_provider: bool) -> Option<ExactCost> {
    match usage.reported_cost.filter(|cost| believes_provider && *cost >= Nano::ZERO) {
        Some(cost) => Some(ExactCost(i128::from(cost.0).saturating_mul(TOKENS_PER_RATE))),
        None => price.map(|price| exact_cost(price, usage)),
    }
}

/// The cost of a usage before rounding, the fee per request included.
#[must_use]
pub fn exact_cost(price: &Price, usage: &Usage) -> ExactCost {
    let (usage, _) = usage.sanitized();
    let price = price.of(usage.service);
    let rates = price.rates(usage.input);
    let parts_in = [
        (usage.cached_input, rates.cached_input),
        (usage.cache_write, rates.cache_write),
        (usage.cache_write_1h, rates.cache_write_1h),
        (usage.audio_input, rates.audio_input),
    ];
    let parts_out = [(usage.reasoning, rates.reasoning), (usage.audio_output, rates.audio_output)];
    let sum = whole(usage.input, rates.input, &parts_in)
        + whole(usage.output, rates.output, &parts_out)
        + fees(price, usage.images);
    ExactCost(sum)
}

/// The most that a request can cost: every token at the dearest class of any tier that the input can reach,
/// every answer as long as allowed and with an image where images have a price.
/// `input_bound` and `output_bound` are tokens, the latter for each of the `answers`.
#[must_use]
pub fn upper_bound(price: &Price, input_bound: u64, output_bound: u64, answers: u64) -> Nano {
    let answers = answers.max(1);
    let reachable = price.tiers.iter().filter(|tier| tier.applies(input_bound)).map(|tier| price.tier_rates(tier));
    let (mut dearest_in, mut dearest_out) = (Rate(0), Rate(0));
    for rates in reachable.chain([price.base_rates()]) {
        for rate in [rates.input, rates.cached_input, rates.cache_write, rates.cache_write_1h, rates.audio_input] {
            dearest_in = dearest_in.max(rate);
        }
        for rate in [rates.output, rates.reasoning, rates.audio_output] {
            dearest_out = dearest_out.max(rate);
        }
    }
    let output = i128::from(output_bound).saturating_mul(i128::from(answers));
    let sum = amount(i128::from(input_bound), dearest_in)
        .saturating_add(amount(output, dearest_out))
        .saturating_add(fees(price, answers));
    ExactCost(sum).round_up()
}

/// [`upper_bound`] of a request that asks for that service tier: the provider may serve it so, or as usual.
#[must_use]
pub fn upper_bound_as(price: &Price, service: ServiceTier, input_bound: u64, output_bound: u64, answers: u64) -> Nano {
    let usual = upper_bound(price, input_bound, output_bound, answers);
    upper_bound(price.of(service), input_bound, output_bound, answers).max(usual)
}

/// The cost of that many plain tokens, for ranking and estimates.
#[must_use]
pub fn expected(price: &Price, input_tokens: u64, output_tokens: u64) -> Nano {
    cost(price, &Usage { input: input_tokens, output: output_tokens, ..Usage::default() })
}

/// The parts at their rates, what is left of `total` at the plain one.
fn whole(total: u64, plain: Rate, parts: &[(u64, Rate)]) -> i128 {
    let mut rest = i128::from(total);
    let mut sum = 0;
    for &(tokens, rate) in parts {
        rest -= i128::from(tokens);
        sum += amount(i128::from(tokens), rate);
    }
    sum + amount(rest, plain)
}

fn fees(price: &Price, images: u64) -> i128 {
    let image = price.image.map_or(0, |each| i128::from(each.0).saturating_mul(i128::from(images)));
    image.saturating_add(i128::from(price.per_request.0)).saturating_mul(TOKENS_PER_RATE)
}

/// Tokens × nano-USD per million tokens = nano-USD × 10⁻⁶.
fn amount(tokens: i128, rate: Rate) -> i128 {
    tokens.saturating_mul(i128::from(rate.0))
}
