//! OpenAI itself: the common tables are its own.

use super::{Adapter, MaxOutputParam, PLAIN, Quirks, UpstreamPreset};

pub(super) const ADAPTER: Adapter = Adapter { name: "openai", preset, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        max_output_param: MaxOutputParam::MaxCompletionTokens,
        quirks: Quirks { developer_role: true, reasoning_max_completion: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}
