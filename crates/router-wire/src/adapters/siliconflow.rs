//! SiliconFlow: errors as bare strings or `{"code": 20012, …}`, no role `developer`, limits named without a time.

use router_core::fault::FaultKind;

use super::{Adapter, MaxOutputParam, PLAIN, Quirks, UpstreamPreset};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "siliconflow", preset, refine, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        max_output_param: MaxOutputParam::MaxTokens,
        quirks: Quirks { developer_as_system: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let message = error.message.to_lowercase();
    match status {
        403 if message.contains("balance") || message.contains("insufficient") => Some(FaultKind::KeyBilling),
        // Models that ask for a verified account, or for another plan: the key is well.
        403 => Some(FaultKind::ModelUnavailable),
        504 => Some(FaultKind::Overloaded),
        _ => None,
    }
}
