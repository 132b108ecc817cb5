//! What providers speak. One file a vendor with habits of its own, one line in [`ADAPTERS`]; vendors without are entries
//! of the preset file and use `openai_compatible`.

mod demo;
mod groq;
mod openai;
mod openai_compatible;
mod preset;
mod quirks;

pub use preset::{Auth, MaxOutputParam, UpstreamPreset};
pub use quirks::Quirks;

use http::{HeaderMap, HeaderValue, Method, header};
use router_core::ask::Endpoint;
use router_core::fault::Fault;

use crate::classify::{self, Refine};
use crate::dialects::Intake;
use crate::scan::{Edits, Field, OutputCap, ROUTING_FIELDS, splice};

/// How to speak with a kind of provider. Knows no address and no secret.
#[derive(Clone, Copy, Debug)]
pub struct Adapter {
    /// The kind of provider, as presets and configuration name it.
    pub name: &'static str,
    /// What holds where the configuration says nothing else.
    pub preset: fn() -> UpstreamPreset,
    /// The vendor's exceptions from the common tables of errors.
    refine: Refine,
}

/// The adapters.
pub static ADAPTERS: &[Adapter] = &[openai::ADAPTER, groq::ADAPTER, openai_compatible::ADAPTER, demo::ADAPTER];

/// The adapter of that name; vendors that have none of their own get `openai_compatible`.
#[must_use]
pub fn by_name(name: &str) -> &'static Adapter {
    ADAPTERS.iter().find(|adapter| adapter.name == name).unwrap_or(&openai_compatible::ADAPTER)
}

/// A request to a provider, but for address, secret and body.
#[derive(Clone, Debug)]
pub struct UpstreamHead {
    /// The method.
    pub method: Method,
    /// What follows the base URL, beginning with a slash.
    pub path: &'static str,
    /// Headers without the credential.
    pub headers: HeaderMap,
    /// How the server adds the credential.
    pub auth: Auth,
}

impl Adapter {
    /// The head of a request for that work.
    #[must_use]
    pub fn head(&self, preset: &UpstreamPreset, endpoint: Endpoint, stream: bool) -> UpstreamHead {
        let path = match endpoint {
            Endpoint::ChatCompletions => "/chat/completions",
            Endpoint::Completions => "/completions",
            Endpoint::Embeddings => "/embeddings",
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if stream { "text/event-stream" } else { "application/json" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        // Bodies pass byte for byte, so they must not come compressed.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &preset.headers {
            headers.insert(name.clone(), value.clone());
        }
        UpstreamHead { method: Method::POST, path, headers, auth: preset.auth }
    }

    /// The body for the provider: the client's bytes with the upstream's model name, usage asked for in streams, the
    /// reserved output cap where the client named none, and our routing fields taken out.
    ///
    /// `body` must be the body of which `intake` was read. `output_cap` is the cap that the reservation used.
    #[must_use]
    pub fn body(
        &self,
        preset: &UpstreamPreset,
        body: &[u8],
        intake: &Intake,
        model: &str,
        output_cap: Option<u64>,
    ) -> Vec<u8> {
        let ask = &intake.ask;
        let output_cap = output_cap.filter(|_| ask.endpoint != Endpoint::Embeddings).map(|tokens| {
            // The old endpoint knows only the old name.
            let old = ask.endpoint == Endpoint::Completions;
            let param = if old { MaxOutputParam::Both } else { preset.max_output_param };
            OutputCap { param: param.field(), tokens, rename: param.must_rename() }
        });
        let remove: &[Field] = if preset.keeps_routing_fields { &[Field::Router] } else { ROUTING_FIELDS };
        let include_usage = ask.stream && preset.stream_usage;
        splice(body, &intake.scan, &Edits { model, include_usage, output_cap, remove })
    }

    /// Classifies an error: a status that is not 2xx, or an error object inside a 2xx or a stream event.
    /// `now_ms` is unix milliseconds.
    #[must_use]
    pub fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8], now_ms: u64) -> Fault {
        classify::classify(self.refine, status, headers, body, now_ms)
    }
}

/// Joins a base URL such as `https://api.openai.com/v1/` and a path such as `/chat/completions`.
#[must_use]
pub fn join(base_url: &str, path: &str) -> String {
    format!("{}{path}", base_url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_adapter_gives_a_whole_head() {
        for (index, adapter) in ADAPTERS.iter().enumerate() {
            assert!(ADAPTERS.iter().skip(index + 1).all(|other| other.name != adapter.name));
            assert_eq!(by_name(adapter.name).name, adapter.name);
            let preset = (adapter.preset)();
            for endpoint in [Endpoint::ChatCompletions, Endpoint::Completions, Endpoint::Embeddings] {
                let head = adapter.head(&preset, endpoint, true);
                assert!(head.path.starts_with('/') && head.method == Method::POST);
                assert_eq!(head.headers["content-type"], "application/json");
                assert!(!head.headers.contains_key("authorization"));
            }
        }
        assert_eq!(by_name("deepseek").name, "openai_compatible");
    }

    #[test]
    fn addresses_join_with_one_slash() {
        assert_eq!(join("https://x/v1/", "/a"), "https://x/v1/a");
        assert_eq!(join("https://x/v1", "/a"), "https://x/v1/a");
    }
}
