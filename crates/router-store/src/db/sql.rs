//! One statement text for both engines: values, statements, rows and transactions without generic bounds.
//!
//! Rules that keep one text right on both: `$1` placeholders; `CAST(SUM(x) AS BIGINT)`; no `AVG`; `LOWER()` to compare
//! without case; columns only BIGINT, DOUBLE PRECISION, TEXT, BOOLEAN.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Arguments as _, AssertSqlSafe, Postgres, Row as _, SqlSafeStr as _, Sqlite};
use tokio::time::timeout;

use super::line::Connection;
use super::{Backend, Store};
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// A parameter. Each kind carries its own NULL, because PostgreSQL wants to know the type of a NULL too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Float(Option<f64>),
    Text(Option<Arc<str>>),
    Bool(bool),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(Some(value))
    }
}
impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Self::Float(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(text(value)))
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        value.as_str().into()
    }
}
impl From<&String> for Value {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}
impl From<&std::borrow::Cow<'_, str>> for Value {
    fn from(value: &std::borrow::Cow<'_, str>) -> Self {
        (&**value).into()
    }
}
impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        (&value).into()
    }
}
impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.as_deref().map(text))
    }
}

impl Value {
    /// A JSON text of ours, in which no character has to be replaced.
    pub(crate) const fn json(text: Option<Arc<str>>) -> Self {
        Self::Text(text)
    }
}

/// PostgreSQL refuses NUL in texts; one such byte from a client must not hold up the books.
fn text(text: &str) -> Arc<str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// The texts that a row of a batch most often has in common with the row before it: each is made once.
#[derive(Debug, Default)]
pub(crate) struct SharedTexts {
    row_before: Vec<Arc<str>>,
    at: usize,
}

impl SharedTexts {
    /// Before the first text of a row; each row has the same texts in the same order.
    pub(crate) fn begin_row(&mut self) {
        self.at = 0;
    }

    /// The parameter for the next text of the row.
    pub(crate) fn value(&mut self, next: &str) -> Value {
        let at = self.at;
        self.at += 1;
        match self.row_before.get_mut(at) {
            Some(before) if **before == *next => Value::Text(Some(Arc::clone(before))),
            Some(before) => {
                *before = text(next);
                Value::Text(Some(Arc::clone(before)))
            }
            None => {
                self.row_before.resize(at, Arc::default());
                let made = text(next);
                self.row_before.push(Arc::clone(&made));
                Value::Text(Some(made))
            }
        }
    }

    /// The same where there may be none.
    pub(crate) fn option(&mut self, next: Option<&str>) -> Value {
        match next {
            Some(next) => self.value(next),
            None => {
                self.at += 1;
                Value::Text(None)
            }
        }
    }
}

/// A statement with its parameters. Text comes from the program only; what comes from outside is always a parameter.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    args: Vec<Value>,
    keep_prepared: bool,
}

impl Sql {
    /// A statement with its parameters; whether the connection keeps it prepared.
    pub(super) fn with_args(text: String, args: Vec<Value>, keep_prepared: bool) -> Self {
        Self { text, args, keep_prepared }
    }

    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), args: Vec::new(), keep_prepared: true }
    }

    /// For texts put together at run time from the program's own names.
    pub(crate) fn built(text: String) -> Self {
        Self { text, args: Vec::new(), keep_prepared: true }
    }

    /// The next parameter of a text with its placeholders in place.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Puts text in front.
    #[cfg(test)]
    pub(crate) fn prefix(&mut self, text: &str) {
        self.text.insert_str(0, text);
    }

    /// Adds a placeholder and its parameter.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) {
        self.args.push(value.into());
        let _ = write!(self.text, "${}", self.args.len());
    }

    /// Adds `($1, $2, …)`.
    pub(crate) fn push_tuple(&mut self, values: impl IntoIterator<Item = Value>) {
        self.push("(");
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            self.push_bind(value);
        }
        self.push(")");
    }
}

/// A row of either engine, read by column name.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

macro_rules! read {
    ($name:ident, $type:ty) => {
        pub(crate) fn $name(&self, column: &str) -> StoreResult<$type> {
            match self {
                Self::Sqlite(row) => row.try_get(column),
                Self::Postgres(row) => row.try_get(column),
            }
            .map_err(|error| StoreError::caused(StoreErrorKind::Internal, format!("column {column}"), error))
        }
    };
}

impl Row {
    read!(int, i64);
    read!(opt_int, Option<i64>);
    read!(float, f64);
    read!(opt_float, Option<f64>);
    read!(text, String);
    read!(opt_text, Option<String>);
    read!(flag, bool);

    /// A JSON text column as a list of texts.
    pub(crate) fn texts(&self, column: &str) -> StoreResult<Vec<String>> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| {
            StoreError::caused(
                StoreErrorKind::DatabaseDamaged,
                format!("column {column} does not hold a list of texts"),
                error,
            )
        })
    }
}

/// An open writing transaction. Dropped without [`Tx::commit`] it is rolled back.
pub(crate) enum Tx {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// With the longest wait for an answer. Its connection is closed with it unless it came to an end.
    Postgres(Connection, Duration),
}

