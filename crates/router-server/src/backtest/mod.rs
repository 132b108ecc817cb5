//! A backtest of a configuration: the log out of the database into the core's backtest, page by page.

mod entry;
mod table;
mod unchanged;

use router_core::backtest::{Backtest, Observations, Report, Scope};
use router_core::budget::{Period, Window};
use router_core::catalog::Snapshot;
use router_core::catalog::spec::ClientKeySpec;
use router_core::money::Nano;
use router_store::{Store, StoreError};

use crate::config::{Loaded, nearest};
use crate::stage::stage;
pub use table::text;
use unchanged::Comparisons;

/// Rows of a page. Between pages the control plane does its other work.
const PAGE: u32 = 200;
/// So much of the log before the period warms averages and breakers up.
const WARM_MS: u64 = 3_600_000;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum NoResult {
    /// The tested configuration has no such group.
    #[error("the tested configuration has no group `{name}`{hint}")]
    NoGroup {
        /// As asked for.
        name: String,
        /// What is there instead.
        hint: String,
    },
    /// Nothing to decide anew.
    #[error("the log holds no requests{group} in this period")]
    Empty {
        /// ` for GROUP`, if one was named.
        group: String,
    },
    /// The period ends before it begins.
    #[error("the period ends before it begins")]
    Backwards,
    /// The tested configuration cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far it is: rows read of rows to be read, both passes together.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Read.
    pub read: u64,
    /// To be read.
    pub of: u64,
}

/// Tests a configuration on a period of the log. `keys` are the client keys of the database, for their permissions and limits.
///
/// # Errors
/// [`NoResult`]
pub async fn run(
    store: &Store,
    tested: &Loaded,
    keys: Vec<ClientKeySpec>,
    scope: Scope,
    told: &mut impl FnMut(Progress),
) -> Result<Report, NoResult> {
    if scope.from_ms >= scope.to_ms {
        return Err(NoResult::Backwards);
    }
    let mut spec = tested.catalog_spec(0, Vec::new());
    spec.keys = keys;
    let stage = stage(tested, spec).map_err(NoResult::Configuration)?;
    if let Some(name) = scope.group.as_deref().filter(|name| stage.core.group_by_name(name).is_none()) {
        return Err(no_group(&stage.core, name));
    }
    // From the beginning of the day, since limits and budgets of the day count from there.
    let day = Window::at(Period::Day, stage.core.zone(), scope.from_ms);
    let begin = signed(day.start_ms.min(scope.from_ms.saturating_sub(WARM_MS)));
    let end = signed(scope.to_ms);
    let rows = u64::try_from(store.request_count(begin, end).await?).unwrap_or(0);
    let mut progress = Progress { read: 0, of: rows.saturating_mul(2) };

    let mut observations = Observations::default();
    let mut found = false;
    let mut after = None;
    loop {
        let page = store.request_log(begin, end, after.as_deref(), PAGE).await?;
        progress.read += page.rows.len() as u64;
        for entry in page.rows.iter().map(|row| entry::of(row, None)) {
            found |= scope.holds(&entry);
            observations.add(&entry);
        }
        told(progress);
        after = page.next_cursor;
        tokio::task::yield_now().await;
        if after.is_none() {
            break;
        }
    }
    if !found {
        let group = scope.group.map(|name| format!(" for {name}")).unwrap_or_default();
        return Err(NoResult::Empty { group });
    }
    let mut comparisons = Comparisons::new(store, tested);
    let month = Window::at(Period::Month, stage.core.zone(), unsigned(begin));
    let mut backtest = Backtest::new(stage, &observations, scope);
    for (key, cost) in store.cost_by_key(signed(month.start_ms), begin).await? {
        backtest.spent_before(&key, Nano(cost), unsigned(begin));
    }
    loop {
        let page = store.request_log(begin, end, after.as_deref(), PAGE).await?;
        progress.read += page.rows.len() as u64;
        for row in &page.rows {
            backtest.add(entry::of(row, comparisons.with(row.config_version).await?));
        }
        told(progress);
        after = page.next_cursor;
        tokio::task::yield_now().await;
        if after.is_none() {
            break;
        }
    }
    Ok(backtest.finish())
}

fn no_group(core: &Snapshot, name: &str) -> NoResult {
    let groups = core.groups().iter().map(|group| &*group.name);
    let hint = match nearest(name, groups.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; it has: {}", groups.take(20).collect::<Vec<_>>().join(", ")),
    };
    NoResult::NoGroup { name: name.to_owned(), hint }
}

fn unsigned(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
