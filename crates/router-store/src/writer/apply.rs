//! One batch, one transaction: rows, postings, counters, roll-ups, and how far the spool has been taken over.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::rollup::{ATTEMPT_KEY, ATTEMPT_SUMS, LATENCY_COLUMNS, REQUEST_KEY, REQUEST_SUMS, Rollup, TTFT_COLUMNS};
use crate::db::{Sql, Store, Tx, Value, insert_many, insert_returning};
use crate::error::StoreResult;
use crate::query::pinned::pin;
use crate::query::request_columns::{REQUEST_COLUMNS, request_values};
use crate::record::RequestRecord;
use crate::spool::Position;

/// How far the database has taken this spool over; `None` when it never has.
pub(super) async fn known_position(store: &Store, spool_id: &str, patience: Duration) -> StoreResult<Option<Position>> {
    let mut tx = store.begin_batch(patience).await?;
    let sql = Sql::new("SELECT segment, byte_offset FROM spool_positions WHERE spool_id = $1").bind(spool_id);
    let rows = tx.rows(sql).await?;
    tx.commit().await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(Some(Position { segment: unsigned(row.int("segment")?), offset: unsigned(row.int("byte_offset")?) }))
}

/// Writes the rows that the database does not have yet, with everything that hangs on them. Returns how many were new. Waits for no
/// answer of PostgreSQL longer than `patience`.
pub(super) async fn apply(
    store: &Store,
    records: &[RequestRecord],
    position: Option<(&str, Position)>,
    patience: Duration,
) -> StoreResult<usize> {
    let mut tx = store.begin_batch(patience).await?;
    let mut new = unique(records);
    if !insert_all(&mut tx, &new).await? {
        tx.rollback().await?;
        tx = store.begin_batch(patience).await?;
        let inserted = insert_missing(&mut tx, &new).await?;
        new.retain(|record| inserted.contains(&record.id));
    }
    let latest = records.iter().map(RequestRecord::ended_at).max().unwrap_or(0);
    if !new.is_empty() {
        post(&mut tx, &new, latest).await?;
        roll_up(&mut tx, &new).await?;
        pin(&mut tx, &new).await?;
    }
    if let Some((spool_id, position)) = position {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let sql = "INSERT INTO spool_positions (spool_id, segment, byte_offset, updated_at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (spool_id) DO UPDATE SET segment = excluded.segment, byte_offset = excluded.byte_offset, updated_at = excluded.updated_at";
        tx.execute(
            Sql::new(sql).bind(spool_id).bind(signed(position.segment)).bind(signed(position.offset)).bind(latest),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(new.len())
}

/// The first terminal row of an id counts, in a batch as across batches.
fn unique(records: &[RequestRecord]) -> Vec<&RequestRecord> {
    let mut seen: HashSet<&str> = HashSet::with_capacity(records.len());
    records.iter().filter(|record| seen.insert(&record.id)).collect()
}

/// Inserts the rows, if the database has none of them yet; `false` if it has: the transaction is then of no use.
///
/// A batch that comes a second time is rare (the place in the spool is stored with the batch), and to ask which rows are new
/// costs a message between threads for every row.
async fn insert_all(tx: &mut Tx, records: &[&RequestRecord]) -> StoreResult<bool> {
    let touched =
        insert_many(tx, "request_logs", REQUEST_COLUMNS, request_values(records), "ON CONFLICT (id) DO NOTHING")
            .await?;
    Ok(touched == records.len() as u64)
}

/// Inserts the rows that the database does not have yet, and gives their ids.
async fn insert_missing(tx: &mut Tx, records: &[&RequestRecord]) -> StoreResult<HashSet<String>> {
    let tail = "ON CONFLICT (id) DO NOTHING RETURNING id";
    let inserted = insert_returning(tx, "request_logs", REQUEST_COLUMNS, request_values(records), tail).await?;
    inserted.iter().map(|row| row.text("id")).collect()
}

/// Posts to the ledger and to its sums. Sorted by scope, so that instances lock counters in the same order.
async fn post(tx: &mut Tx, new: &[&RequestRecord], at_ms: i64) -> StoreResult<()> {
    let mut counters: BTreeMap<[&str; 3], i64> = BTreeMap::new();
    let mut values: Vec<Value> = Vec::new();
    for record in new {
        let mut entries: BTreeMap<[&str; 3], i64> = BTreeMap::new();
        for entry in record.ledger.iter().filter(|entry| entry.amount_nano != 0) {
            let sum = entries.entry([&entry.scope_kind, &entry.scope_id, &entry.period]).or_default();
            // A sum that saturates is beyond what the tables take: the row is then refused as a whole.
            *sum = sum.saturating_add(entry.amount_nano);
        }
        for (scope, amount) in entries {
            let counter = counters.entry(scope).or_default();
            *counter = counter.saturating_add(amount);
            let [kind, id, period] = scope.map(Value::from);
            values.extend([
                Value::from(&record.id),
                kind,
                id,
                period,
                "post".into(),
                amount.into(),
                record.ended_at().into(),
            ]);
        }
    }
    insert_many(
        tx,
        "budget_ledger",
        "request_id, scope_kind, scope_id, period, kind, amount_nano, booked_at",
        values,
        "",
    )
    .await?;
    let values = counters
        .into_iter()
        .flat_map(|(scope, amount)| {
            scope.into_iter().map(Value::from).chain([amount.into(), 0_i64.into(), at_ms.into()])
        })
        .collect();
    let upsert = "ON CONFLICT (scope_kind, scope_id, period) DO UPDATE SET posted_nano = budget_counters.posted_nano + excluded.posted_nano, updated_at = excluded.updated_at";
    insert_many(
        tx,
        "budget_counters",
        "scope_kind, scope_id, period, posted_nano, reserved_nano, updated_at",
        values,
        upsert,
    )
    .await
    .map(drop)
}

async fn roll_up(tx: &mut Tx, new: &[&RequestRecord]) -> StoreResult<()> {
    let mut rollup = Rollup::default();
    new.iter().for_each(|record| rollup.add(record));
    let (requests, attempts) = rollup.values();
    let sums: Vec<&str> = REQUEST_SUMS.into_iter().chain(LATENCY_COLUMNS).chain(TTFT_COLUMNS).collect();
    add_sums(tx, "channel_statistics", &REQUEST_KEY, &sums, requests).await?;
    add_sums(tx, "attempt_statistics", &ATTEMPT_KEY, &ATTEMPT_SUMS, attempts).await
}

/// Adds rows of sums to a table of sums.
async fn add_sums(
    tx: &mut Tx,
    table: &'static str,
    key: &[&str],
    sums: &[&str],
    values: Vec<Value>,
) -> StoreResult<()> {
    let updates: Vec<String> = sums.iter().map(|sum| format!("{sum} = {table}.{sum} + excluded.{sum}")).collect();
    let columns: Vec<&str> = key.iter().chain(sums).copied().collect();
    let upsert = format!("ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), updates.join(", "));
    insert_many(tx, table, &columns.join(", "), values, &upsert).await.map(drop)
}
