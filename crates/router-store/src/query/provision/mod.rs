//! Provisioning: what files declare becomes rows, in one transaction.
//!
//! Objects are found by name (within their parent), keep their ids for ever, and are marked `managed_by: file`. An object
//! that was declared once and is no longer is disabled, not deleted; declared again it is enabled again. Declaring an
//! object that the API made takes it over. Client keys that vanish from the files are revoked.

mod declared;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

pub use declared::{
    FileCatalog, FileChannel, FileChannelModel, FileClientKey, FileGroup, FileGroupMember, FilePricingPolicy,
    FileProvider, FileProviderKey,
};
use rows::{Declared, Table};

use super::keys::{insert, taken};
use crate::db::{Sql, Store, Tx, Value};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::secret::{SecretPlace, Vault, random_id};

/// The ids of everything declared, and what was disabled because it no longer is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// Provider name to id.
    pub providers: BTreeMap<String, String>,
    /// Channel name to id.
    pub channels: BTreeMap<String, String>,
    /// (Channel name, model name) to id.
    pub channel_models: BTreeMap<(String, String), String>,
    /// (Channel name, key name) to id.
    pub provider_keys: BTreeMap<(String, String), String>,
    /// Group name to id.
    pub groups: BTreeMap<String, String>,
    /// Client key name to id.
    pub client_keys: BTreeMap<String, String>,
    /// `table name` of what was disabled or revoked now.
    pub disabled: Vec<String>,
}

impl Store {
    /// Makes the database agree with the files. All or nothing; repeating it changes nothing.
    ///
    /// # Errors
    /// `Invalid` for a channel whose provider is neither declared nor known, or values that the schema refuses;
    /// `Conflict` for a client key whose value is another key already.
    pub async fn provision(&self, catalog: &FileCatalog, vault: &Vault, now_ms: i64) -> StoreResult<Provisioned> {
        let mut tx = self.begin().await?;
        tx.lock_table("LOCK TABLE providers, channels, channel_models, provider_keys, model_groups, group_members, client_keys, pricing_policies IN SHARE ROW EXCLUSIVE MODE").await?;
        let mut run = Run { tx, now_ms, done: Provisioned::default() };
        run.providers(catalog).await?;
        run.channels(catalog).await?;
        run.channel_models(catalog).await?;
        run.provider_keys(catalog, vault).await?;
        run.groups(catalog).await?;
        run.members(catalog).await?;
        run.policies(catalog).await?;
        run.client_keys(catalog).await?;
        run.tx.commit().await?;
        Ok(run.done)
    }
}

struct Run {
    tx: Tx,
    now_ms: i64,
    done: Provisioned,
}

impl Run {
    async fn providers(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let declared = catalog.providers.iter().map(FileProvider::declared).collect();
        self.done.providers =
            self.sync(Table::PROVIDERS, declared).await?.into_iter().map(|((_, name), id)| (name, id)).collect();
        Ok(())
    }

    async fn channels(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let known = self.names("SELECT name, id FROM providers").await?;
        let mut declared = Vec::with_capacity(catalog.channels.len());
        for channel in &catalog.channels {
            let provider = known.get(&channel.provider).ok_or_else(|| {
                StoreError::new(
                    StoreErrorKind::Invalid,
                    format!("channel {}: there is no provider {}", channel.name, channel.provider),
                )
            })?;
            declared.push(channel.declared(provider)?);
        }
        self.done.channels =
            self.sync(Table::CHANNELS, declared).await?.into_iter().map(|((_, name), id)| (name, id)).collect();
        Ok(())
    }

    async fn channel_models(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let mut declared = Vec::new();
        for channel in &catalog.channels {
            let id = self.channel_id(&channel.name)?;
            for model in &channel.models {
                declared.push(model.declared(&id, &channel.source, channel.enabled)?);
            }
        }
        let ids = self.sync(Table::CHANNEL_MODELS, declared).await?;
        self.done.channel_models = self.by_channel(ids);
        Ok(())
    }

