//! `/v1beta/models/{model}:{method}`: the method stands behind the last colon, the model may hold slashes and colons.

use std::borrow::Cow;

use router_core::ask::Endpoint;

use crate::adapters::{Call, encoded};
use crate::dialects::Route;

/// Where a provider has what is asked of it.
pub(super) fn provider(call: &Call<'_>) -> Option<Cow<'static, str>> {
    let method = match call.endpoint {
        Endpoint::CountTokens => "countTokens",
        Endpoint::Embeddings => call.method.unwrap_or("embedContent"),
        endpoint if !endpoint.is_generation() => return None,
        _ if call.stream => "streamGenerateContent?alt=sse",
        _ => "generateContent",
    };
    let model = call.model.strip_prefix("models/").unwrap_or(call.model);
    Some(Cow::Owned(format!("/models/{}:{method}", encoded(model))))
}

/// The route behind a path and its query; `None` if it is not one of this dialect.
pub(super) fn route(path: &str, query: &str) -> Option<Route> {
    let (_, rest) = ["/v1beta/models/", "/v1/models/", "/v1alpha/models/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix).map(|rest| (prefix, rest)))?;
    let rest = decoded(rest)?;
    let (model, method) = rest.rsplit_once(':')?;
    let sse = query.split('&').any(|pair| pair == "alt=sse");
    let (endpoint, stream, method) = match method {
        "generateContent" => (Endpoint::GenerateContent, false, None),
        "streamGenerateContent" => (Endpoint::GenerateContent, true, None),
        "countTokens" => (Endpoint::CountTokens, false, None),
        "embedContent" => (Endpoint::Embeddings, false, None),
        "batchEmbedContents" => (Endpoint::Embeddings, false, Some("batchEmbedContents")),
        _ => return None,
    };
    let model = Some(model.to_owned()).filter(|model| !model.is_empty())?;
    Some(Route { endpoint, model: Some(model), stream: Some(stream), array: stream && !sse, method })
}

/// `%3A` and the like resolved; `None` if the bytes are no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_parts_model_and_method() {
        for (path, query, expected) in [
            (
                "/v1beta/models/gemini-3-pro:generateContent",
                "",
                Some(("gemini-3-pro", Endpoint::GenerateContent, false, false)),
            ),
            (
                "/v1/models/a:free:streamGenerateContent",
                "alt=sse",
                Some(("a:free", Endpoint::GenerateContent, true, false)),
            ),
            (
                "/v1beta/models/x/y%3Az%3AstreamGenerateContent",
                "key=1",
                Some(("x/y:z", Endpoint::GenerateContent, true, true)),
            ),
            (
                "/v1beta/models/auto:fast:countTokens",
                "alt=sse",
                Some(("auto:fast", Endpoint::CountTokens, false, false)),
            ),
            ("/v1beta/models/e:embedContent", "", Some(("e", Endpoint::Embeddings, false, false))),
            ("/v1beta/models/auto:fast", "", None),
            ("/v1beta/models/:generateContent", "", None),
            ("/v1/chat/completions", "", None),
        ] {
            let found = route(path, query);
            let found = found.as_ref().map(|r| (r.model.as_deref().unwrap(), r.endpoint, r.stream.unwrap(), r.array));
            assert_eq!(found, expected, "{path}");
        }
        assert_eq!(route("/v1beta/models/e:batchEmbedContents", "").unwrap().method, Some("batchEmbedContents"));
    }
}
