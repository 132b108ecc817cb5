//! Where a dialect's endpoints are, below a base URL such as `https://api.openai.com/v1` or `…/v1beta`.

use std::borrow::Cow;

use super::{Call, UpstreamPreset};
use crate::dialects::{openai_chat, provider};

/// The path of a call in its dialect; `None` if the dialect has no such endpoint.
///
/// Base URLs end in the version (`/v1`, `/v1beta`), as those of all vendors do in their documentation; Anthropic's is given
/// here with `/v1` too.
#[must_use]
pub fn path_of(_: &UpstreamPreset, call: &Call<'_>) -> Option<Cow<'static, str>> {
    (provider(call.dialect).unwrap_or(&openai_chat::PROVIDER).path)(call)
}

/// A model's name as a piece of a path; slashes and colons of names are legal there and stay.
pub(crate) fn encoded(name: &str) -> String {
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
    use router_core::ask::Endpoint as E;

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
            ("ollama", E::Messages, true, Some("/api/chat")),
            ("ollama", E::Embeddings, false, Some("/api/embed")),
            ("ollama", E::Rerank, false, None),
            ("unheard-of", E::Messages, true, Some("/chat/completions")),
        ] {
            assert_eq!(call(dialect, endpoint, stream).as_deref(), path, "{dialect} {endpoint:?}");
        }
    }
}
