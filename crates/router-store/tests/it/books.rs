//! From the spool into the books: exactly once, whatever happens in between, and everything agrees afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use router_store::{
    Engine, HISTOGRAM_BOUNDS_MS, RequestFilter, RequestRecord, RequestStatus, Reservation, Spool, SpoolOptions,
    StatisticsFilter, Store, StoreErrorKind, StoreOptions, Writer, WriterHandle, WriterOptions,
};

use crate::support::{NOW, TestStore, record, stores};

const LONG: Duration = Duration::from_secs(30);

fn open_spool(folder: &Path) -> Arc<Spool> {
    Arc::new(
        Spool::open(
            folder.join("spool"),
            &SpoolOptions { segment_bytes: 20_000, headroom_bytes: 1000, ..SpoolOptions::default() },
        )
        .unwrap(),
    )
}

fn start(store: &Store, spool: &Arc<Spool>) -> (tokio::task::JoinHandle<()>, WriterHandle) {
    let options =
        WriterOptions { batch_rows: 40, batch_wait: Duration::from_millis(2), max_backoff: Duration::from_millis(50) };
    let (writer, handle) = Writer::new(store.clone(), Arc::clone(spool), options);
    (tokio::spawn(writer.run()), handle)
}

impl TestStore {
    /// Brings records into the database, the way that the program does.
    pub(crate) async fn fill(&self, records: &[RequestRecord]) {
        let spool = open_spool(self.folder.path());
        for record in records {
            spool.settle(record).unwrap();
        }
        let (task, handle) = start(&self.store, &spool);
        handle.flush(LONG).await.unwrap();
        assert_eq!(handle.close(LONG).await, 0);
        task.await.unwrap();
    }

    async fn all_rows(&self) -> Vec<RequestRecord> {
        let mut filter = RequestFilter { limit: 200, ..RequestFilter::default() };
        let mut rows = Vec::new();
        loop {
            let page = self.store.requests(&filter).await.unwrap();
            rows.extend(page.rows);
            filter.cursor = page.next_cursor;
            if filter.cursor.is_none() {
                return rows;
            }
        }
    }

    /// Ledger, counters, rows and roll-ups say the same.
    async fn assert_books_agree(&self, records: &[RequestRecord]) {
        assert_eq!(self.store.budget_differences().await.unwrap(), [], "ledger = counters");
        assert_eq!(self.store.ledger_differences("router", "____-__-__").await.unwrap(), [], "ledger = rows");
        let mut expected: BTreeMap<(String, String, String), i64> = BTreeMap::new();
        for entry in records.iter().flat_map(|record| &record.ledger) {
            *expected.entry((entry.scope_kind.clone(), entry.scope_id.clone(), entry.period.clone())).or_default() +=
                entry.amount_nano;
        }
        let spent = self.store.budget_spent(&["2026-11-19".into(), "2026-11".into()]).await.unwrap();
        let spent: BTreeMap<_, _> = spent
            .into_iter()
            .map(|spent| ((spent.scope.scope_kind, spent.scope.scope_id, spent.scope.period), spent.posted_nano))
            .collect();
        assert_eq!(spent, expected);
        self.assert_statistics_agree().await;
    }

