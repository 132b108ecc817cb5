//! What the store remembers about requests: the reservation made before the first upstream byte, and the one terminal row.
//!
//! These are the store's own types: the relay converts into them by hand, the admin API converts out of them by hand.
//! Units: every `*_nano` field is integer nano-USD, every `*_at` / `*_ms` wall time is unix milliseconds, durations are
//! milliseconds unless the name says `_us`. Texts are already redacted and cut by whoever fills them.

mod reservation;
mod words;

use std::borrow::Cow;
use std::sync::Arc;

pub use reservation::Reservation;
use serde::{Deserialize, Serialize};
pub use words::{RequestStatus, TokensSource};

/// The spool leaves out what has its default: shorter records, and reading puts it back.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Token counts of a request or an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenCounts {
    /// The whole input, cached and written parts included.
    #[serde(skip_serializing_if = "is_default")]
    pub input: i64,
    /// The part of the input read from the provider's cache.
    #[serde(skip_serializing_if = "is_default")]
    pub cached_input: i64,
    /// The part of the input written to the provider's cache.
    #[serde(skip_serializing_if = "is_default")]
    pub cache_write: i64,
    /// The whole output, reasoning included.
    #[serde(skip_serializing_if = "is_default")]
    pub output: i64,
    /// The part of the output that was reasoning.
    #[serde(skip_serializing_if = "is_default")]
    pub reasoning: i64,
}

/// No count and no duration of one request is larger.
const MAX_COUNT: i64 = 1_000_000_000_000;

fn bound(value: i64) -> i64 {
    value.clamp(0, MAX_COUNT)
}

impl TokenCounts {
    fn bounded(self) -> Self {
        Self {
            input: bound(self.input),
            cached_input: bound(self.cached_input),
            cache_write: bound(self.cache_write),
            output: bound(self.output),
            reasoning: bound(self.reasoning),
        }
    }
}

/// A budget that a request counts against: one counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BudgetScope {
    /// `key`, `group`, `channel` or `router`.
    pub scope_kind: String,
    /// The id inside the kind; `-` for the whole router.
    pub scope_id: String,
    /// The period as the core names it, for example `2026-11-23` or `2026-11`.
    pub period: String,
}

/// One immutable posting of the budget ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// `key`, `group`, `channel` or `router`.
    pub scope_kind: String,
    /// The id inside the kind; `-` for the whole router.
    pub scope_id: String,
    /// The period as the core names it.
    pub period: String,
    /// What is booked, nano-USD.
    pub amount_nano: i64,
}

/// The terminal row of a request, with its attempts and ledger postings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestRecord {
    /// Our request id, sortable by time.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    /// The id that the client sent.
    #[serde(skip_serializing_if = "is_default")]
    pub client_request_id: Option<String>,
    /// Id of the client key.
    #[serde(skip_serializing_if = "is_default")]
    pub key_id: Cow<'static, str>,
    /// Name of the client key at that time.
    #[serde(skip_serializing_if = "is_default")]
    pub key_name: Cow<'static, str>,
    /// The matched route, for example `/v1/chat/completions`.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Cow<'static, str>,
    /// The client's dialect, for example `openai_chat`.
    #[serde(skip_serializing_if = "is_default")]
    pub dialect: Cow<'static, str>,
    /// The model name that the client asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub model: String,
    /// The model group, if one was asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub group: Option<Cow<'static, str>>,
    /// The channel that served (or, on failure, was tried last).
    #[serde(skip_serializing_if = "is_default")]
    pub channel: Option<Cow<'static, str>>,
    /// That channel's provider.
    #[serde(skip_serializing_if = "is_default")]
    pub provider: Option<Cow<'static, str>>,
    /// The model's name at the provider.
    #[serde(skip_serializing_if = "is_default")]
    pub upstream_model: Option<Cow<'static, str>>,
    /// The strategy that ordered the candidates.
    #[serde(skip_serializing_if = "is_default")]
    pub strategy: Option<Cow<'static, str>>,
    /// How it ended.
    #[serde(skip_serializing_if = "is_default")]
    pub status: RequestStatus,
    /// The code of the contract's error table.
    #[serde(skip_serializing_if = "is_default")]
    pub error_code: Option<Cow<'static, str>>,
    /// The fault class of the core's table.
    #[serde(skip_serializing_if = "is_default")]
    pub error_class: Option<Cow<'static, str>>,
    /// Whether the client asked for a stream.
    #[serde(skip_serializing_if = "is_default")]
    pub stream: bool,
    /// Every call upstream, in order.
    #[serde(skip_serializing_if = "is_default")]
    pub attempts: Vec<AttemptRecord>,
    /// What was consumed, all attempts together.
    #[serde(skip_serializing_if = "is_default")]
    pub tokens: TokenCounts,
    /// Where the counts come from.
    #[serde(skip_serializing_if = "is_default")]
    pub tokens_source: TokensSource,
    /// What is booked, nano-USD.
    #[serde(skip_serializing_if = "is_default")]
    pub cost_nano: i64,
    /// What had been reserved, nano-USD.
    #[serde(skip_serializing_if = "is_default")]
    pub reserved_nano: i64,
    /// Version of the price that the cost was computed with.
    #[serde(skip_serializing_if = "is_default")]
    pub price_version: Option<String>,
    /// From the first byte of the request to the last of the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub latency_ms: i64,
    /// To the first content byte of the answer; `None` when there was none.
    #[serde(skip_serializing_if = "is_default")]
    pub ttft_ms: Option<i64>,
    /// Output tokens per second after the first content; `None` when unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub throughput_tps: Option<f64>,
    /// Time spent in the router itself, microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub overhead_us: i64,
    /// Number of the configuration that the request saw.
    #[serde(skip_serializing_if = "is_default")]
    pub config_version: i64,
    /// When the request came in, unix milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub created_at: i64,
    /// Bytes of the request body.
    #[serde(skip_serializing_if = "is_default")]
    pub bytes_in: i64,
    /// Bytes of the answer body.
    #[serde(skip_serializing_if = "is_default")]
    pub bytes_out: i64,
    /// At most 200 characters.
    #[serde(skip_serializing_if = "is_default")]
    pub user_agent: Option<String>,
    /// The client's address, only where configured, already cut to its network.
    #[serde(skip_serializing_if = "is_default")]
    pub client_address: Option<String>,
    /// Oddities worth finding again, for example `overrun`, `usage_missing`.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: Vec<String>,
    /// Ids of what the provider keeps since this request ([`crate::PinnedState`]); its last attempt says where.
    #[serde(skip_serializing_if = "is_default")]
    pub state_ids: Vec<String>,
    /// The routing decision as JSON text.
    #[serde(skip)]
    pub decision: Option<Arc<str>>,
    /// What is posted to the budgets. Entries of zero are not stored.
    #[serde(skip_serializing_if = "is_default")]
    pub ledger: Vec<LedgerEntry>,
}

