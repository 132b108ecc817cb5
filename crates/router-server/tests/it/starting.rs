//! A database that comes up after the router: until then whoever asks is told that it is starting.

use std::net::SocketAddr;

use router_testkit::{SimProvider, dead_address};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Call, Setup, TestRouter, eventually};

const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A router whose PostgreSQL does not answer yet, as soon as somebody says so.
async fn starting(setup: Setup, database: &str) -> TestRouter {
    let setup = setup.env("DATABASE_URL", database).env("SMART_AI_ROUTER_MASTER_KEY", MASTER_KEY);
    let address = dead_address().expect("a free port");
    let router = TestRouter::begin(setup.env("SMART_AI_ROUTER__SERVER__PORT", &address.port().to_string()), address);
    eventually("an open port", async || router.accepts().await.then_some(())).await;
    router
}

#[tokio::test]
async fn clients_hear_in_their_own_dialect_that_it_starts() {
    let nowhere = dead_address().expect("a free port");
    let mut router = starting(TestRouter::setup(), &format!("postgres://u:secret@{nowhere}/db")).await;
    let refused = router.chat().send().await;
    refused.error(503, "starting");
    assert_eq!((refused.header("retry-after"), refused.header("x-should-retry")), ("1", "true"));
    assert!(refused.has_header("x-request-id"));
    let shape = |target: &'static str| Call::new(router.address(), "POST", target).json(&json!({})).send();
    let anthropic = shape("/v1/messages").await;
    assert_eq!((anthropic.status(), &anthropic.json()["type"]), (503, &json!("error")));
    let gemini = shape("/v1beta/models/m:generateContent").await;
    assert_eq!((gemini.status(), &gemini.json()["error"]["status"]), (503, &json!("UNAVAILABLE")));
    let responses = shape("/v1/responses").await;
    assert_eq!((responses.status(), &responses.json()["error"]["code"]), (503, &json!("server_is_overloaded")));

    assert_eq!(router.get("/health/live").await.status(), 200);
    assert_eq!(router.get("/health/ready").await.json(), json!({"ready": false, "reason": "starting"}));
    assert_eq!(router.get("/health").await.status(), 503);
    eventually("the reason in the log", async || router.stderr().contains("cannot be reached").then_some(())).await;
    assert!(!router.stderr().contains("secret"), "{}", router.stderr());

    router.terminate();
    let ended = router.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stdout.contains("listening on"), "{}", ended.stdout);
}

#[tokio::test]
async fn it_serves_as_soon_as_the_database_answers() {
    let Ok(real) = std::env::var("SMART_AI_ROUTER_TEST_PG") else {
        return eprintln!("SMART_AI_ROUTER_TEST_PG is not set: there is no database to come up");
    };
    let (before, path) = real.rsplit_once('/').expect("an address with a database");
    let (credentials, server) = before.rsplit_once('@').expect("credentials and a server");
    let closed = dead_address().expect("a free port");
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().channel("only", &provider);
    let mut router = starting(setup, &format!("{credentials}@{closed}/{path}")).await;
    router.chat().send().await.error(503, "starting");

    open(closed, server.to_owned()).await;
    assert_eq!(router.listening().await, router.address());
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!(router.get("/health/ready").await.status(), 200);
    assert_eq!(router.stop().await.code, Some(0));
}

/// Opens a closed port: what comes there goes to the server.
#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
async fn open(closed: SocketAddr, server: String) {
    let listener = TcpListener::bind(closed).await.expect("the port is free");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.expect("PostgreSQL");
                // Whoever hangs up first ends it.
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
}