    /// The roll-ups equal a full scan of the rows.
    async fn assert_statistics_agree(&self) {
        let rows = self.all_rows().await;
        let statistics = self
            .store
            .channel_statistics(&StatisticsFilter { from_ms: 0, to_ms: i64::MAX, key_id: None })
            .await
            .unwrap();
        let mut checked = 0;
        for sums in &statistics {
            let mine: Vec<_> = rows
                .iter()
                .filter(|row| row.channel.clone().unwrap_or_default() == sums.channel && row.model == sums.model)
                .collect();
            let sum = |field: &dyn Fn(&RequestRecord) -> i64| mine.iter().map(|row| field(row)).sum::<i64>();
            assert_eq!(sums.requests, i64::try_from(mine.len()).unwrap());
            assert_eq!(
                sums.errors,
                sum(&|row| i64::from(!matches!(row.status, RequestStatus::Completed | RequestStatus::ClientClosed)))
            );
            assert_eq!(
                (sums.tokens.input, sums.tokens.output, sums.cost_nano),
                (sum(&|row| row.tokens.input), sum(&|row| row.tokens.output), sum(&|row| row.cost_nano))
            );
            let known = |row: &RequestRecord| row.status != RequestStatus::Interrupted;
            assert_eq!(
                sums.latency,
                (sum(&|row| i64::from(known(row))), sum(&|row| if known(row) { row.latency_ms } else { 0 }))
            );
            assert_eq!(sums.ttft, (sum(&|row| i64::from(row.ttft_ms.is_some())), sum(&|row| row.ttft_ms.unwrap_or(0))));
            for (bucket, count) in sums.latency_histogram.0.iter().enumerate() {
                let within = |value: i64| {
                    (bucket == 0 || value > HISTOGRAM_BOUNDS_MS[bucket - 1])
                        && (bucket == HISTOGRAM_BOUNDS_MS.len() || value <= HISTOGRAM_BOUNDS_MS[bucket])
                };
                assert_eq!(*count, sum(&|row| i64::from(known(row) && within(row.latency_ms))), "bucket {bucket}");
            }
            checked += mine.len();
        }
        assert_eq!(checked, rows.len(), "every row is in exactly one sum");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_and_agrees() {
    for test in stores().await {
        let records: Vec<_> = (0..333).map(record).collect();
        test.fill(&records).await;
        // The same again, as after a restore of the spool from a copy: nothing changes.
        test.fill(&records).await;
        let mut rows = test.all_rows().await;
        rows.reverse();
        assert_eq!(rows.len(), records.len());
        for (row, record) in rows.iter().zip(&records) {
            assert_eq!((&row.id, &row.attempts, row.cost_nano), (&record.id, &record.attempts, record.cost_nano));
        }
        test.assert_books_agree(&records).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_killed_at_any_moment_loses_and_doubles_nothing() {
    for test in stores().await {
        let mut records = Vec::new();
        for round in 0..20_i64 {
            let spool = open_spool(test.folder.path());
            let (task, _handle) = start(&test.store, &spool);
            for n in 0..15 {
                let record = record(round * 15 + n);
                spool.settle(&record).unwrap();
                records.push(record);
                if n % 5 == round % 5 {
                    tokio::time::sleep(Duration::from_micros(u64::try_from(round * 173).unwrap())).await;
                }
            }
            task.abort();
            let _ = task.await;
        }
        test.fill(&[]).await;
        assert_eq!(test.all_rows().await.len(), records.len());
        test.assert_books_agree(&records).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_database_holds_up_nobody_and_catches_up() {
    for test in stores().await {
        let spool = open_spool(test.folder.path());
        let (task, handle) = start(&test.store, &spool);
        test.store.fail_every_call(true);
        let records: Vec<_> = (0..100).map(record).collect();
        let calls = test.store.calls();
        for record in &records {
            spool.reserve(&Reservation { request_id: (&record.id).into(), ..Reservation::default() }).unwrap();
            spool.settle(record).unwrap();
        }
        assert_eq!(handle.flush(Duration::from_millis(120)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(test.store.calls() > calls, "the writer goes on trying");
        let gauge = spool.gauge(NOW + 3_600_000);
        assert!(gauge.pending == 200 && gauge.accepting, "{gauge:?}");
        test.store.fail_every_call(false);
        handle.flush(LONG).await.unwrap();
        assert_eq!((spool.gauge(NOW).pending, spool.gauge(NOW).lag_ms), (0, 0));
        assert_eq!(handle.close(LONG).await, 0);
        task.await.unwrap();
        test.assert_books_agree(&records).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_without_a_database_ends_in_time_and_keeps_everything() {
    for test in stores().await {
        let spool = open_spool(test.folder.path());
        let (task, handle) = start(&test.store, &spool);
        handle.flush(LONG).await.unwrap();
        test.store.fail_every_call(true);
        spool.settle(&record(1)).unwrap();
        assert_eq!(handle.close(Duration::from_millis(100)).await, 1);
        task.await.unwrap();
        drop((spool, handle));
        test.store.fail_every_call(false);
        test.fill(&[]).await;
        assert_eq!(test.all_rows().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_process_is_booked_as_interrupted_exactly_once() {
    for test in stores().await {
        let reservation = |n: i64| {
            let record = record(n);
            let scopes = record.ledger.iter().map(|entry| router_store::BudgetScope {
                scope_kind: entry.scope_kind.clone(),
                scope_id: entry.scope_id.clone(),
                period: entry.period.clone(),
            });
            Reservation {
                request_id: record.id.into(),
                at_ms: record.created_at,
                amount_nano: 77,
                scopes: scopes.collect(),
                key_id: record.key_id,
                model: "gpt-4o".into(),
                ..Reservation::default()
            }
        };
        let spool = open_spool(test.folder.path());
        let (task, handle) = start(&test.store, &spool);
        for n in 0..30 {
            spool.reserve(&reservation(n)).unwrap();
        }
        for n in 0..10 {
            spool.settle(&record(n)).unwrap();
        }
        for n in 10..20 {
            spool.void(&record(n).id).unwrap();
        }
        handle.flush(LONG).await.unwrap();
        task.abort();
        let _ = task.await;
        drop((spool, handle));
        // Killed again and again in the middle of recovery: opened, and dropped before anything is written.
        for (start, interrupted) in [(0, 10), (1, 0), (2, 0)] {
            assert_eq!(open_spool(test.folder.path()).recovered().interrupted.len(), interrupted, "start {start}");
        }
        test.fill(&[]).await;
        let rows = test.all_rows().await;
        let interrupted: Vec<_> =
            rows.iter().filter(|row| row.status == RequestStatus::Interrupted && row.cost_nano == 77).collect();
        assert_eq!((rows.len(), interrupted.len()), (20, 10));
        let expected: Vec<_> = (0..10).map(record).chain((20..30).map(|n| reservation(n).interrupted())).collect();
        test.assert_books_agree(&expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_database_refuses_is_set_apart_and_holds_up_nobody() {
    for test in stores().await {
        let mut records: Vec<_> = (0..25).map(record).collect();
        // Beyond what a counter may hold: both engines refuse it as data.
        records[7].ledger.iter_mut().for_each(|entry| entry.amount_nano = i64::MAX - 5);
        records[9].tokens.input = i64::MAX;
        records[10].tokens.output = i64::MIN;
        records[8].user_agent = Some("nul \0 byte".into());
        let spool = open_spool(test.folder.path());
        for record in &records {
            spool.settle(record).unwrap();
        }
        let (task, handle) = start(&test.store, &spool);
        handle.flush(LONG).await.unwrap();
        assert_eq!(handle.close(LONG).await, 0);
        task.await.unwrap();
        assert_eq!(spool.gauge(NOW).quarantined, 1);
        let files: Vec<_> = std::fs::read_dir(test.folder.path().join("spool/quarantine")).unwrap().collect();
        assert_eq!(files.len(), 1);
        records.remove(7);
        assert_eq!(test.all_rows().await.len(), records.len());
        test.assert_books_agree(&records).await;
    }
}

/// Whoever waits for PostgreSQL on behalf of people, however many they are, leaves a connection to the writer.
#[tokio::test(flavor = "multi_thread")]
async fn people_who_wait_for_the_database_do_not_make_the_writer_wait() {
    for test in stores().await.into_iter().filter(|test| test.store.engine() == Engine::Postgres) {
        let other = sqlx::PgPool::connect(&test.url).await.unwrap();
        let mut lock = other.begin().await.unwrap();
        sqlx::raw_sql("LOCK TABLE client_keys IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
        let options = StoreOptions { max_connections: 3, ..StoreOptions::default() };
        let store = Store::open(&test.url, options).await.unwrap();
        let ask = || {
            let store = store.clone();
            tokio::spawn(async move { store.client_keys_mark().await })
        };
        let calls: Vec<_> = (0..20).map(|_| ask()).collect();
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'client_keys'::regclass";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&other).await.unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }

        let spool = open_spool(test.folder.path());
        spool.settle(&record(1)).unwrap();
        let (task, handle) = start(&store, &spool);
        handle.flush(LONG).await.unwrap();
        assert!(calls.iter().filter(|call| !call.is_finished()).count() >= 2, "they have not stopped waiting");
        lock.commit().await.unwrap();
        let mut answered = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => answered += 1,
                // The rest is told soon, and not left waiting behind them.
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
            }
        }
        assert!(answered >= 2, "{answered}");
        assert_eq!(handle.close(LONG).await, 0);
        task.await.unwrap();
    }
}
