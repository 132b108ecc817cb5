//! Shapes of `providers` and `channels`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::config::decode::{Decode, Faults, choice, entry, section};
use crate::config::node::{Key, Node, Path, Value};
use crate::config::prices::PriceEntry;
use crate::config::secret::Secret;
use crate::config::units::{Decimal, Share, Span, Usd};

section! {
    /// One provider. Fields that are left out come from the built-in entry of the same name, or of the kind.
    pub struct ProviderEntry {
        /// openai, anthropic, gemini, azure_openai, groq, openrouter, siliconflow, tuzi, deepseek, ollama, openai_compatible, demo
        kind: Option<String> = None,
        /// Root of its API.
        base_url: Option<String> = None,
        /// Extra headers to it. Not for credentials: those are api_keys.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// Currency of its prices.
        currency: Option<String> = None,
        /// Multiplies its prices (a platform's rebate or surcharge).
        price_multiplier: Option<Decimal> = None,
        /// How a key is sent.
        auth: Option<AuthStyle> = None,
        /// Which limit on output tokens it understands.
        max_output_param: Option<MaxOutputParam> = None,
        /// Whether it reports usage at the end of a stream.
        stream_usage: Option<bool> = None,
        /// Whether it works without a key.
        key_optional: Option<bool> = None,
        /// Client endpoints that it serves.
        endpoints: Option<Vec<String>> = None,
        /// What it speaks, where its kind does not say so: openai_chat, openai_responses, anthropic, gemini, ollama.
        dialect: Option<String> = None,
        /// Other dialects that it speaks at the same address: clients of these are not translated. Where `dialect` says something else than its kind: none.
        also: Option<Vec<String>> = None,
        /// Habits beside those of its kind, such as string_content, drops=PARAM or renames=PARAM:NAME; config/presets/providers.yaml lists the words.
        quirks: Vec<String> = Vec::new(),
        /// Dated version of its API, for addresses that name it (Azure's older style: 2024-10-21).
        api_version: Option<String> = None,
    }
}

choice! {
    /// How a provider key is sent.
    pub enum AuthStyle {
        /// `Authorization: Bearer KEY`
        Bearer = "bearer",
        /// `x-api-key: KEY`
        XApiKey = "x-api-key",
        /// `api-key: KEY`
        ApiKey = "api-key",
        /// `x-goog-api-key: KEY`
        XGoogApiKey = "x-goog-api-key",
        /// Not at all.
        None = "none",
    }
}

choice! {
    /// Which limit on output tokens a provider understands.
    pub enum MaxOutputParam {
        /// The newer one.
        MaxCompletionTokens = "max_completion_tokens",
        /// The older one.
        MaxTokens = "max_tokens",
        /// Either.
        Both = "both",
    }
}

choice! {
    /// How a channel's keys take turns.
    pub enum KeyRotationWord {
        /// Drawn by weight.
        Weighted = "weighted",
        /// The least used first.
        LeastUsed = "least_used",
    }
}

entry! {
    /// One account at a provider.
    pub struct ChannelEntry {
        required {
            /// Unique name.
            name: String,
            /// Name of a provider.
            provider: String,
        }
        optional {
            /// Overrides the provider's.
            base_url: Option<String> = None,
            /// Its provider keys.
            api_keys: Vec<ApiKeyItem> = Vec::new(),
            /// Which of its usable keys comes first: weighted (drawn by weight), least_used (fewest attempts running, then fewest of the day for its weight). A session stays with the key that holds its cache.
            key_rotation: KeyRotationWord = KeyRotationWord::Weighted,
            /// Where it is.
            region: Option<String> = None,
            /// Free words for filters.
            tags: Vec<String> = Vec::new(),
            /// 1 is the highest.
            priority: u32 = 1,
            /// Share among equals.
            weight: f64 = 1.0,
            /// Whether it may be chosen.
            enabled: bool = true,
            /// Limits that the provider sets or we set.
            limits: ChannelLimitsEntry = ChannelLimitsEntry::default(),
            /// Overrides those of the system.
            timeouts: ChannelTimeouts = ChannelTimeouts::default(),
            /// The models it serves.
            models: Vec<ModelItem> = Vec::new(),
        }
    }
}

