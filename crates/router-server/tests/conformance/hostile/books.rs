//! What the router wrote down of the cases: O2, O3, O6, O7 and O9.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use router_store::{Store, StoreOptions};
use router_testkit::hostile::Harm;
use serde_json::Value;

use super::cases::{CONTROL, Case, GOOD, LATEST_MS};
use super::secrets::Secrets;
use crate::support::{Row, TestRouter, eventually};

/// The request log, as the admin API tells it.
pub(super) struct Books {
    rows: Vec<(Row, Value)>,
}

impl Books {
    /// Reads it, once all is in the database.
    pub(super) async fn read(router: &TestRouter, secrets: &Secrets) -> Self {
        eventually("all in the database", async || (router.metric("router_spool_records").await == 0.0).then_some(()))
            .await;
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = router.admin(&format!("/admin/v1/requests?limit=200{cursor}")).await;
            assert_eq!(page.status(), 200, "{}", page.text());
            // O1: in the rows.
            secrets.assert_none_in("the request log", &page.text());
            let page = page.json();
            rows.extend(page["data"].as_array().expect("rows").iter().map(|row| (Row::read(row), row.clone())));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Self { rows },
            }
        }
    }

    /// What is wrong with the rows of these cases, and of the neighbour's requests between them.
    pub(super) fn wrong(&self, all: &[Case], requests: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        // O3: accepted = terminal rows (nothing is in flight any more), and one row for an id.
        let ids: HashSet<&str> = self.rows.iter().map(|(row, _)| row.id.as_str()).collect();
        if (self.rows.len(), ids.len()) != (requests, requests) {
            wrong.push(format!("{} rows, {} ids of {requests} requests", self.rows.len(), ids.len()));
        }
        let cases: HashMap<String, &Case> = all.iter().map(|case| (case.id(), case)).collect();
        let mut seen = HashSet::new();
        for (row, raw) in &self.rows {
            let case = row.client_request_id.as_deref().and_then(|id| cases.get(id));
            let what = case.map_or_else(|| wrong_neighbour(row), |case| wrong_row(case, row));
            let late = raw["latency_ms"].as_i64().is_none_or(|ms| ms > LATEST_MS);
            // O6: ended by its deadline.
            let what = what.or(late.then_some("later than its deadline"));
            wrong.extend(what.map(|what| format!("{what}: {row:?}")));
            seen.extend(case.map(|case| case.id()));
        }
        wrong.extend(cases.keys().filter(|id| !seen.contains(*id)).map(|id| format!("{id}: no row")));
        wrong
    }

    /// O9: calls of providers are at most 1.2 times the requests. (The ten a second that are free beside them are not needed here: each
    /// case comes after the traffic that earns its retry.) Gives both numbers.
    pub(super) fn attempts(&self) -> (usize, usize) {
        let attempts = self.rows.iter().map(|(row, _)| row.attempts.len()).sum();
        (attempts, self.rows.len())
    }

    /// O8: every request saw the one configuration that works.
    pub(super) fn configurations(&self) -> HashSet<i64> {
        self.rows.iter().map(|(row, _)| row.config_version).collect()
    }
}

/// O7: the neighbour's requests were answered, at the first try, by its own channel.
fn wrong_neighbour(row: &Row) -> Option<&'static str> {
    let good = row.model == CONTROL && row.status == "completed" && row.outcomes() == [("neighbour", "completed")];
    (!good).then_some("the neighbour")
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
    // O6: what has no end of its own was ended by a deadline.
    if case.waits() && !row.attempts.iter().any(|attempt| attempt.outcome.ends_with("_timeout")) {
        return Some("not ended by a deadline");
    }
    // O2: a provider cannot make an answer dearer than what was reserved for it, nor cheaper than nothing.
    let odd = row.cost < 0 || row.cost > row.reserved || (whole && row.cost == 0);
    odd.then_some("an odd cost")
}

/// O2: counters are the sums of the ledger, the ledger says what the rows say; nothing is reserved any more.
pub(super) async fn assert_balanced(data: &Path) {
    let url = format!("sqlite://{}", data.join("router.db").display());
    let options = StoreOptions { create: false, ..StoreOptions::default() };
    let store = Store::open(&url, options).await.expect("the database");
    assert_eq!(store.budget_differences().await.expect("the books"), []);
    assert_eq!(store.ledger_differences("key", "____-__-__").await.expect("the books"), []);
}
