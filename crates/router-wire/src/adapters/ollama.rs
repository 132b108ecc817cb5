//! Ollama on its compatible `/v1`: errors as strings, models that are not pulled, hosts without the memory for a model.

use router_core::fault::FaultKind;

use super::{Adapter, Auth, MaxOutputParam, Quirks, UpstreamPreset, path_of};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "ollama", preset, path: path_of, refine };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        auth: Auth::None,
        max_output_param: MaxOutputParam::MaxTokens,
        quirks: Quirks { developer_as_system: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let message = error.message.as_str();
    if message.contains("try pulling it first") || message.ends_with("not found") && message.starts_with("model ") {
        return Some(FaultKind::ModelUnavailable);
    }
    let lacks =
        ["does not support tools", "does not support thinking", "does not support images", "does not support chat"];
    if lacks.iter().any(|lack| message.contains(lack)) {
        return Some(FaultKind::Unsupported);
    }
    (status == 503 || message.starts_with("server busy")).then_some(FaultKind::Overloaded)
}
