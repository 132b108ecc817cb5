//! The soak: mixed traffic for as long as one likes, a fault at the provider every now and then, and afterwards the books, the
//! memory and the descriptors.
//!
//! `SOAK_SECONDS` is how long (default 20), with a fault every thirtieth second or twentieth part. Memory is judged from ten
//! minutes on: before that a process is still filling its pools.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use router_core::ids::mix;
use router_store::{RequestFilter, RequestRecord, RequestStatus, Store};
use router_testkit::{Script, SimProvider};
use tokio::task::JoinSet;

use crate::books::assert_balanced;
use crate::client::{Call, Client};
use crate::installation::{Installation, channels};
use crate::process::Process;

/// Clients, each with a request every [`PAUSE`].
const CLIENTS: u64 = 16;
const PAUSE: Duration = Duration::from_millis(200);
/// From here on the memory is judged.
const LONG: Duration = Duration::from_secs(600);
const SETTINGS: &str = "timeouts: { first_byte: 3s, stream_idle: 3s }\n\
    failover: { hedge_after: 500ms }\n\
    breaker: { open_for: 2s }\n\
    cooldown: { rate_limited: 1s, temporary: 500ms, max: 5s }";

/// What a client saw of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saw {
    /// A whole answer of that cost.
    Good(i64),
    /// An error, or a stream that broke.
    Bad,
    /// Nothing: it had left.
    Left,
}

type Diary = HashMap<String, Saw>;

/// How the router's process was at a moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    rss_kib: u64,
    descriptors: usize,
}

fn seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "SOAK_SECONDS is read from the environment of the test run")]
    let given = std::env::var("SOAK_SECONDS").ok();
    given.map_or(20, |text| text.parse().expect("SOAK_SECONDS is a number"))
}

/// What goes wrong, one after another.
fn faults() -> Vec<(&'static str, Script)> {
    vec![
        ("500", Script::status(500)),
        ("429", Script::rate_limited(Some(1))),
        ("silence", Script::hang()),
        ("cut streams", Script::cut_after(1)),
        ("resets", Script::cut_before_head().with_reset()),
        ("web pages", Script::html()),
        ("empty answers", Script::empty()),
        ("slow answers", Script::ok().delay(Duration::from_millis(900))),
        ("streams that fall silent", Script::cut_after(1).with_silence()),
        ("503", Script::status(503)),
        ("errors within streams", Script::error_after(1, "broken")),
        ("large headers", Script::ok().huge_headers(90, 4_000)),
    ]
}

async fn one(connection: &mut Option<Client>, address: SocketAddr, call: &Call, leaves: bool) -> Saw {
    if connection.is_none() {
        *connection = Client::connect(address).await.ok();
    }
    let Some(client) = connection else { return Saw::Bad };
    if leaves {
        let sent = client.send(call).await;
        *connection = None;
        return if sent.is_ok() { Saw::Left } else { Saw::Bad };
    }
    match client.ask(call).await {
        Ok(answer) if answer.is_good() => Saw::Good(answer.cost_nano()),
        Ok(_) => Saw::Bad,
        Err(_) => {
            *connection = None;
            Saw::Bad
        }
    }
}

/// One client, until it is told to stop.
async fn client(address: SocketAddr, number: u64, stop: Arc<AtomicBool>) -> Diary {
    let (mut diary, mut connection) = (Diary::new(), None);
    let mut beat = tokio::time::interval(PAUSE);
    for turn in 0u64.. {
        beat.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let lot = mix(number << 40 | turn);
        let call = Call {
            id: format!("s{number}.{turn}"),
            model: if lot.is_multiple_of(4) { "plain" } else { "pair" },
            stream: lot % 2 == 1,
        };
        let saw = one(&mut connection, address, &call, lot % 50 == 7).await;
        diary.insert(call.id, saw);
    }
    diary
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB, {} descriptors", self.rss_kib, self.descriptors)
    }
}

impl Sample {
    fn take(router: &Process) -> Self {
        Self { rss_kib: router.memory_kib("VmRSS"), descriptors: router.descriptors() }
    }

    /// Of the tenth part of the samples that begins at that tenth: the median of both figures.
    fn median(samples: &[Self], tenth: usize) -> Self {
        let part = samples.len().div_ceil(10).max(1);
        let from = (samples.len() * tenth / 10).min(samples.len() - part);
        let mut part: Vec<Self> = samples[from..from + part].to_vec();
        let middle = part.len() / 2;
        part.sort_by_key(|sample| sample.rss_kib);
        let rss_kib = part[middle].rss_kib;
        part.sort_by_key(|sample| sample.descriptors);
        Self { rss_kib, descriptors: part[middle].descriptors }
    }
}

