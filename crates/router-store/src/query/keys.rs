//! Client keys: made, listed, revoked; the active ones for the snapshot. Only digests are here.

use crate::db::{Row, Sql, Store, Tx};
use crate::error::{StoreError, StoreErrorKind, StoreResult};
use crate::secret::{SecretString, client_key_digest, is_plausible_client_key, random_id};

/// What a client key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Calls models and sees its own use.
    #[default]
    User,
    /// Reads everything in the admin API.
    Viewer,
    /// Everything.
    Admin,
}

impl Role {
    /// The name in the database, files and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }

    /// The inverse of [`Self::as_str`]; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Viewer, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who an object belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ManagedBy {
    /// Made by API or command line.
    #[default]
    Api,
    /// Declared in a file or in the environment: read-only elsewhere.
    File,
}

impl ManagedBy {
    /// The name in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        if text == "file" { Self::File } else { Self::Api }
    }
}

/// What a client key is made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientKeySpec {
    /// Unique among keys that are not revoked.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Permitted groups and models as patterns; empty permits all.
    pub groups: Vec<String>,
    /// Budget a day, nano-USD.
    pub daily_budget_nano: Option<i64>,
    /// Budget a month, nano-USD.
    pub monthly_budget_nano: Option<i64>,
    /// Requests a minute.
    pub requests_per_minute: Option<i64>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<i64>,
    /// Requests at once.
    pub max_in_flight: Option<i64>,
    /// Addresses and networks that may use it; empty permits all.
    pub ip_allow: Vec<String>,
    /// End of validity, unix milliseconds; judged at use.
    pub expires_at: Option<i64>,
}

/// A client key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// Our id.
    pub id: String,
    /// What it was made with.
    pub spec: ClientKeySpec,
    /// SHA-256 of the key in hex: what authentication looks up.
    pub hash: String,
    /// The beginning of the key, up to its random part.
    pub prefix: String,
    /// Its last four characters.
    pub last4: String,
    /// When it was revoked, unix milliseconds.
    pub revoked_at: Option<i64>,
    /// Who it belongs to.
    pub managed_by: ManagedBy,
    /// The file that declares it.
    pub source: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
}

const COLUMNS: &str = "id, name, hash, prefix, last4, role, model_groups, daily_budget_nano, monthly_budget_nano, requests_per_minute, tokens_per_minute, max_in_flight, ip_allow, \
    expires_at, revoked_at, managed_by, source, created_at, updated_at";

