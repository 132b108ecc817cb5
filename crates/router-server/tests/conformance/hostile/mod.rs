//! The matrix: every behaviour of the hostile provider × its dialect × the client's dialect × streamed or not × with a healthy
//! channel behind it or alone. One router, all cases at once.
//!
//! What a client gets of a case follows from the harm that the behaviour does (`router_testkit::hostile`): nothing else is listed here.
//! The oracles, each named where it is judged:
//!
//! | | holds | where |
//! |---|---|---|
//! | O1 | no secret in any output, in any encoding | `secrets`; answers in `verdict`, rows in `books`, log, metrics and files here |
//! | O2 | costs within reservations; counters = ledger = rows | `books` |
//! | O3 | one terminal row for each accepted request | `books` |
//! | O4 | nobody panicked, the process ends by itself | `rest`, here |
//! | O5 | memory bounded; descriptors, tasks, gauges as before | `rest` |
//! | O6 | every request ended by its deadline | `books` |
//! | O7 | the neighbour sees no error | here, `books` |
//! | O8 | a broken file changes nothing | `rest`, `books` |
//! | O9 | attempts within the retry budget | here, `books` |
//! | O10 | all works again without a restart | here |
//! | O11 | a refused request sends nothing to anybody | `rest` |

mod books;
mod cases;
mod marks;
mod rest;
mod secrets;
mod steps;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use router_testkit::hostile::BEHAVIOURS;
use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::support::{Call, TestRouter};
use books::Books;
use cases::{CONTROL, COOLDOWN, Case, Fronts, cases, setup};
use rest::Base;
use secrets::Secrets;
use verdict::verdict;

/// Between the pieces of what comes slowly or without end.
const PAUSE: Duration = Duration::from_millis(20);
/// Cases at a time that do not wait for a deadline. With those that do they need fewer retries at once than the budget holds, so that
/// none of what was earned for them is lost.
const BUSY: usize = 24;
/// Between two questions of the control client.
const CONTROL_PACE: Duration = Duration::from_millis(50);
/// Requests that earn one retry: the budget is a fifth.
const EARN: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_behaviour_of_the_hostile_provider_leaves_clients_books_and_neighbours_whole() {
    let hostile = SimProvider::builder().keep_requests(0).start().await.expect("a provider").hostile(PAUSE);
    let (good, neighbour) = (SimProvider::start().await, SimProvider::start().await);
    let fronts = Fronts::start(hostile.address()).await;
    let (setup, secrets) = (setup(&hostile, &good, &neighbour, &fronts), Arc::new(Secrets::new()));
    let whole = setup.yaml();
    let traffic = Arc::new(Traffic::new(setup.start().await));
    let router = &traffic.router;
    traffic.control().await;
    let base = Base::of(router).await;

    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn(watch(Arc::clone(&traffic), Arc::clone(&over)));
    let all = cases();
    let (wrong, ()) = tokio::join!(run(&traffic, &secrets, &all), rest::break_configuration(router));
    over.store(true, Ordering::Relaxed);
    watch.await.expect("the control client");
    report("cases", &all, wrong);

    let requests = all.len() + traffic.controls();
    let books = Books::read(router, &secrets).await;
    report("rows", &all, books.wrong(&all, requests));
    assert_eq!(router.metric("router_requests_total").await, requests as f64, "O3: counters agree with the log");
    assert_eq!(books.configurations().len(), 1, "O8");
    // O9: by the rows, and by what the providers saw: connections that ended under a request count there as well.
    let (attempts, rows) = books.attempts();
    let calls: u64 = [&hostile, &good, &neighbour].iter().map(|provider| provider.stats().requests).sum();
    assert!(
        5 * attempts <= 6 * rows && 5 * calls <= 6 * rows as u64,
        "{attempts} attempts, {calls} calls, {rows} rows"
    );
    println!(
        "{} cases of {} behaviours; {} requests of the neighbour; {attempts} attempts; at most {} KiB",
        all.len(),
        cases::subjects().count(),
        traffic.controls(),
        rest::most_kib(&router.proc())
    );

    rest::mend_configuration(router, &whole).await;
    let healed = heal(router, &hostile).await;
    println!("{healed} channels answer again by themselves");
    for provider in [&hostile, &good, &neighbour] {
        provider.wait_until(|stats| stats.in_flight == 0).await.expect("no call is left behind");
    }
    let refused = rest::refuse(router, &secrets, &[&hostile, &good, &neighbour]).await;
    println!("{refused} requests were refused without a byte to a provider");
    for provider in [&hostile, &good, &neighbour] {
        provider.stop().await;
    }
    drop(fronts);
    base.assert_again(router).await;
    // O1: in metrics, log and files; O4: the process is there to be ended.
    secrets.assert_none_in("metrics", &router.get("/metrics").await.text());
    let mut router = Arc::into_inner(traffic).expect("nobody else has it").router;
    let ended = router.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    secrets.assert_none_in("the log", &format!("{}{}", ended.stdout, ended.stderr));
    secrets.assert_none_below(&router.data_dir());
    books::assert_balanced(&router.data_dir()).await;
}

