//! The request log of a period in the order of time, page by page: for whoever goes through all of it.

use super::request_columns::{REQUEST_COLUMNS, request_from};
use super::requests::{RequestPage, cursor_of, push_period};
use crate::db::{Sql, Store};
use crate::error::StoreResult;

impl Store {
    /// A page of the requests that came in `from_ms..until_ms` (unix milliseconds), oldest first, attempts and decisions
    /// included. `after` is the `next_cursor` of the page before.
    ///
    /// # Errors
    /// `Invalid` for a cursor that is not one of ours.
    pub async fn request_log(
        &self,
        from_ms: i64,
        until_ms: i64,
        after: Option<&str>,
        limit: u32,
    ) -> StoreResult<RequestPage> {
        let mut sql = Sql::built(format!("SELECT {REQUEST_COLUMNS} FROM request_logs WHERE 1 = 1"));
        push_period(&mut sql, from_ms, until_ms, after)?;
        sql.push(" ORDER BY created_at, id LIMIT ");
        sql.push_bind(i64::from(limit));
        let found = self.rows(sql).await?;
        let rows =
            found.iter().map(|row| request_from(row, row.opt_text("decision")?)).collect::<StoreResult<Vec<_>>>()?;
        let full = rows.len() as u64 >= u64::from(limit);
        let next_cursor = rows.last().filter(|_| full).map(|row| cursor_of(row.created_at, &row.id));
        Ok(RequestPage { rows, next_cursor })
    }

    /// What the requests that came in `from_ms..until_ms` (unix milliseconds) have cost, by client key: id and nano-USD.
    pub async fn cost_by_key(&self, from_ms: i64, until_ms: i64) -> StoreResult<Vec<(String, i64)>> {
        let sql = "SELECT key_id, CAST(SUM(cost_nano) AS BIGINT) AS cost FROM request_logs \
                   WHERE created_at >= $1 AND created_at < $2 AND cost_nano > 0 GROUP BY key_id ORDER BY key_id";
        let rows = self.rows(Sql::new(sql).bind(from_ms).bind(until_ms)).await?;
        rows.iter().map(|row| Ok((row.text("key_id")?, row.int("cost")?))).collect()
    }

    /// How many requests came in `from_ms..until_ms` (unix milliseconds).
    pub async fn request_count(&self, from_ms: i64, until_ms: i64) -> StoreResult<i64> {
        let sql = "SELECT COUNT(*) AS requests FROM request_logs WHERE created_at >= $1 AND created_at < $2";
        let row = self.row(Sql::new(sql).bind(from_ms).bind(until_ms)).await?;
        row.map_or(Ok(0), |row| row.int("requests"))
    }
}
