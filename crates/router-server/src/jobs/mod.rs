//! Background jobs: what runs by the clock, or because an operator wants it now; never twice at a time.
//!
//! A job is one file with a [`Job`], and one line in [`JOBS`]. The clock wakes once a minute and asks each job's present settings
//! whether it is due, so that a reload counts at once. Every run is a task of its own. The last runs stand in memory, and in the
//! database for the next start.

pub mod health_check;
mod kept;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use router_core::ids::{hash64, mix};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::clock::unix_ms;
use crate::config::cron::Schedule;
use crate::relay::Worker;
use crate::snapshot::Settings;
use crate::tasks::Tasks;
use crate::telemetry::metrics::{JobLabels, Name};

/// One line a job.
pub const JOBS: &[Job] = &[health_check::JOB];

/// Of each job, so many runs are kept.
const KEPT: usize = 20;
const MINUTE_MS: u64 = 60_000;
/// Before a run is tried again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A job.
pub struct Job {
    /// As under `jobs` in the configuration.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its part of the settings.
    pub timing: fn(&Settings) -> &Timing,
    /// One try.
    pub run: fn(Worker) -> Work,
}

/// What a run gives: what was done, or why it could not be, in a sentence.
pub type Work = BoxFuture<'static, Result<Value, String>>;

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// When and how often a job runs: its part of the configuration.
#[derive(Clone, Debug)]
pub struct Timing {
    /// As it was written.
    pub cron: String,
    /// The same, read.
    pub schedule: Option<Schedule>,
    /// Whether it runs by the clock.
    pub enabled: bool,
    /// For one try.
    pub timeout: Duration,
    /// Tries after the first one.
    pub retries: u32,
}

impl Timing {
    /// The schedule by which it runs, if it runs by itself.
    #[must_use]
    pub fn by_the_clock(&self) -> Option<&Schedule> {
        self.schedule.as_ref().filter(|_| self.enabled)
    }
}

/// Who wanted a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Its schedule.
    Clock,
    /// A person, by the admin API.
    Operator,
}

impl Trigger {
    /// The word in rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Operator => "operator",
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct End {
    /// `ok`, `failed` or `timeout`, of the last try.
    pub outcome: &'static str,
    /// How often it was tried.
    pub tries: u32,
    /// What was done; nothing where it failed.
    pub done: Value,
    /// Why it failed.
    pub error: Option<String>,
}

/// A run that has ended. Times are unix milliseconds.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who wanted it.
    pub trigger: Trigger,
    /// When it began.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// What it came to.
    pub end: End,
}

/// What is known of a job's runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Since when one runs; unix milliseconds.
    pub running_since_ms: Option<u64>,
    /// The last ones, the newest first.
    pub last: VecDeque<Run>,
}

/// Runs jobs. Clones share the same runs.
#[derive(Clone, Debug)]
pub struct Jobs(Arc<Office>);

#[derive(Debug)]
struct Office {
    /// With what jobs work: the relay's own means, on the control thread.
    worker: Worker,
    tasks: Tasks,
    runs: Mutex<BTreeMap<&'static str, Runs>>,
}

impl Jobs {
    /// Runs jobs with these means, as tasks of that owner.
    #[must_use]
    pub fn new(worker: Worker, tasks: Tasks) -> Self {
        Self(Arc::new(Office { worker, tasks, runs: Mutex::default() }))
    }

    /// Starts jobs by the clock until the tasks end.
    pub fn watch(&self) {
        let (this, stop) = (self.clone(), self.0.tasks.clone());
        self.0.tasks.spawn("clock of jobs", async move {
            tokio::select! {
                () = async { this.recall().await; this.by_the_clock().await } => {}
                () = stop.stopping() => {}
            }
        });
    }

    /// What is known of a job's runs.
    #[must_use]
    pub fn runs(&self, job: &Job) -> Runs {
        self.desk().get(job.name).cloned().unwrap_or_default()
    }

    /// Starts a job, unless it runs already. Its end is told to whoever waits for it; nobody need.
    pub fn start(&self, job: &'static Job, trigger: Trigger) -> Option<oneshot::Receiver<Run>> {
        let began_ms = unix_ms();
        {
            let mut desk = self.desk();
            let runs = desk.entry(job.name).or_default();
            if runs.running_since_ms.is_some() {
                return None;
            }
            runs.running_since_ms = Some(began_ms);
        }
        let mut started = Started { jobs: self.clone(), job, trigger, began_ms, ended: None };
        let (told, hear) = oneshot::channel();
        let (this, stop) = (self.clone(), self.0.tasks.clone());
        self.0.tasks.spawn(job.name, async move {
            tokio::select! {
                end = this.work(job) => {
                    let run = started.ended(end);
                    this.keep(job, &run).await;
                    drop(started);
                    // Nobody need listen.
                    let _ = told.send(run);
                }
                () = stop.stopping() => {}
            }
        });
        Some(hear)
    }

