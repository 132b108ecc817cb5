//! Numbered, hashed snapshots of the configuration.

use crate::db::{Sql, Store};
use crate::error::StoreResult;
use crate::secret::sha256_hex;

/// A kept configuration, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigVersion {
    /// Counting from 1.
    pub number: i64,
    /// SHA-256 of the content.
    pub hash: String,
    /// Where it came from.
    pub source: String,
    /// Unix milliseconds.
    pub created_at: i64,
}

impl Store {
    /// The newest kept configurations below a number (all of them without one), at most `limit`.
    pub async fn config_versions(&self, below: Option<i64>, limit: u32) -> StoreResult<Vec<ConfigVersion>> {
        let sql = "SELECT number, hash, source, created_at FROM config_versions WHERE number < $1 ORDER BY number DESC LIMIT $2";
        let rows = self.rows(Sql::new(sql).bind(below.unwrap_or(i64::MAX)).bind(i64::from(limit))).await?;
        rows.iter()
            .map(|row| {
                Ok(ConfigVersion {
                    number: row.int("number")?,
                    hash: row.text("hash")?,
                    source: row.text("source")?,
                    created_at: row.int("created_at")?,
                })
            })
            .collect()
    }

    /// Keeps a configuration if it differs from the last one kept. Returns its number, counting from 1.
    ///
    /// `content` is the canonical text, without secrets in clear; `source` says where it came from.
    pub async fn keep_config(&self, content: &str, source: &str, now_ms: i64) -> StoreResult<i64> {
        let hash = sha256_hex(content.as_bytes());
        let mut tx = self.begin().await?;
        tx.lock_table("LOCK TABLE config_versions IN EXCLUSIVE MODE").await?;
        let last = tx.rows(Sql::new("SELECT number, hash FROM config_versions ORDER BY number DESC LIMIT 1")).await?;
        let number = match last.first() {
            Some(row) if row.text("hash")? == hash => return row.int("number"),
            Some(row) => row.int("number")? + 1,
            None => 1,
        };
        let sql = "INSERT INTO config_versions (number, hash, content, source, created_at) VALUES ($1, $2, $3, $4, $5)";
        tx.execute(Sql::new(sql).bind(number).bind(hash).bind(content).bind(source).bind(now_ms)).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// The content of a kept configuration.
    pub async fn config(&self, number: i64) -> StoreResult<Option<String>> {
        self.row(Sql::new("SELECT content FROM config_versions WHERE number = $1").bind(number))
            .await?
            .map(|row| row.text("content"))
            .transpose()
    }
}
