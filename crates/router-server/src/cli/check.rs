//! `check`: validates a configuration and tells every fault, or what it amounts to.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::config::{self, Loaded, Overrides, Problem, Problems, Source};

/// Exit code for a configuration that cannot be used.
const BROKEN: u8 = 2;

/// What `check` is told.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// What to read.
    pub source: Source,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// What the command line adds.
    pub overrides: Overrides,
    /// Show the faulty lines. Only for a terminal: a line may hold a secret.
    pub snippets: bool,
}

/// Validates and prints: faults to `err` (exit code 2), a summary to `out` (exit code 0).
///
/// # Errors
/// When `out` or `err` cannot be written.
pub fn run(check: &Check, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match config::load(&check.source, &check.env, &check.overrides) {
        Ok(loaded) => summary(&loaded, out).map(|()| 0),
        Err(problems) => faults(&problems, check.snippets, err).map(|()| BROKEN),
    }
}

fn faults(problems: &Problems, snippets: bool, err: &mut dyn Write) -> io::Result<()> {
    for problem in &problems.0 {
        writeln!(err, "{problem}")?;
        if snippets && let Some(line) = line_of(problem) {
            let number = problem.pos.line;
            let indent = " ".repeat((problem.pos.column as usize).saturating_sub(1));
            writeln!(err, "{number:5} | {line}\n      | {indent}^")?;
        }
    }
    let count = problems.0.len();
    writeln!(err, "{count} {} found", if count == 1 { "fault" } else { "faults" })
}

/// The line that a fault points at.
fn line_of(problem: &Problem) -> Option<String> {
    let number = usize::try_from(problem.pos.line).ok()?.checked_sub(1)?;
    let text = std::fs::read_to_string(&*problem.pos.source).ok()?;
    text.lines().nth(number).map(str::to_owned)
}

fn summary(loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    for notice in &loaded.notices {
        writeln!(out, "{notice}")?;
    }
    let files: Vec<String> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    writeln!(out, "configuration is valid")?;
    writeln!(out, "  files     {}", if files.is_empty() { "none".to_owned() } else { files.join(", ") })?;
    writeln!(out, "  channels  {}", loaded.channels.len())?;
    for channel in &loaded.channels {
        let spec = &channel.spec;
        let state = if spec.enabled { "" } else { ", off" };
        let (keys, models) = (count(spec.keys.len(), "key"), count(spec.models.len(), "model"));
        writeln!(out, "    {} ({}): {models}, {keys}{state}", spec.name, spec.provider)?;
    }
    let models: std::collections::BTreeSet<_> =
        loaded.channels.iter().flat_map(|channel| &channel.spec.models).map(|model| &model.name).collect();
    let built_in = loaded.groups.iter().filter(|group| group.built_in).count();
    writeln!(out, "  models    {}", models.len())?;
    writeln!(out, "  groups    {} ({built_in} built in)", loaded.groups.len())?;
    writeln!(out, "  keys      {}", loaded.keys.len())?;
    writeln!(out, "  hash      {}", loaded.hash)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
