//! DeepSeek: content as a string, `reasoning_content` within tool loops, 429 for too many calls at once.

use router_core::fault::FaultKind;

use super::{Adapter, MaxOutputParam, PLAIN, Quirks, UpstreamPreset};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "deepseek", preset, refine, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        max_output_param: MaxOutputParam::MaxTokens,
        quirks: Quirks {
            developer_as_system: true,
            string_content: true,
            reasoning_content: true,
            ..Quirks::default()
        },
        ..UpstreamPreset::default()
    }
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    match status {
        402 => Some(FaultKind::KeyBilling),
        // It counts calls at once, not per time: what is too much now may be well in a moment.
        429 => Some(FaultKind::Overloaded),
        500 | 503 => Some(FaultKind::Overloaded),
        400 if error.message.starts_with("Model Not Exist") => Some(FaultKind::ModelUnavailable),
        _ => None,
    }
}
