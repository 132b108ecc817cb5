//! OpenRouter: a router itself. It keeps the routing fields, names its bill (`usage.cost`), says in `metadata` whose limit was
//! hit, and has error classes of its own for money.

use router_core::fault::FaultKind;
use serde_json::Value;

use super::{Adapter, MaxOutputParam, PLAIN, Quirks, UpstreamPreset};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "openrouter", preset, refine, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        max_output_param: MaxOutputParam::MaxTokens,
        keeps_routing_fields: true,
        quirks: Quirks {
            developer_role: true,
            reasoning_details: true,
            cache_control: true,
            believes_cost: true,
            ..Quirks::default()
        },
        ..UpstreamPreset::default()
    }
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let metadata = error.object.get("metadata");
    let word = |key: &str| metadata.and_then(|data| data.get(key)).and_then(Value::as_str).unwrap_or_default();
    let named = |list: &[&str]| ["limit_source", "reason", "error_type"].iter().any(|key| list.contains(&word(key)));
    let resets = metadata.is_some_and(|data| data.get("resets_at").is_some_and(|at| !at.is_null()));
    if named(&["openrouter_in_flight_budget"]) {
        return Some(FaultKind::RateLimited);
    }
    if named(&["openrouter_key_limit", "guardrail_budget", "workspace_budget"]) {
        return Some(if resets { FaultKind::RateLimited } else { FaultKind::KeyBilling });
    }
    if named(&["openrouter_credits"]) {
        return Some(FaultKind::KeyBilling);
    }
    if named(&["context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded"]) {
        return Some(FaultKind::ContextLength);
    }
    match status {
        403 if metadata.is_some_and(|data| data.get("reasons").is_some() || data.get("flagged_input").is_some()) => {
            Some(FaultKind::ContentPolicy)
        }
        // With no word of money or moderation it is about the model: a region, a data policy, a provider that is ignored.
        404 if error.message.contains("data policy") || error.message.contains("guardrail") => {
            Some(FaultKind::ModelUnavailable)
        }
        404 if error.message.contains("requested parameters") => Some(FaultKind::Unsupported),
        _ => None,
    }
}
