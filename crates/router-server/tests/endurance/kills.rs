//! `kill -9` in the middle, again and again, over one data folder: what a client received is in the books once, and
//! nothing is there twice.

use std::net::SocketAddr;
use std::time::Duration;

use router_core::ids::mix;
use router_testkit::{Script, SimProvider};
use tokio::task::JoinSet;

use crate::books::{Diary, Tally, assert_balanced, compare, note};
use crate::client::{Call, Client};
use crate::installation::{Installation, channels, rows_since};
use crate::process::{Process, Starting};

/// Clients that send at a time.
const CLIENTS: u64 = 40;
/// Where the random moments come from.
const SEED: u64 = 0x5eed_0f1e_55ed_0001;

fn rounds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "ENDURANCE_ROUNDS is read from the environment of the test run")]
    let given = std::env::var("ENDURANCE_ROUNDS").ok();
    given.map_or(50, |text| text.parse().expect("ENDURANCE_ROUNDS is a number"))
}

/// A number below `bound`, the same for the same round and use.
fn draw(round: u64, what: u64, bound: u64) -> u64 {
    mix(SEED ^ (round << 8) ^ what) % bound
}

/// Sends one request after another until the router is gone.
async fn send_until_cut(address: SocketAddr, round: u64, client: u64) -> Diary {
    let mut diary = Diary::new();
    let Ok(mut connection) = Client::connect(address).await else { return diary };
    for number in 0u64.. {
        let call = Call {
            id: format!("r{round}.c{client}.{number}"),
            model: if number.is_multiple_of(3) { "pair" } else { "plain" },
            stream: (client + number).is_multiple_of(2),
        };
        let answer = connection.ask(&call).await;
        let lost = answer.is_err();
        note(&mut diary, call, &answer);
        if lost {
            break;
        }
    }
    diary
}

/// The provider of the first channel: quick and slow answers, streams in pieces, and a failure now and then.
fn moody(provider: SimProvider) -> SimProvider {
    provider
        .on_any(Script::ok())
        .then(Script::ok().content_events(6).gap(Duration::from_millis(2)))
        .then(Script::ok().delay(Duration::from_millis(3)))
        .then(Script::ok().content_events(3).delay_first(Duration::from_millis(5)))
        .then(Script::ok())
        .then(Script::ok().content_events(12))
        .then(Script::ok().delay(Duration::from_millis(15)))
        .then(Script::status(500))
        .cycle()
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_double_nothing() {
    let first = moody(SimProvider::builder().keep_requests(0).start().await.expect("a provider"));
    let second = SimProvider::builder().keep_requests(0).start().await.expect("a provider");
    let bases = [("first", first.base_url()), ("second", second.base_url())];
    let bases: Vec<(&str, &str)> = bases.iter().map(|(name, base)| (*name, base.as_str())).collect();
    let installation = Installation::new("", &channels(&bases));

    let (mut all, mut since_ms) = (Diary::new(), 0);
    let rounds = rounds();
    let mut router = Process::start(&installation).await;
    for round in 0..rounds {
        let mut clients = JoinSet::new();
        let before = first.stats().requests + second.stats().requests;
        for client in 0..CLIENTS {
            clients.spawn(send_until_cut(router.address, round, client));
        }
        let moment = before + 1 + draw(round, 1, 200);
        let reached = || first.stats().requests + second.stats().requests >= moment;
        let (a, b) = (first.wait_until(|_| reached()), second.wait_until(|_| reached()));
        tokio::select! { done = a => drop(done.expect("requests")), done = b => drop(done.expect("requests")) }
        tokio::time::sleep(Duration::from_micros(draw(round, 2, 12_000))).await;
        router.kill();
        let mut diary = Diary::new();
        while let Some(client) = clients.join_next().await {
            diary.extend(client.expect("a client"));
        }
        if draw(round, 3, 4) == 0 {
            // It dies again, in the middle of its recovery.
            let starting = Starting::new(&installation);
            tokio::time::sleep(Duration::from_micros(draw(round, 4, 300_000))).await;
            starting.kill();
        }
        // A router listens only when all that was in the spool is in the database.
        router = Process::start(&installation).await;
        let store = installation.store().await;
        let rows = rows_since(&store, since_ms).await;
        compare(&diary, &rows);
        assert_balanced(&store).await;
        since_ms = rows.iter().map(|row| row.created_at).max().unwrap_or(since_ms) + 1;
        store.close().await;
        all.extend(diary);
    }
    router.terminate();
    assert!(router.ended().await.success());

    let store = installation.store().await;
    let tally = compare(&all, &rows_since(&store, 0).await);
    assert_balanced(&store).await;
    println!("{rounds} kills: {tally:?}");
    let Tally { answered, lost, interrupted, failed_over } = tally;
    assert!(answered > 0 && lost > 0 && interrupted > 0 && failed_over > 0, "the kills came at no interesting moment");
}