impl RequestRecord {
    /// Keeps counts and durations within what sums can hold: some come from providers, and what they send is untrusted.
    /// Money is left as it is.
    pub(crate) fn bounded(mut self) -> Self {
        self.tokens = self.tokens.bounded();
        for value in [&mut self.latency_ms, &mut self.overhead_us, &mut self.bytes_in, &mut self.bytes_out] {
            *value = bound(*value);
        }
        self.ttft_ms = self.ttft_ms.map(bound);
        for attempt in &mut self.attempts {
            attempt.tokens = attempt.tokens.bounded();
            attempt.ended_at = attempt.ended_at.clamp(attempt.started_at, attempt.started_at.saturating_add(MAX_COUNT));
        }
        self
    }

    /// When the request ended, unix milliseconds.
    #[must_use]
    pub fn ended_at(&self) -> i64 {
        self.created_at.saturating_add(self.latency_ms)
    }
}

/// One call to one channel model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptRecord {
    /// 1 for the first.
    #[serde(skip_serializing_if = "is_default")]
    pub n: i64,
    /// Channel name.
    #[serde(skip_serializing_if = "is_default")]
    pub channel: Cow<'static, str>,
    /// The channel model's name at the provider.
    #[serde(skip_serializing_if = "is_default")]
    pub upstream_model: Cow<'static, str>,
    /// Provider name.
    #[serde(skip_serializing_if = "is_default")]
    pub provider: Cow<'static, str>,
    /// Which of the channel's keys was used.
    #[serde(skip_serializing_if = "is_default")]
    pub provider_key_id: Option<Cow<'static, str>>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub started_at: i64,
    /// Unix milliseconds of the first content byte.
    #[serde(skip_serializing_if = "is_default")]
    pub first_byte_at: Option<i64>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub ended_at: i64,
    /// `completed`, `client_closed`, `shutdown`, or the fault class of the core's table.
    #[serde(skip_serializing_if = "is_default")]
    pub outcome: Cow<'static, str>,
    /// HTTP status of the provider, when one came.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<i64>,
    /// The provider's id of the call.
    #[serde(skip_serializing_if = "is_default")]
    pub upstream_request_id: Option<String>,
    /// What the attempt consumed.
    #[serde(skip_serializing_if = "is_default")]
    pub tokens: TokenCounts,
    /// Its share of the cost, nano-USD.
    #[serde(skip_serializing_if = "is_default")]
    pub cost_nano: i64,
    /// How long the provider asked to be left alone, milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub retry_after_ms: Option<i64>,
    /// Until which date the provider said that it is away, unix milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub away_until: Option<i64>,
    /// Redacted text of the provider, at most 2 KiB.
    #[serde(skip_serializing_if = "is_default")]
    pub detail: Option<String>,
}
