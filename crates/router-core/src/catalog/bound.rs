//! The most that a request could cost on a channel model.

use super::{ModelIx, Snapshot};
use crate::ask::{Ask, Endpoint};
use crate::money::Nano;
use crate::pricing::upper_bound_as;

impl Snapshot {
    /// Output tokens of one answer that a channel model may give: the client's limit, else the router's default, and
    /// never more than the model can. 0 where the answer is no text.
    #[must_use]
    pub fn output_bound(&self, ix: ModelIx, ask: &Ask) -> u64 {
        if !ask.endpoint.makes_text() {
            return 0;
        }
        let wanted = ask.max_output_tokens.unwrap_or(self.budgets.default_max_output_tokens);
        self.model(ix).and_then(|model| model.max_output_tokens).map_or(wanted, |limit| limit.min(wanted))
    }

    /// Output tokens of one answer that an attempt reserves: what the client named, which goes upstream as it is; else as
    /// [`Self::output_bound`].
    #[must_use]
    pub fn reserved_output(&self, ix: ModelIx, ask: &Ask) -> u64 {
        match ask.max_output_tokens.filter(|_| ask.endpoint.makes_text()) {
            Some(named) => named,
            None => self.output_bound(ix, ask),
        }
    }

    /// The most that an attempt may cost: what is reserved for it. Nothing where the price is unknown, and for counting tokens.
    #[must_use]
    pub fn reserved_cost(&self, ix: ModelIx, ask: &Ask) -> Nano {
        let price = self.price(ix).filter(|_| ask.endpoint != Endpoint::CountTokens);
        price.map_or(Nano::ZERO, |price| {
            let output = self.reserved_output(ix, ask);
            upper_bound_as(price, ask.service, ask.input_tokens_bound, output, ask.answers)
        })
    }

    /// Whether the request certainly costs no more than the limit there: quick, from numbers computed beforehand, and
    /// `false` wherever [`Snapshot::cost_bound`] has to be asked.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate with a margin; the exact bound decides beyond it")]
    pub fn costs_surely_within(&self, ix: ModelIx, ask: &Ask, limit: Nano) -> bool {
        let Some(model) = self.model(ix).filter(|_| ask.service.is_standard()) else { return false };
        let (facts, answers) = (&model.facts, ask.answers.max(1) as f64);
        let one = self.output_bound(ix, ask) as f64 * facts.bound_per_output + facts.bound_per_answer;
        let input = ask.input_tokens_bound as f64 * facts.bound_per_input;
        (input + answers * one + facts.bound_per_request) * 1.001 + 1.0 < limit.0 as f64
    }

    /// The most that the request could cost there, rounded up. `None` if its price is unknown.
    #[must_use]
    pub fn cost_bound(&self, ix: ModelIx, ask: &Ask) -> Option<Nano> {
        let price = self.price(ix)?;
        let output = self.output_bound(ix, ask);
        Some(upper_bound_as(price, ask.service, ask.input_tokens_bound, output, ask.answers))
    }
}
