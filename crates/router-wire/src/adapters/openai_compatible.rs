//! Any server that speaks OpenAI's dialect: vLLM, SGLang, llama.cpp, LM Studio, gateways, vendors known by preset.

use super::{Adapter, UpstreamPreset, path_of};

pub(super) const ADAPTER: Adapter =
    Adapter { name: "openai_compatible", preset: UpstreamPreset::default, path: path_of, refine: |_, _| None };
