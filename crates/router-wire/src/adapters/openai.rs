//! OpenAI itself: the common tables are its own.

use super::{Adapter, MaxOutputParam, Quirks, UpstreamPreset, path_of};

pub(super) const ADAPTER: Adapter = Adapter { name: "openai", preset, path: path_of, refine: |_, _| None };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        also: vec!["openai_responses".to_owned()],
        max_output_param: MaxOutputParam::MaxCompletionTokens,
        quirks: Quirks { developer_role: true, reasoning_max_completion: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}
