//! Bringing a schema up: from nothing, twice, from several sides at once; and refusing what must be refused.

use router_store::{Store, StoreErrorKind, StoreOptions};

use crate::support::{empty_stores, stores};

#[tokio::test]
async fn from_nothing_and_twice() {
    for test in empty_stores().await {
        let before = test.store.migration_status().await.unwrap();
        assert!(before.pending() == before.migrations.len() && !before.migrations.is_empty());
        assert_eq!(test.store.require_current_schema().await.unwrap_err().kind(), StoreErrorKind::DatabaseOlder);
        assert_eq!(test.store.migrate().await.unwrap().pending(), 0);
        assert_eq!(test.store.migrate().await.unwrap().pending(), 0);
        test.store.require_current_schema().await.unwrap();
        test.store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn from_several_sides_at_once() {
    for test in empty_stores().await {
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let url = test.url.clone();
                tokio::spawn(async move {
                    Store::open(&url, StoreOptions { create: true, ..StoreOptions::default() }).await?.migrate().await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().pending(), 0);
        }
    }
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    for test in stores().await {
        let sql = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
                   SELECT 9999, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
        if test.url.starts_with("sqlite") {
            sqlx::query(sql).execute(&sqlx::SqlitePool::connect(&test.url).await.unwrap()).await.unwrap();
        } else {
            sqlx::query(sql).execute(&sqlx::PgPool::connect(&test.url).await.unwrap()).await.unwrap();
        }
        assert_eq!(test.store.migrate().await.unwrap_err().kind(), StoreErrorKind::DatabaseNewer);
        assert_eq!(test.store.require_current_schema().await.unwrap_err().kind(), StoreErrorKind::DatabaseNewer);
        assert_eq!(test.store.migration_status().await.unwrap().unknown, [9999]);
    }
}

#[tokio::test]
async fn a_vanished_or_empty_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.db");
    let url = format!("sqlite://{}", path.display());
    assert_eq!(Store::open(&url, StoreOptions::default()).await.unwrap_err().kind(), StoreErrorKind::DatabaseMissing);
    assert!(!path.exists());
    std::fs::write(&path, b"").unwrap();
    assert_eq!(Store::open(&url, StoreOptions::default()).await.unwrap_err().kind(), StoreErrorKind::DatabaseMissing);
    std::fs::write(&path, b"this is no database, but it is long enough to be read as one by a careless program")
        .unwrap();
    let outcome = async { Store::open(&url, StoreOptions::default()).await?.migrate().await };
    assert_eq!(outcome.await.unwrap_err().kind(), StoreErrorKind::DatabaseDamaged);
}

#[tokio::test]
async fn an_unreadable_address_says_nothing_of_its_password() {
    for url in ["mysql://u:geheim@h/d", "postgres://u:geheim@[h/d", "geheim"] {
        let error = Store::open(url, StoreOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
    }
}