    async fn provider_keys(&mut self, catalog: &FileCatalog, vault: &Vault) -> StoreResult<()> {
        let known =
            self.tx.rows(Sql::new("SELECT channel_id, name, id, fingerprint, ciphertext FROM provider_keys")).await?;
        let known = known
            .iter()
            .map(|row| {
                Ok((
                    (row.text("channel_id")?, row.text("name")?),
                    (row.text("id")?, row.text("fingerprint")?, row.text("ciphertext")?),
                ))
            })
            .collect::<StoreResult<BTreeMap<_, _>>>()?;
        let mut declared = Vec::new();
        for channel in &catalog.channels {
            let channel_id = self.channel_id(&channel.name)?;
            for key in &channel.keys {
                let fingerprint = vault.fingerprint(&key.value);
                let before = known.get(&(channel_id.clone(), key.name.clone()));
                let id = match before {
                    Some((id, ..)) => id.clone(),
                    None => random_id("pkey")?,
                };
                // The same key keeps its ciphertext, so that repeating a start writes nothing.
                let place = SecretPlace { table: "provider_keys", column: "ciphertext", row: &id };
                let ciphertext = match before {
                    Some((_, kept, ciphertext)) if *kept == fingerprint && vault.open(ciphertext, place).is_ok() => {
                        ciphertext.clone()
                    }
                    _ => vault.seal(&key.value, place)?,
                };
                declared.push(key.declared(id, &channel_id, &channel.source, ciphertext, fingerprint));
            }
        }
        let ids = self.sync(Table::PROVIDER_KEYS, declared).await?;
        self.done.provider_keys = self.by_channel(ids);
        Ok(())
    }

    async fn groups(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let declared = catalog.groups.iter().map(FileGroup::declared).collect();
        self.done.groups =
            self.sync(Table::GROUPS, declared).await?.into_iter().map(|((_, name), id)| (name, id)).collect();
        Ok(())
    }

    async fn members(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let mut declared = Vec::new();
        for group in &catalog.groups {
            let Some(id) = self.done.groups.get(&group.name) else { continue };
            declared.extend(
                group
                    .members
                    .iter()
                    .zip(0_i64..)
                    .map(|(member, position)| member.declared(id, position, &group.source)),
            );
        }
        self.sync(Table::MEMBERS, declared).await.map(drop)
    }

    async fn policies(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let declared =
            catalog.pricing_policies.iter().zip(0_i64..).map(|(policy, position)| policy.declared(position)).collect();
        self.sync(Table::POLICIES, declared).await.map(drop)
    }

    /// Client keys are matched by name and value: a changed value is a new key, the old one is revoked.
    async fn client_keys(&mut self, catalog: &FileCatalog) -> StoreResult<()> {
        let rows = self
            .tx
            .rows(Sql::new("SELECT id, name, hash, managed_by FROM client_keys WHERE revoked_at IS NULL"))
            .await?;
        let mut active = BTreeMap::new();
        for row in rows {
            active.insert(row.text("name")?, (row.text("id")?, row.text("hash")?, row.text("managed_by")? == "file"));
        }
        for declared in &catalog.client_keys {
            let name = &declared.spec.name;
            match active.remove(name) {
                Some((id, hash, _)) if hash == declared.hash => {
                    self.tx.execute(declared.update(&id, self.now_ms)?).await?;
                    self.done.client_keys.insert(name.clone(), id);
                }
                before => {
                    if let Some((id, ..)) = before {
                        self.revoke(&id, name).await?;
                    }
                    // The same value may stand revoked from an earlier life of this declaration: it comes back under its id.
                    let hash = declared.hash.as_str();
                    let revive = Sql::new(
                        "UPDATE client_keys SET revoked_at = NULL, name = $1 WHERE hash = $2 AND managed_by = 'file' AND revoked_at IS NOT NULL RETURNING id",
                    );
                    if let Some(row) = self.tx.rows(revive.bind(name).bind(hash)).await?.first() {
                        let id = row.text("id")?;
                        self.tx.execute(declared.update(&id, self.now_ms)?).await?;
                        self.done.client_keys.insert(name.clone(), id);
                        continue;
                    }
                    let key = declared.row(self.now_ms)?;
                    insert(&mut self.tx, &key, self.now_ms).await.map_err(|error| taken(error, name))?;
                    self.done.client_keys.insert(name.clone(), key.id);
                }
            }
        }
        for (name, (id, _, from_file)) in active {
            if from_file {
                self.revoke(&id, &name).await?;
            }
        }
        Ok(())
    }

