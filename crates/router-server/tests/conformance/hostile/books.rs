//! What the router wrote down of the cases, and what is left of them.

use std::collections::HashMap;
use std::path::Path;

use router_store::{Store, StoreOptions};
use router_testkit::hostile::{Harm, SECRET};

use super::cases::{Case, GOOD};
use crate::support::{Row, TestRouter, eventually};

/// Each case has exactly one row, with the attempts that it must have made.
pub(super) fn wrong_rows(all: &[Case], rows: &[Row]) -> Vec<String> {
    let by_id: HashMap<&str, &Row> =
        rows.iter().filter_map(|row| Some((row.client_request_id.as_deref()?, row))).collect();
    let mut wrong = Vec::new();
    for case in all {
        match by_id.get(case.id().as_str()) {
            None => wrong.push(format!("{}: no row", case.id())),
            Some(row) => wrong.extend(wrong_row(case, row).map(|what| format!("{}: {what}: {row:?}", case.id()))),
        }
    }
    wrong
}

fn wrong_row(case: &Case, row: &Row) -> Option<&'static str> {
    let attempts: Vec<(&str, bool)> =
        row.attempts.iter().map(|attempt| (attempt.channel.as_str(), attempt.outcome == "completed")).collect();
    let channel = case.channel();
    let hostile = channel.as_str();
    let completed = row.status == "completed";
    let (expected, whole): (&[(&str, bool)], bool) = match (case.harm(), case.paired) {
        (Harm::None, _) => (&[(hostile, true)], true),
        (Harm::Early, true) => (&[(hostile, false), (GOOD, true)], true),
        (Harm::Early, false) | (Harm::Late, _) => (&[(hostile, false)], false),
        (Harm::Unsure, _) => (&attempts, completed),
    };
    if attempts != expected {
        return Some("other attempts");
    }
    if completed != whole || row.error_code.is_some() == whole || row.stream != case.stream {
        return Some("another end");
    }
    // A provider cannot make an answer dearer than what was reserved for it, nor cheaper than nothing.
    if row.cost < 0 || row.cost > row.reserved || (whole && row.cost == 0) {
        return Some("an odd cost");
    }
    format!("{row:?}").contains(SECRET).then_some("a secret of the provider's")
}

/// Nothing runs any more, nobody panicked, and the counters say what the rows say.
pub(super) async fn assert_at_rest(router: &TestRouter, requests: usize) {
    eventually("the end of all attempts", async || {
        (router.metric("router_channel_in_flight").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(router.metric("router_panics_total").await, 0.0);
    assert_eq!(router.metric("router_requests_total").await, requests as f64);
}

/// Counters are the sums of the ledger; nothing is reserved any more.
pub(super) async fn assert_balanced(data: &Path) {
    let url = format!("sqlite://{}", data.join("router.db").display());
    let options = StoreOptions { create: false, ..StoreOptions::default() };
    let store = Store::open(&url, options).await.expect("the database");
    assert_eq!(store.budget_differences().await.expect("the books"), []);
    assert_eq!(store.ledger_differences("key", "____-__-__").await.expect("the books"), []);
}

/// The descriptors that a process has open, by its folder in `/proc`.
pub(super) fn descriptors(proc: &Path) -> usize {
    std::fs::read_dir(proc.join("fd")).expect("/proc").count()
}

/// The most memory that it ever had, KiB.
pub(super) fn most_kib(proc: &Path) -> u64 {
    let text = std::fs::read_to_string(proc.join("status")).expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}
