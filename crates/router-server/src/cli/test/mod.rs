//! `test`: routing assertions for a user's CI. The configuration is read as the router reads it and the engine decides as
//! it does for a request; nothing is called, and neither the clock nor the environment of the process counts.

mod judge;
mod world;

use std::io::Write;
use std::path::Path;

use super::args::TestArgs;
use super::{Exit, Failed};
use crate::config::assertions::{Assertion, Assertions};
use crate::config::{self, Source, SourceFile};
use judge::judge;
use world::World;

/// How many tests ended how.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    broken: usize,
}

/// Runs the command: failures go to `out` (exit code 1), faulty files to `err` (exit code 2).
///
/// # Errors
/// When `out` or `err` cannot be written.
pub fn run(args: &TestArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failed> {
    let mut tally = Tally::default();
    for path in &args.files {
        let files = match config::read(&Source::Path(path.clone())) {
            Ok(files) => files,
            Err(problems) => {
                tally.broken += 1;
                writeln!(err, "{problems}")?;
                continue;
            }
        };
        if files.is_empty() {
            tally.broken += 1;
            writeln!(err, "{}: there is no .yaml file in this folder", path.display())?;
        }
        for file in &files {
            one_file(file, args, &mut tally, out, err)?;
        }
    }
    let Tally { passed, failed, broken } = tally;
    let more = if broken > 0 { format!(", {broken} could not be run") } else { String::new() };
    writeln!(out, "{passed} passed, {failed} failed{more}")?;
    Ok(match (broken, failed) {
        (0, 0) => Exit::Ok,
        (0, _) => Exit::Failure,
        _ => Exit::Usage,
    })
}

fn one_file(
    file: &SourceFile,
    args: &TestArgs,
    tally: &mut Tally,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failed> {
    let assertions = match Assertions::parse(file) {
        Ok(assertions) => assertions,
        Err(problems) => {
            tally.broken += 1;
            writeln!(err, "{problems}")?;
            return Ok(());
        }
    };
    let folder = Path::new(&file.name).parent().unwrap_or(Path::new("."));
    let mut told = String::new();
    for test in &assertions.tests {
        match World::build(&test.given, folder, args.config.as_ref()) {
            Ok(world) => one_test(&assertions, test, &world, tally, out)?,
            Err((field, message)) => {
                tally.broken += 1;
                if message == told {
                    continue; // what all tests of a file are given is told once
                }
                let keys: Vec<&str> = field.iter().map(String::as_str).collect();
                writeln!(err, "{}: {}: {message}", assertions.place(test, &keys), test.name)?;
                told = message;
            }
        }
    }
    Ok(())
}

fn one_test(
    assertions: &Assertions,
    test: &Assertion,
    world: &World,
    tally: &mut Tally,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let judged = judge(world, &test.request, &test.expect);
    if judged.mismatches.is_empty() {
        tally.passed += 1;
        return Ok(());
    }
    tally.failed += 1;
    writeln!(out, "{}: FAILED: {}", assertions.place(test, &[]), test.name)?;
    for mismatch in &judged.mismatches {
        let field = mismatch.field.iter().map(String::as_str);
        let keys: Vec<&str> = std::iter::once("expect").chain(field).collect();
        writeln!(
            out,
            "  {}: {}: {}",
            assertions.place(test, &keys),
            keys.iter().take(2).copied().collect::<Vec<_>>().join("."),
            mismatch.message
        )?;
    }
    for line in judged.explanation.lines() {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}
