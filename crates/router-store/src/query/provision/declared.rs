//! What files declare, as plain values. JSON columns take any value that the configuration has validated.

use serde_json::Value as Json;

use super::rows::Declared;
use crate::db::Sql;
use crate::error::StoreResult;
use crate::query::json;
use crate::query::keys::{ClientKey, ClientKeySpec, ManagedBy};
use crate::secret::SecretString;
use crate::secret::random_id;

/// Everything that files and environment declare.
#[derive(Debug, Clone, Default)]
pub struct FileCatalog {
    /// Providers.
    pub providers: Vec<FileProvider>,
    /// Channels with their models and keys.
    pub channels: Vec<FileChannel>,
    /// Groups with their members.
    pub groups: Vec<FileGroup>,
    /// Client keys.
    pub client_keys: Vec<FileClientKey>,
    /// Pricing policies, in order.
    pub pricing_policies: Vec<FilePricingPolicy>,
}

/// A provider.
#[derive(Debug, Clone, Default)]
pub struct FileProvider {
    /// Unique name.
    pub name: String,
    /// The adapter.
    pub kind: String,
    /// Where it is reached.
    pub base_url: Option<String>,
    /// Everything else of the entry.
    pub spec: Json,
    /// File name, or `environment`.
    pub source: String,
}

/// A channel.
#[derive(Debug, Clone, Default)]
pub struct FileChannel {
    /// Unique name.
    pub name: String,
    /// Provider name: declared here or known from before.
    pub provider: String,
    /// Overrides the provider's.
    pub base_url: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// 1 is the highest.
    pub priority: i64,
    /// Share among equals.
    pub weight: f64,
    /// Limits as declared.
    pub limits: Json,
    /// Everything else of the entry, without secrets.
    pub spec: Json,
    /// Whether it may be used.
    pub enabled: bool,
    /// File name, or `environment`.
    pub source: String,
    /// What it serves.
    pub models: Vec<FileChannelModel>,
    /// Its provider keys.
    pub keys: Vec<FileProviderKey>,
}

/// A model on a channel.
#[derive(Debug, Clone, Default)]
pub struct FileChannelModel {
    /// What clients ask for; unique on the channel.
    pub name: String,
    /// Its name at the provider.
    pub upstream_name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Price as declared; `None` takes the catalogue's.
    pub price: Option<Json>,
    /// Tokens.
    pub context_length: Option<i64>,
    /// Tokens.
    pub max_output_tokens: Option<i64>,
    /// Capabilities.
    pub capabilities: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Scores by name.
    pub scores: Json,
}

/// A provider key, in clear on its way into the vault.
#[derive(Debug, Clone)]
pub struct FileProviderKey {
    /// Unique on the channel.
    pub name: String,
    /// The secret.
    pub value: SecretString,
    /// Share among the channel's keys.
    pub weight: f64,
    /// Budget a day, nano-USD.
    pub daily_budget_nano: Option<i64>,
}

/// A model group.
#[derive(Debug, Clone, Default)]
pub struct FileGroup {
    /// Unique name.
    pub name: String,
    /// For people.
    pub display_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Strategy name.
    pub strategy: String,
    /// Everything else of the entry.
    pub spec: Json,
    /// Budget a day, nano-USD.
    pub daily_budget_nano: Option<i64>,
    /// Budget a month, nano-USD.
    pub monthly_budget_nano: Option<i64>,
    /// File name.
    pub source: String,
    /// Explicit members in order.
    pub members: Vec<FileGroupMember>,
}

/// A member of a group: a channel or a provider (or any), and a model or pattern.
#[derive(Debug, Clone, Default)]
pub struct FileGroupMember {
    /// Channel name.
    pub channel: Option<String>,
    /// Provider name.
    pub provider: Option<String>,
    /// Model or pattern.
    pub model: String,
    /// Overrides the channel's.
    pub priority: Option<i64>,
    /// Overrides the channel's.
    pub weight: Option<f64>,
    /// Requests a day.
    pub daily_limit: Option<i64>,
    /// Scores and multipliers.
    pub overrides: Json,
    /// Whether it may be used.
    pub enabled: bool,
}

/// A client key declared with its value.
#[derive(Debug, Clone)]
pub struct FileClientKey {
    /// What it may do.
    pub spec: ClientKeySpec,
    /// SHA-256 of the key, 64 hex characters: all that is ever kept of it.
    pub hash: String,
    /// The file.
    pub source: String,
}

/// A pricing policy.
#[derive(Debug, Clone, Default)]
pub struct FilePricingPolicy {
    /// Unique name.
    pub name: String,
    /// `time`, `quota`, `regional`, …
    pub kind: String,
    /// The entry.
    pub spec: Json,
    /// File name.
    pub source: String,
}

fn object(value: &Json) -> String {
    if value.is_null() { "{}".into() } else { value.to_string() }
}

impl FileProvider {
    pub(super) fn declared(&self) -> Declared {
        let columns = vec![
            ("name", (&self.name).into()),
            ("kind", (&self.kind).into()),
            ("base_url", (&self.base_url).into()),
            ("spec", object(&self.spec).into()),
        ];
        Declared {
            id: None,
            parent: String::new(),
            name: self.name.clone(),
            enabled: true,
            source: self.source.clone(),
            columns,
        }
    }
}

