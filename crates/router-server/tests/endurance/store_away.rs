//! No call of the database lies between a client's byte and its answer.

use std::net::SocketAddr;

use router_store::SpoolOptions;
use router_testkit::SimProvider;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::task::JoinSet;

use crate::books::{Diary, assert_balanced, compare, note};
use crate::client::{Call, Client};
use crate::in_process;
use crate::installation::{Installation, channels, rows_since};

/// Sends `count` requests over ten connections; all have to be answered.
pub(crate) async fn send(address: SocketAddr, name: &'static str, count: usize) -> Diary {
    let mut clients = JoinSet::new();
    for client in 0..10 {
        clients.spawn(async move {
            let mut diary = Diary::new();
            let mut connection = Client::connect(address).await.expect("a connection");
            for number in 0..count / 10 {
                let id = format!("{name}.{client}.{number}");
                let call = Call { id, model: if number % 2 == 0 { "plain" } else { "pair" }, stream: client % 2 == 0 };
                let answer = connection.ask(&call).await;
                assert!(answer.is_ok(), "{}: {answer:?}", call.id);
                note(&mut diary, call, &answer);
            }
            diary
        });
    }
    let mut diary = Diary::new();
    while let Some(client) = clients.join_next().await {
        diary.extend(client.expect("a client"));
    }
    diary
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_while_every_call_of_the_store_fails() {
    let provider = SimProvider::start().await;
    let installation = Installation::new("", &channels(&[("only", &provider.base_url())]));
    let router = in_process::start(&installation, SpoolOptions::default()).await;
    let app = std::sync::Arc::clone(&router.app);
    app.store.fail_every_call(true);
    let before = app.store.calls();
    let diary = send(router.address, "away", 200).await;
    let tried = app.store.calls() - before;
    // Two watchers that try again now and then, whatever the number of requests.
    assert!(tried < 100, "{tried} calls at 200 requests");
    assert!(app.spool.pending() >= 200, "nothing could be taken over");
    app.store.fail_every_call(false);
    in_process::end(router).await;
    let store = installation.store().await;
    assert_eq!(compare(&diary, &rows_since(&store, 0).await).answered, 200);
    assert_balanced(&store).await;
}

/// Requests run on the threads `worker-N`, the writer and the watchers elsewhere; the store counts by thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_calls_the_store_zero_times() {
    let provider = SimProvider::start().await;
    let installation = Installation::new("", &channels(&[("only", &provider.base_url())]));
    let router = in_process::start(&installation, SpoolOptions::default()).await;
    let app = std::sync::Arc::clone(&router.app);
    send(router.address, "zero", 400).await;
    let of_workers = |app: &smart_ai_router::app::App| -> u64 {
        let calls = app.store.calls_by_thread();
        calls.iter().filter(|(thread, _)| thread.starts_with("worker-")).map(|(_, calls)| calls).sum()
    };
    assert_eq!(of_workers(&app), 0, "{:?}", app.store.calls_by_thread());
    // The count would notice: one call from such a thread is seen.
    let handle = tokio::runtime::Handle::current();
    let counted = std::sync::Arc::clone(&app);
    let call = move || handle.block_on(counted.store.ping()).expect("the database");
    let thread = std::thread::Builder::new().name("worker-of-this-test".to_owned()).spawn(call).expect("a thread");
    tokio::task::spawn_blocking(move || thread.join()).await.expect("joined").expect("the call");
    assert_eq!(of_workers(&app), 1);
    in_process::end(router).await;
}

/// Somebody else holds the file's lock, as a backup or an operator's shell does.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_has_locked_costs_no_request() {
    let provider = SimProvider::start().await;
    let installation = Installation::new("", &channels(&[("only", &provider.base_url())]));
    let router = in_process::start(&installation, SpoolOptions::default()).await;
    let app = std::sync::Arc::clone(&router.app);
    let mut diary = send(router.address, "before", 100).await;
    let file = SqliteConnectOptions::new().filename(installation.data().join("router.db"));
    let mut other = file.connect().await.expect("the database");
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.expect("its lock");
    diary.extend(send(router.address, "locked", 200).await);
    assert!(app.spool.pending() >= 200, "nothing could be taken over");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("the lock's end");
    other.close().await.expect("closed");
    in_process::end(router).await;
    let store = installation.store().await;
    assert_eq!(compare(&diary, &rows_since(&store, 0).await).answered, 300);
    assert_balanced(&store).await;
}
