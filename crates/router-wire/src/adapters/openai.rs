//! OpenAI itself: the common tables are its own.

use super::{Adapter, MaxOutputParam, UpstreamPreset, path_of};

pub(super) const ADAPTER: Adapter = Adapter { name: "openai", preset, path: path_of, refine: |_, _| None };

fn preset() -> UpstreamPreset {
    UpstreamPreset { max_output_param: MaxOutputParam::MaxCompletionTokens, ..UpstreamPreset::default() }
}
