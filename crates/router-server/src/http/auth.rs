//! Finds the credential of a request: one extractor for every header form, one principal, one check.

use http::HeaderMap;
use http::header::AUTHORIZATION;

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

/// Reads every form of credential that clients use.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Presented<'_> {
    let bearer = headers.get_all(AUTHORIZATION).iter().map(|value| {
        let text = value.to_str().ok()?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let bare =
        KEY_HEADERS.iter().flat_map(|name| headers.get_all(*name)).map(|value| value.to_str().ok().map(str::trim));
    let mut found = Presented::Nothing;
    for value in bearer.chain(bare) {
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
            assert_eq!(presented(&headers(&pairs)), Presented::Key("sk-router-abc"), "{pairs:?}");
        }
    }

    #[test]
    fn two_values_are_ambiguous_and_odd_ones_are_malformed() {
        let two = [("authorization", "Bearer sk-router-abc"), ("x-api-key", "sk-router-abd")];
        assert_eq!(presented(&headers(&two)), Presented::Ambiguous);
        assert_eq!(presented(&headers(&[("content-type", "x")])), Presented::Nothing);
        for value in ["Basic YTpi", "Bearer", "Bearer ", "Bearer Bearer sk-router-abc", "sk-router-abc", "Bearer a b"] {
            assert_eq!(presented(&headers(&[("authorization", value)])), Presented::Malformed, "{value}");
        }
        assert_eq!(presented(&headers(&[("x-api-key", "")])), Presented::Malformed);
        assert_eq!(presented(&headers(&[("x-api-key", &"k".repeat(300))])), Presented::Malformed);
    }
}
