//! Groq: OpenAI's shapes; 413 means a request beyond the minute limit or the context; `n` is always 1; nulls in messages are refused.

use router_core::fault::FaultKind;

use super::{Adapter, MaxOutputParam, PLAIN, Quirks, UpstreamPreset};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "groq", preset, refine, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        max_output_param: MaxOutputParam::MaxCompletionTokens,
        quirks: Quirks { no_nulls: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let message = error.message.as_str();
    if status == 413 && !message.starts_with("Request too large") {
        return Some(FaultKind::ContextLength);
    }
    // Groq refuses features without a code of its own: "'n' : number must be at most 1", "property 'x' is unsupported".
    let unsupported = message.starts_with("'n' : number must be at most 1")
        || (message.starts_with("property '") && message.ends_with("is unsupported"));
    (status == 400 && unsupported).then_some(FaultKind::Unsupported)
}
