//! Where a dialect's endpoints are, below a base URL such as `https://api.openai.com/v1` or `…/v1beta`.

use std::borrow::Cow;

use router_core::ask::Endpoint as E;

use super::{Call, UpstreamPreset};

/// The path of a call in its dialect; `None` if the dialect has no such endpoint.
///
/// Base URLs end in the version (`/v1`, `/v1beta`), as those of all vendors do in their documentation; Anthropic's is given
/// here with `/v1` too.
#[must_use]
pub fn path_of(_: &UpstreamPreset, call: &Call<'_>) -> Option<Cow<'static, str>> {
    match call.dialect {
        "anthropic" => anthropic(call.endpoint).map(Cow::Borrowed),
        "gemini" => gemini(call),
        "openai_responses" if call.endpoint.is_generation() => Some(Cow::Borrowed("/responses")),
        _ => openai(call.endpoint).map(Cow::Borrowed),
    }
}

const fn openai(endpoint: E) -> Option<&'static str> {
    Some(match endpoint {
        E::Completions => "/completions",
        E::Embeddings => "/embeddings",
        E::Rerank => "/rerank",
        E::Moderations => "/moderations",
        E::ImageGenerations => "/images/generations",
        E::ImageEdits => "/images/edits",
        E::Transcriptions => "/audio/transcriptions",
        E::Translations => "/audio/translations",
        E::Speech => "/audio/speech",
        E::CountTokens | E::Estimate => return None,
        E::ChatCompletions | E::Responses | E::Messages | E::GenerateContent => "/chat/completions",
    })
}

const fn anthropic(endpoint: E) -> Option<&'static str> {
    match endpoint {
        E::CountTokens => Some("/messages/count_tokens"),
        _ if endpoint.is_generation() => Some("/messages"),
        _ => None,
    }
}

fn gemini(call: &Call<'_>) -> Option<Cow<'static, str>> {
    let method = match call.endpoint {
        E::CountTokens => "countTokens",
        E::Embeddings => call.method.unwrap_or("embedContent"),
        _ if !call.endpoint.is_generation() => return None,
        _ if call.stream => "streamGenerateContent?alt=sse",
        _ => "generateContent",
    };
    let model = call.model.strip_prefix("models/").unwrap_or(call.model);
    Some(Cow::Owned(format!("/models/{}:{method}", encoded(model))))
}

/// A model's name as a piece of a path; slashes and colons of names are legal there and stay.
pub(super) fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_its_addresses() {
        let call = |dialect, endpoint, stream| {
            let call = Call { dialect, endpoint, model: "models/m 1", stream, method: None };
            path_of(&UpstreamPreset::default(), &call)
        };
        for (dialect, endpoint, stream, path) in [
            ("openai_chat", E::Messages, true, Some("/chat/completions")),
            ("openai_chat", E::Speech, false, Some("/audio/speech")),
            ("openai_chat", E::CountTokens, false, None),
            ("openai_responses", E::ChatCompletions, true, Some("/responses")),
            ("openai_responses", E::Embeddings, false, Some("/embeddings")),
            ("anthropic", E::ChatCompletions, true, Some("/messages")),
            ("anthropic", E::CountTokens, false, Some("/messages/count_tokens")),
            ("anthropic", E::Embeddings, false, None),
            ("gemini", E::Responses, true, Some("/models/m%201:streamGenerateContent?alt=sse")),
            ("gemini", E::GenerateContent, false, Some("/models/m%201:generateContent")),
            ("gemini", E::Embeddings, false, Some("/models/m%201:embedContent")),
            ("gemini", E::Rerank, false, None),
        ] {
            assert_eq!(call(dialect, endpoint, stream).as_deref(), path, "{dialect} {endpoint:?}");
        }
    }
}
