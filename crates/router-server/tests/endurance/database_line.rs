//! The line to PostgreSQL goes bad while requests come: each of them is answered, `/health` and the metric tell of it, and
//! when the line is good again the books hold each answer once.

use std::net::SocketAddr;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use router_store::{Store, StoreOptions};
use router_testkit::http1::Link;
use router_testkit::tcp_proxy::Line;
use router_testkit::{SimProvider, TcpProxy};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;

use crate::books::{Diary, assert_balanced, compare};
use crate::installation::{Installation, channels, rows_since};
use crate::process::Process;
use crate::store_away::send;

/// Only a broken router takes longer to notice, or to catch up. What is promised is 5 s, which is held by the bounds of the waits
/// (store: `no_wait_of_the_writer_is_longer_than_what_is_promised`); here it is printed what it was.
const PATIENCE: Duration = Duration::from_secs(45);
/// The last statement of each batch: the database takes the batch over, but its answer is lost.
const COMMIT: &[u8] = b"COMMIT";
/// In the middle of a batch: the database holds the locks of a transaction that nobody ends.
const POSTING: &[u8] = b"INSERT INTO budget_counters";

/// A schema of its own in the PostgreSQL that the test run gives, and that server's address.
struct Database {
    url: String,
    server: SocketAddr,
}

impl Database {
    /// `None`, with the reason on the error output, where no server is given.
    #[expect(clippy::print_stderr, reason = "a test that is passed over says why")]
    async fn new(name: &str) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "the database is read from the environment of the test run")]
        let Ok(base) = std::env::var("SMART_AI_ROUTER_TEST_PG") else {
            eprintln!("SMART_AI_ROUTER_TEST_PG is not set: no line to PostgreSQL to break");
            return None;
        };
        let options = PgConnectOptions::from_str(&base).expect("an address of PostgreSQL");
        let place = (options.get_host().to_owned(), options.get_port());
        let server = tokio::net::lookup_host(place).await.expect("its host").next().expect("an address");
        let schema = format!("line_{name}_{}", std::process::id());
        let pool = sqlx::PgPool::connect_with(options).await.expect("PostgreSQL");
        for statement in [format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), format!("CREATE SCHEMA {schema}")] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await.expect("a schema");
        }
        pool.close().await;
        let mark = if base.contains('?') { '&' } else { '?' };
        Some(Self { url: format!("{base}{mark}options=-c%20search_path%3D{schema}"), server })
    }

    /// The same database at another address.
    fn by(&self, proxy: SocketAddr) -> String {
        let options = PgConnectOptions::from_str(&self.url).expect("an address");
        let place = format!("{}:{}", options.get_host(), options.get_port());
        assert!(self.url.contains(&place), "the address in SMART_AI_ROUTER_TEST_PG needs host and port");
        self.url.replacen(&place, &proxy.to_string(), 1)
    }
}

/// What a page of the router says.
async fn page(router: SocketAddr, path: &str) -> String {
    let mut link = Link::connect(router).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: router\r\n\r\n");
    link.exchange(request.as_bytes()).await.expect("a page").text()
}

/// `status` and `database` of `/health`.
async fn health(router: SocketAddr) -> [String; 2] {
    let page: Value = serde_json::from_str(&page(router, "/health").await).expect("JSON");
    ["status", "database"].map(|name| page[name].as_str().expect("a text").to_owned())
}

/// The metric `router_spool_records`.
async fn waiting(router: SocketAddr) -> u64 {
    let page = page(router, "/metrics").await;
    let value = page.lines().find_map(|line| line.strip_prefix("router_spool_records ")).expect("the metric");
    value.parse().expect("a number")
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what} did not come");
}

/// Everything has arrived, and nothing is wrong.
async fn well(router: SocketAddr) {
    until("an empty spool", async || waiting(router).await == 0).await;
    until("health", async || health(router).await == ["ok", "ok"]).await;
}

/// The same from the moment when the line is good again, with the time that it took.
#[expect(clippy::print_stdout, reason = "what is measured is shown")]
async fn recovers(router: SocketAddr, name: &str) {
    let (back, before) = (Instant::now(), waiting(router).await);
    until("rows", async || waiting(router).await < before.max(1)).await;
    let flows = back.elapsed();
    well(router).await;
    println!("{name}: the line is good again: rows flow after {flows:.1?}, all is well after {:.1?}", back.elapsed());
}

/// A router that reaches its database through a proxy.
struct Scene {
    database: Database,
    proxy: TcpProxy,
    installation: Installation,
    _provider: SimProvider,
}