    /// Takes over what earlier starts have kept.
    async fn recall(&self) {
        for job in JOBS {
            match self.0.worker.app.store.job_runs(job.name).await {
                Ok(kept) => {
                    let mut desk = self.desk();
                    let last = &mut desk.entry(job.name).or_default().last;
                    last.extend(kept.iter().filter_map(kept::read));
                    last.truncate(KEPT);
                }
                Err(error) => {
                    tracing::warn!(job = job.name, %error, "earlier runs of the job `{}` are not known", job.name)
                }
            }
        }
    }

    /// Keeps a run. One that cannot be kept has run all the same.
    async fn keep(&self, job: &Job, run: &Run) {
        let app = &self.0.worker.app;
        let settings = kept::settings(job, (job.timing)(&app.snapshot.load().settings));
        let most = u32::try_from(KEPT).unwrap_or(u32::MAX);
        if let Err(error) = app.store.keep_job_run(&settings, &kept::row(run), most).await {
            tracing::warn!(job = job.name, %error, "the run of the job `{}` is only known until the end of this process", job.name);
        }
    }

    /// All instances wake in the same minute, each at a moment of its own in its first half.
    async fn by_the_clock(&self) {
        let app = &self.0.worker.app;
        loop {
            let now_ms = unix_ms();
            let next_ms = (now_ms / MINUTE_MS + 1) * MINUTE_MS;
            let instance = hash64(app.snapshot.load().settings.instance.as_bytes());
            let jitter_ms = mix(instance ^ next_ms) % (MINUTE_MS / 2);
            tokio::time::sleep(Duration::from_millis(next_ms - now_ms + jitter_ms)).await;
            let snapshot = app.snapshot.load_full();
            let is_due = |job: &&Job| {
                (job.timing)(&snapshot.settings).by_the_clock().is_some_and(|schedule| schedule.is_due(next_ms))
            };
            for job in JOBS.iter().filter(is_due) {
                if self.start(job, Trigger::Clock).is_none() {
                    tracing::warn!(job = job.name, "the job `{}` is due, but still runs", job.name);
                }
            }
        }
    }

    /// One run: as many tries as it takes and its settings allow.
    async fn work(&self, job: &Job) -> End {
        let worker = &self.0.worker;
        let timing = (job.timing)(&worker.app.snapshot.load().settings).clone();
        let (mut tries, mut pause) = (0, FIRST_PAUSE);
        loop {
            tries += 1;
            let end = |outcome, done, error| End { outcome, tries, done, error };
            let end = match tokio::time::timeout(timing.timeout, (job.run)(worker.clone())).await {
                Ok(Ok(done)) => return end("ok", done, None),
                Ok(Err(why)) => end("failed", Value::Null, Some(why)),
                Err(_) => {
                    let why = format!("not done after {} s, its `timeout`", timing.timeout.as_secs());
                    end("timeout", Value::Null, Some(why))
                }
            };
            if tries > timing.retries {
                return end;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn desk(&self) -> MutexGuard<'_, BTreeMap<&'static str, Runs>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that has begun. However it ends, the job can run again, and its end is noted.
struct Started {
    jobs: Jobs,
    job: &'static Job,
    trigger: Trigger,
    began_ms: u64,
    ended: Option<Run>,
}

impl Started {
    fn ended(&mut self, end: End) -> Run {
        self.ended.insert(self.run(end)).clone()
    }

    fn run(&self, end: End) -> Run {
        Run { trigger: self.trigger, began_ms: self.began_ms, ended_ms: unix_ms(), end }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let broken_off = || End {
            outcome: "failed",
            tries: 1,
            done: Value::Null,
            error: Some("it broke off before its end; the log says more".to_owned()),
        };
        let run = self.ended.take().unwrap_or_else(|| self.run(broken_off()));
        let (job, outcome) = (self.job.name, run.end.outcome);
        let took_ms = run.ended_ms.saturating_sub(run.began_ms);
        match &run.end.error {
            None => tracing::info!(job, outcome, took_ms, done = %run.end.done, "the job `{job}` has run"),
            Some(why) => tracing::warn!(job, outcome, took_ms, "the job `{job}` did not run well: {why}"),
        }
        let metrics = &self.jobs.0.worker.app.metrics;
        metrics.job_runs.get_or_create_owned(&JobLabels { job: Name(job.into()), outcome }).inc();
        let mut desk = self.jobs.desk();
        let runs = desk.entry(job).or_default();
        runs.running_since_ms = None;
        runs.last.push_front(run);
        runs.last.truncate(KEPT);
    }
}
