//! The body for a provider of the same dialect.

use router_core::ask::Endpoint;

use crate::adapters::MaxOutputParam;
use crate::dialects::Passing;
use crate::scan::{Edits, OutputCap, splice as splice_body};

/// The client's bytes with the upstream's model name, usage asked for in streams, the reserved output cap where the client
/// named none, and our routing fields taken out.
pub(super) fn splice(passing: &Passing<'_>) -> Vec<u8> {
    let (ask, preset) = (&passing.intake.ask, passing.preset);
    let output_cap = passing.output_cap.filter(|_| ask.endpoint.makes_text()).map(|tokens| {
        // The old endpoint knows only the old name.
        let old = ask.endpoint == Endpoint::Completions;
        let param = if old { MaxOutputParam::Both } else { preset.max_output_param };
        OutputCap { param: param.field(), tokens, rename: param.must_rename() }
    });
    let include_usage = ask.stream && preset.stream_usage;
    let edits = Edits { model: passing.model, include_usage, output_cap, remove: passing.routing_fields() };
    splice_body(passing.body, &passing.intake.scan, &edits)
}
