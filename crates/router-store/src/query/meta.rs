//! Single values that the program keeps about its database, among them the check value of the master key.

use crate::db::{Sql, Store};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::secret::{SecretPlace, SecretString, Vault};

const CHECK: &str = "master_key_check";
const CHECK_TEXT: &str = "smart-ai-router";
const CHECK_PLACE: SecretPlace<'static> = SecretPlace { table: "meta", column: "value", row: CHECK };

impl Store {
    /// Reads a value.
    pub async fn meta(&self, name: &str) -> StoreResult<Option<String>> {
        self.row(Sql::new("SELECT value FROM meta WHERE name = $1").bind(name))
            .await?
            .map(|row| row.text("value"))
            .transpose()
    }

    /// Writes a value.
    pub async fn set_meta(&self, name: &str, value: &str, now_ms: i64) -> StoreResult<()> {
        let sql = "INSERT INTO meta (name, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
        self.execute(Sql::new(sql).bind(name).bind(value).bind(now_ms)).await.map(drop)
    }

    /// Makes sure that this master key is the one that the database's secrets were sealed with. The first call keeps the
    /// check value; of several instances starting at once with different keys exactly one succeeds.
    ///
    /// # Errors
    /// `MasterKeyWrong` (exit code 3).
    pub async fn check_master_key(&self, vault: &Vault, now_ms: i64) -> StoreResult<()> {
        let sealed = vault.seal(&SecretString::from(CHECK_TEXT), CHECK_PLACE)?;
        let sql = "INSERT INTO meta (name, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        self.execute(Sql::new(sql).bind(CHECK).bind(sealed).bind(now_ms)).await?;
        let kept = self.meta(CHECK).await?.unwrap_or_default();
        match vault.open(&kept, CHECK_PLACE) {
            Ok(text) if text.expose() == CHECK_TEXT => Ok(()),
            Err(error) if error.kind() == StoreErrorKind::Internal => Err(error),
            _ => Err(StoreError::new(
                StoreErrorKind::MasterKeyWrong,
                format!(
                    "the master key (id {}) is not the one that this database's secrets were sealed with; give the right one in SMART_AI_ROUTER_MASTER_KEY or data/master.key",
                    vault.key_id()
                ),
            )),
        }
    }
}
