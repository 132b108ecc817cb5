//! The schema itself: every table takes a good row, refuses each bad one, and keeps its relations, on both engines.

use crate::support::{TestStore, stores};

/// A good row of each table, parents first. `C` stands for the columns that all managed tables share.
const GOOD: &[&str] = &[
    "INSERT INTO meta VALUES ('m', 'v', 1)",
    "INSERT INTO instances VALUES ('i1', '0.1', NULL, 1, 1)",
    "INSERT INTO providers (id, name, kind, C) VALUES ('p1', 'openai', 'openai', V)",
    "INSERT INTO channels (id, name, provider_id, C) VALUES ('c1', 'main', 'p1', V)",
    "INSERT INTO channel_models (id, channel_id, name, upstream_name, C) VALUES ('m1', 'c1', 'gpt-4o', 'gpt-4o', V)",
    "INSERT INTO provider_keys (id, channel_id, name, ciphertext, fingerprint, last4, C) VALUES ('k1', 'c1', 'default', 'x', 'f', '1234', V)",
    "INSERT INTO model_groups (id, name, strategy, C) VALUES ('g1', 'auto:fast', 'multi_layer', V)",
    "INSERT INTO group_members (id, group_id, position, channel, model, C) VALUES ('gm1', 'g1', 0, 'main', 'gpt-4o', V)",
    "INSERT INTO client_keys (id, name, hash, prefix, last4, role, managed_by, created_at, updated_at) VALUES ('ck1', 'ci', 'H', '', '', 'user', 'api', 1, 1)",
    "INSERT INTO pricing_policies (id, name, kind, C) VALUES ('pp1', 'night', 'time', V)",
    "INSERT INTO config_versions VALUES (1, 'h', 'c', 's', 1)",
    "INSERT INTO budget_ledger VALUES ('r1', 'key', 'ck1', '2026-11', 'post', 5, 1)",
    "INSERT INTO budget_counters VALUES ('key', 'ck1', '2026-11', 5, 0, 1)",
    "INSERT INTO spool_positions VALUES ('s1', 1, 2, 3)",
    "INSERT INTO jobs VALUES ('job', '0 * * * *', 1000, 0, TRUE, NULL, NULL, NULL, 1)",
    "INSERT INTO job_runs VALUES ('jr1', 'job', 1, NULL, 'running', 1, 'cron', 'i1', NULL)",
    "INSERT INTO alerts VALUES ('a1', 'budget', 'key', 'ck1', 'warning', 'm', '{}', 1, NULL, NULL, NULL)",
    "INSERT INTO audit_log VALUES (1, 1, 'admin', NULL, 'create', 'key', 'ok', NULL, NULL, 'mac')",
    "INSERT INTO attempt_statistics VALUES (0, 'main', 'openai', 'gpt-4o', 'ok', 1, 1, 1)",
];

/// What the schema must refuse once the good rows are there.
const BAD: &[&str] = &[
    "INSERT INTO providers (id, name, kind, C) VALUES ('p2', 'openai', 'openai', V)",
    "UPDATE providers SET managed_by = 'nobody'",
    "DELETE FROM providers",
    "INSERT INTO channels (id, name, provider_id, C) VALUES ('c2', 'main', 'p1', V)",
    "INSERT INTO channels (id, name, provider_id, C) VALUES ('c2', 'other', 'absent', V)",
    "UPDATE channels SET weight = -0.5",
    "UPDATE channels SET priority = -1",
    "INSERT INTO channel_models (id, channel_id, name, upstream_name, C) VALUES ('m2', 'c1', 'gpt-4o', 'x', V)",
    "INSERT INTO channel_models (id, channel_id, name, upstream_name, C) VALUES ('m2', 'absent', 'gpt', 'x', V)",
    "UPDATE channel_models SET context_length = 0",
    "INSERT INTO provider_keys (id, channel_id, name, ciphertext, fingerprint, last4, C) VALUES ('k2', 'c1', 'default', 'x', 'f', '', V)",
    "UPDATE provider_keys SET daily_budget_nano = -1",
    "INSERT INTO model_groups (id, name, strategy, C) VALUES ('g2', 'auto:fast', 'x', V)",
    "INSERT INTO group_members (id, group_id, position, model, C) VALUES ('gm2', 'g1', 0, 'x', V)",
    "UPDATE group_members SET provider = 'both a channel and a provider'",
    "INSERT INTO client_keys (id, name, hash, prefix, last4, role, managed_by, created_at, updated_at) VALUES ('ck2', 'other', 'H', '', '', 'user', 'api', 1, 1)",
    "UPDATE client_keys SET role = 'root'",
    "UPDATE client_keys SET hash = 'a clear key'",
    "UPDATE client_keys SET daily_budget_nano = -1",
    "INSERT INTO config_versions VALUES (1, 'h2', 'c', 's', 1)",
    "INSERT INTO config_versions VALUES (0, 'h2', 'c', 's', 1)",
    "INSERT INTO budget_ledger VALUES ('r1', 'key', 'ck1', '2026-11', 'post', 6, 1)",
    "INSERT INTO budget_ledger VALUES ('r2', 'planet', 'ck1', '2026-11', 'post', 6, 1)",
    "INSERT INTO budget_ledger VALUES ('r2', 'key', 'ck1', '2026-11', 'gift', 6, 1)",
    "UPDATE budget_counters SET posted_nano = posted_nano + 9223372036854775800",
    "INSERT INTO job_runs VALUES ('jr2', 'absent', 1, NULL, 'running', 1, 'cron', NULL, NULL)",
    "UPDATE job_runs SET outcome = 'maybe'",
    "INSERT INTO alerts VALUES ('a2', 'budget', 'key', 'ck1', 'info', 'm', '{}', 1, NULL, NULL, NULL)",
    "UPDATE alerts SET severity = 'loud'",
    "INSERT INTO audit_log VALUES (1, 1, 'admin', NULL, 'again', 'key', 'ok', NULL, NULL, 'mac')",
];

