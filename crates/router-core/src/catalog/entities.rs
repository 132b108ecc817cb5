//! What a snapshot holds: channels, channel models and client keys, with everything computed beforehand that a
//! request would otherwise compute.

use std::ops::Range;
use std::sync::Arc;

use super::pattern::{Pattern, any_matches};
use super::spec::{ChannelLimits, KeyLimits, KeyRotation, ProviderKeySpec, Role, Timeouts};
use super::{Capabilities, ChannelIx, ScoreId, TagId};
use crate::money::Nano;
use crate::pricing::Price;
use crate::routing::Reason;

/// One account at a provider. Fields as in [`super::spec::ChannelSpec`].
#[derive(Clone, Debug)]
pub struct Channel {
    /// Unique name; also its stable id for live state and rows.
    pub name: Arc<str>,
    /// Provider as configured.
    pub provider: Arc<str>,
    /// Kind of the provider: names the adapter.
    pub kind: Arc<str>,
    /// Root of the provider's API, without a trailing slash.
    pub base_url: Arc<str>,
    /// Extra headers to the provider.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// The provider keys, without their secrets.
    pub keys: Vec<ProviderKeySpec>,
    /// Which of them comes first.
    pub key_rotation: KeyRotation,
    /// Free text such as `us-east-1`.
    pub region: Option<Arc<str>>,
    /// 1 is the highest.
    pub priority: u32,
    /// Share among equals; finite, ≥ 0.
    pub weight: f64,
    /// Whether it may be chosen.
    pub enabled: bool,
    /// Limits that the provider sets or we set.
    pub limits: ChannelLimits,
    /// The most tokens that one request may have, by its limit per minute and the largest of its keys'.
    pub most_tokens: Option<u64>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Its channel models, as places in the snapshot.
    pub models: Range<u32>,
}

/// One model on one channel: the unit that routing chooses.
#[derive(Clone, Debug)]
pub struct ChannelModel {
    /// The channel that serves it.
    pub channel: ChannelIx,
    /// What clients ask for.
    pub name: Arc<str>,
    /// What the provider calls it.
    pub upstream_name: Arc<str>,
    /// Other names under which clients may ask for it.
    pub aliases: Box<[Arc<str>]>,
    /// As configured; see [`super::Snapshot::price`] for the one that counts.
    pub price: Option<Price>,
    /// Tokens of input and output together; `None` is unknown.
    pub context_length: Option<u64>,
    /// Tokens of output; `None` is unknown.
    pub max_output_tokens: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Tags of channel and model and the implied ones, ascending by id.
    pub tags: Box<[TagId]>,
    /// Named scores, ascending by id.
    pub scores: Box<[(ScoreId, f64)]>,
    /// [`crate::ids::hash64`] of `CHANNEL/NAME`: the same in every snapshot and on every platform.
    pub stable_id: u64,
    /// Why it can never be chosen, whatever the request.
    pub out: Option<Reason>,
    /// Which pricing policies may ever apply: bit *n* is number *n* of [`crate::routing::PricePolicies::all`].
    pub policies: u64,
    /// Numbers that the factors read.
    pub facts: Facts,
}

impl ChannelModel {
    /// Whether it has the tag.
    #[must_use]
    pub fn has_tag(&self, tag: TagId) -> bool {
        self.tags.contains(&tag)
    }

    /// The value of a named score.
    #[must_use]
    pub fn score(&self, name: ScoreId) -> Option<f64> {
        self.scores.iter().find(|(id, _)| *id == name).map(|(_, value)| *value)
    }
}

/// Numbers of a channel model that never change within a snapshot. `NaN` is unknown. For ranking only; the books
/// read [`Price`].
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// USD per input token.
    pub usd_per_input: f64,
    /// USD per input token that is read from the provider's prompt cache.
    pub usd_per_cached: f64,
    /// USD per output token.
    pub usd_per_output: f64,
    /// USD per request.
    pub usd_per_request: f64,
    /// Whether long inputs have another price.
    pub has_tiers: bool,
    /// Whether everything about it costs nothing.
    pub is_free: bool,
    /// Nano-USD per input token of the dearest class at any length; an upper bound, as the three after it.
    pub bound_per_input: f64,
    /// Nano-USD per output token of the dearest class at any length.
    pub bound_per_output: f64,
    /// Nano-USD per answer beside its tokens.
    pub bound_per_answer: f64,
    /// Nano-USD per request.
    pub bound_per_request: f64,
    /// USD per million tokens, input and output mixed 3:1.
    pub usd_per_million: f64,
    /// `scores.quality`.
    pub quality: f64,
    /// `scores.speed`.
    pub speed: f64,
    /// `scores.reliability`.
    pub reliability: f64,
    /// Tokens.
    pub context_length: f64,
    /// Billions.
    pub parameter_count: f64,
}

/// What a client authenticates with. Fields as in [`super::spec::ClientKeySpec`].
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// Stable id.
    pub id: Arc<str>,
    /// For people; unique.
    pub name: Arc<str>,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What it may do beside calling models.
    pub role: Role,
    /// Patterns of groups and models that it may use. Empty: all.
    pub allowed: Box<[Pattern]>,
    /// Per day.
    pub daily_budget: Option<Nano>,
    /// Per month.
    pub monthly_budget: Option<Nano>,
    /// Its own limits.
    pub limits: KeyLimits,
    /// Networks it may come from, as CIDR. Empty: all.
    pub ip_allow: Vec<String>,
    /// Unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// False: revoked or disabled.
    pub enabled: bool,
}

impl ClientKey {
    /// Whether it may use a group of that name.
    #[must_use]
    pub fn permits_group(&self, name: &str) -> bool {
        self.allowed.is_empty() || any_matches(&self.allowed, name)
    }

    /// Whether it may use the channel model: by its name, an alias, or its family (the name without vendor prefix
    /// and date). Judged on what was found, never on the text that the client sent.
    #[must_use]
    pub fn permits_model(&self, model: &ChannelModel) -> bool {
        self.allowed.is_empty()
            || any_matches(&self.allowed, &model.name)
            || model.aliases.iter().any(|alias| any_matches(&self.allowed, alias))
            || any_matches(&self.allowed, super::family::split(&model.name).0)
    }
}
