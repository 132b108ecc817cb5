//! Ollama, in its own dialect and on its compatible `/v1`, side by side at one address: errors as strings, models that are not
//! pulled, hosts without the memory for a model.

use std::borrow::Cow;

use router_core::fault::FaultKind;

use super::{Adapter, Auth, Call, MaxOutputParam, Quirks, UpstreamPreset, path_of};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "ollama", preset, path, base, refine };

fn preset() -> UpstreamPreset {
    UpstreamPreset {
        dialect: "ollama".to_owned(),
        auth: Auth::None,
        max_output_param: MaxOutputParam::MaxTokens,
        quirks: Quirks { developer_as_system: true, ..Quirks::default() },
        ..UpstreamPreset::default()
    }
}

/// A base URL may be the server's or that of its `/v1`.
fn base(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1").unwrap_or(url)
}

fn path(preset: &UpstreamPreset, call: &Call<'_>) -> Option<Cow<'static, str>> {
    let path = path_of(preset, call)?;
    Some(if call.dialect == "ollama" { path } else { Cow::Owned(format!("/v1{path}")) })
}

fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let message = error.message.as_str();
    if message.contains("try pulling it first") || message.ends_with("not found") && message.starts_with("model ") {
        return Some(FaultKind::ModelUnavailable);
    }
    if message.contains("input length exceeds") && message.contains("context length") {
        return Some(FaultKind::ContextLength);
    }
    let lacks = [
        "does not support tools",
        "does not support thinking",
        "does not support images",
        "does not support chat",
        "does not support embeddings",
        "is not supported for this model",
    ];
    if lacks.iter().any(|lack| message.contains(lack)) {
        return Some(FaultKind::Unsupported);
    }
    (status == 503 || message.starts_with("server busy")).then_some(FaultKind::Overloaded)
}

#[cfg(test)]
mod tests {
    use router_core::ask::Endpoint;

    use super::*;

    #[test]
    fn both_dialects_lie_at_the_address_of_the_server_however_it_is_written() {
        let preset = preset();
        for base in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
            let at = |dialect, endpoint| {
                let call = Call { dialect, endpoint, model: "m", stream: true, method: None };
                ADAPTER.address(&preset, base, &call).unwrap_or_default()
            };
            assert_eq!(at("ollama", Endpoint::Messages), "http://h:1/api/chat");
            assert_eq!(at("ollama", Endpoint::Embeddings), "http://h:1/api/embed");
            assert_eq!(at("openai_chat", Endpoint::ChatCompletions), "http://h:1/v1/chat/completions");
            assert_eq!(at("openai_chat", Endpoint::Embeddings), "http://h:1/v1/embeddings");
        }
    }
}
