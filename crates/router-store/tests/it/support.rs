//! Fresh stores on both engines, and records to fill them with.

use std::sync::atomic::{AtomicU64, Ordering};

use router_store::{
    AttemptRecord, LedgerEntry, RequestRecord, RequestStatus, Store, StoreOptions, TokenCounts, TokensSource,
};

pub(crate) const NOW: i64 = 1_795_000_000_000;

/// A store with the schema in place, and its address to open it again.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) folder: tempfile::TempDir,
}

/// One store on each engine that this run can reach.
pub(crate) async fn stores() -> Vec<TestStore> {
    let stores = empty_stores().await;
    for test in &stores {
        test.store.migrate().await.unwrap();
    }
    stores
}

/// The same without any schema.
pub(crate) async fn empty_stores() -> Vec<TestStore> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("router.db").display());
    let store = Store::open(&url, StoreOptions { create: true, ..StoreOptions::default() }).await.unwrap();
    let mut stores = vec![TestStore { store, url, folder }];
    match std::env::var("SMART_AI_ROUTER_TEST_PG") {
        Ok(base) => stores.push(postgres(&base).await),
        Err(_) => eprintln!("SMART_AI_ROUTER_TEST_PG is not set: this ran on SQLite only"),
    }
    stores
}

/// A schema of its own in the given database.
async fn postgres(base: &str) -> TestStore {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let schema = format!("t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::PgPool::connect(base).await.unwrap();
    for statement in [format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), format!("CREATE SCHEMA {schema}")] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let url = format!("{base}{}options=-c%20search_path%3D{schema}", if base.contains('?') { '&' } else { '?' });
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    TestStore { store, url, folder: tempfile::tempdir().unwrap() }
}

/// A row with everything in it, different by `n`.
pub(crate) fn record(n: i64) -> RequestRecord {
    let cost = 1_000_003 * (n % 17 + 1);
    let entry = |kind: &str, id: String, period: &str| LedgerEntry {
        scope_kind: kind.into(),
        scope_id: id,
        period: period.into(),
        amount_nano: cost,
    };
    let attempt = |no: i64, outcome: &'static str| AttemptRecord {
        n: no,
        channel: format!("channel-{}", (n + no) % 3).into(),
        upstream_model: "gpt-4o-2024-08-06".into(),
        provider: "openai".into(),
        provider_key_id: Some("pkey_1".into()),
        started_at: NOW + n * 1000,
        first_byte_at: (outcome == "ok").then_some(NOW + n * 1000 + 50),
        ended_at: NOW + n * 1000 + 300,
        outcome: outcome.into(),
        status: (outcome == "ok").then_some(200),
        upstream_request_id: Some(format!("up-{n}")),
        tokens: TokenCounts { input: 10, output: n, ..TokenCounts::default() },
        cost_nano: if outcome == "ok" { cost } else { 0 },
        retry_after_ms: (outcome != "ok").then_some(2_000),
        away_until: (outcome != "ok").then_some(1_900_000_000_000),
        detail: (outcome != "ok").then(|| "upstream said \"no\"".into()),
    };
    let attempts = if n % 4 == 0 { vec![attempt(1, "server_error"), attempt(2, "ok")] } else { vec![attempt(1, "ok")] };
    RequestRecord {
        id: format!("req_{n:08}"),
        client_request_id: (n % 2 == 0).then(|| format!("client-{n}")),
        key_id: format!("key_{}", n % 2).into(),
        key_name: "ci".into(),
        endpoint: "/v1/chat/completions".into(),
        dialect: "openai_chat".into(),
        model: if n % 5 == 0 { "auto:fast" } else { "gpt-4o" }.into(),
        group: (n % 5 == 0).then(|| "auto:fast".into()),
        channel: attempts.last().map(|attempt| attempt.channel.clone()),
        provider: Some("openai".into()),
        upstream_model: Some("gpt-4o-2024-08-06".into()),
        strategy: Some("multi_layer".into()),
        status: RequestStatus::ALL[usize::try_from(n % 5).unwrap()],
        error_code: (n % 5 == 1).then(|| "upstream_error".into()),
        error_class: None,
        stream: n % 3 == 0,
        attempts,
        tokens: TokenCounts { input: 100 + n, cached_input: 7, cache_write: 3, output: 20, reasoning: 5 },
        tokens_source: TokensSource::Reported,
        cost_nano: cost,
        reserved_nano: 2 * cost,
        price_version: Some("2026-11-20".into()),
        latency_ms: n * 37 % 5_000,
        ttft_ms: (n % 3 == 0).then_some(n * 11 % 900),
        throughput_tps: (n % 3 == 0).then_some(42.5),
        overhead_us: 150,
        config_version: 3,
        created_at: NOW + n * 1000,
        bytes_in: 2_000,
        bytes_out: 500,
        user_agent: Some("OpenAI/Python 1.99 \u{2764}".into()),
        client_address: None,
        flags: if n % 7 == 0 { vec!["overrun".into()] } else { Vec::new() },
        decision: Some(format!("{{\"n\":{n}}}").into()),
        state_ids: Vec::new(),
        ledger: vec![
            entry("key", format!("key_{}", n % 2), "2026-11-19"),
            entry("key", format!("key_{}", n % 2), "2026-11"),
            entry("router", "-".into(), "2026-11-19"),
        ],
    }
}