section! {
    /// `limits` of a channel; null: none.
    pub struct ChannelLimitsEntry {
        /// Requests in a minute.
        requests_per_minute: Option<u64> = None,
        /// Tokens in a minute.
        tokens_per_minute: Option<u64> = None,
        /// Requests in a day.
        requests_per_day: Option<u64> = None,
        /// Requests at a time.
        max_in_flight: Option<u64> = None,
        /// USD in a day.
        daily_budget: Option<Usd> = None,
    }
}

section! {
    /// `limits` of a provider key, beside those of its channel; null: none.
    pub struct ApiKeyLimitsEntry {
        /// Requests in a minute.
        requests_per_minute: Option<u64> = None,
        /// Tokens in a minute.
        tokens_per_minute: Option<u64> = None,
        /// Requests in a day.
        requests_per_day: Option<u64> = None,
        /// Requests at a time.
        max_in_flight: Option<u64> = None,
    }
}

section! {
    /// `timeouts` of a channel; null: the system's.
    pub struct ChannelTimeouts {
        /// DNS, TCP and TLS.
        connect: Option<Span> = None,
        /// From sending to the first content.
        first_byte: Option<Span> = None,
        /// Between two events of a stream.
        stream_idle: Option<Span> = None,
        /// The whole request, all attempts together.
        total: Option<Span> = None,
    }
}

entry! {
    /// A provider key with its own settings.
    pub struct ApiKeyEntry {
        required {
            /// The secret.
            value: Secret,
        }
        optional {
            /// Name within the channel; default `key-1`, `key-2` …
            name: Option<String> = None,
            /// USD in a day.
            daily_budget: Option<Usd> = None,
            /// Its own limits; while one is reached the channel's other keys serve.
            limits: ApiKeyLimitsEntry = ApiKeyLimitsEntry::default(),
            /// Share among the channel's keys.
            weight: f64 = 1.0,
            /// Whether it is used.
            enabled: bool = true,
        }
    }
}

entry! {
    /// A model of a channel. What is left out comes from the built-in catalogue.
    pub struct ModelEntry {
        required {
            /// What clients ask for.
            name: String,
        }
        optional {
            /// What the provider calls it.
            upstream_name: Option<String> = None,
            /// Other names that clients may ask for.
            aliases: Option<Vec<String>> = None,
            /// Per million tokens in the provider's currency.
            price: Option<PriceEntry> = None,
            /// Tokens of input and output together.
            context_length: Option<u64> = None,
            /// Tokens of output.
            max_output_tokens: Option<u64> = None,
            /// What it can do.
            capabilities: Option<Vec<String>> = None,
            /// Free words beside those of the channel.
            tags: Vec<String> = Vec::new(),
            /// Named scores from 0 to 1, usable in strategies as NAME_score.
            scores: BTreeMap<String, Share> = BTreeMap::new(),
            /// In billions.
            parameter_count: Option<f64> = None,
        }
    }
}

/// Reads a list whose items are a bare scalar or a map, by seeing the scalar as a map with one key.
macro_rules! or_scalar {
    ($name:ident, $inner:ident, $key:literal, $scalar:ty) => {
        /// A bare value, or a map with settings.
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl Decode for $name {
            fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
                if !matches!(node.value, Value::Scalar(_)) {
                    return $inner::decode(node, path, faults).map(Self);
                }
                let key = Key { name: $key.to_owned(), pos: node.pos.clone() };
                let map = Node { pos: node.pos.clone(), value: Value::Map(vec![(key, node.clone())]) };
                $inner::decode(&map, path, faults).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let scalar = generator.subschema_for::<$scalar>();
                let map = generator.subschema_for::<$inner>();
                schemars::json_schema!({ "anyOf": [scalar, map] })
            }
        }
    };
}

or_scalar!(ApiKeyItem, ApiKeyEntry, "value", Secret);
or_scalar!(ModelItem, ModelEntry, "name", String);
