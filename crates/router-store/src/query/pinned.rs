//! State that a provider account keeps under an id of its own: who may use it, and which channel and key lead back to it.

use crate::db::{Sql, Store, Tx, Value, insert_many};
use crate::error::StoreResult;
use crate::record::RequestRecord;

/// An id that a provider made, and the way back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedState {
    /// Id of the client key that may use it; empty where no key was asked for.
    pub key_id: String,
    /// The provider's id.
    pub state_id: String,
    /// Name of the channel.
    pub channel: String,
    /// Id of the provider key.
    pub provider_key_id: String,
    /// Unix milliseconds.
    pub made_at: i64,
}

impl Store {
    /// The newest of what was made since then, at most `most`; the newest first.
    pub async fn pinned_state(&self, since_ms: i64, most: u32) -> StoreResult<Vec<PinnedState>> {
        let sql = "SELECT key_id, state_id, channel, provider_key_id, made_at FROM pinned_state WHERE made_at >= $1 ORDER BY made_at DESC LIMIT $2";
        let rows = self.rows(Sql::new(sql).bind(since_ms).bind(i64::from(most))).await?;
        rows.iter()
            .map(|row| {
                Ok(PinnedState {
                    key_id: row.text("key_id")?,
                    state_id: row.text("state_id")?,
                    channel: row.text("channel")?,
                    provider_key_id: row.text("provider_key_id")?,
                    made_at: row.int("made_at")?,
                })
            })
            .collect()
    }

    /// Forgets what was made before then. Gives how many that were.
    pub async fn forget_pinned_state(&self, before_ms: i64) -> StoreResult<u64> {
        self.execute(Sql::new("DELETE FROM pinned_state WHERE made_at < $1").bind(before_ms)).await
    }
}

/// Notes what the providers of these requests keep. The first who made an id keeps it.
pub(crate) async fn pin(tx: &mut Tx, records: &[&RequestRecord]) -> StoreResult<()> {
    let mut values: Vec<Value> = Vec::new();
    for record in records.iter().filter(|record| !record.state_ids.is_empty()) {
        // The attempt that answered: another one may have run beside it, on another channel.
        let answered = record.attempts.iter().rfind(|attempt| Some(&attempt.channel) == record.channel.as_ref());
        let Some(answered) = answered.or(record.attempts.last()) else { continue };
        let Some(provider_key) = &answered.provider_key_id else { continue };
        values.extend(record.state_ids.iter().flat_map(|id| {
            [
                (&record.key_id).into(),
                id.into(),
                (&answered.channel).into(),
                provider_key.into(),
                record.created_at.into(),
            ]
        }));
    }
    if values.is_empty() {
        return Ok(());
    }
    let columns = "key_id, state_id, channel, provider_key_id, made_at";
    insert_many(tx, "pinned_state", columns, values, "ON CONFLICT (key_id, state_id) DO NOTHING").await.map(drop)
}