impl Scene {
    async fn new(name: &str) -> Option<Self> {
        let database = Database::new(name).await?;
        let proxy = TcpProxy::start(database.server).await.expect("a proxy");
        let provider = SimProvider::start().await;
        // A single connection that is lost to the pool leaves too few.
        let system = format!("database: {{ url: \"{}\", max_connections: 2 }}", database.by(proxy.address()));
        let installation = Installation::new(&system, &channels(&[("only", &provider.base_url())]));
        Some(Self { database, proxy, installation, _provider: provider })
    }

    /// The line goes bad in the middle of a batch.
    async fn breaks(&self, router: SocketAddr, line: Line, after: &[u8]) -> Diary {
        let mut diary = send(router, "good", 40).await;
        well(router).await;
        self.proxy.set_after(after, line);
        diary.extend(send(router, "breaking", 40).await);
        until("the fault", async || self.proxy.line() == line).await;
        diary
    }

    /// Ends the router; every answer of the diary is booked once.
    async fn ends_well(self, router: Process, diary: &Diary) {
        well(router.address).await;
        router.terminate();
        assert!(router.ended().await.success());
        let store = Store::open(&self.database.url, StoreOptions::default()).await.expect("the database");
        assert_eq!(compare(diary, &rows_since(&store, 0).await).answered, diary.len());
        assert_balanced(&store).await;
    }
}

/// Lets the line go bad for a while; the router tells meanwhile whether its database is `away`.
#[expect(clippy::print_stdout, reason = "what is measured is shown")]
async fn goes_bad(name: &str, line: Line, after: &[u8], away: bool) {
    let Some(scene) = Scene::new(name).await else { return };
    let router = Process::start(&scene.installation).await;
    let address = router.address;
    let mut diary = scene.breaks(address, line, after).await;
    let broken = Instant::now();
    diary.extend(send(address, "bad", 100).await);
    if away {
        assert!(waiting(address).await >= 100, "nothing can be taken over");
        until("bad news", async || health(address).await == ["degraded", "unavailable"]).await;
        println!("{name}: /health tells after {:.1?}", broken.elapsed());
        // What was noticed does not slow the clients down either.
        diary.extend(send(address, "known", 40).await);
        assert!(waiting(address).await >= 140, "nothing can be taken over");
    } else {
        well(address).await;
    }
    scene.proxy.set(Line::Good);
    recovers(address, name).await;
    diary.extend(send(address, "again", 40).await);
    scene.ends_well(router, &diary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_to_the_database_slows_no_client() {
    goes_bad("delay", Line::Delay(Duration::from_millis(30)), COMMIT, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_the_database_may_cut_everything_into_pieces() {
    goes_bad("pieces", Line::Pieces(100), COMMIT, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_database_that_end_are_made_again() {
    goes_bad("drop", Line::Drop, COMMIT, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_database_that_are_reset_are_made_again() {
    goes_bad("reset", Line::Reset, COMMIT, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_only_listens_is_away() {
    goes_bad("half_close", Line::HalfClose, COMMIT, true).await;
}

/// It swallowed the answer to a commit, or left a transaction open. Both at a time, since what they do is wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_line_to_the_database_holds_nothing_up() {
    tokio::join!(goes_bad("freeze", Line::Freeze, COMMIT, true), goes_bad("freeze_open", Line::Freeze, POSTING, true));
}

/// The line forgets the connections that run and is good for new ones: nobody but the router's own patience ends the wait.
async fn forgets(name: &str, after: &[u8]) {
    let Some(scene) = Scene::new(name).await else { return };
    let router = Process::start(&scene.installation).await;
    let mut diary = scene.breaks(router.address, Line::Freeze, after).await;
    scene.proxy.set(Line::Good);
    recovers(router.address, name).await;
    diary.extend(send(router.address, "again", 40).await);
    scene.ends_well(router, &diary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_forgets_what_runs_is_not_waited_for() {
    tokio::join!(forgets("forget", COMMIT), forgets("forget_open", POSTING));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_ends_beside_a_frozen_line_and_the_next_one_books_the_rest() {
    let Some(scene) = Scene::new("ending").await else { return };
    let router = Process::start(&scene.installation).await;
    let mut diary = scene.breaks(router.address, Line::Freeze, POSTING).await;
    diary.extend(send(router.address, "bad", 100).await);
    router.terminate();
    assert!(router.ended().await.success());
    scene.proxy.set(Line::Good);
    let router = Process::start(&scene.installation).await;
    scene.ends_well(router, &diary).await;
}