impl Store {
    /// A mark that differs whenever any client key has been made, changed or revoked. One small read.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn client_keys_mark(&self) -> StoreResult<(i64, i64, i64)> {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) AS keys, CAST(COALESCE(MAX(updated_at), 0) AS BIGINT) AS changed, \
                   CAST(COALESCE(SUM(CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS revoked FROM client_keys";
        let rows = self.rows(Sql::new(sql)).await?;
        let row = rows.first();
        let number = |name: &str| row.map_or(Ok(0), |row| row.int(name));
        Ok((number("keys")?, number("changed")?, number("revoked")?))
    }

    /// Keeps a new client key.
    ///
    /// # Errors
    /// `Conflict` when an active key has that name or the key itself exists; `Invalid` when the secret cannot be a key.
    pub async fn create_client_key(
        &self,
        spec: &ClientKeySpec,
        secret: &SecretString,
        now_ms: i64,
    ) -> StoreResult<ClientKey> {
        let key = new_key(spec, secret, ManagedBy::Api, None, now_ms)?;
        let mut tx = self.begin().await?;
        insert(&mut tx, &key, now_ms).await.map_err(|error| taken(error, &spec.name))?;
        tx.commit().await?;
        Ok(key)
    }

    /// All client keys by name, revoked ones too where wanted.
    pub async fn client_keys(&self, revoked_too: bool) -> StoreResult<Vec<ClientKey>> {
        let filter = if revoked_too { "" } else { " WHERE revoked_at IS NULL" };
        self.rows(Sql::built(format!("SELECT {COLUMNS} FROM client_keys{filter} ORDER BY name, created_at, id")))
            .await?
            .iter()
            .map(key_from)
            .collect()
    }

    /// A client key by id, or by name among the active ones.
    pub async fn client_key(&self, id_or_name: &str) -> StoreResult<Option<ClientKey>> {
        let mut sql = Sql::built(format!("SELECT {COLUMNS} FROM client_keys WHERE id = "));
        sql.push_bind(id_or_name);
        sql.push(" OR (revoked_at IS NULL AND name = ");
        sql.push_bind(id_or_name);
        sql.push(")");
        self.row(sql).await?.as_ref().map(key_from).transpose()
    }

    /// Changes what a client key may do. Applies only to the key exactly as it was read.
    ///
    /// # Errors
    /// `Conflict` when the key has changed since, when its new name is taken, or when it is the last admin key that is
    /// valid at `now_ms` and would no longer be one; `NotFound`.
    pub async fn update_client_key(
        &self,
        read: &ClientKey,
        spec: &ClientKeySpec,
        now_ms: i64,
    ) -> StoreResult<ClientKey> {
        let mut tx = self.begin().await?;
        let keys = lock_keys(&mut tx).await?;
        let before = keys
            .iter()
            .find(|key| key.id == read.id)
            .ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, format!("there is no client key {}", read.id)))?;
        if before != read {
            let message = "the client key has changed since it was read: read it again";
            return Err(StoreError::new(StoreErrorKind::Conflict, message));
        }
        let after = ClientKey { spec: spec.clone(), ..before.clone() };
        if is_last_admin(before, &keys, now_ms) && !is_valid_admin(&after, now_ms) {
            return Err(last_admin());
        }
        let sql = "UPDATE client_keys SET name = $1, role = $2, model_groups = $3, daily_budget_nano = $4, monthly_budget_nano = $5, \
            requests_per_minute = $6, tokens_per_minute = $7, max_in_flight = $8, ip_allow = $9, expires_at = $10, updated_at = $11 WHERE id = $12";
        let sql = Sql::new(sql)
            .bind(&spec.name)
            .bind(spec.role.as_str())
            .bind(super::json(&spec.groups)?)
            .bind(spec.daily_budget_nano)
            .bind(spec.monthly_budget_nano)
            .bind(spec.requests_per_minute)
            .bind(spec.tokens_per_minute)
            .bind(spec.max_in_flight)
            .bind(super::json(&spec.ip_allow)?)
            .bind(spec.expires_at)
            .bind(now_ms)
            .bind(&before.id);
        tx.execute(sql).await.map_err(|error| taken(error, &spec.name))?;
        tx.commit().await?;
        Ok(after)
    }

    /// Revokes a client key, by id or name. Revoking it again changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the last admin key that is still valid at `now_ms`, and for a key that a file declares.
    pub async fn revoke_client_key(&self, id_or_name: &str, now_ms: i64) -> StoreResult<ClientKey> {
        let mut tx = self.begin().await?;
        let keys = lock_keys(&mut tx).await?;
        let named =
            |key: &&ClientKey| key.id == id_or_name || (key.revoked_at.is_none() && key.spec.name == id_or_name);
        let mut key =
            keys.iter().find(named).cloned().ok_or_else(|| {
                StoreError::new(StoreErrorKind::NotFound, format!("there is no client key {id_or_name}"))
            })?;
        if key.revoked_at.is_some() {
            return Ok(key);
        }
        if key.managed_by == ManagedBy::File {
            let file = key.source.as_deref().unwrap_or("a file");
            return Err(StoreError::new(
                StoreErrorKind::Conflict,
                format!("the client key {} is declared in {file}: take it out there", key.spec.name),
            ));
        }
        if is_last_admin(&key, &keys, now_ms) {
            return Err(last_admin());
        }
        tx.execute(
            Sql::new("UPDATE client_keys SET revoked_at = $1, updated_at = $1 WHERE id = $2")
                .bind(now_ms)
                .bind(&key.id),
        )
        .await?;
        tx.commit().await?;
        key.revoked_at = Some(now_ms);
        Ok(key)
    }
}

/// All keys, which nobody else changes until the transaction ends.
async fn lock_keys(tx: &mut Tx) -> StoreResult<Vec<ClientKey>> {
    tx.lock_table("LOCK TABLE client_keys IN SHARE ROW EXCLUSIVE MODE").await?;
    tx.rows(Sql::built(format!("SELECT {COLUMNS} FROM client_keys"))).await?.iter().map(key_from).collect()
}

