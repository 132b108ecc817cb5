//! Finds the credential of a request: one extractor for every header form, one principal, one check.

use http::{HeaderMap, HeaderValue, Uri};
use router_wire::dialects::Dialect;

/// What a request brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No credential at all.
    Nothing,
    /// One value, in whatever form and however often.
    Key(&'a str),
    /// Something that cannot be a key (another scheme, odd bytes). Answered like an unknown key.
    Malformed,
    /// Two different values.
    Ambiguous,
}

/// Header names that carry a bare key.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// The key in a query, on the paths where clients may send theirs so.
#[must_use]
pub fn query_key(uri: &Uri) -> Option<&str> {
    Dialect::key_in_query(uri.path(), uri.query()?)
}

/// Reads every form of credential that clients use. `query_key` is that of a Gemini path.
#[must_use]
pub fn presented<'a>(headers: &'a HeaderMap, query_key: Option<&'a str>) -> Presented<'a> {
    let bearer = |value: &'a HeaderValue| {
        let text = value.to_str().ok()?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    };
    let in_headers = headers.iter().filter_map(|(name, value)| match name.as_str() {
        "authorization" => Some(bearer(value)),
        name if KEY_HEADERS.contains(&name) => Some(value.to_str().ok().map(str::trim)),
        _ => None,
    });
    let mut found = Presented::Nothing;
    for value in in_headers.chain(query_key.map(Some)) {
        let this = match value {
            Some(text) if router_store::is_plausible_client_key(text) => Presented::Key(text),
            _ => Presented::Malformed,
        };
        found = match found {
            Presented::Nothing => this,
            same if same == this => same,
            _ => return Presented::Ambiguous,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn every_form_gives_the_same_principal() {
        for pairs in [
            vec![("authorization", "Bearer sk-router-abc")],
            vec![("authorization", "bearer   sk-router-abc ")],
            vec![("x-api-key", "sk-router-abc")],
            vec![("api-key", "sk-router-abc")],
            vec![("x-goog-api-key", "sk-router-abc")],
            vec![("authorization", "Bearer sk-router-abc"), ("x-api-key", "sk-router-abc")],
        ] {
            assert_eq!(presented(&headers(&pairs), None), Presented::Key("sk-router-abc"), "{pairs:?}");
        }
    }

    #[test]
    fn two_values_are_ambiguous_and_odd_ones_are_malformed() {
        let two = [("authorization", "Bearer sk-router-abc"), ("x-api-key", "sk-router-abd")];
        assert_eq!(presented(&headers(&two), None), Presented::Ambiguous);
        assert_eq!(presented(&headers(&[("content-type", "x")]), None), Presented::Nothing);
        for value in ["Basic YTpi", "Bearer", "Bearer ", "Bearer Bearer sk-router-abc", "sk-router-abc", "Bearer a b"] {
            assert_eq!(presented(&headers(&[("authorization", value)]), None), Presented::Malformed, "{value}");
        }
        assert_eq!(presented(&headers(&[("x-api-key", "")]), None), Presented::Malformed);
        assert_eq!(presented(&headers(&[("x-api-key", &"k".repeat(300))]), None), Presented::Malformed);
    }

    #[test]
    fn a_key_in_the_query_counts_on_gemini_paths_only() {
        let key = |uri: &'static str| query_key(&Uri::from_static(uri)).map(str::to_owned);
        assert_eq!(key("/v1beta/models/m:generateContent?alt=sse&key=sk-router-a").as_deref(), Some("sk-router-a"));
        assert_eq!(key("/v1/chat/completions?key=sk-router-a"), None);
        let both = headers(&[("x-goog-api-key", "sk-router-a")]);
        assert_eq!(presented(&both, Some("sk-router-a")), Presented::Key("sk-router-a"));
        assert_eq!(presented(&both, Some("sk-router-b")), Presented::Ambiguous);
    }
}