/// Each request has its one row, which says what its client saw; counts what was found.
fn check(row: &RequestRecord, diary: &mut Diary) -> Option<Saw> {
    let id = row.client_request_id.as_deref().unwrap_or_else(|| panic!("a row without its client's id: {row:?}"));
    let saw = diary.remove(id).unwrap_or_else(|| panic!("a second row, or one that nobody asked for: {row:?}"));
    match saw {
        Saw::Good(cost) => {
            assert_eq!(row.status, RequestStatus::Completed, "{row:?}");
            // Attempts beside the one that answered may have cost something, too.
            let more = if row.attempts.len() > 1 { row.cost_nano >= cost } else { row.cost_nano == cost };
            assert!(more, "the client saw {cost}: {row:?}");
        }
        // The answer may have been whole when its client's connection broke.
        Saw::Bad | Saw::Left => {}
    }
    assert_ne!(row.status, RequestStatus::Interrupted, "{row:?}");
    let parts: i64 = row.attempts.iter().map(|attempt| attempt.cost_nano).sum();
    assert_eq!(parts, row.cost_nano, "{row:?}");
    Some(saw)
}

async fn compare(store: &Store, diary: Diary) -> HashMap<&'static str, u64> {
    let (mut left, mut tally) = (diary, HashMap::new());
    let mut filter = RequestFilter { since_ms: Some(0), limit: 200, ..RequestFilter::default() };
    loop {
        let page = store.requests(&filter).await.expect("a page");
        for row in &page.rows {
            let word = match check(row, &mut left) {
                Some(Saw::Good(_)) => "good",
                Some(Saw::Bad) => "errors",
                _ => "left",
            };
            *tally.entry(word).or_default() += 1;
            *tally.entry("attempts").or_default() += row.attempts.len() as u64;
            let hedged = row.attempts.iter().any(|attempt| attempt.outcome == "outrun");
            *tally.entry("hedged").or_default() += u64::from(hedged);
        }
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    // Who left may have done so before the request was read.
    let lost: Vec<_> = left.iter().filter(|(_, saw)| matches!(saw, Saw::Good(_))).collect();
    assert!(lost.is_empty(), "answers without a row: {lost:?}");
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_traffic_and_faults_leave_memory_descriptors_and_books_in_order() {
    let whole = Duration::from_secs(seconds());
    let every = Duration::from_secs(30).min(whole / 20);
    let provider = async || SimProvider::builder().keep_requests(0).start().await.expect("a provider");
    let (first, second) = (provider().await, provider().await);
    let installation =
        Installation::new(SETTINGS, &channels(&[("first", &first.base_url()), ("second", &second.base_url())]));
    let router = Process::start(&installation).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(router.address, number, Arc::clone(&stop)));
    }
    let (began, faults, mut samples) = (Instant::now(), faults(), Vec::new());
    for turn in 0.. {
        if began.elapsed() >= whole {
            break;
        }
        // Half of the time something is wrong at the first provider, every fifth time at both.
        let (what, script) = &faults[turn % faults.len()];
        first.set(script.clone());
        if turn % 5 == 4 {
            second.set(script.clone());
        }
        tokio::time::sleep(every / 2).await;
        first.set(Script::ok());
        second.set(Script::ok());
        tokio::time::sleep(every / 2).await;
        samples.push(Sample::take(&router));
        if turn % 2 == 0 {
            println!(
                "{:>5} s of {}, {}; last fault: {what}",
                began.elapsed().as_secs(),
                whole.as_secs(),
                Sample::take(&router)
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut diary = Diary::new();
    while let Some(client) = clients.join_next().await {
        diary.extend(client.expect("a client"));
    }
    let (early, late) = (Sample::median(&samples, 1), Sample::median(&samples, 9));
    let (sent, most) = (diary.len(), router.memory_kib("VmHWM"));
    router.terminate();
    assert!(router.ended().await.success());
    let store = installation.store().await;
    let tally = compare(&store, diary).await;
    assert_balanced(&store).await;
    let of = |what: &str| tally.get(what).copied().unwrap_or_default();
    println!(
        "{sent} requests in {} s, {} faults: {} answered, {} refused or broken off, {} left by their clients",
        began.elapsed().as_secs(),
        samples.len(),
        of("good"),
        of("errors"),
        sent as u64 - of("good") - of("errors")
    );
    println!(
        "{} attempts, {} of them beside a silent one; each request has one row, and the books balance",
        of("attempts"),
        of("hedged")
    );
    println!(
        "memory {} KiB early, {} KiB late, at most {most} KiB; descriptors {} early, {} late",
        early.rss_kib, late.rss_kib, early.descriptors, late.descriptors
    );
    // Faults of seconds outlast themselves in cooldowns and deadlines: a short soak sees more errors than a long one.
    assert!(tally.get("good").is_some_and(|good| good * 3 >= sent as u64), "{tally:?}");
    if whole >= LONG {
        assert!(late.rss_kib * 100 <= early.rss_kib * 105, "memory grew from {early:?} to {late:?}");
    }
    // As many as there are connections: those come and go with the faults.
    let most = early.descriptors + CLIENTS as usize;
    assert!(late.descriptors <= most, "descriptors grew from {early:?} to {late:?}");
}
