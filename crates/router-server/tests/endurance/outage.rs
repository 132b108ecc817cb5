//! A total outage: every provider fails while requests go on coming. They are answered at once, little is sent, and soon after
//! the recovery everything is as before. Counts are judged; times are printed, since a test machine keeps none.
//!
//! `OUTAGE_SECONDS` is how long it lasts (default 5), `OUTAGE_RATE` the requests a second (default 50).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use router_testkit::{Script, SimProvider};
use tokio::task::JoinSet;

use crate::client::{Call, Client};
use crate::installation::{Installation, channels};
use crate::process::Process;

/// Retries that are always allowed in a second.
const FLOOR: u64 = 10;
/// Only a broken router takes longer to come back.
const PATIENCE: Duration = Duration::from_secs(60);

fn number(name: &str, otherwise: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the length of the test is read from the environment of the test run"
    )]
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A request as its client saw it: since the beginning, and how long it took.
struct Seen {
    came: Duration,
    took: Duration,
    good: bool,
}

async fn ask(address: SocketAddr, began: Instant, number: u64, in_a_row: Arc<AtomicU64>) -> Seen {
    let came = began.elapsed();
    let call = Call { id: format!("o{number}"), model: "pair", stream: number % 2 == 1 };
    let answer = match Client::connect(address).await {
        Ok(mut client) => client.ask(&call).await,
        Err(error) => Err(error),
    };
    let good = answer.is_ok_and(|answer| answer.is_good());
    match good {
        true => _ = in_a_row.fetch_add(1, Ordering::Relaxed),
        false => in_a_row.store(0, Ordering::Relaxed),
    }
    Seen { came, took: began.elapsed() - came, good }
}

fn held_by(mut times: Vec<Duration>, share: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len() * share / 100).or(times.last()).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_outage_is_asked_little_and_is_over_soon_after_its_end() {
    let (lasts, rate) = (Duration::from_secs(number("OUTAGE_SECONDS", 5)), number("OUTAGE_RATE", 50));
    let provider = async || SimProvider::builder().keep_requests(0).start().await.expect("a provider");
    let (first, second) = (provider().await, provider().await);
    let installation =
        Installation::new("", &channels(&[("first", &first.base_url()), ("second", &second.base_url())]));
    let router = Process::start(&installation).await;
    let attempts = || first.stats().requests + second.stats().requests;

    let (from, to) = (Duration::from_secs(2), Duration::from_secs(2) + lasts);
    let (began, mut requests, mut sent) = (Instant::now(), JoinSet::new(), 0);
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / rate));
    let (mut state, mut before, mut within) = (0, 0, 0);
    let in_a_row = Arc::new(AtomicU64::new(0));
    // Until two seconds of requests in a row are good again.
    while state < 2 || in_a_row.load(Ordering::Relaxed) < 2 * rate {
        assert!(began.elapsed() < to + PATIENCE, "it does not come back");
        beat.tick().await;
        let now = began.elapsed();
        if state == 0 && now >= from {
            (state, before) = (1, attempts());
            [&first, &second].into_iter().for_each(|provider| provider.set(Script::status(503)));
        } else if state == 1 && now >= to {
            (state, within) = (2, attempts() - before);
            in_a_row.store(0, Ordering::Relaxed);
            [&first, &second].into_iter().for_each(|provider| provider.set(Script::ok()));
        }
        requests.spawn(ask(router.address, began, sent, Arc::clone(&in_a_row)));
        sent += 1;
    }
    let mut seen = Vec::new();
    while let Some(request) = requests.join_next().await {
        seen.push(request.expect("a client"));
    }
    let during: Vec<&Seen> = seen.iter().filter(|one| one.came >= from && one.came < to).collect();
    let errors: Vec<Duration> = during.iter().filter(|one| !one.good).map(|one| one.took).collect();
    let last_error = seen.iter().filter(|one| !one.good).map(|one| one.came).max().unwrap_or_default();
    println!(
        "{} requests in an outage of {} s: {within} attempts; errors: half within {:?}, 99 of 100 within {:?}; the last one {:?} after its end",
        during.len(),
        lasts.as_secs(),
        held_by(errors.clone(), 50),
        held_by(errors, 99),
        last_error.saturating_sub(to)
    );
    let most = during.len() as u64 * 12 / 10 + FLOOR * (lasts.as_secs() + 1) + 100;
    assert!(within <= most, "{within} attempts for {} requests", during.len());
    assert!(within * 4 < during.len() as u64 * 3 || during.len() < 200, "breakers let {within} through");
    assert!(seen.iter().filter(|one| one.came + Duration::from_secs(1) < from).all(|one| one.good));
}
