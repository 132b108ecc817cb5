//! Runs of background jobs: the last ones of each.

use crate::db::{Sql, Store};
use crate::error::StoreResult;

/// A job as it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSettings {
    /// Its name.
    pub name: String,
    /// Its schedule.
    pub cron: String,
    /// For one try, milliseconds; above 0.
    pub timeout_ms: i64,
    /// Tries after the first one.
    pub retries: i64,
    /// Whether it runs by its schedule.
    pub enabled: bool,
}

/// A run that has ended. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRun {
    /// Unique.
    pub id: String,
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
    /// `ok`, `failed` or `timeout`.
    pub outcome: String,
    /// How often it was tried.
    pub tries: i64,
    /// Who wanted it.
    pub triggered_by: String,
    /// What was done, or why not; JSON.
    pub detail: String,
}

impl Store {
    /// Keeps a run, and of its job no more than the last `most`.
    pub async fn keep_job_run(&self, job: &JobSettings, run: &JobRun, most: u32) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let sql = "INSERT INTO jobs (name, cron, timeout_ms, retries, enabled, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, timeout_ms = excluded.timeout_ms, \
                   retries = excluded.retries, enabled = excluded.enabled, updated_at = excluded.updated_at";
        let sql = Sql::new(sql).bind(&job.name).bind(&job.cron).bind(job.timeout_ms).bind(job.retries);
        tx.execute(sql.bind(job.enabled).bind(run.ended_at)).await?;
        let sql = "INSERT INTO job_runs (id, job_name, started_at, ended_at, outcome, attempt, triggered_by, detail) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let sql = Sql::new(sql).bind(&run.id).bind(&job.name).bind(run.started_at).bind(run.ended_at);
        tx.execute(sql.bind(&run.outcome).bind(run.tries).bind(&run.triggered_by).bind(&run.detail)).await?;
        let sql = "DELETE FROM job_runs WHERE job_name = $1 AND id NOT IN \
                   (SELECT id FROM job_runs WHERE job_name = $2 ORDER BY started_at DESC, id DESC LIMIT $3)";
        tx.execute(Sql::new(sql).bind(&job.name).bind(&job.name).bind(i64::from(most))).await?;
        tx.commit().await
    }

    /// The kept runs of a job that have ended, the newest first.
    pub async fn job_runs(&self, job: &str) -> StoreResult<Vec<JobRun>> {
        let sql = "SELECT id, started_at, ended_at, outcome, attempt, triggered_by, detail FROM job_runs \
                   WHERE job_name = $1 AND ended_at IS NOT NULL AND detail IS NOT NULL ORDER BY started_at DESC, id DESC";
        let rows = self.rows(Sql::new(sql).bind(job)).await?;
        rows.iter()
            .map(|row| {
                Ok(JobRun {
                    id: row.text("id")?,
                    started_at: row.int("started_at")?,
                    ended_at: row.int("ended_at")?,
                    outcome: row.text("outcome")?,
                    tries: row.int("attempt")?,
                    triggered_by: row.text("triggered_by")?,
                    detail: row.text("detail")?,
                })
            })
            .collect()
    }
}
