//! The command line: one file a command. Each writes to what it is given and says with which code the process ends.

pub mod args;
pub mod backtest;
pub mod check;
pub mod completions;
pub mod doctor;
pub mod explain;
mod given;
mod install;
pub mod key;
pub mod migrate;
pub mod schema;
pub mod serve;
pub mod simulate;
pub mod start_card;
pub mod test;
mod text_table;

use std::collections::BTreeMap;
use std::io::Write;

use clap::CommandFactory;

pub use crate::exit::{Exit, Failed};
pub use args::Cli;
use args::Command;
pub(crate) use text_table::table;

use crate::config::{Overrides, Source};

/// Runs a command.
///
/// # Errors
/// What failed, with the exit code.
pub fn run(
    cli: &Cli,
    env: BTreeMap<String, String>,
    snippets: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failed> {
    match &cli.command {
        Command::Serve(args) => serve::run(args, env, out),
        Command::Check(args) => {
            let source = args.config.clone().map_or(Source::Default, Source::Path);
            let check = check::Check { source, env, overrides: Overrides::default(), snippets };
            Ok(code(check::run(&check, out, err)?))
        }
        Command::Schema { of } => Ok(code(schema::run(*of, out)?)),
        Command::Completions { shell } => Ok(code(completions::run(*shell, Cli::command(), out)?)),
        Command::Migrate(args) => migrate::run(args, &env, out, err),
        Command::Key(command) => key::run(command, &env, out, err),
        Command::Explain(args) => explain::run(args, &env, out, err),
        Command::Backtest(args) => backtest::run(args, &env, out, err),
        Command::Test(args) => test::run(args, out, err),
        Command::Simulate(args) => simulate::run(args, out, err),
        Command::Doctor(args) => doctor::run(args, &env, out, err),
    }
}

const fn code(number: u8) -> Exit {
    match number {
        0 => Exit::Ok,
        2 => Exit::Usage,
        _ => Exit::Failure,
    }
}
