//! The request log: pages by keyset, one request with its attempts, its decision.

use super::request_columns::{REQUEST_COLUMNS, request_from};
use crate::db::{Sql, Store};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::record::{RequestRecord, RequestStatus};

/// No page is longer.
const MAX_PAGE: u32 = 200;

/// Which requests to list. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Id of the client key. For role `user` this is its own, always.
    pub key_id: Option<String>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The channel that served.
    pub channel: Option<String>,
    /// The group that was asked for.
    pub group: Option<String>,
    /// How it ended.
    pub status: Option<RequestStatus>,
    /// From this time on, unix milliseconds.
    pub since_ms: Option<i64>,
    /// Before this time, unix milliseconds.
    pub until_ms: Option<i64>,
    /// Our id or the client's, whole.
    pub q: Option<String>,
    /// Rows a page: 1 to 200, 0 means 50.
    pub limit: u32,
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
}

/// A page, newest first, attempts included, without decisions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestPage {
    /// The rows.
    pub rows: Vec<RequestRecord>,
    /// To ask for the next page; `None` on the last.
    pub next_cursor: Option<String>,
}

impl Store {
    /// A page of the request log.
    ///
    /// # Errors
    /// `Invalid` for a cursor that is not one of ours.
    pub async fn requests(&self, filter: &RequestFilter) -> StoreResult<RequestPage> {
        let (sql, limit) = page_sql(filter)?;
        let found = self.rows(sql).await?;
        let more = found.len() > limit as usize;
        let rows =
            found.iter().take(limit as usize).map(|row| request_from(row, None)).collect::<StoreResult<Vec<_>>>()?;
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor_of(row.created_at, &row.id));
        Ok(RequestPage { rows, next_cursor })
    }

    /// One request with attempts and decision; only of that key where one is given.
    pub async fn request(&self, id: &str, key_id: Option<&str>) -> StoreResult<Option<RequestRecord>> {
        let mut sql = Sql::built(format!("SELECT {REQUEST_COLUMNS} FROM request_logs WHERE id = "));
        sql.push_bind(id);
        if let Some(key_id) = key_id {
            sql.push(" AND key_id = ");
            sql.push_bind(key_id);
        }
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        request_from(&row, row.opt_text("decision")?).map(Some)
    }

    /// The decision of a request as JSON text. Outer `None`: no such request; inner `None`: none was kept.
    pub async fn request_decision(&self, id: &str, key_id: Option<&str>) -> StoreResult<Option<Option<String>>> {
        let mut sql = Sql::new("SELECT decision FROM request_logs WHERE id = ");
        sql.push_bind(id);
        if let Some(key_id) = key_id {
            sql.push(" AND key_id = ");
            sql.push_bind(key_id);
        }
        self.row(sql).await?.map(|row| row.opt_text("decision")).transpose()
    }
}

/// The statement of a page, and how many rows a page has; it asks for one more, to know whether another page follows.
fn page_sql(filter: &RequestFilter) -> StoreResult<(Sql, u32)> {
    let limit = if filter.limit == 0 { 50 } else { filter.limit.min(MAX_PAGE) };
    let mut sql =
        Sql::built(format!("SELECT {} FROM request_logs WHERE 1 = 1", REQUEST_COLUMNS.replace(", decision", "")));
    let equals = [
        (" AND key_id = ", &filter.key_id),
        (" AND model = ", &filter.model),
        (" AND channel = ", &filter.channel),
        (" AND model_group = ", &filter.group),
    ];
    for (text, value) in equals {
        if let Some(value) = value {
            sql.push(text);
            sql.push_bind(value);
        }
    }
    if let Some(status) = filter.status {
        sql.push(" AND status = ");
        sql.push_bind(status.as_str());
        if status != RequestStatus::Completed {
            // Spelled out so that both planners see that the partial index serves.
            sql.push(" AND status <> 'completed'");
        }
    }
    for (text, value) in [(" AND created_at >= ", filter.since_ms), (" AND created_at < ", filter.until_ms)] {
        if let Some(value) = value {
            sql.push(text);
            sql.push_bind(value);
        }
    }
    if let Some(q) = &filter.q {
        sql.push(" AND (id = ");
        sql.push_bind(q);
        sql.push(" OR client_request_id = ");
        sql.push_bind(q);
        sql.push(")");
    }
    if let Some(cursor) = &filter.cursor {
        push_behind(&mut sql, "<", cursor)?;
    }
    sql.push(" ORDER BY created_at DESC, id DESC LIMIT ");
    sql.push_bind(i64::from(limit) + 1);
    Ok((sql, limit))
}

