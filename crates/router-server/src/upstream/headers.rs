//! Headers to the provider: made anew for each provider key, once per snapshot; nothing of a client's request joins
//! them. One of the two places in which a provider key is in clear.

use http::HeaderMap;
use router_core::ask::Endpoint;
use router_store::SecretString;
use router_wire::adapters::{Adapter, Call, UpstreamPreset};

/// Headers that join them on the way: ours against loops, hyper's `host` and `content-length`.
const ADDED: usize = 4;

/// The ready-made headers of one provider key on one channel.
#[derive(Clone)]
pub struct UpstreamHeaders {
    whole: HeaderMap,
    stream: HeaderMap,
}

impl std::fmt::Debug for UpstreamHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpstreamHeaders([redacted])")
    }
}

impl UpstreamHeaders {
    /// Headers with that key, or without any.
    ///
    /// # Errors
    /// If the secret cannot stand in a header. The text does not contain it.
    pub fn new(adapter: &Adapter, preset: &UpstreamPreset, secret: Option<&SecretString>) -> Result<Self, String> {
        let credential = match secret {
            None => None,
            Some(secret) => preset
                .auth
                .header(secret.expose())
                .map_err(|_| "the provider key has characters that cannot stand in a header".to_owned())?,
        };
        let made = |stream| {
            let mut headers = {
                let (dialect, endpoint) = (preset.dialect.as_str(), Endpoint::ChatCompletions);
                adapter.head(preset, &Call { dialect, endpoint, model: "", stream, method: None }).headers
            };
            if let Some((name, value)) = &credential {
                headers.insert(name.clone(), value.clone());
            }
            headers
        };
        // Copies keep the room for what is added to each request, so that none of them is hashed anew.
        let roomy = |headers: HeaderMap| {
            let mut roomy = HeaderMap::with_capacity(headers.len() + ADDED);
            roomy.extend(headers);
            roomy
        };
        Ok(Self { whole: roomy(made(false)), stream: roomy(made(true)) })
    }

    /// A copy to send.
    #[must_use]
    pub fn to_map(&self, stream: bool) -> HeaderMap {
        if stream { self.stream.clone() } else { self.whole.clone() }
    }
}