    async fn revoke(&mut self, id: &str, name: &str) -> StoreResult<()> {
        self.tx
            .execute(
                Sql::new("UPDATE client_keys SET revoked_at = $1, updated_at = $1 WHERE id = $2")
                    .bind(self.now_ms)
                    .bind(id),
            )
            .await?;
        self.done.disabled.push(format!("client_keys {name}"));
        Ok(())
    }

    /// Makes one table agree with what is declared: inserts, updates what differs, disables what is gone. Ids by (parent, name).
    async fn sync(&mut self, table: Table, declared: Vec<Declared>) -> StoreResult<BTreeMap<(String, String), String>> {
        let mut ids = BTreeMap::new();
        let mut existing = BTreeMap::new();
        for row in self.tx.rows(Sql::built(table.select())).await? {
            let name = (row.text("parent")?, row.text("name")?);
            existing.insert(name, (row.text("id")?, row.text("managed_by")? == "file", row.flag("enabled")?));
        }
        let mut seen = BTreeSet::new();
        for row in declared {
            let name = (row.parent.clone(), row.name.clone());
            if !seen.insert(name.clone()) {
                return Err(StoreError::new(
                    StoreErrorKind::Invalid,
                    format!("{} {} is declared twice", table.name, row.name),
                ));
            }
            let id = match existing.get(&name) {
                Some((id, ..)) => {
                    self.tx.execute(table.update(id, &row, self.now_ms)).await?;
                    id.clone()
                }
                None => {
                    let id = row.id.clone().map_or_else(|| random_id(table.id_prefix), Ok)?;
                    self.tx.execute(table.insert(&id, &row, self.now_ms)).await?;
                    id
                }
            };
            ids.insert(name, id);
        }
        for (name, (id, _, _)) in existing
            .into_iter()
            .filter(|(name, (_, from_file, enabled))| *from_file && *enabled && !seen.contains(name))
        {
            self.tx.execute(table.disable(&id, self.now_ms)).await?;
            self.done.disabled.push(format!("{} {}", table.name, name.1));
        }
        Ok(ids)
    }

    async fn names(&mut self, query: &'static str) -> StoreResult<BTreeMap<String, String>> {
        self.tx.rows(Sql::new(query)).await?.iter().map(|row| Ok((row.text("name")?, row.text("id")?))).collect()
    }

    fn channel_id(&self, name: &str) -> StoreResult<String> {
        self.done
            .channels
            .get(name)
            .cloned()
            .ok_or_else(|| StoreError::new(StoreErrorKind::Internal, format!("channel {name} has no id")))
    }

    /// Exchanges the channel's id for its name.
    fn by_channel(&self, ids: BTreeMap<(String, String), String>) -> BTreeMap<(String, String), String> {
        let names: BTreeMap<&String, &String> = self.done.channels.iter().map(|(name, id)| (id, name)).collect();
        ids.into_iter()
            .filter_map(|((channel, name), id)| Some((((*names.get(&channel)?).clone(), name), id)))
            .collect()
    }
}

/// The columns that a declared object sets beside those that every table has.
type Columns = Vec<(&'static str, Value)>;
