//! Which headers cross the router. Everything that is not listed stays on its side.

use http::HeaderMap;

/// Headers of a client's request that go to the provider: none that name a host, an account or a credential.
pub const FORWARDED: &[&str] = &["openai-beta", "traceparent", "tracestate"];

/// Headers of a provider's answer that go to the client.
pub const RETURNED: &[&str] =
    &["content-type", "content-language", "openai-model", "openai-processing-ms", "openai-version"];

/// Headers in which providers name their request, best first; for the log.
pub const UPSTREAM_IDS: &[&str] = &[
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-goog-request-id",
    "x-generation-id",
    "cf-ray",
];

/// The headers of that list, with all their values.
#[must_use]
pub fn only(list: &[&'static str], headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in list {
        for value in headers.get_all(*name) {
            kept.append(*name, value.clone());
        }
    }
    kept
}

/// The provider's name for its request: visible ASCII, at most 128 characters.
#[must_use]
pub fn upstream_id(headers: &HeaderMap) -> Option<&str> {
    let ids = UPSTREAM_IDS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    ids.filter(|id| !id.is_empty() && id.len() <= 128).find(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_headers_cross() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("set-cookie", "a=b"),
            ("server", "x"),
            ("x-ratelimit-remaining-requests", "1"),
            ("openai-version", "2020"),
            ("authorization", "Bearer x"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let kept = only(RETURNED, &headers);
        assert_eq!(kept.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["content-type", "openai-version"]);
        assert!(only(FORWARDED, &headers).is_empty());
    }

    #[test]
    fn the_upstream_id_is_the_best_sane_one() {
        let mut headers = HeaderMap::new();
        headers.append("cf-ray", "ray".parse().unwrap());
        headers.append("x-request-id", "has space".parse().unwrap());
        assert_eq!(upstream_id(&headers), Some("ray"));
        headers.append("request-id", "req_1".parse().unwrap());
        assert_eq!(upstream_id(&headers), Some("req_1"));
        assert_eq!(upstream_id(&HeaderMap::new()), None);
    }
}
