//! Statistics from the hourly roll-ups, never from the request log.

use crate::db::{Row, Sql, Store};
use crate::error::StoreResult;
use crate::record::TokenCounts;
use crate::writer::{Histogram, LATENCY_COLUMNS, TTFT_COLUMNS};

/// Which hours and whose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatisticsFilter {
    /// First hour, unix milliseconds, inclusive.
    pub from_ms: i64,
    /// End, unix milliseconds, exclusive.
    pub to_ms: i64,
    /// One client key only.
    pub key_id: Option<String>,
}

/// The sums of a channel and model over the hours asked for. Requests that reached no channel stand under an empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatistics {
    /// Channel name.
    pub channel: String,
    /// Provider name.
    pub provider: String,
    /// The model that was asked for.
    pub model: String,
    /// All requests.
    pub requests: i64,
    /// Those that ended neither completed nor by the client.
    pub errors: i64,
    /// Tokens.
    pub tokens: TokenCounts,
    /// Cost, nano-USD.
    pub cost_nano: i64,
    /// Requests with a latency, and its sum in milliseconds.
    pub latency: (i64, i64),
    /// Requests with a first token, and the sum of the times to it in milliseconds.
    pub ttft: (i64, i64),
    /// Latencies by bucket.
    pub latency_histogram: Histogram,
    /// Times to first token by bucket.
    pub ttft_histogram: Histogram,
}

const SUMS: [&str; 12] = [
    "requests",
    "errors",
    "tokens_input",
    "tokens_cached_input",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "cost_nano",
    "latency_count",
    "latency_sum",
    "ttft_count",
    "ttft_sum",
];

impl Store {
    /// Sums by channel and model.
    pub async fn channel_statistics(&self, filter: &StatisticsFilter) -> StoreResult<Vec<ChannelStatistics>> {
        let sums: Vec<String> = SUMS
            .into_iter()
            .chain(LATENCY_COLUMNS)
            .chain(TTFT_COLUMNS)
            .map(|sum| format!("CAST(SUM({sum}) AS BIGINT) AS {sum}"))
            .collect();
        let mut sql = Sql::built(format!(
            "SELECT channel, provider, model, {} FROM channel_statistics WHERE hour >= ",
            sums.join(", ")
        ));
        sql.push_bind(filter.from_ms);
        sql.push(" AND hour < ");
        sql.push_bind(filter.to_ms);
        if let Some(key_id) = &filter.key_id {
            sql.push(" AND key_id = ");
            sql.push_bind(key_id);
        }
        sql.push(" GROUP BY channel, provider, model ORDER BY channel, provider, model");
        self.rows(sql).await?.iter().map(statistics_from).collect()
    }
}

fn statistics_from(row: &Row) -> StoreResult<ChannelStatistics> {
    Ok(ChannelStatistics {
        channel: row.text("channel")?,
        provider: row.text("provider")?,
        model: row.text("model")?,
        requests: row.int("requests")?,
        errors: row.int("errors")?,
        tokens: TokenCounts {
            input: row.int("tokens_input")?,
            cached_input: row.int("tokens_cached_input")?,
            cache_write: row.int("tokens_cache_write")?,
            output: row.int("tokens_output")?,
            reasoning: row.int("tokens_reasoning")?,
        },
        cost_nano: row.int("cost_nano")?,
        latency: (row.int("latency_count")?, row.int("latency_sum")?),
        ttft: (row.int("ttft_count")?, row.int("ttft_sum")?),
        latency_histogram: histogram_from(row, &LATENCY_COLUMNS)?,
        ttft_histogram: histogram_from(row, &TTFT_COLUMNS)?,
    })
}

fn histogram_from(row: &Row, columns: &[&str]) -> StoreResult<Histogram> {
    let mut histogram = Histogram::default();
    for (count, column) in histogram.0.iter_mut().zip(columns) {
        *count = row.int(column)?;
    }
    Ok(histogram)
}
