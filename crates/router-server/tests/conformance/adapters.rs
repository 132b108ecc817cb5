//! The adapters and what each is able to do.

use std::collections::HashMap;

use serde_json::Value;

/// Something that a provider can do, and that must come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ability {
    /// A text, whole and as a stream, with its usage.
    Text,
    /// A call of a tool, its result, and the answer to it.
    Tools,
    /// Several calls in one answer.
    ParallelTools,
    /// A picture in the request.
    Images,
    /// An answer that follows a JSON schema.
    Documents,
    /// Stopping at a limit on output tokens, and saying so.
    Limit,
    /// Showing what the model thought.
    Thoughts,
    /// Demanding the proof of a thought back after a round of tools.
    Proofs,
    /// A vector for each text.
    Vectors,
}

use Ability::{Documents, Images, Limit, ParallelTools, Proofs, Text, Thoughts, Tools, Vectors};

/// A kind of provider and its simulated counterpart.
#[derive(Debug)]
pub(crate) struct Adapter {
    /// The kind, as in `providers.yaml`.
    pub(crate) kind: &'static str,
    /// Where the simulated counterpart speaks as this vendor does.
    pub(crate) path: &'static str,
    /// The model's name there; some habits depend on it.
    pub(crate) model: &'static str,
    pub(crate) abilities: &'static [Ability],
    /// The one dialect in which it is asked, where the kind speaks several.
    pub(crate) only: Option<&'static str>,
}

/// What providers that show no thoughts can do.
const COMMON: &[Ability] = &[Text, Tools, ParallelTools, Images, Documents, Limit, Vectors];
const THINKING: &[Ability] = &[Text, Tools, ParallelTools, Images, Documents, Limit, Thoughts];
const THINKING_EMBEDDING: &[Ability] = &[Text, Tools, ParallelTools, Images, Documents, Limit, Thoughts, Vectors];
const PROVING: &[Ability] = &[Text, Tools, ParallelTools, Images, Documents, Limit, Thoughts, Proofs];

/// The adapters.
pub(crate) const ADAPTERS: &[Adapter] = &[
    Adapter { kind: "openai", path: "/v1", model: "gpt-sim", abilities: COMMON, only: None },
    Adapter {
        kind: "openai_compatible",
        path: "/vllm/v1",
        model: "llama-sim",
        abilities: THINKING_EMBEDDING,
        only: None,
    },
    Adapter { kind: "groq", path: "/groq/openai/v1", model: "groq-sim", abilities: THINKING, only: None },
    Adapter { kind: "openrouter", path: "/openrouter/api/v1", model: "maker/sim", abilities: PROVING, only: None },
    Adapter {
        kind: "siliconflow",
        path: "/siliconflow/v1",
        model: "maker/flow-sim",
        abilities: THINKING_EMBEDDING,
        only: None,
    },
    // No pictures: contents are strings there.
    Adapter {
        kind: "deepseek",
        path: "/deepseek/v1",
        model: "deepseek-sim",
        abilities: &[Text, Tools, ParallelTools, Documents, Limit, Thoughts],
        only: None,
    },
    Adapter { kind: "tuzi", path: "/newapi/v1", model: "tuzi-sim", abilities: THINKING_EMBEDDING, only: None },
    Adapter { kind: "ollama", path: "/ollama/v1", model: "ollama-sim", abilities: THINKING_EMBEDDING, only: None },
    Adapter {
        kind: "ollama",
        path: "/ollama",
        model: "ollama-sim",
        abilities: THINKING_EMBEDDING,
        only: Some("ollama"),
    },
    Adapter {
        kind: "ollama",
        path: "/ollama",
        model: "ollama-sim",
        abilities: THINKING_EMBEDDING,
        only: Some("openai_chat"),
    },
    Adapter { kind: "azure_openai", path: "/azure/openai/v1", model: "deployment-sim", abilities: COMMON, only: None },
    Adapter { kind: "anthropic", path: "/v1", model: "claude-sim", abilities: PROVING, only: None },
    Adapter {
        kind: "gemini",
        path: "/v1beta",
        model: "gemini-3-sim",
        abilities: &[Text, Tools, ParallelTools, Images, Documents, Limit, Thoughts, Proofs, Vectors],
        only: None,
    },
];

/// Whether the presets support each kind.
pub(crate) fn kinds() -> HashMap<String, bool> {
    let presets = include_str!("../../../../config/presets/providers.yaml");
    let presets: Value = serde_saphyr::from_str(presets).expect("the presets are YAML");
    let providers = presets["providers"].as_object().expect("providers").values();
    providers.map(|preset| (preset["kind"].as_str().expect("a kind").to_owned(), preset["supported"] == true)).collect()
}

/// The adapters that are supported.
pub(crate) fn supported() -> impl Iterator<Item = &'static Adapter> {
    let kinds = kinds();
    ADAPTERS.iter().filter(move |adapter| kinds.get(adapter.kind) == Some(&true))
}

#[test]
fn every_supported_kind_has_its_abilities() {
    for (kind, supported) in kinds() {
        let listed = ADAPTERS.iter().any(|adapter| adapter.kind == kind);
        // A vendor that is data alone speaks as `openai_compatible` does, which has its list.
        let data_alone = router_wire::adapters::by_name(&kind).name != kind;
        assert!(
            listed || data_alone || kind == "demo" || !supported,
            "{kind} is supported but has no list of abilities"
        );
    }
}