/// Where a page ended: the time and the id of its last row.
pub(super) fn cursor_of(created_at: i64, id: &str) -> String {
    format!("{created_at}.{id}")
}

/// Adds that rows lie behind a cursor: `<` where they are read downwards, `>` upwards.
pub(super) fn push_behind(sql: &mut Sql, order: &str, cursor: &str) -> StoreResult<()> {
    let (created_at, id) = parse_cursor(cursor)?;
    sql.push(" AND (created_at, id) ");
    sql.push(order);
    sql.push(" (");
    sql.push_bind(created_at);
    sql.push(", ");
    sql.push_bind(id);
    sql.push(")");
    Ok(())
}

/// Adds the rows of `from_ms..until_ms`, behind a cursor where there is one, upwards. They are looked for from the cursor on,
/// so that no page reads those before it again.
pub(super) fn push_period(sql: &mut Sql, from_ms: i64, until_ms: i64, after: Option<&str>) -> StoreResult<()> {
    let from_ms = after.map(parse_cursor).transpose()?.map_or(from_ms, |(at, _)| at.max(from_ms));
    sql.push(" AND created_at >= ");
    sql.push_bind(from_ms);
    sql.push(" AND created_at < ");
    sql.push_bind(until_ms);
    after.map_or(Ok(()), |cursor| push_behind(sql, ">", cursor))
}

fn parse_cursor(cursor: &str) -> StoreResult<(i64, &str)> {
    cursor
        .split_once('.')
        .and_then(|(created_at, id)| Some((created_at.parse().ok()?, id)))
        .ok_or_else(|| StoreError::new(StoreErrorKind::Invalid, "the cursor is not one of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    /// No page may read the whole log or sort it: every combination of the UI must go down an index.
    #[tokio::test]
    async fn every_page_goes_down_an_index() {
        let store = Store::open("sqlite::memory:", StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let filters = [
            RequestFilter::default(),
            RequestFilter { cursor: text("5.req"), ..RequestFilter::default() },
            RequestFilter { key_id: text("k"), cursor: text("5.req"), ..RequestFilter::default() },
            RequestFilter { model: text("m"), since_ms: Some(1), until_ms: Some(9), ..RequestFilter::default() },
            RequestFilter { channel: text("c"), cursor: text("5.req"), ..RequestFilter::default() },
            RequestFilter { status: Some(RequestStatus::Error), cursor: text("5.req"), ..RequestFilter::default() },
        ];
        for filter in filters {
            let (mut sql, _) = page_sql(&filter).unwrap();
            sql.prefix("EXPLAIN QUERY PLAN ");
            let plan: Vec<String> =
                store.rows(sql).await.unwrap().iter().map(|row| row.text("detail").unwrap()).collect();
            let plan = plan.join("; ");
            // Only rows of one millisecond are sorted.
            let sorts = plan.replace("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "").contains("TEMP B-TREE");
            assert!(plan.contains("USING INDEX request_logs_") && !sorts, "{filter:?}: {plan}");
        }
        let (mut sql, _) = page_sql(&RequestFilter { q: text("id"), ..RequestFilter::default() }).unwrap();
        sql.prefix("EXPLAIN QUERY PLAN ");
        let plan: Vec<String> = store.rows(sql).await.unwrap().iter().map(|row| row.text("detail").unwrap()).collect();
        assert!(plan.iter().all(|step| !step.starts_with("SCAN request_logs")), "{plan:?}");
    }
}
