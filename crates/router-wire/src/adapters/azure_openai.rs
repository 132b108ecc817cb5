//! Azure OpenAI, in both styles: `…/openai/v1` with the model in the body, and `…/openai` with the deployment in the path and
//! a dated `api-version` ([`UpstreamPreset::api_version`]).

use std::borrow::Cow;

use router_core::fault::FaultKind;

use super::path::encoded;
use super::{Adapter, Auth, Call, MaxOutputParam, PLAIN, Quirks, UpstreamPreset, path_of};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "azure_openai", preset, path, refine, ..PLAIN };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        auth: Auth::ApiKey,
        max_output_param: MaxOutputParam::MaxCompletionTokens,
        quirks: Quirks { developer_role: true, reasoning_max_completion: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}

fn path(preset: &UpstreamPreset, call: &Call<'_>) -> Option<Cow<'static, str>> {
    let path = path_of(preset, call)?;
    let Some(version) = preset.api_version.as_deref() else { return Some(path) };
    let (version, deployment) = (encoded(version), encoded(call.model));
    Some(Cow::Owned(match path.as_ref() {
        // Responses name the model in the body in either style.
        "/responses" => format!("/responses?api-version={version}"),
        path => format!("/deployments/{deployment}{path}?api-version={version}"),
    }))
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let inner = error.object.get("innererror").and_then(|inner| inner.get("code")).and_then(serde_json::Value::as_str);
    match (status, inner) {
        (_, Some("ResponsibleAIPolicyViolation")) => Some(FaultKind::ContentPolicy),
        (408, _) => Some(FaultKind::Temporary),
        // A firewall or a network rule of the resource, not the key.
        (403, _) if error.message.contains("Virtual Network") || error.message.contains("firewall") => {
            Some(FaultKind::ModelUnavailable)
        }
        _ => None,
    }
}
