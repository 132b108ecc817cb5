//! Migrations: one ordered list, one text for both engines, one migrator at a time, a backup of SQLite files first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::{Backend, Engine, Sql, Store};
use crate::data_dir::private_file_options;
use crate::error::{StoreError, StoreErrorKind, StoreResult};

/// One step of the schema. A released text is never changed: its checksum is in the databases.
struct Step {
    version: i64,
    name: &'static str,
    sql: &'static str,
    /// Where PostgreSQL needs another text.
    postgres: Option<&'static str>,
}

const STEPS: &[Step] = &[
    Step { version: 1, name: "core", sql: include_str!("../../migrations/0001_core.sql"), postgres: None },
    Step {
        version: 2,
        name: "pinned_state",
        sql: include_str!("../../migrations/0002_pinned_state.sql"),
        postgres: None,
    },
    Step {
        version: 3,
        name: "request_log",
        sql: include_str!("../../migrations/0003_request_log.sql"),
        postgres: None,
    },
];

/// A migration and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its number, ascending.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Every migration that this program knows, in order.
    pub migrations: Vec<MigrationState>,
    /// Applied versions that this program does not know: a newer one has been here.
    pub unknown: Vec<i64>,
}

impl MigrationStatus {
    /// How many are still to be applied.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.migrations.iter().filter(|migration| !migration.applied).count()
    }
}

impl Store {
    /// Brings the schema up. Safe from several tasks, processes and instances at once: one migrates, the others wait.
    /// An SQLite file that already holds a schema is backed up beside itself first. Returns the status afterwards.
    ///
    /// # Errors
    /// `DatabaseNewer` when a newer program has migrated it; `DatabaseDamaged` when a migration was changed or stopped half-way.
    pub async fn migrate(&self) -> StoreResult<MigrationStatus> {
        self.migrate_steps(STEPS).await
    }

    async fn migrate_steps(&self, steps: &[Step]) -> StoreResult<MigrationStatus> {
        self.gate()?;
        let migrator = Migrator::with_migrations(migrations(steps, self.engine()));
        match &self.inner.backend {
            Backend::Sqlite { writer, file, .. } => {
                // sqlx takes no lock on SQLite.
                let _lock = match file {
                    Some(path) => Some(lock_file(lock_path(path)).await?),
                    None => None,
                };
                let status = self.refuse_newer(steps).await?;
                if let Some(path) =
                    file.as_deref().filter(|_| status.pending() > 0 && status.pending() < status.migrations.len())
                {
                    let applied = status
                        .migrations
                        .iter()
                        .filter(|migration| migration.applied)
                        .map(|migration| migration.version)
                        .max()
                        .unwrap_or(0);
                    backup(writer, path, applied).await?;
                }
                migrator.run(writer).await.map_err(migrate_error)?;
            }
            Backend::Postgres(line) => {
                self.refuse_newer(steps).await?;
                let mut connection = line.pool().acquire().await?.detach();
                sqlx::query("SET statement_timeout = 0").execute(&mut connection).await?;
                migrator.run_direct(None, &mut connection, false).await.map_err(migrate_error)?;
                sqlx::Connection::close(connection).await?;
            }
        }
        self.status_of(steps).await
    }

    /// Which migrations are applied and which are pending. Changes nothing.
    pub async fn migration_status(&self) -> StoreResult<MigrationStatus> {
        self.status_of(STEPS).await
    }

    async fn status_of(&self, steps: &[Step]) -> StoreResult<MigrationStatus> {
        let exists = match self.engine() {
            Engine::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
            Engine::Postgres => {
                "SELECT CAST(c AS TEXT) AS name FROM to_regclass('_sqlx_migrations') AS t(c) WHERE c IS NOT NULL"
            }
        };
        let applied: BTreeSet<i64> = if self.rows(Sql::new(exists)).await?.is_empty() {
            BTreeSet::new()
        } else {
            let rows =
                self.rows(Sql::new("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")).await?;
            rows.iter().map(|row| row.int("version")).collect::<StoreResult<_>>()?
        };
        Ok(MigrationStatus {
            migrations: steps
                .iter()
                .map(|step| MigrationState {
                    version: step.version,
                    name: step.name,
                    applied: applied.contains(&step.version),
                })
                .collect(),
            unknown: applied.into_iter().filter(|version| steps.iter().all(|step| step.version != *version)).collect(),
        })
    }

