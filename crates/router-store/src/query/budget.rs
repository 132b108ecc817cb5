//! The books: what is spent of each budget, and whether ledger and counters agree.

use crate::db::{Row, Sql, Store};
use crate::error::StoreResult;
use crate::record::BudgetScope;

/// What one budget has seen in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSpent {
    /// Which budget, which period.
    pub scope: BudgetScope,
    /// Posted, nano-USD.
    pub posted_nano: i64,
    /// Drawn as slices by instances and not given back, nano-USD; 0 on a single instance.
    pub reserved_nano: i64,
}

impl Store {
    /// The counters of the given periods, all scopes: to load a starting instance's counters, once the spool is drained.
    pub async fn budget_spent(&self, periods: &[String]) -> StoreResult<Vec<BudgetSpent>> {
        if periods.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new(
            "SELECT scope_kind, scope_id, period, posted_nano, reserved_nano FROM budget_counters WHERE period IN ",
        );
        sql.push_tuple(periods.iter().map(Into::into));
        sql.push(" ORDER BY scope_kind, scope_id, period");
        self.rows(sql)
            .await?
            .iter()
            .map(|row| {
                Ok(BudgetSpent {
                    scope: scope_from(row)?,
                    posted_nano: row.int("posted_nano")?,
                    reserved_nano: row.int("reserved_nano")?,
                })
            })
            .collect()
    }

    /// Every budget whose counter differs from the sum of its ledger: `(scope, ledger, counter)`. Empty is right.
    pub async fn budget_differences(&self) -> StoreResult<Vec<(BudgetScope, i64, i64)>> {
        let sql = "SELECT scope_kind, scope_id, period, CAST(SUM(ledger) AS BIGINT) AS ledger, CAST(SUM(counter) AS BIGINT) AS counter FROM ( \
                     SELECT scope_kind, scope_id, period, CASE WHEN kind IN ('post', 'correct') THEN amount_nano ELSE 0 END AS ledger, 0 AS counter FROM budget_ledger \
                     UNION ALL \
                     SELECT scope_kind, scope_id, period, 0 AS ledger, posted_nano AS counter FROM budget_counters \
                   ) AS books GROUP BY scope_kind, scope_id, period HAVING SUM(ledger) <> SUM(counter) ORDER BY scope_kind, scope_id, period";
        self.rows(Sql::new(sql))
            .await?
            .iter()
            .map(|row| Ok((scope_from(row)?, row.int("ledger")?, row.int("counter")?)))
            .collect()
    }

    /// Every request whose postings to a scope kind differ from its cost: `(request id, cost, posted)`. Empty is right where
    /// each request was posted to exactly one budget of that kind in one of the given periods.
    pub async fn ledger_differences(
        &self,
        scope_kind: &str,
        period_like: &str,
    ) -> StoreResult<Vec<(String, i64, i64)>> {
        let sql = "SELECT r.id AS id, r.cost_nano AS cost, COALESCE(l.posted, 0) AS posted FROM request_logs r LEFT JOIN ( \
                     SELECT request_id, CAST(SUM(amount_nano) AS BIGINT) AS posted FROM budget_ledger \
                     WHERE scope_kind = $1 AND period LIKE $2 AND kind IN ('post', 'correct') GROUP BY request_id \
                   ) AS l ON l.request_id = r.id WHERE r.cost_nano <> COALESCE(l.posted, 0) ORDER BY r.created_at, r.id LIMIT 1000";
        let rows = self.rows(Sql::new(sql).bind(scope_kind).bind(period_like)).await?;
        rows.iter().map(|row| Ok((row.text("id")?, row.int("cost")?, row.int("posted")?))).collect()
    }
}

fn scope_from(row: &Row) -> StoreResult<BudgetScope> {
    Ok(BudgetScope {
        scope_kind: row.text("scope_kind")?,
        scope_id: row.text("scope_id")?,
        period: row.text("period")?,
    })
}
