//! The most that a request could cost on a channel model.

use super::{ModelIx, Snapshot};
use crate::ask::{Ask, Endpoint};
use crate::money::Nano;
use crate::pricing::upper_bound;

impl Snapshot {
    /// Output tokens of one answer that a channel model may give: the client's limit, else the router's default, and
    /// never more than the model can. 0 for embeddings.
    #[must_use]
    pub fn output_bound(&self, ix: ModelIx, ask: &Ask) -> u64 {
        if ask.endpoint == Endpoint::Embeddings {
            return 0;
        }
        let wanted = ask.max_output_tokens.unwrap_or(self.budgets.default_max_output_tokens);
        self.model(ix).and_then(|model| model.max_output_tokens).map_or(wanted, |limit| limit.min(wanted))
    }

    /// The most that the request could cost there, rounded up. `None` if its price is unknown.
    #[must_use]
    pub fn cost_bound(&self, ix: ModelIx, ask: &Ask) -> Option<Nano> {
        let price = self.price(ix)?;
        Some(upper_bound(price, ask.input_tokens_bound, self.output_bound(ix, ask), ask.answers))
    }
}
