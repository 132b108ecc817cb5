//! What nobody knows yet: enum values, parts, events and fields of tomorrow, from clients and from providers, in every pair of
//! dialects. None of it is ever an error of ours.

mod answers;
mod requests;

use super::adapters::{ADAPTERS, Adapter};

/// One kind of provider for each dialect.
fn providers() -> impl Iterator<Item = &'static Adapter> {
    const KINDS: [&str; 4] = ["openai", "openai_compatible", "anthropic", "gemini"];
    ADAPTERS.iter().filter(|adapter| KINDS.contains(&adapter.kind) || adapter.only == Some("ollama"))
}