    /// Fails unless the schema is exactly the one that this program knows.
    ///
    /// # Errors
    /// `DatabaseNewer`, or `DatabaseOlder` when migrations are pending.
    pub async fn require_current_schema(&self) -> StoreResult<()> {
        let status = self.refuse_newer(STEPS).await?;
        match status.pending() {
            0 => Ok(()),
            pending => Err(StoreError::new(
                StoreErrorKind::DatabaseOlder,
                format!("{pending} migrations are pending; run: smart-ai-router migrate"),
            )),
        }
    }

    async fn refuse_newer(&self, steps: &[Step]) -> StoreResult<MigrationStatus> {
        let status = self.status_of(steps).await?;
        match status.unknown.last() {
            None => Ok(status),
            Some(version) => Err(newer(*version)),
        }
    }
}

fn migrations(steps: &[Step], engine: Engine) -> Vec<Migration> {
    steps
        .iter()
        .map(|step| {
            let sql = match engine {
                Engine::Sqlite => step.sql,
                Engine::Postgres => step.postgres.unwrap_or(step.sql),
            };
            Migration::new(
                step.version,
                step.name.into(),
                MigrationType::Simple,
                AssertSqlSafe(sql).into_sql_str(),
                false,
            )
        })
        .collect()
}

fn newer(version: i64) -> StoreError {
    StoreError::new(
        StoreErrorKind::DatabaseNewer,
        format!(
            "the database is newer than this program: it has migration {version}, this program knows up to {}",
            STEPS.last().map_or(0, |step| step.version)
        ),
    )
}

fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => newer(version),
        MigrateError::VersionMismatch(version) => StoreError::new(
            StoreErrorKind::DatabaseDamaged,
            format!("migration {version} in the database differs from the one in this program"),
        ),
        MigrateError::Dirty(version) => StoreError::new(
            StoreErrorKind::DatabaseDamaged,
            format!("migration {version} stopped half-way; restore the backup and migrate again"),
        ),
        MigrateError::Execute(error) => StoreError::from(error).context("migration"),
        MigrateError::ExecuteMigration(error, version) => {
            StoreError::from(error).context(&format!("migration {version}"))
        }
        other => StoreError::caused(StoreErrorKind::Internal, "migration", other),
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".migrate.lock");
    name.into()
}

