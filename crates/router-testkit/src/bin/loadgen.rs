//! The load generator as a program. Exit code 1 if any request failed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use router_testkit::bench::Failure;
use router_testkit::bench::args::Args;
use router_testkit::bench::load::{Load, OPTIONS, SWITCHES};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("loadgen: {failure}");
            ExitCode::from(2)
        }
    }
}

/// True if every request was answered.
fn run() -> Result<bool, Failure> {
    let args = Args::parse(std::env::args().skip(1), &OPTIONS, &SWITCHES)?;
    let report = Load::from_args(&args)?.run()?;
    if args.has("json") {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    Ok(report.failed() == 0)
}
