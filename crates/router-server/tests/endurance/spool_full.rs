//! The disk under the spool runs full: new requests are refused as the contract says and reach no provider, what runs is
//! settled, and all goes on when there is room again.

use std::time::Duration;

use router_store::{SimulatedDisk, SpoolOptions};
use router_testkit::{Script, SimProvider};

use crate::books::{Diary, Seen, assert_balanced, compare, note};
use crate::client::{Answer, Call, Client};
use crate::in_process;
use crate::installation::{Installation, channels, rows_since};

const RUNNING: u64 = 20;
const ROOM: u64 = 64 << 20;

fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status(), answer.error_code().as_str()), (503, "accounting_unavailable"));
    assert_eq!(answer.head.header("x-router-error"), Some("accounting_unavailable"));
    assert_eq!(answer.head.header("x-should-retry"), Some("true"));
    let wait = answer.head.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    assert!(wait.is_some_and(|seconds| seconds > 0), "{:?}", answer.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_requests_and_loses_nothing() {
    let provider = SimProvider::start().await.on_any(Script::ok().delay_first(Duration::from_secs(3)));
    let installation = Installation::new("", &channels(&[("only", &provider.base_url())]));
    let disk = SimulatedDisk::new(ROOM);
    // Headroom for the rows that are settled here, not for a refusal's row each.
    let spool = SpoolOptions { headroom_bytes: 256 << 10, disk: Some(disk.clone()), ..SpoolOptions::default() };
    let router = in_process::start(&installation, spool).await;
    let app = std::sync::Arc::clone(&router.app);

    let mut running = Vec::new();
    for number in 0..RUNNING {
        let mut connection = Client::connect(router.address).await.expect("a connection");
        let call = Call { id: format!("running.{number}"), model: "plain", stream: true };
        connection.send(&call).await.expect("sent");
        running.push((call, connection));
    }
    provider.wait_until(|stats| stats.requests == RUNNING).await.expect("all run");

    disk.set_free(0);
    let mut connection = Client::connect(router.address).await.expect("a connection");
    let mut diary = Diary::new();
    let new = |number| Call { id: format!("new.{number}"), model: "plain", stream: false };
    for number in 0..10 {
        let answer = connection.ask(&new(number)).await.expect("an answer");
        assert_refused(&answer);
        diary.insert(new(number).id, Seen::Refused);
    }

    for (call, mut connection) in running {
        let answer = match connection.begin().await {
            Ok(begun) => connection.finish(begun).await,
            Err(error) => Err(error),
        };
        assert!(answer.is_ok(), "{answer:?}");
        note(&mut diary, call, &answer);
    }
    let gauge = app.spool.gauge(0);
    assert!(!gauge.accepting, "the headroom was used to settle");
    // However many come meanwhile: none is kept in memory, none reaches the provider, none uses up the headroom.
    for number in 10..1_000 {
        assert_refused(&connection.ask(&new(number)).await.expect("an answer"));
    }
    assert!(app.spool.gauge(0).pending <= gauge.pending, "refusals add nothing to the spool");
    assert_eq!(provider.stats().requests, RUNNING);

    disk.set_free(ROOM);
    provider.set(Script::ok());
    let mut number = 1_000;
    let answered = async {
        loop {
            number += 1;
            let answer = connection.ask(&new(number)).await;
            if answer.as_ref().is_ok_and(|answer| answer.status() == 200) {
                return (new(number), answer);
            }
            assert_refused(&answer.expect("an answer"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(30), answered).await;
    let (call, answer) = again.expect("requests are taken again");
    note(&mut diary, call, &answer);
    in_process::end(router).await;

    let store = installation.store().await;
    let answered = compare(&diary, &rows_since(&store, 0).await).answered;
    assert_eq!(answered as u64, RUNNING + 1);
    assert_balanced(&store).await;
}
