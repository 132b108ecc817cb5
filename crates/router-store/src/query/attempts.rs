//! How often channels were tried in a span of time, for limits that count by the day.

use std::collections::BTreeMap;

use super::requests::{cursor_of, push_period};
use crate::db::{Row, Sql, Store};
use crate::error::StoreResult;
use crate::record::{AttemptRecord, RequestStatus};

/// Rows that are read at a time, where each has to be looked at.
const PAGE: i64 = 500;

/// Attempts at a model of a channel for requests of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptCount {
    /// The group that was asked for, if one was.
    pub group: Option<String>,
    /// Channel name.
    pub channel: String,
    /// The model's name at the provider; `None` where the process ended before it was written down.
    pub upstream_model: Option<String>,
    /// How many.
    pub attempts: i64,
}

type Counts = BTreeMap<(Option<String>, String, Option<String>), i64>;

impl Store {
    /// Attempts of requests that came in `from_ms..until_ms` (unix milliseconds). An attempt whose detail is one of `unsent`
    /// was none. A request that was interrupted counts as one attempt at the channel that it was at.
    pub async fn attempt_counts(&self, from_ms: i64, until_ms: i64, unsent: &[&str]) -> StoreResult<Vec<AttemptCount>> {
        let mut counts = Counts::new();
        self.count_the_usual(from_ms, until_ms, &mut counts).await?;
        self.count_the_others(from_ms, until_ms, unsent, &mut counts).await?;
        let count =
            |((group, channel, upstream_model), attempts)| AttemptCount { group, channel, upstream_model, attempts };
        Ok(counts.into_iter().map(count).collect())
    }

    /// Nearly every request is one attempt that went well: the database counts those.
    async fn count_the_usual(&self, from_ms: i64, until_ms: i64, counts: &mut Counts) -> StoreResult<()> {
        let sql = "SELECT model_group, channel, upstream_model, COUNT(*) AS attempts FROM request_logs \
                   WHERE created_at >= $1 AND created_at < $2 AND attempts = 1 AND status = 'completed' AND channel IS NOT NULL \
                   GROUP BY model_group, channel, upstream_model";
        for row in self.rows(Sql::new(sql).bind(from_ms).bind(until_ms)).await? {
            let key = (row.opt_text("model_group")?, row.text("channel")?, row.opt_text("upstream_model")?);
            *counts.entry(key).or_default() += row.int("attempts")?;
        }
        Ok(())
    }

    async fn count_the_others(
        &self,
        from_ms: i64,
        until_ms: i64,
        unsent: &[&str],
        counts: &mut Counts,
    ) -> StoreResult<()> {
        let mut after: Option<String> = None;
        loop {
            let mut sql = Sql::new(
                "SELECT id, created_at, status, model_group, channel, attempt_details FROM request_logs \
                 WHERE NOT (attempts = 1 AND status = 'completed')",
            );
            push_period(&mut sql, from_ms, until_ms, after.as_deref())?;
            sql.push(" ORDER BY created_at, id LIMIT ");
            sql.push_bind(PAGE);
            let rows = self.rows(sql).await?;
            for row in &rows {
                count_row(row, unsent, counts)?;
            }
            let Some(last) = rows.last().filter(|_| rows.len() as i64 == PAGE) else { return Ok(()) };
            after = Some(cursor_of(last.int("created_at")?, &last.text("id")?));
        }
    }
}

fn count_row(row: &Row, unsent: &[&str], counts: &mut Counts) -> StoreResult<()> {
    let group = row.opt_text("model_group")?;
    if row.text("status")? == RequestStatus::Interrupted.as_str() {
        if let Some(channel) = row.opt_text("channel")? {
            *counts.entry((group, channel, None)).or_default() += 1;
        }
        return Ok(());
    }
    let attempts: Vec<AttemptRecord> = super::request_columns::attempts_from(row)?;
    let sent = |attempt: &AttemptRecord| attempt.detail.as_deref().is_none_or(|detail| !unsent.contains(&detail));
    for attempt in attempts.into_iter().filter(sent) {
        *counts
            .entry((group.clone(), attempt.channel.into_owned(), Some(attempt.upstream_model.into_owned())))
            .or_default() += 1;
    }
    Ok(())
}
