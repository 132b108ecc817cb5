//! Structured logs on standard error, and to a rotated file where `logging.directory` is set. The start card and the
//! admin key never pass through here.

use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How to log.
#[derive(Clone, Debug)]
pub struct LogSettings<'a> {
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: &'a str,
    /// The filter of `RUST_LOG`, which wins over the level.
    pub filter: Option<&'a str>,
    /// JSON lines; else text for people.
    pub json: bool,
    /// Folder for files beside standard error.
    pub directory: Option<&'a Path>,
    /// `daily` or `hourly`.
    pub hourly: bool,
    /// Files kept.
    pub keep: usize,
}

/// Starts logging. The guard flushes the file when it is dropped, so it lives as long as the process.
///
/// # Errors
/// If the filter cannot be read or the folder cannot be written.
pub fn start(settings: &LogSettings<'_>) -> anyhow::Result<Option<WorkerGuard>> {
    let filter = match settings.filter {
        Some(filter) if !filter.is_empty() => EnvFilter::try_new(filter)?,
        // Statements of the database and hyper's inner life are of no use to an operator.
        _ => EnvFilter::try_new(format!("{},sqlx=error,hyper=warn,h2=warn,rustls=warn", settings.level))?,
    };
    let (file, guard) = match settings.directory {
        None => (None, None),
        Some(directory) => {
            let rotation = if settings.hourly { Rotation::HOURLY } else { Rotation::DAILY };
            let appender = RollingFileAppender::builder()
                .rotation(rotation)
                .filename_prefix("router")
                .filename_suffix("log")
                .max_log_files(settings.keep.max(1))
                .build(directory)?;
            // Not lossy: a full disk slows logging down rather than hiding what happened.
            let (writer, guard) =
                tracing_appender::non_blocking::NonBlockingBuilder::default().lossy(false).finish(appender);
            (Some(tracing_subscriber::fmt::layer().json().with_writer(writer)), Some(guard))
        }
    };
    let registry = tracing_subscriber::registry().with(filter).with(file);
    if settings.json {
        registry.with(tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr)).try_init()?;
    } else {
        registry.with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr)).try_init()?;
    }
    Ok(guard)
}
