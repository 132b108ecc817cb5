//! The matrix: every behaviour of the hostile provider × its dialect × the client's dialect × streamed or not × with a healthy
//! channel behind it or alone. One router, all cases at once, and after them its books, counters and descriptors.
//!
//! What a client gets of a case follows from the harm that the behaviour does (`router_testkit::hostile`): nothing else is listed here.

mod books;
mod cases;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use router_testkit::hostile::{BEHAVIOURS, SECRET};
use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::support::{Call, TestRouter, eventually};
use cases::{CONTROL, COOLDOWN, Case, Fronts, GOOD, cases, setup};
use verdict::verdict;

/// Between the pieces of what comes slowly or without end.
const PAUSE: Duration = Duration::from_millis(20);
/// Cases at a time that do not wait for a deadline.
const BUSY: usize = 24;
/// Between two questions of the control client.
const CONTROL_PACE: Duration = Duration::from_millis(50);
/// The most memory that it may ever take, KiB.
const MOST_KIB: u64 = 500_000_000 / 1024;
/// Descriptors that may be more than before: those of connections that are just being closed.
const SPARE_DESCRIPTORS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_behaviour_of_the_hostile_provider_leaves_clients_books_and_neighbours_whole() {
    let hostile = SimProvider::builder().keep_requests(0).start().await.expect("a provider").hostile(PAUSE);
    let (good, neighbour) = (SimProvider::start().await, SimProvider::start().await);
    let fronts = Fronts::start(hostile.address()).await;
    let router = Arc::new(setup(&hostile, &good, &neighbour, &fronts).start().await);
    assert_eq!(control(&router).await, 200);
    let descriptors = books::descriptors(&router.proc());

    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn(watch(Arc::clone(&router), Arc::clone(&over)));
    let all = cases();
    let wrong = run(&router, &all).await;
    over.store(true, Ordering::Relaxed);
    let seen = watch.await.expect("the control client");

    let (behaviours, most) = (cases::subjects().count(), books::most_kib(&router.proc()));
    println!(
        "{} cases of {behaviours} behaviours; the control client asked {seen} times; at most {most} KiB",
        all.len()
    );
    report("cases", &all, wrong);
    let rows = router.rows(all.len() + seen + 1).await;
    report("rows", &all, books::wrong_rows(&all, &rows));
    assert!(most < MOST_KIB, "{most} KiB");
    books::assert_at_rest(&router, all.len() + seen + 1).await;

    let healed = heal(&router, &hostile).await;
    println!("{healed} channels answer again by themselves");
    for provider in [&hostile, &good, &neighbour] {
        provider.wait_until(|stats| stats.in_flight == 0).await.expect("no call is left behind");
        provider.stop().await;
    }
    drop(fronts);
    eventually("the descriptors of before", async || {
        (books::descriptors(&router.proc()) <= descriptors + SPARE_DESCRIPTORS).then_some(())
    })
    .await;
    let mut router = Arc::into_inner(router).expect("nobody else has it");
    let ended = router.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET), "the log holds a provider's secret");
    assert!(!ended.stderr.contains("sk-upstream-"), "the log holds a provider key");
    books::assert_balanced(&router.data_dir()).await;
}

/// Runs the cases, those of one channel one after another; gives what was wrong.
async fn run(router: &Arc<TestRouter>, all: &[Case]) -> Vec<String> {
    let busy = Arc::new(Semaphore::new(BUSY));
    let mut channels: HashMap<String, Vec<Case>> = HashMap::new();
    for case in all {
        channels.entry(case.channel()).or_default().push(case.clone());
    }
    let mut running = JoinSet::new();
    for cases in channels.into_values() {
        let (busy, address) = (Arc::clone(&busy), router.address());
        running.spawn(async move {
            let mut wrong = Vec::new();
            for case in cases {
                let _room = if case.waits() { None } else { Some(busy.acquire().await.expect("never closed")) };
                let verdict = verdict(&case, &case.call(address).send().await);
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

/// Asks the neighbour again and again until the cases are over. It never sees an error.
async fn watch(router: Arc<TestRouter>, over: Arc<AtomicBool>) -> usize {
    let mut seen = 0;
    while !over.load(Ordering::Relaxed) {
        assert_eq!(control(&router).await, 200, "the neighbour of the hostile channels");
        seen += 1;
        tokio::time::sleep(CONTROL_PACE).await;
    }
    seen
}

async fn control(router: &TestRouter) -> u16 {
    Call::chat(router.address()).model(CONTROL).send().await.status()
}

/// The hostile provider becomes honest: each of its channels answers again, without a restart or anybody's hand.
async fn heal(router: &TestRouter, hostile: &SimProvider) -> usize {
    for behaviour in BEHAVIOURS {
        hostile.set_model(&behaviour.model(), Script::ok());
    }
    let channels = cases::hostile_channels();
    for channel in &channels {
        let reply = router.chat().with(json!({"model": cases::model_of(channel)})).send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, &**channel), "{}", reply.text());
    }
    assert!(!channels.iter().any(|channel| channel == GOOD));
    channels.len()
}
