//! The one mapping between request records and their table: columns, values in, rows out.

use std::borrow::Cow;

use crate::db::{Row, SharedTexts, Value};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::{AttemptRecord, RequestRecord, RequestStatus, TokenCounts, TokensSource};

pub(crate) const REQUEST_COLUMNS: &str = "id, client_request_id, key_id, key_name, endpoint, dialect, model, model_group, channel, provider, upstream_model, strategy, status, \
    error_code, error_class, stream, attempts, attempt_details, tokens_input, tokens_cached_input, tokens_cache_write, tokens_output, tokens_reasoning, tokens_source, cost_nano, reserved_nano, \
    price_version, latency_ms, ttft_ms, throughput_tps, overhead_us, config_version, created_at, bytes_in, bytes_out, user_agent, client_address, flags, decision";

/// How many [`REQUEST_COLUMNS`] there are.
const WIDTH: usize = 39;

/// Rows of `request_logs`, one behind the other, in the order of [`REQUEST_COLUMNS`].
pub(crate) fn request_values(records: &[&RequestRecord]) -> Vec<Value> {
    let mut values = Vec::with_capacity(records.len() * WIDTH);
    let mut texts = SharedTexts::default();
    for record in records {
        texts.begin_row();
        values.extend(row_values(record, &mut texts));
    }
    values
}

fn row_values(record: &RequestRecord, texts: &mut SharedTexts) -> [Value; WIDTH] {
    let tokens = record.tokens;
    let attempts = serde_json::to_string(&record.attempts).unwrap_or_else(|_| "[]".into());
    let flags = match record.flags.as_slice() {
        [] => Cow::Borrowed("[]"),
        flags => serde_json::to_string(flags).map_or(Cow::Borrowed("[]"), Cow::Owned),
    };
    [
        (&record.id).into(),
        (&record.client_request_id).into(),
        texts.value(&record.key_id),
        texts.value(&record.key_name),
        texts.value(&record.endpoint),
        texts.value(&record.dialect),
        texts.value(&record.model),
        texts.option(record.group.as_deref()),
        texts.option(record.channel.as_deref()),
        texts.option(record.provider.as_deref()),
        texts.option(record.upstream_model.as_deref()),
        texts.option(record.strategy.as_deref()),
        texts.value(record.status.as_str()),
        texts.option(record.error_code.as_deref()),
        texts.option(record.error_class.as_deref()),
        record.stream.into(),
        i64::try_from(record.attempts.len()).unwrap_or(i64::MAX).into(),
        Value::json(Some(attempts.into())),
        tokens.input.into(),
        tokens.cached_input.into(),
        tokens.cache_write.into(),
        tokens.output.into(),
        tokens.reasoning.into(),
        texts.value(record.tokens_source.as_str()),
        record.cost_nano.into(),
        record.reserved_nano.into(),
        texts.option(record.price_version.as_deref()),
        record.latency_ms.into(),
        record.ttft_ms.into(),
        record.throughput_tps.filter(|value| value.is_finite()).into(),
        record.overhead_us.into(),
        record.config_version.into(),
        record.created_at.into(),
        record.bytes_in.into(),
        record.bytes_out.into(),
        texts.option(record.user_agent.as_deref()),
        texts.option(record.client_address.as_deref()),
        texts.value(&flags),
        Value::json(record.decision.clone()),
    ]
}

/// A record from its row; the ledger and ids of state stand elsewhere and stay empty, the decision is read only where it was selected.
pub(crate) fn request_from(row: &Row, decision: Option<String>) -> StoreResult<RequestRecord> {
    let unknown = |what: &str, text: &str| {
        StoreError::new(StoreErrorKind::DatabaseDamaged, format!("unknown {what} in the request log: {text}"))
    };
    let attempts = attempts_from(row)?;
    let (status, source) = (row.text("status")?, row.text("tokens_source")?);
    Ok(RequestRecord {
        id: row.text("id")?,
        client_request_id: row.opt_text("client_request_id")?,
        key_id: row.text("key_id")?.into(),
        key_name: row.text("key_name")?.into(),
        endpoint: row.text("endpoint")?.into(),
        dialect: row.text("dialect")?.into(),
        model: row.text("model")?,
        group: row.opt_text("model_group")?.map(Into::into),
        channel: row.opt_text("channel")?.map(Into::into),
        provider: row.opt_text("provider")?.map(Into::into),
        upstream_model: row.opt_text("upstream_model")?.map(Into::into),
        strategy: row.opt_text("strategy")?.map(Into::into),
        status: RequestStatus::parse(&status).ok_or_else(|| unknown("status", &status))?,
        error_code: row.opt_text("error_code")?.map(Into::into),
        error_class: row.opt_text("error_class")?.map(Into::into),
        stream: row.flag("stream")?,
        attempts,
        tokens: tokens_from(row)?,
        tokens_source: TokensSource::parse(&source).ok_or_else(|| unknown("tokens_source", &source))?,
        cost_nano: row.int("cost_nano")?,
        reserved_nano: row.int("reserved_nano")?,
        price_version: row.opt_text("price_version")?,
        latency_ms: row.int("latency_ms")?,
        ttft_ms: row.opt_int("ttft_ms")?,
        throughput_tps: row.opt_float("throughput_tps")?,
        overhead_us: row.int("overhead_us")?,
        config_version: row.int("config_version")?,
        created_at: row.int("created_at")?,
        bytes_in: row.int("bytes_in")?,
        bytes_out: row.int("bytes_out")?,
        user_agent: row.opt_text("user_agent")?,
        client_address: row.opt_text("client_address")?,
        flags: row.texts("flags")?,
        decision: decision.map(Into::into),
        state_ids: Vec::new(),
        ledger: Vec::new(),
    })
}

/// Every call upstream, in order.
pub(crate) fn attempts_from(row: &Row) -> StoreResult<Vec<AttemptRecord>> {
    serde_json::from_str(&row.text("attempt_details")?).map_err(|error| {
        StoreError::caused(StoreErrorKind::DatabaseDamaged, "column attempt_details does not hold attempts", error)
    })
}

fn tokens_from(row: &Row) -> StoreResult<TokenCounts> {
    Ok(TokenCounts {
        input: row.int("tokens_input")?,
        cached_input: row.int("tokens_cached_input")?,
        cache_write: row.int("tokens_cache_write")?,
        output: row.int("tokens_output")?,
        reasoning: row.int("tokens_reasoning")?,
    })
}
