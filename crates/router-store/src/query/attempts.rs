//! How often channels were tried in a span of time, for limits that count by the day.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::requests::{cursor_of, push_period};
use crate::db::{Row, Sql, Store};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
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
    /// The provider key, where it is one that was asked for and was written down.
    pub provider_key: Option<String>,
    /// The model's name at the provider; `None` where the process ended before it was written down.
    pub upstream_model: Option<String>,
    /// How many.
    pub attempts: i64,
}

/// By group, channel, model and provider key.
type Counts = BTreeMap<(Option<String>, String, Option<String>, Option<String>), i64>;

/// What is counted.
struct Wanted<'a> {
    from_ms: i64,
    until_ms: i64,
    unsent: &'a [&'a str],
    keys: &'a [&'a str],
}

impl Store {
    /// Attempts of requests that came in `from_ms..until_ms` (unix milliseconds). An attempt whose detail is one of `unsent`
    /// was none. A request that was interrupted counts as one attempt at the channel that it was at. Of the provider keys `keys`
    /// each is counted apart, the others together.
    pub async fn attempt_counts(
        &self,
        from_ms: i64,
        until_ms: i64,
        unsent: &[&str],
        keys: &[&str],
    ) -> StoreResult<Vec<AttemptCount>> {
        let (mut counts, wanted) = (Counts::new(), Wanted { from_ms, until_ms, unsent, keys });
        self.count_the_usual(&wanted, &mut counts).await?;
        self.count_the_others(&wanted, &mut counts).await?;
        let count = |((group, channel, upstream_model, provider_key), attempts)| AttemptCount {
            group,
            channel,
            upstream_model,
            provider_key,
            attempts,
        };
        Ok(counts.into_iter().map(count).collect())
    }

    /// Nearly every request is one attempt that went well: the database counts those.
    async fn count_the_usual(&self, wanted: &Wanted<'_>, counts: &mut Counts) -> StoreResult<()> {
        let mut sql = Sql::new("SELECT model_group, channel, upstream_model, ");
        push_place_of_key(&mut sql, wanted.keys)?;
        sql.push(
            " AS place_of_key, COUNT(*) AS attempts FROM request_logs \
             WHERE attempts = 1 AND status = 'completed' AND channel IS NOT NULL",
        );
        push_period(&mut sql, wanted.from_ms, wanted.until_ms, None)?;
        sql.push(" GROUP BY model_group, channel, upstream_model, place_of_key");
        for row in self.rows(sql).await? {
            let place = row.opt_int("place_of_key")?.and_then(|place| usize::try_from(place).ok());
            let provider_key = place.and_then(|place| wanted.keys.get(place)).map(|id| (*id).to_owned());
            let (group, model) = (row.opt_text("model_group")?, row.opt_text("upstream_model")?);
            *counts.entry((group, row.text("channel")?, model, provider_key)).or_default() += row.int("attempts")?;
        }
        Ok(())
    }

    async fn count_the_others(&self, wanted: &Wanted<'_>, counts: &mut Counts) -> StoreResult<()> {
        let mut after: Option<String> = None;
        loop {
            let mut sql = Sql::new(
                "SELECT id, created_at, status, model_group, channel, attempt_details FROM request_logs \
                 WHERE NOT (attempts = 1 AND status = 'completed')",
            );
            push_period(&mut sql, wanted.from_ms, wanted.until_ms, after.as_deref())?;
            sql.push(" ORDER BY created_at, id LIMIT ");
            sql.push_bind(PAGE);
            let rows = self.rows(sql).await?;
            for row in &rows {
                count_row(row, wanted, counts)?;
            }
            let Some(last) = rows.last().filter(|_| rows.len() as i64 == PAGE) else { return Ok(()) };
            after = Some(cursor_of(last.int("created_at")?, &last.text("id")?));
        }
    }
}

/// Which of the keys the only attempt of a row used. The details are JSON of our own writing, so the key stands there letter for
/// letter; how to look into JSON is what the engines do not agree on.
fn push_place_of_key(sql: &mut Sql, keys: &[&str]) -> StoreResult<()> {
    if keys.is_empty() {
        sql.push("CAST(NULL AS BIGINT)");
        return Ok(());
    }
    sql.push("CAST(CASE");
    for (place, key) in keys.iter().enumerate() {
        let id = serde_json::to_string(key).map_err(|error| {
            StoreError::caused(StoreErrorKind::Invalid, "the id of a provider key cannot be written as JSON", error)
        })?;
        sql.push(" WHEN REPLACE(attempt_details, ");
        sql.push_bind(format!("\"provider_key_id\":{id}"));
        sql.push(&format!(", '') <> attempt_details THEN {place}"));
    }
    sql.push(" END AS BIGINT)");
    Ok(())
}

fn count_row(row: &Row, wanted: &Wanted<'_>, counts: &mut Counts) -> StoreResult<()> {
    let group = row.opt_text("model_group")?;
    if row.text("status")? == RequestStatus::Interrupted.as_str() {
        if let Some(channel) = row.opt_text("channel")? {
            *counts.entry((group, channel, None, None)).or_default() += 1;
        }
        return Ok(());
    }
    let attempts: Vec<AttemptRecord> = super::request_columns::attempts_from(row)?;
    let sent =
        |attempt: &AttemptRecord| attempt.detail.as_deref().is_none_or(|detail| !wanted.unsent.contains(&detail));
    for attempt in attempts.into_iter().filter(sent) {
        let key = attempt.provider_key_id.filter(|key| wanted.keys.contains(&&**key)).map(Cow::into_owned);
        let (channel, model) = (attempt.channel.into_owned(), attempt.upstream_model.into_owned());
        *counts.entry((group.clone(), channel, Some(model), key)).or_default() += 1;
    }
    Ok(())
}
