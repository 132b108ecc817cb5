//! What providers speak. One file a vendor with habits of its own, one line in [`ADAPTERS`]; vendors without are entries
//! of the preset file and use `openai_compatible`.

mod anthropic;
mod azure_openai;
mod deepseek;
mod demo;
mod gemini;
mod groq;
mod ollama;
mod openai;
mod openai_compatible;
mod openrouter;
mod patch;
mod path;
mod preset;
mod quirks;
mod siliconflow;
mod tuzi;

pub(crate) use path::encoded;
pub use path::path_of;
pub use preset::{Auth, MaxOutputParam, UpstreamPreset};
pub use quirks::Quirks;

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method, header};
use router_core::ask::Endpoint;
use router_core::fault::Fault;

use crate::classify::{self, Refine};
use crate::dialects::{Dialect, Passing};

/// How to speak with a kind of provider. Knows no address and no secret.
#[derive(Clone, Copy, Debug)]
pub struct Adapter {
    /// The kind of provider, as presets and configuration name it.
    pub name: &'static str,
    /// What holds where the configuration says nothing else.
    pub preset: fn() -> UpstreamPreset,
    /// Where a call goes; most vendors' paths are those of their dialect: [`path_of`].
    pub path: fn(&UpstreamPreset, &Call<'_>) -> Option<Cow<'static, str>>,
    /// The part of a base URL as it is configured below which the paths lie: for most vendors all of it.
    pub base: fn(&str) -> &str,
    /// The vendor's exceptions from the common tables of errors.
    refine: Refine,
}

/// A vendor without any habit: what the others are made of.
const PLAIN: Adapter =
    Adapter { name: "", preset: UpstreamPreset::default, path: path_of, base: |url| url, refine: |_, _| None };

/// The adapters.
pub static ADAPTERS: &[Adapter] = &[
    openai::ADAPTER,
    anthropic::ADAPTER,
    gemini::ADAPTER,
    groq::ADAPTER,
    openrouter::ADAPTER,
    siliconflow::ADAPTER,
    tuzi::ADAPTER,
    deepseek::ADAPTER,
    azure_openai::ADAPTER,
    ollama::ADAPTER,
    openai_compatible::ADAPTER,
    demo::ADAPTER,
];

/// The adapter of that name; vendors that have none of their own get `openai_compatible`.
#[must_use]
pub fn by_name(name: &str) -> &'static Adapter {
    ADAPTERS.iter().find(|adapter| adapter.name == name).unwrap_or(&openai_compatible::ADAPTER)
}

/// What is asked of a provider, as far as its address depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// In which dialect: one that the provider speaks.
    pub dialect: &'a str,
    /// The kind of work as the client named it; any generation is the generation of that dialect.
    pub endpoint: Endpoint,
    /// The upstream's name of the model.
    pub model: &'a str,
    /// Whether the answer shall be a stream.
    pub stream: bool,
    /// Another method of the same work (Gemini's `batchEmbedContents`).
    pub method: Option<&'static str>,
}

/// A request to a provider, but for secret and body.
#[derive(Clone, Debug)]
pub struct UpstreamHead {
    /// The method.
    pub method: Method,
    /// What follows the base URL, beginning with a slash, a query included; or a whole URL. `None`: the provider has no such
    /// endpoint, and another candidate is tried.
    pub path: Option<Cow<'static, str>>,
    /// Headers without the credential.
    pub headers: HeaderMap,
    /// How the server adds the credential.
    pub auth: Auth,
}

impl Adapter {
    /// The head of a request for that work.
    #[must_use]
    pub fn head(&self, preset: &UpstreamPreset, call: &Call<'_>) -> UpstreamHead {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if call.stream { "text/event-stream" } else { "application/json" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        // Bodies pass byte for byte, so they must not come compressed.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &preset.headers {
            headers.insert(name.clone(), value.clone());
        }
        UpstreamHead { method: Method::POST, path: (self.path)(preset, call), headers, auth: preset.auth }
    }

    /// Where a call goes; `None` if the provider has no such endpoint.
    #[must_use]
    pub fn address(&self, preset: &UpstreamPreset, base_url: &str, call: &Call<'_>) -> Option<String> {
        Some(join((self.base)(base_url), &(self.path)(preset, call)?))
    }

    /// The body for a provider that speaks the client's dialect: see [`Dialect::splice`]. Habits of the vendor are heeded
    /// there too: roles and parameters that it refuses are renamed or left out, the rest keeps its bytes.
    ///
    /// `passing.body` must be the body of which `passing.intake` was read.
    #[must_use]
    pub fn body(&self, dialect: &Dialect, passing: &Passing<'_>) -> Vec<u8> {
        let body = (dialect.splice)(passing);
        if !passing.intake.ask.endpoint.makes_text() || dialect.name != "openai_chat" {
            return body;
        }
        patch::patch(&passing.preset.quirks, passing.model, &body).unwrap_or(body)
    }

    /// Classifies an error: a status that is not 2xx, or an error object inside a 2xx or a stream event.
    /// `now_ms` is unix milliseconds.
    #[must_use]
    pub fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8], now_ms: u64) -> Fault {
        classify::classify(self.refine, status, headers, body, now_ms)
    }
}

/// Joins a base URL such as `https://api.openai.com/v1/` and a path such as `/chat/completions`. A whole URL stays.
#[must_use]
pub fn join(base_url: &str, path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
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
            for endpoint in [Endpoint::ChatCompletions, Endpoint::Messages] {
                let call = Call { dialect: &preset.dialect, endpoint, model: "m", stream: true, method: None };
                let head = adapter.head(&preset, &call);
                assert!(head.path.unwrap().starts_with('/') && head.method == Method::POST);
                assert_eq!(head.headers["content-type"], "application/json");
                assert!(!head.headers.contains_key("authorization"));
            }
        }
        assert_eq!(by_name("together").name, "openai_compatible");
    }

    #[test]
    fn addresses_join_with_one_slash() {
        assert_eq!(join("https://x/v1/", "/a"), "https://x/v1/a");
        assert_eq!(join("https://x/v1", "/a"), "https://x/v1/a");
    }
}
