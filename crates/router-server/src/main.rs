//! The program `smart-ai-router`: reads the command line and hands over.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use smart_ai_router::cli::{Cli, run};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let env = environment();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let snippets = err.is_terminal();
    let exit = match run(&cli, env, snippets, &mut out, &mut err) {
        Ok(exit) => exit as u8,
        Err(failed) => {
            // Nothing else can be done if standard error is closed.
            let _ = writeln!(err, "smart-ai-router: {}", failed.message);
            failed.exit as u8
        }
    };
    ExitCode::from(exit)
}

/// The environment, read here once. What is not Unicode cannot be a setting of ours.
fn environment() -> BTreeMap<String, String> {
    let pairs = std::env::vars_os().map(|(name, value)| (name.into_string(), value.into_string()));
    pairs.filter_map(|(name, value)| Some((name.ok()?, value.ok()?))).collect()
}
