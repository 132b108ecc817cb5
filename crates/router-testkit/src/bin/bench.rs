//! The benchmark driver as a program; in the roles `upstream` and `mini-proxy` it is its own counterpart, so that one
//! build is enough.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use router_testkit::bench::args::Args;
use router_testkit::bench::driver::{self, Settings};
use router_testkit::bench::{Failure, proxy, upstream};
use std::process::ExitCode;

const HELP: &str = "bench [--router PATH] [--out FILE] [--rounds N] [--model NAME] [--nginx PROGRAM] [--quick]
Measures direct upstream, nginx, a minimal proxy and the router in one run and writes a report.
Example: cargo run --profile dist -p router-testkit --bin bench -- --router target/dist/smart-ai-router --out PERFORMANCE.md";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).peekable();
    let listening = |address| println!("listening on http://{address}");
    match arguments.peek().map(String::as_str) {
        Some("--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some("upstream") => upstream::run(&Args::parse(arguments.skip(1), &upstream::OPTIONS, &[])?, listening),
        Some("mini-proxy") => proxy::run(&Args::parse(arguments.skip(1), &proxy::OPTIONS, &[])?, listening),
        _ => {
            let args = Args::parse(arguments, &driver::OPTIONS, &driver::SWITCHES)?;
            driver::run(&Settings::from_args(&args)?, &|line| println!("{line}"))
        }
    }
}