fn is_valid_admin(key: &ClientKey, now_ms: i64) -> bool {
    key.spec.role == Role::Admin && key.revoked_at.is_none() && key.spec.expires_at.is_none_or(|at| at > now_ms)
}

fn is_last_admin(key: &ClientKey, keys: &[ClientKey], now_ms: i64) -> bool {
    is_valid_admin(key, now_ms) && keys.iter().filter(|key| is_valid_admin(key, now_ms)).count() == 1
}

fn last_admin() -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "this is the last admin key: make another one first")
}

pub(super) fn new_key(
    spec: &ClientKeySpec,
    secret: &SecretString,
    managed_by: ManagedBy,
    source: Option<String>,
    now_ms: i64,
) -> StoreResult<ClientKey> {
    let text = secret.expose();
    if !is_plausible_client_key(text) {
        return Err(StoreError::new(
            StoreErrorKind::Invalid,
            format!("the client key {} must have 8 to 256 characters of A-Z a-z 0-9 - _ .", spec.name),
        ));
    }
    // Up to the last dash there is no randomness in the keys that we make; of foreign ones a few characters serve.
    let prefix = text.rsplit_once('-').map_or("", |(prefix, _)| prefix).chars().take(16).collect::<String>();
    Ok(ClientKey {
        id: random_id("key")?,
        spec: spec.clone(),
        hash: client_key_digest(text),
        prefix: if text.starts_with(crate::secret::CLIENT_KEY_PREFIX) { prefix + "-" } else { String::new() },
        last4: secret.last_four(),
        revoked_at: None,
        managed_by,
        source,
        created_at: now_ms,
    })
}

pub(super) async fn insert(tx: &mut Tx, key: &ClientKey, now_ms: i64) -> StoreResult<()> {
    let mut sql = Sql::built(format!("INSERT INTO client_keys ({COLUMNS}) VALUES "));
    let spec = &key.spec;
    sql.push_tuple([
        (&key.id).into(),
        (&spec.name).into(),
        (&key.hash).into(),
        (&key.prefix).into(),
        (&key.last4).into(),
        spec.role.as_str().into(),
        super::json(&spec.groups)?.into(),
        spec.daily_budget_nano.into(),
        spec.monthly_budget_nano.into(),
        spec.requests_per_minute.into(),
        spec.tokens_per_minute.into(),
        spec.max_in_flight.into(),
        super::json(&spec.ip_allow)?.into(),
        spec.expires_at.into(),
        key.revoked_at.into(),
        key.managed_by.as_str().into(),
        (&key.source).into(),
        key.created_at.into(),
        now_ms.into(),
    ]);
    tx.execute(sql).await.map(drop)
}

pub(super) fn taken(error: StoreError, name: &str) -> StoreError {
    match error.kind() {
        StoreErrorKind::Conflict => StoreError::caused(
            StoreErrorKind::Conflict,
            format!("a client key named {name} (or this very key) exists already"),
            error,
        ),
        _ => error,
    }
}

fn key_from(row: &Row) -> StoreResult<ClientKey> {
    let role = row.text("role")?;
    Ok(ClientKey {
        id: row.text("id")?,
        spec: ClientKeySpec {
            name: row.text("name")?,
            role: Role::parse(&role)
                .ok_or_else(|| StoreError::new(StoreErrorKind::DatabaseDamaged, format!("unknown role {role}")))?,
            groups: row.texts("model_groups")?,
            daily_budget_nano: row.opt_int("daily_budget_nano")?,
            monthly_budget_nano: row.opt_int("monthly_budget_nano")?,
            requests_per_minute: row.opt_int("requests_per_minute")?,
            tokens_per_minute: row.opt_int("tokens_per_minute")?,
            max_in_flight: row.opt_int("max_in_flight")?,
            ip_allow: row.texts("ip_allow")?,
            expires_at: row.opt_int("expires_at")?,
        },
        hash: row.text("hash")?,
        prefix: row.text("prefix")?,
        last4: row.text("last4")?,
        revoked_at: row.opt_int("revoked_at")?,
        managed_by: ManagedBy::parse(&row.text("managed_by")?),
        source: row.opt_text("source")?,
        created_at: row.int("created_at")?,
    })
}
