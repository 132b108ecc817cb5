//! Anthropic: its own dialect, `x-api-key`, and a few words in messages that say more than the status.

use http::{HeaderName, HeaderValue};
use router_core::fault::FaultKind;
use serde_json::Value;

use super::{Adapter, Auth, MaxOutputParam, PLAIN, UpstreamPreset};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "anthropic", preset, refine, ..PLAIN };

/// Sent where the client's own dialect is another, or the client names none.
const VERSION: &str = "2023-06-01";

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        dialect: "anthropic".to_owned(),
        auth: Auth::XApiKey,
        max_output_param: MaxOutputParam::MaxTokens,
        // Of its own accord, in message_start and message_delta.
        stream_usage: false,
        headers: vec![(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION))],
        ..UpstreamPreset::default()
    }
}

/// A 400 that another model or channel may not answer with: what the beginning or a part of the message says.
const LACKING: &[&str] = &[
    "prefill",
    "extra inputs are not permitted",
    "may only be set to 1 when thinking",
    "is not supported by this model",
    "is not supported for this model",
    "not supported on this model",
    "is deprecated for this model",
    "cannot both be specified",
    "thinking may not be enabled when tool_choice",
    "`anthropic-beta` header",
    "adaptive thinking is not supported",
];

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    use FaultKind as F;
    let message = error.message.to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    let code = error.object.get("details").and_then(|details| details.get("error_code")?.as_str());
    let code = code.or(error.code.as_deref()).unwrap_or_default();
    match (status, code) {
        (400 | 403, "organization_on_hold") => Some(F::KeyInvalid),
        (403, "sandbox_egress_restricted") => Some(F::InvalidRequest),
        (429, "enforced_spend_limit_reached" | "contract_spend_limit_reached") => Some(F::KeyBilling),
        (402, _) => Some(F::KeyBilling),
        (409, _) => Some(F::Temporary),
        (503, code) if code.starts_with("cmek_") => Some(F::ModelUnavailable),
        (400, _) if says("credit balance is too low") => Some(F::KeyBilling),
        (400, _) if says("organization has been disabled") => Some(F::KeyInvalid),
        // It names the day on which the key works again.
        (400, _) if message.starts_with("you have reached your specified") => Some(F::RateLimited),
        (400, _) if says("blocked by content filtering policy") => Some(F::ContentPolicy),
        (400, _) if says("prompt is too long") || says("exceed context limit") => Some(F::ContextLength),
        (400, _) if is_dimension(error) => Some(F::InvalidRequest),
        (400, _) if LACKING.iter().any(|words| says(words)) => Some(F::Unsupported),
        _ => None,
    }
}

/// A fault of an image, whose message also says what "is not supported".
fn is_dimension(error: &ErrorBody) -> bool {
    error.object.get("details").and_then(|details| details.get("error_code"))
        == Some(&Value::from("image_dimensions_too_large"))
}
