//! Which headers cross the router. Everything that is not listed stays on its side.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::dialects::Dialect;

/// Headers of a provider's answer that go to every client. (The content type is the answer's own affair.)
const RETURNED: &[&str] = &["content-language", "openai-model", "openai-processing-ms", "openai-version"];

/// Longest value of such a header: providers are not trusted.
const LONGEST: usize = 1_024;

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
    listed(&[list], headers)
}

/// The headers of these lists, found in one pass: there are fewer of them than names to look for.
fn listed(lists: &[&[&'static str]], headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if lists.iter().any(|list| list.contains(&name.as_str())) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// The headers of a provider's answer that its client gets: those of the common list and of its dialect's.
#[must_use]
pub fn returned(dialect: &Dialect, headers: &HeaderMap) -> HeaderMap {
    let mut kept = listed(&[RETURNED, dialect.returned], headers);
    if kept.values().any(|value| value.len() > LONGEST) {
        let fits = |(name, value): (&HeaderName, &HeaderValue)| {
            (value.len() <= LONGEST).then(|| (name.clone(), value.clone()))
        };
        kept = kept.iter().filter_map(fits).collect();
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
    use crate::dialects::dialect;

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
        headers.append("openai-model", "m".repeat(LONGEST + 1).parse().unwrap());
        headers.append("x-codex-turn-state", "s".parse().unwrap());
        let kept = |name| {
            let kept = returned(dialect(name).unwrap(), &headers);
            let mut names: Vec<_> = kept.keys().map(|name| name.as_str().to_owned()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(kept("openai_chat"), ["openai-version"]);
        assert_eq!(kept("openai_responses"), ["openai-version", "x-codex-turn-state"]);
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
