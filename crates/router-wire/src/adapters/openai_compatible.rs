//! Any server that speaks OpenAI's dialect: vLLM, SGLang, llama.cpp, LM Studio, gateways, vendors known by preset.

use super::{Adapter, PLAIN};

pub(super) const ADAPTER: Adapter = Adapter { name: "openai_compatible", ..PLAIN };
