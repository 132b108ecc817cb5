//! Gemini: errors say in `details` what they mean; the status alone says little.

use router_core::fault::FaultKind;
use serde_json::Value;

use super::{Adapter, Auth, PLAIN, UpstreamPreset};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "gemini", preset, refine, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset { dialect: "gemini".to_owned(), auth: Auth::XGoogApiKey, ..UpstreamPreset::default() }
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    use FaultKind as F;
    let message = error.message.to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    let reason = |words: &[&str]| details(error, "reason").any(|reason| words.contains(&reason));
    let kind = error.kind.as_deref().unwrap_or_default();
    match status {
        400 if reason(&["API_KEY_INVALID", "API_KEY_EXPIRED"]) => Some(F::KeyInvalid),
        400 if message.starts_with("api key not valid") || message.starts_with("api key expired") => {
            Some(F::KeyInvalid)
        }
        400 if kind == "FAILED_PRECONDITION" && says("billing") => Some(F::KeyBilling),
        400 if kind == "FAILED_PRECONDITION" => Some(F::ModelUnavailable),
        400 if says("input token count") && says("exceeds the maximum number of tokens") => Some(F::ContextLength),
        400 if says("thought_signature") || says("thought signature") => Some(F::Unsupported),
        402 => Some(F::KeyBilling),
        // Of the key or its project, not of one model.
        403 => Some(F::KeyInvalid),
        429 if reason(&["MODEL_CAPACITY_EXHAUSTED"]) => Some(F::Overloaded),
        429 if says("prepay") && (says("depleted") || says("exhausted")) => Some(F::KeyBilling),
        // No free quota for this model: no waiting helps.
        429 if no_quota(&message) => Some(F::ModelUnavailable),
        429 => Some(F::RateLimited),
        499 | 500 | 504 => Some(F::Temporary),
        503 => Some(F::Overloaded),
        _ => None,
    }
}

/// The values of that name in the entries of `details`.
fn details<'a>(error: &'a ErrorBody, name: &'a str) -> impl Iterator<Item = &'a str> {
    let details = error.object.get("details").and_then(Value::as_array).into_iter().flatten();
    details.filter_map(move |detail| detail.get(name)?.as_str())
}

/// `limit: 0`, but not `limit: 05` or `limit: 0.5`.
fn no_quota(message: &str) -> bool {
    message.split("limit: 0").skip(1).any(|behind| {
        let behind = behind.strip_prefix('.').unwrap_or(behind);
        !behind.starts_with(|c: char| c.is_ascii_digit())
    })
}
