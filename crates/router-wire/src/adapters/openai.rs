//! OpenAI itself: the common tables are its own.

use super::{Adapter, MaxOutputParam, UpstreamPreset};

pub(super) const ADAPTER: Adapter = Adapter { name: "openai", preset, refine: |_, _| None };

fn preset() -> UpstreamPreset {
    UpstreamPreset { max_output_param: MaxOutputParam::MaxCompletionTokens, ..UpstreamPreset::default() }
}
