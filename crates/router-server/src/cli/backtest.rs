//! `backtest`: what the recorded requests would have come to under another policy.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use router_core::backtest::Scope;

use super::args::BacktestArgs;
use super::install::{Install, block_on};
use super::{Exit, Failed};
use crate::admin::moment_ms;
use crate::backtest::{self, NoResult, Progress};
use crate::clock::unix_ms;
use crate::config::{self, Source, SourceFile};
use crate::startup::{Candidate, client_keys};

/// Progress is told for logs of more rows than this, that often.
const MANY: u64 = 20_000;

/// Runs the command.
///
/// # Errors
/// Exit code 2 for arguments or a policy that cannot be used, 1 where the log holds nothing to test.
pub fn run(
    args: &BacktestArgs,
    env: &BTreeMap<String, String>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failed> {
    let usage = |message: String| Failed::new(Exit::Usage, message);
    let install = Install::new(&args.install, env);
    let serving = install.load_as_served()?;
    let from_ms = moment("--from", &args.from)?;
    let to_ms = args.to.as_deref().map_or_else(|| Ok(unix_ms()), |text| moment("--to", text))?;
    let tested = match &args.policy {
        None => None,
        Some(path) => Some(install.load_candidate(candidate(path, args.group.as_deref())?)?),
    };
    let scope = Scope { from_ms, to_ms, group: args.group.as_deref().map(Arc::from) };
    let report = block_on(async {
        let store = install.open_current(&serving).await?;
        let keys = client_keys(&store).await;
        let mut told = 0;
        let mut tell = |progress: Progress| {
            if progress.read >= told + MANY {
                told = progress.read;
                let _ = writeln!(err, "{} of {} rows", progress.read, progress.of);
            }
        };
        let report = match keys {
            Ok(keys) => backtest::run(&store, tested.as_ref().unwrap_or(&serving), keys, scope, &mut tell).await,
            Err(error) => Err(error.into()),
        };
        store.close().await;
        report.map_err(|error| match error {
            NoResult::Empty { .. } => Failed::new(Exit::Failure, error.to_string()),
            NoResult::Store(error) => error.into(),
            other => usage(other.to_string()),
        })
    })?;
    if args.json {
        let value = serde_json::to_value(&report).map_err(|error| Failed::new(Exit::Failure, error.to_string()))?;
        writeln!(out, "{value:#}")?;
    } else {
        write!(out, "{}", backtest::text(&report, &title(args, from_ms, to_ms)))?;
    }
    Ok(Exit::Ok)
}

fn title(args: &BacktestArgs, from_ms: u64, to_ms: u64) -> String {
    let at = |ms: u64| {
        let at = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        at.map_or_else(String::new, |at| at.to_string())
    };
    let group = args.group.as_deref().unwrap_or("all requests");
    let policy =
        args.policy.as_ref().map_or_else(|| "the policy as it is".to_owned(), |path| path.display().to_string());
    format!("{group} under {policy}, {} to {}", at(from_ms), at(to_ms))
}

fn moment(name: &str, text: &str) -> Result<u64, Failed> {
    let ms = moment_ms(text).and_then(|ms| u64::try_from(ms).ok());
    let allowed = "a moment such as 2027-01-31T12:00:00Z, or a date";
    ms.ok_or_else(|| Failed::new(Exit::Usage, format!("{name}: `{text}` is not {allowed}")))
}

/// A definition of the group, or a whole configuration: a folder, or a file with a top-level key of one.
fn candidate(path: &Path, group: Option<&str>) -> Result<Candidate, Failed> {
    let whole = Candidate::Whole(Source::Path(path.to_owned()));
    if path.is_dir() {
        return Ok(whole);
    }
    let usage = |message: String| Failed::new(Exit::Usage, message);
    let files = config::read(&Source::Path(path.to_owned())).map_err(|problems| usage(problems.to_string()))?;
    match files.into_iter().next() {
        Some(file) if !config::is_configuration(&file) => {
            let message = "--policy holds the definition of a group: name the group with --group";
            let name = group.ok_or_else(|| usage(message.to_owned()))?;
            Ok(Candidate::Group(name.to_owned(), SourceFile { ..file }))
        }
        _ => Ok(whole),
    }
}
