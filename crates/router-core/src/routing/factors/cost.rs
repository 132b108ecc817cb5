//! What a request would cost, for ranking. Floating point: the books never see these numbers.

use super::{Factor, Origin};
use crate::ask::Ask;
use crate::catalog::ChannelModel;
use crate::pricing::Price;

/// Output tokens of a chat answer where the client sets no lower limit: the order of magnitude of the median answer.
pub const USUAL_OUTPUT_TOKENS: u64 = 400;

pub(super) const EFFECTIVE_COST: Factor = Factor {
    name: "effective_cost",
    doc: "USD of this request: input estimate × input price + expected output × output price (400 tokens, or the \
          client's lower limit, for each answer) + price per request, tokens that the channel holds in its prompt cache for \
          this session at their own price; times the member's cost_multiplier and the pricing policies; plus the shadow \
          price of a quota that is used ahead of the clock",
    descending: false,
    origin: Origin::Catalogue,
    raw: |view| view.costs.effective_usd,
};

pub(super) const COST_EFFICIENCY: Factor = Factor {
    name: "cost_efficiency",
    doc: "quality for money: quality_score / (1 + USD per million tokens mixed 3:1 × cost_multiplier × policies)",
    descending: true,
    origin: Origin::Catalogue,
    raw: |view| {
        let usd_per_million = view.model.facts.usd_per_million * view.member.cost_multiplier * view.costs.multiplier;
        super::quality::quality(view) / (1.0 + usd_per_million)
    },
};

/// Tokens that a request is expected to use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tokens {
    /// Estimated input, also as a the length that chooses the price tier.
    pub(crate) input: u64,
    /// Of them, expected to be read from the prompt cache.
    pub(crate) cached: u64,
    /// Expected output of all answers together.
    pub(crate) output: f64,
}

impl Tokens {
    #[expect(clippy::cast_precision_loss, reason = "numbers for ranking, not for the books")]
    pub(crate) fn expected(ask: &Ask) -> Self {
        let one = if ask.endpoint.makes_text() {
            ask.max_output_tokens.map_or(USUAL_OUTPUT_TOKENS, |limit| limit.min(USUAL_OUTPUT_TOKENS))
        } else {
            0
        };
        Self { input: ask.input_tokens, cached: 0, output: one as f64 * ask.answers.max(1) as f64 }
    }
}

/// USD that the expected tokens cost; `price` is asked only where long inputs have another one.
#[expect(clippy::cast_precision_loss, reason = "numbers for ranking, not for the books")]
pub(crate) fn real_usd(model: &ChannelModel, price: Option<&Price>, tokens: Tokens) -> f64 {
    let facts = &model.facts;
    let (input, cached, output) = match price {
        Some(price) if facts.has_tiers => {
            let rates = price.rates(tokens.input);
            (rates.input.0 as f64 / 1e15, rates.cached_input.0 as f64 / 1e15, rates.output.0 as f64 / 1e15)
        }
        _ => (facts.usd_per_input, facts.usd_per_cached, facts.usd_per_output),
    };
    let held = tokens.cached.min(tokens.input);
    (tokens.input - held) as f64 * input + held as f64 * cached + tokens.output * output + facts.usd_per_request
}
