//! Many rows in few statements.

use super::{Row, Sql, Tx, Value};
use crate::error::StoreResult;

/// Below SQLite's 32,766 and PostgreSQL's 65,535 parameters a statement.
const MAX_BINDS: usize = 30_000;
/// Rows of one prepared statement on SQLite.
const MOST_PREPARED_ROWS: usize = 128;

/// `INSERT INTO table (columns) VALUES (…), (…) tail`, in as few statements as the parameter limit allows; how many rows
/// were touched. `values` holds row behind row. After an error the transaction must not be committed.
pub(crate) async fn insert_many(
    tx: &mut Tx,
    table: &'static str,
    columns: &str,
    values: Vec<Value>,
    tail: &str,
) -> StoreResult<u64> {
    let mut touched = 0;
    for statement in inserts(matches!(tx, Tx::Sqlite(_)), table, columns, values, tail) {
        touched += tx.execute(statement).await?;
    }
    Ok(touched)
}

/// The same with a tail that says `RETURNING`: the returned rows. Each of them is a message between threads on SQLite.
pub(crate) async fn insert_returning(
    tx: &mut Tx,
    table: &'static str,
    columns: &str,
    values: Vec<Value>,
    tail: &str,
) -> StoreResult<Vec<Row>> {
    let mut returned = Vec::new();
    for statement in inserts(matches!(tx, Tx::Sqlite(_)), table, columns, values, tail) {
        returned.extend(tx.rows(statement).await?);
    }
    Ok(returned)
}

fn inserts(sqlite: bool, table: &str, columns: &str, values: Vec<Value>, tail: &str) -> impl Iterator<Item = Sql> {
    let width = columns.split(',').count();
    // SQLite keeps, for each statement of many rows, what it would need to take back those before a bad one, and that is a
    // fourth of the work. Here a failure ends the whole transaction anyway.
    let verb = if sqlite { "INSERT OR FAIL" } else { "INSERT" };
    let head = format!("{verb} INTO {table} ({columns}) VALUES ");
    let tail = format!(" {tail}");
    let mut values = values.into_iter();
    let mut text_before = (0, String::new());
    std::iter::from_fn(move || {
        let left = values.len() / width;
        if left == 0 {
            return None;
        }
        // SQLite takes powers of two, so that a handful of prepared statements serves every batch; PostgreSQL, where
        // each statement is a round trip, takes all at once, a text of its own that is not worth keeping.
        let rows = if sqlite { MOST_PREPARED_ROWS.min(1 << left.ilog2()) } else { left.min(MAX_BINDS / width) };
        if text_before.0 != rows {
            text_before = (rows, [&head, &*placeholders(sqlite, rows, width), &tail].concat());
        }
        let args = values.by_ref().take(rows * width).collect();
        Some(Sql::with_args(text_before.1.clone(), args, sqlite))
    })
}

/// `(…), (…)` for so many rows. SQLite takes `$1` for a name and looks through all names for each: with 17,000 parameters in a
/// batch that is most of the work of writing it.
fn placeholders(plain: bool, rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let place = |column: usize| if plain { "?".to_owned() } else { format!("${}", row * width + column + 1) };
        format!("({})", (0..width).map(place).collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