/// The router, and the neighbour of the hostile channels.
struct Traffic {
    router: TestRouter,
    controls: AtomicUsize,
}

impl Traffic {
    fn new(router: TestRouter) -> Self {
        Self { router, controls: AtomicUsize::new(0) }
    }

    /// A request of the neighbour, whose channel nobody else uses. O7: it never sees an error.
    async fn control(&self) {
        self.controls.fetch_add(1, Ordering::Relaxed);
        let reply = Call::chat(self.router.address()).model(CONTROL).send().await;
        let seen = (reply.status(), reply.header("x-router-channel"), reply.header("x-router-attempts"));
        assert_eq!(seen, (200, "neighbour", "1"), "{}", reply.text());
        assert!(reply.is_complete() && reply.said() == "Simulated answer to: Hello", "{}", reply.text());
    }

    /// How many there were.
    fn controls(&self) -> usize {
        self.controls.load(Ordering::Relaxed)
    }
}

/// Runs the cases, those of one channel one after another; gives what was wrong.
async fn run(traffic: &Arc<Traffic>, secrets: &Arc<Secrets>, all: &[Case]) -> Vec<String> {
    let busy = Arc::new(Semaphore::new(BUSY));
    let mut channels: HashMap<String, Vec<Case>> = HashMap::new();
    for case in all {
        channels.entry(case.channel()).or_default().push(case.clone());
    }
    let mut running = JoinSet::new();
    for cases in channels.into_values() {
        let (busy, traffic, secrets) = (Arc::clone(&busy), Arc::clone(traffic), Arc::clone(secrets));
        running.spawn(async move {
            let mut wrong = Vec::new();
            for case in cases {
                let _room = if case.waits() { None } else { Some(busy.acquire().await.expect("never closed")) };
                // O9: the retries of the case, which counts itself.
                for _ in 1..EARN * case.retries() {
                    traffic.control().await;
                }
                let verdict = verdict(&case, &secrets, &case.call(traffic.router.address()).send().await);
                wrong.extend(verdict.err().map(|what| format!("{}: {what}", case.id())));
                // The channel's cooldown is over.
                tokio::time::sleep(2 * COOLDOWN).await;
            }
            wrong
        });
    }
    let mut wrong = Vec::new();
    while let Some(channel) = running.join_next().await {
        wrong.extend(channel.expect("a channel's cases"));
    }
    wrong
}

/// Fails with what was wrong, if anything was.
fn report(what: &str, all: &[Case], mut wrong: Vec<String>) {
    wrong.sort();
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} of {} {what} are wrong:\n{}", all.len(), wrong.join("\n"));
}

/// Asks the neighbour again and again until the cases are over.
async fn watch(traffic: Arc<Traffic>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        traffic.control().await;
        tokio::time::sleep(CONTROL_PACE).await;
    }
}

/// O10: the hostile provider becomes honest: each of its channels answers again, without a restart or anybody's hand.
async fn heal(router: &TestRouter, hostile: &SimProvider) -> usize {
    for behaviour in BEHAVIOURS {
        hostile.set_model(&behaviour.model(), Script::ok());
    }
    let channels = cases::hostile_channels();
    for channel in &channels {
        let reply = router.chat().with(json!({"model": cases::model_of(channel)})).send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, &**channel), "{}", reply.text());
    }
    channels.len()
}
