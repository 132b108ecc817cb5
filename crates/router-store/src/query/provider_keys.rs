//! Provider keys, opened: for the snapshot that hands them to the upstream connector.

use crate::db::{Sql, Store};
use crate::error::StoreResult;
use crate::secret::{SecretPlace, SecretString, Vault};

/// A usable provider key in clear.
#[derive(Debug, Clone)]
pub struct ProviderKeySecret {
    /// Our id.
    pub id: String,
    /// Id of its channel.
    pub channel_id: String,
    /// Unique on the channel.
    pub name: String,
    /// The secret.
    pub value: SecretString,
    /// Keyed fingerprint, to correlate without showing.
    pub fingerprint: String,
    /// Last four characters.
    pub last4: String,
    /// Share among the channel's keys.
    pub weight: f64,
    /// Budget a day, nano-USD.
    pub daily_budget_nano: Option<i64>,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// What may be shown of a provider key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyFacts {
    /// Name of its channel.
    pub channel: String,
    /// Unique on the channel.
    pub name: String,
    /// Keyed fingerprint, to correlate without showing.
    pub fingerprint: String,
    /// Last four characters.
    pub last4: String,
}

impl Store {
    /// What may be shown of every enabled provider key. Opens none.
    pub async fn provider_key_facts(&self) -> StoreResult<Vec<ProviderKeyFacts>> {
        let sql = "SELECT c.name AS channel, k.name AS name, k.fingerprint AS fingerprint, k.last4 AS last4 FROM provider_keys k \
            JOIN channels c ON c.id = k.channel_id WHERE k.enabled ORDER BY c.name, k.name";
        let rows = self.rows(Sql::new(sql)).await?;
        rows.iter()
            .map(|row| {
                Ok(ProviderKeyFacts {
                    channel: row.text("channel")?,
                    name: row.text("name")?,
                    fingerprint: row.text("fingerprint")?,
                    last4: row.text("last4")?,
                })
            })
            .collect()
    }

    /// Every enabled provider key, opened.
    ///
    /// # Errors
    /// `MasterKeyWrong` or `SecretDamaged` for the first that does not open.
    pub async fn provider_key_secrets(&self, vault: &Vault) -> StoreResult<Vec<ProviderKeySecret>> {
        let sql = "SELECT id, channel_id, name, ciphertext, fingerprint, last4, weight, daily_budget_nano, updated_at FROM provider_keys WHERE enabled ORDER BY channel_id, name";
        let rows = self.rows(Sql::new(sql)).await?;
        rows.iter()
            .map(|row| {
                let id = row.text("id")?;
                let value = vault.open(
                    &row.text("ciphertext")?,
                    SecretPlace { table: "provider_keys", column: "ciphertext", row: &id },
                )?;
                Ok(ProviderKeySecret {
                    channel_id: row.text("channel_id")?,
                    name: row.text("name")?,
                    value,
                    fingerprint: row.text("fingerprint")?,
                    last4: row.text("last4")?,
                    weight: row.float("weight")?,
                    daily_budget_nano: row.opt_int("daily_budget_nano")?,
                    updated_at: row.int("updated_at")?,
                    id,
                })
            })
            .collect()
    }
}
