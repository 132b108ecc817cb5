//! What a vendor's preset says: how the key is sent, which parameters it understands.

use http::header::{self, HeaderName};
use http::{HeaderValue, header::InvalidHeaderValue};

use router_core::world::Manners;

use super::Quirks;
use crate::scan::Field;

/// How a provider takes its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer KEY`
    #[default]
    Bearer,
    /// `x-api-key: KEY`
    XApiKey,
    /// `api-key: KEY` (Azure)
    ApiKey,
    /// `x-goog-api-key: KEY`
    XGoogApiKey,
    /// No key.
    None,
}

impl Auth {
    /// All forms with their names in presets.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Bearer, "bearer"),
        (Self::XApiKey, "x-api-key"),
        (Self::ApiKey, "api-key"),
        (Self::XGoogApiKey, "x-goog-api-key"),
        (Self::None, "none"),
    ];

    /// The form of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, text)| *text == name).map(|(auth, _)| *auth)
    }

    /// The header for that key, marked as sensitive; `None` where no key is sent.
    ///
    /// # Errors
    /// The key has characters that no header can carry.
    pub fn header(self, key: &str) -> Result<Option<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
        let (name, mut value) = match self {
            Self::Bearer => (header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}"))?),
            Self::XApiKey => (HeaderName::from_static("x-api-key"), HeaderValue::try_from(key)?),
            Self::ApiKey => (HeaderName::from_static("api-key"), HeaderValue::try_from(key)?),
            Self::XGoogApiKey => (HeaderName::from_static("x-goog-api-key"), HeaderValue::try_from(key)?),
            Self::None => return Ok(None),
        };
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}

/// Which limit on output tokens a provider understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxOutputParam {
    /// `max_completion_tokens`; `max_tokens` is tolerated by most models and passes as the client sent it.
    MaxCompletionTokens,
    /// Only `max_tokens`: the other would be ignored, and the answer could cost more than was reserved. So it is renamed.
    MaxTokens,
    /// Either.
    #[default]
    Both,
}

impl MaxOutputParam {
    /// The one of that name in presets.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "max_completion_tokens" => Some(Self::MaxCompletionTokens),
            "max_tokens" => Some(Self::MaxTokens),
            "both" => Some(Self::Both),
            _ => None,
        }
    }

    pub(crate) const fn field(self) -> Field {
        match self {
            Self::MaxCompletionTokens => Field::MaxCompletionTokens,
            Self::MaxTokens | Self::Both => Field::MaxTokens,
        }
    }

    pub(crate) const fn must_rename(self) -> bool {
        matches!(self, Self::MaxTokens)
    }
}

/// A vendor as data; made from the preset file and the operator's configuration.
#[derive(Clone, Debug)]
pub struct UpstreamPreset {
    /// What it speaks: the name of a codec.
    pub dialect: String,
    /// Other dialects that it speaks at the same address; a client of one of them is not translated.
    pub also: Vec<String>,
    /// How it takes its key.
    pub auth: Auth,
    /// Which limit on output tokens it understands.
    pub max_output_param: MaxOutputParam,
    /// Whether it understands `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Whether it is a router itself and takes `models`, `provider` and `route` (OpenRouter).
    pub keeps_routing_fields: bool,
    /// Sent with every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The dated version of the API, for vendors whose addresses name it (Azure's older style).
    pub api_version: Option<String>,
    /// Habits that translation must know.
    pub quirks: Quirks,
}

impl UpstreamPreset {
    /// What sessions and books have to know of it.
    #[must_use]
    pub fn manners(&self) -> Manners {
        // Anthropic's caches a prompt where the request asks for it, everybody else by itself.
        Manners { caches_by_itself: self.dialect != "anthropic", believes_cost: self.quirks.believes_cost }
    }

    /// The dialect in which a client of that dialect is served: its own where the provider speaks it.
    #[must_use]
    pub fn spoken(&self, client: &str) -> &str {
        self.also.iter().find(|also| *also == client).map_or(&self.dialect, |also| also)
    }
}

impl Default for UpstreamPreset {
    fn default() -> Self {
        Self {
            dialect: "openai_chat".to_owned(),
            also: Vec::new(),
            auth: Auth::Bearer,
            max_output_param: MaxOutputParam::Both,
            stream_usage: true,
            keeps_routing_fields: false,
            headers: Vec::new(),
            api_version: None,
            quirks: Quirks::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_into_their_header_and_cannot_be_printed() {
        for (name, header, value) in [
            ("bearer", "authorization", "Bearer k"),
            ("x-api-key", "x-api-key", "k"),
            ("api-key", "api-key", "k"),
            ("x-goog-api-key", "x-goog-api-key", "k"),
        ] {
            let (found, secret) = Auth::from_name(name).unwrap().header("k").unwrap().unwrap();
            assert_eq!((found.as_str(), secret.to_str().unwrap()), (header, value));
            assert_eq!(format!("{secret:?}"), "Sensitive");
        }
        assert_eq!(Auth::from_name("none").unwrap().header("k").unwrap(), None);
        assert!(Auth::Bearer.header("a\nb").is_err());
        assert_eq!(Auth::from_name("cookie"), None);
    }
}