macro_rules! prepared {
    ($sql:expr, $engine:ty) => {{
        let Sql { text, args, keep_prepared } = $sql;
        let mut arguments = <$engine as sqlx::Database>::Arguments::default();
        arguments.reserve(args.len(), 0);
        for arg in args {
            match arg {
                Value::Int(value) => arguments.add(value),
                Value::Float(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Bool(value) => arguments.add(value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        // Safe: `Sql` texts are made of the program's own words, see `Sql`.
        sqlx::query_with(AssertSqlSafe(text).into_sql_str(), arguments).persistent(keep_prepared)
    }};
}

/// A statement without parameters that returns nothing.
async fn say(connection: &mut Connection, limit: Duration, text: &'static str) -> StoreResult<()> {
    let answer = timeout(limit, sqlx::raw_sql(text).execute(connection.get()?)).await;
    connection.heard(answer).map(drop)
}

impl Tx {
    async fn begin(mut connection: Connection, limit: Duration) -> StoreResult<Self> {
        say(&mut connection, limit, "BEGIN").await?;
        Ok(Self::Postgres(connection, limit))
    }

    /// Runs a statement; how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: Sql) -> StoreResult<u64> {
        Ok(match self {
            Self::Sqlite(tx) => prepared!(sql, Sqlite).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(connection, limit) => {
                let answer = timeout(*limit, prepared!(sql, Postgres).execute(connection.get()?)).await;
                connection.heard(answer)?.rows_affected()
            }
        })
    }

    /// Runs a statement that returns rows.
    pub(crate) async fn rows(&mut self, sql: Sql) -> StoreResult<Vec<Row>> {
        Ok(match self {
            Self::Sqlite(tx) => {
                prepared!(sql, Sqlite).fetch_all(&mut **tx).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(connection, limit) => {
                let answer = timeout(*limit, prepared!(sql, Postgres).fetch_all(connection.get()?)).await;
                connection.heard(answer)?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// PostgreSQL only: keeps other writers of a table out until the end. SQLite has one writer anyway.
    pub(crate) async fn lock_table(&mut self, statement: &'static str) -> StoreResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(..) => self.execute(Sql::new(statement)).await.map(drop),
        }
    }

    pub(crate) async fn rollback(self) -> StoreResult<()> {
        match self {
            Self::Sqlite(tx) => Ok(tx.rollback().await?),
            Self::Postgres(connection, limit) => end(connection, limit, "ROLLBACK").await,
        }
    }

    pub(crate) async fn commit(self) -> StoreResult<()> {
        match self {
            Self::Sqlite(tx) => Ok(tx.commit().await?),
            Self::Postgres(connection, limit) => end(connection, limit, "COMMIT").await,
        }
    }
}

/// Ends a transaction and gives its connection back.
async fn end(mut connection: Connection, limit: Duration, text: &'static str) -> StoreResult<()> {
    say(&mut connection, limit, text).await?;
    connection.done();
    Ok(())
}

impl Store {
    /// Begins a writing transaction: `BEGIN IMMEDIATE` on SQLite, where a plain `BEGIN` could fail at its first write.
    pub(crate) async fn begin(&self) -> StoreResult<Tx> {
        self.gate()?;
        match &self.inner.backend {
            Backend::Sqlite { writer, .. } => Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Backend::Postgres(line) => Tx::begin(line.connection().await?, self.answer_within()).await,
        }
    }

    /// The same for the writer, to which a connection is always left, and which waits for no answer longer than `limit`.
    pub(crate) async fn begin_batch(&self, limit: Duration) -> StoreResult<Tx> {
        match &self.inner.backend {
            Backend::Sqlite { .. } => self.begin().await,
            Backend::Postgres(line) => {
                self.gate()?;
                Tx::begin(line.reserved().await?, limit).await
            }
        }
    }

    /// A reading statement, bounded in time.
    pub(crate) async fn rows(&self, sql: Sql) -> StoreResult<Vec<Row>> {
        self.gate()?;
        let limit = self.answer_within();
        match &self.inner.backend {
            Backend::Sqlite { reader, .. } => {
                let late = |_| StoreError::new(StoreErrorKind::Unavailable, "the database did not answer in time");
                let rows = timeout(limit, prepared!(sql, Sqlite).fetch_all(reader)).await.map_err(late)??;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Backend::Postgres(line) => {
                let mut connection = line.connection().await?;
                let answer = timeout(limit, prepared!(sql, Postgres).fetch_all(connection.get()?)).await;
                let rows = connection.heard(answer);
                connection.done();
                Ok(rows?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// A reading statement of at most one row.
    pub(crate) async fn row(&self, sql: Sql) -> StoreResult<Option<Row>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// A single writing statement; how many rows it touched.
    pub(crate) async fn execute(&self, sql: Sql) -> StoreResult<u64> {
        self.gate()?;
        Ok(match &self.inner.backend {
            Backend::Sqlite { writer, .. } => prepared!(sql, Sqlite).execute(writer).await?.rows_affected(),
            Backend::Postgres(line) => {
                let mut connection = line.connection().await?;
                let answer = timeout(self.answer_within(), prepared!(sql, Postgres).execute(connection.get()?)).await;
                let done = connection.heard(answer);
                connection.done();
                done?.rows_affected()
            }
        })
    }

    /// How long to wait for the answer to a statement: a little longer than the database lets it run, since a line that went dead
    /// without a word ends no wait by itself.
    pub(crate) fn answer_within(&self) -> Duration {
        self.inner.options.statement_timeout + self.inner.options.acquire_timeout
    }
}