impl FileChannel {
    pub(super) fn declared(&self, provider_id: &str) -> StoreResult<Declared> {
        let columns = vec![
            ("name", (&self.name).into()),
            ("provider_id", provider_id.into()),
            ("base_url", (&self.base_url).into()),
            ("region", (&self.region).into()),
            ("tags", json(&self.tags)?.into()),
            ("priority", self.priority.into()),
            ("weight", self.weight.into()),
            ("limits", object(&self.limits).into()),
            ("spec", object(&self.spec).into()),
        ];
        Ok(Declared {
            id: None,
            parent: String::new(),
            name: self.name.clone(),
            enabled: self.enabled,
            source: self.source.clone(),
            columns,
        })
    }
}

impl FileChannelModel {
    pub(super) fn declared(&self, channel_id: &str, source: &str, enabled: bool) -> StoreResult<Declared> {
        let columns = vec![
            ("channel_id", channel_id.into()),
            ("name", (&self.name).into()),
            ("upstream_name", (&self.upstream_name).into()),
            ("aliases", json(&self.aliases)?.into()),
            ("price", self.price.as_ref().map(Json::to_string).into()),
            ("context_length", self.context_length.into()),
            ("max_output_tokens", self.max_output_tokens.into()),
            ("capabilities", json(&self.capabilities)?.into()),
            ("tags", json(&self.tags)?.into()),
            ("scores", object(&self.scores).into()),
        ];
        Ok(Declared {
            id: None,
            parent: channel_id.into(),
            name: self.name.clone(),
            enabled,
            source: source.into(),
            columns,
        })
    }
}

impl FileProviderKey {
    pub(super) fn declared(
        &self,
        id: String,
        channel_id: &str,
        source: &str,
        ciphertext: String,
        fingerprint: String,
    ) -> Declared {
        let columns = vec![
            ("channel_id", channel_id.into()),
            ("name", (&self.name).into()),
            ("ciphertext", ciphertext.into()),
            ("fingerprint", fingerprint.into()),
            ("last4", self.value.last_four().into()),
            ("weight", self.weight.into()),
            ("daily_budget_nano", self.daily_budget_nano.into()),
        ];
        Declared {
            id: Some(id),
            parent: channel_id.into(),
            name: self.name.clone(),
            enabled: true,
            source: source.into(),
            columns,
        }
    }
}

impl FileGroup {
    pub(super) fn declared(&self) -> Declared {
        let columns = vec![
            ("name", (&self.name).into()),
            ("display_name", (&self.display_name).into()),
            ("description", (&self.description).into()),
            ("strategy", (&self.strategy).into()),
            ("spec", object(&self.spec).into()),
            ("daily_budget_nano", self.daily_budget_nano.into()),
            ("monthly_budget_nano", self.monthly_budget_nano.into()),
        ];
        Declared {
            id: None,
            parent: String::new(),
            name: self.name.clone(),
            enabled: true,
            source: self.source.clone(),
            columns,
        }
    }
}

impl FileGroupMember {
    pub(super) fn declared(&self, group_id: &str, position: i64, source: &str) -> Declared {
        let columns = vec![
            ("group_id", group_id.into()),
            ("position", position.into()),
            ("channel", (&self.channel).into()),
            ("provider", (&self.provider).into()),
            ("model", (&self.model).into()),
            ("priority", self.priority.into()),
            ("weight", self.weight.into()),
            ("daily_limit", self.daily_limit.into()),
            ("overrides", object(&self.overrides).into()),
        ];
        Declared {
            id: None,
            parent: group_id.into(),
            name: position.to_string(),
            enabled: self.enabled,
            source: source.into(),
            columns,
        }
    }
}

impl FilePricingPolicy {
    pub(super) fn declared(&self, position: i64) -> Declared {
        let columns = vec![
            ("name", (&self.name).into()),
            ("kind", (&self.kind).into()),
            ("position", position.into()),
            ("spec", object(&self.spec).into()),
        ];
        Declared {
            id: None,
            parent: String::new(),
            name: self.name.clone(),
            enabled: true,
            source: self.source.clone(),
            columns,
        }
    }
}

impl FileClientKey {
    /// A new row. Prefix and last characters are not known of a key that is only declared by its digest.
    pub(super) fn row(&self, now_ms: i64) -> StoreResult<ClientKey> {
        Ok(ClientKey {
            id: random_id("key")?,
            spec: self.spec.clone(),
            hash: self.hash.clone(),
            prefix: String::new(),
            last4: String::new(),
            revoked_at: None,
            managed_by: ManagedBy::File,
            source: Some(self.source.clone()),
            created_at: now_ms,
        })
    }

    /// Sets everything but the value.
    pub(super) fn update(&self, id: &str, now_ms: i64) -> StoreResult<Sql> {
        let spec = &self.spec;
        let sql = "UPDATE client_keys SET role = $1, model_groups = $2, daily_budget_nano = $3, monthly_budget_nano = $4, requests_per_minute = $5, tokens_per_minute = $6, \
                   max_in_flight = $7, ip_allow = $8, expires_at = $9, source = $10, managed_by = 'file', updated_at = $11 WHERE id = $12";
        Ok(Sql::new(sql)
            .bind(spec.role.as_str())
            .bind(json(&spec.groups)?)
            .bind(spec.daily_budget_nano)
            .bind(spec.monthly_budget_nano)
            .bind(spec.requests_per_minute)
            .bind(spec.tokens_per_minute)
            .bind(spec.max_in_flight)
            .bind(json(&spec.ip_allow)?)
            .bind(spec.expires_at)
            .bind(&self.source)
            .bind(now_ms)
            .bind(id))
    }
}