/// Waits for the migration lock in a thread that may block; it is held until the file is dropped.
async fn lock_file(path: PathBuf) -> StoreResult<std::fs::File> {
    let lock = move || {
        let file = private_file_options().write(true).create(true).truncate(false).open(&path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    tokio::task::spawn_blocking(lock)
        .await
        .map_err(|error| StoreError::caused(StoreErrorKind::Internal, "migration lock", error))?
        .map_err(|error| StoreError::caused(StoreErrorKind::DataFolderUnusable, "migration lock", error))
}

/// A consistent copy beside the file, named by the last migration it holds. An older copy of the same step stays.
async fn backup(pool: &sqlx::SqlitePool, path: &Path, applied: i64) -> StoreResult<()> {
    let mut copy = path.as_os_str().to_owned();
    copy.push(format!(".backup-{applied:04}"));
    let copy = PathBuf::from(copy);
    if copy.exists() {
        return Ok(());
    }
    let target = copy.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1")
        .bind(target)
        .execute(pool)
        .await
        .map_err(|error| StoreError::from(error).context("backup before migration"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).map_err(|error| {
            StoreError::caused(StoreErrorKind::DataFolderUnusable, "backup before migration", error)
        })?;
    }
    tracing::info!(backup = %copy.display(), "database backed up before migration");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    const ONE: Step = Step {
        version: 1,
        name: "one",
        sql: "CREATE TABLE one (a BIGINT); INSERT INTO one VALUES (7);",
        postgres: None,
    };
    const TWO: Step = Step { version: 2, name: "two", sql: "DROP TABLE one;", postgres: None };
    const BROKEN: Step = Step {
        version: 2,
        name: "broken",
        sql: "CREATE TABLE two (a BIGINT); SELECT nonsense FROM nowhere;",
        postgres: None,
    };

    async fn open(path: &Path, create: bool) -> Store {
        Store::open(&format!("sqlite://{}", path.display()), StoreOptions { create, ..StoreOptions::default() })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_file_is_backed_up_before_a_later_migration_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("router.db");
        let store = open(&path, true).await;
        assert_eq!(store.migrate_steps(&[ONE]).await.unwrap().pending(), 0);
        assert!(!folder.path().join("router.db.backup-0001").exists());
        store.migrate_steps(&[ONE, TWO]).await.unwrap();
        store.close().await;
        let backup = open(&folder.path().join("router.db.backup-0001"), false).await;
        assert_eq!(backup.rows(Sql::new("SELECT a FROM one")).await.unwrap()[0].int("a").unwrap(), 7);
        assert_eq!(backup.status_of(&[ONE, TWO]).await.unwrap().pending(), 1);
    }

    #[tokio::test]
    async fn a_newer_database_and_a_changed_migration_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("router.db"), true).await;
        store.migrate_steps(&[ONE, TWO]).await.unwrap();
        assert_eq!(store.migrate_steps(&[ONE]).await.unwrap_err().kind(), StoreErrorKind::DatabaseNewer);
        let changed = Step { sql: "CREATE TABLE one (a TEXT);", ..ONE };
        assert_eq!(store.migrate_steps(&[changed, TWO]).await.unwrap_err().kind(), StoreErrorKind::DatabaseDamaged);
    }

    #[tokio::test]
    async fn a_failing_migration_leaves_the_schema_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("router.db"), true).await;
        store.migrate_steps(&[ONE]).await.unwrap();
        assert!(store.migrate_steps(&[ONE, BROKEN]).await.is_err());
        assert!(store.rows(Sql::new("SELECT a FROM two")).await.is_err(), "half a migration stayed");
        assert_eq!(store.migrate_steps(&[ONE, TWO]).await.unwrap().pending(), 0);
    }

    /// The log is written anew by step 3: every column of every row stays.
    #[tokio::test]
    async fn the_request_log_keeps_its_rows() {
        use crate::db::insert_many;
        use crate::query::request_columns::{REQUEST_COLUMNS, request_values};
        use crate::record::{AttemptRecord, RequestRecord, RequestStatus, TokenCounts};
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("router.db"), true).await;
        store.migrate_steps(STEPS.get(..2).unwrap()).await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let full = RequestRecord {
            id: "req_1".into(),
            client_request_id: text("mine"),
            group: Some("auto:cheap".into()),
            channel: Some("a".into()),
            provider: Some("p".into()),
            upstream_model: Some("m-2".into()),
            strategy: Some("balanced".into()),
            status: RequestStatus::Timeout,
            error_code: Some("upstream_timeout".into()),
            error_class: Some("timeout".into()),
            stream: true,
            attempts: vec![AttemptRecord { n: 1, cost_nano: 3, ..AttemptRecord::default() }],
            tokens: TokenCounts { input: 9, cached_input: 4, cache_write: 2, output: 7, reasoning: 5 },
            cost_nano: 11,
            reserved_nano: 12,
            price_version: text("v1"),
            latency_ms: 13,
            ttft_ms: Some(14),
            throughput_tps: Some(1.5),
            overhead_us: 15,
            config_version: 16,
            created_at: 17,
            bytes_in: 18,
            bytes_out: 19,
            user_agent: text("curl"),
            client_address: text("10.0.0.0"),
            flags: vec!["overrun".into()],
            decision: Some("{}".into()),
            ..RequestRecord::default()
        };
        let rows = [full, RequestRecord { id: "req_2".into(), created_at: 16, ..RequestRecord::default() }];
        let mut tx = store.begin().await.unwrap();
        let values = request_values(&rows.iter().collect::<Vec<_>>());
        insert_many(&mut tx, "request_logs", REQUEST_COLUMNS, values, "").await.unwrap();
        tx.commit().await.unwrap();
        store.migrate().await.unwrap();
        for row in rows {
            assert_eq!(store.request(&row.id, None).await.unwrap(), Some(row));
        }
    }
}