/// What goes with its parent: delete, then how many of the children are left.
const CASCADES: &[(&str, &str)] = &[
    ("DELETE FROM channels", "SELECT CAST(COUNT(*) AS BIGINT) FROM channel_models"),
    ("DELETE FROM channels", "SELECT CAST(COUNT(*) AS BIGINT) FROM provider_keys"),
    ("DELETE FROM model_groups", "SELECT CAST(COUNT(*) AS BIGINT) FROM group_members"),
    ("DELETE FROM jobs", "SELECT CAST(COUNT(*) AS BIGINT) FROM job_runs"),
];

enum Raw {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

impl Raw {
    async fn open(test: &TestStore) -> Self {
        if test.url.starts_with("sqlite") {
            Self::Sqlite(sqlx::SqlitePool::connect(&test.url).await.unwrap())
        } else {
            Self::Postgres(sqlx::PgPool::connect(&test.url).await.unwrap())
        }
    }

    async fn run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = sql
            .replace(", C)", ", enabled, managed_by, created_at, updated_at)")
            .replace(", V)", ", TRUE, 'file', 1, 1)")
            .replace("'H'", &format!("'{}'", "h".repeat(64)));
        let sql = sqlx::AssertSqlSafe(sql);
        Ok(match self {
            Self::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await?.rows_affected(),
            Self::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await?.rows_affected(),
        })
    }

    async fn count(&self, sql: &'static str) -> i64 {
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn every_constraint_holds() {
    for test in stores().await {
        let raw = Raw::open(&test).await;
        for sql in GOOD {
            assert_eq!(raw.run(sql).await.unwrap(), 1, "{sql}");
        }
        for sql in BAD {
            let error = raw.run(sql).await.expect_err(sql);
            let refused = error.as_database_error().is_some_and(|error| {
                error.is_unique_violation()
                    || error.is_foreign_key_violation()
                    || error.is_check_violation()
                    || error.code().as_deref() == Some("22003")
            });
            assert!(refused, "{sql}: {error}");
        }
        // A name and a cause are free again once the first holder is gone.
        raw.run("UPDATE client_keys SET revoked_at = 5").await.unwrap();
        let again = "INSERT INTO client_keys (id, name, hash, prefix, last4, role, managed_by, created_at, updated_at) VALUES ('ck3', 'ci', 'HH', '', '', 'user', 'api', 1, 1)";
        raw.run(&again.replace("HH", &"z".repeat(64))).await.unwrap();
        raw.run("UPDATE alerts SET resolved_at = 5").await.unwrap();
        raw.run("INSERT INTO alerts VALUES ('a2', 'budget', 'key', 'ck1', 'info', 'm', '{}', 1, NULL, NULL, NULL)")
            .await
            .unwrap();
        for (delete, left) in CASCADES {
            raw.run(delete).await.unwrap();
            assert_eq!(raw.count(left).await, 0, "{delete}");
        }
    }
}
