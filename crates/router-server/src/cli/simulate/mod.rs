//! `simulate`: a scenario on a virtual clock. The engine is the one that serves; only providers, clients and time are made up.

mod arrivals;
mod judge;
mod names;
mod provider;
mod report;
mod tally;
mod trace;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use router_core::catalog::KeyIx;
use router_core::rehearsal::{Note, VirtualRouter, Watch};

use super::args::SimulateArgs;
use super::given::Configured;
use super::{Exit, Failed};
use crate::config::scenario::ScenarioFile;
use crate::config::{self, Source};
use crate::stage::stage;
use arrivals::Stream;
use names::Names;
use provider::Providers;
use report::Report;
use tally::Tally;
use trace::Trace;

/// Runs the command: the report goes to `out`, faults of the file to `err`.
///
/// # Errors
/// A trace that cannot be written.
pub fn run(args: &SimulateArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failed> {
    let Some(file) = read(&args.scenario, err)? else { return Ok(Exit::Usage) };
    let to_out = args.trace.as_deref() == Some(Path::new("-"));
    let folder = args.scenario.parent().unwrap_or(Path::new("."));
    let played = match &args.trace {
        None => play(&file, folder, args.seed, None)?,
        Some(_) if to_out => play(&file, folder, args.seed, Some(&mut *out))?,
        Some(path) => {
            let failed = |error| Failed::new(Exit::Usage, format!("{}: {error}", path.display()));
            let mut trace = BufWriter::new(File::create(path).map_err(failed)?);
            play(&file, folder, args.seed, Some(&mut trace))?
        }
    };
    let report = match played {
        Ok(report) => report,
        Err((field, message)) => {
            let field: Vec<&str> = field.iter().map(String::as_str).collect();
            writeln!(err, "{}: {}: {message}", file.place(&field), field.join("."))?;
            return Ok(Exit::Usage);
        }
    };
    let to: &mut dyn Write = if to_out { err } else { out };
    if args.json {
        writeln!(to, "{}", serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?)?;
    } else {
        write!(to, "{}", report.text())?;
    }
    Ok(if report.holds() { Exit::Ok } else { Exit::Failure })
}

fn read(path: &Path, err: &mut dyn Write) -> Result<Option<ScenarioFile>, Failed> {
    let files = match config::read(&Source::Path(path.to_owned())) {
        Ok(files) => files,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(None);
        }
    };
    let [file] = files.as_slice() else {
        writeln!(err, "{}: expected one file with a scenario", path.display())?;
        return Ok(None);
    };
    match ScenarioFile::parse(file) {
        Ok(file) => Ok(Some(file)),
        Err(problems) => {
            writeln!(err, "{problems}")?;
            Ok(None)
        }
    }
}

/// A field of the scenario, and what is wrong with it.
type Wrong = (Vec<String>, String);

/// A fault at a field.
fn wrong(field: &[&str], message: impl Into<String>) -> Wrong {
    (field.iter().map(|key| (*key).to_owned()).collect(), message.into())
}

/// Plays the scenario to its end.
fn play(
    file: &ScenarioFile,
    folder: &Path,
    seed: Option<u64>,
    trace: Option<&mut dyn Write>,
) -> Result<Result<Report, Wrong>, Failed> {
    let scenario = &file.scenario;
    let seed = seed.unwrap_or(scenario.seed);
    let configured =
        Configured { config: scenario.config.as_deref(), with: scenario.with.as_ref(), env: &scenario.env };
    let built = configured
        .load(folder, None)
        .and_then(|loaded| stage(&loaded, loaded.catalog_spec(0, Vec::new())))
        .map_err(|message| wrong(&["config"], message));
    let stage = match built {
        Ok(stage) => stage,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let core = stage.core.clone();
    let names = Names::of(&core);
    let prepared = provider::Providers::build(scenario, &names)
        .and_then(|providers| Ok((providers, keys(file, &names)?, judge::check(scenario, &names)?)));
    let (providers, keys, ()) = match prepared {
        Ok(prepared) => prepared,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let watch =
        Both { tally: Tally::new(&names, scenario.start.0), trace: trace.map(|to| Trace::new(to, &names, scenario)) };
    let mut router: VirtualRouter<Providers, Both<'_, '_>> = VirtualRouter::new(stage, providers, watch);
    router.run(Stream::new(scenario, &keys, seed));
    let Both { mut tally, trace } = router.watch;
    if let Some(trace) = trace {
        trace.finish()?;
    }
    let judged = judge::judge(scenario, &names, &mut tally);
    Ok(Ok(Report::new(scenario, seed, &names, tally, judged)))
}

/// The client keys of each kind of request.
fn keys(file: &ScenarioFile, names: &Names) -> Result<Vec<Option<KeyIx>>, Wrong> {
    let of = |(index, name): (usize, &Option<String>)| match name {
        None => Ok(None),
        Some(name) => names
            .key(name)
            .map(Some)
            .ok_or_else(|| wrong(&["arrivals", &index.to_string(), "key"], format!("there is no client key `{name}`"))),
    };
    file.scenario.arrivals.iter().map(|arrivals| &arrivals.key).enumerate().map(of).collect()
}

/// Counts, and writes the trace where one is wanted.
struct Both<'a, 'w> {
    tally: Tally<'a>,
    trace: Option<Trace<'a, 'w>>,
}

impl Watch for Both<'_, '_> {
    fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        self.tally.note(now_ms, number, note);
        if let Some(trace) = &mut self.trace {
            trace.note(now_ms, number, note);
        }
    }
}
