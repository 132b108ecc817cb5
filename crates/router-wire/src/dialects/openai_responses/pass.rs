//! The body for a provider of the same dialect.

use router_core::ask::Endpoint;

use super::write::LEAST_OUTPUT;
use crate::dialects::Passing;
use crate::scan::{Edits, Field, OutputCap, splice as splice_body};

/// The client's bytes with the upstream's model name, the reserved output cap where the client named none, and our routing
/// fields taken out. What the client wants stored is stored there.
pub(super) fn splice(passing: &Passing<'_>) -> Vec<u8> {
    let cap = passing.output_cap.filter(|_| passing.intake.ask.endpoint == Endpoint::Responses);
    let output_cap =
        cap.map(|cap| OutputCap { param: Field::MaxOutputTokens, tokens: cap.max(LEAST_OUTPUT), rename: false });
    let edits = Edits { model: passing.model, output_cap, remove: passing.routing_fields(), ..Edits::default() };
    splice_body(passing.body, &passing.intake.scan, &edits)
}
