//! The benchmark's upstream as a program.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use router_testkit::bench::args::Args;
use router_testkit::bench::upstream;
use std::process::ExitCode;

fn main() -> ExitCode {
    let served = Args::parse(std::env::args().skip(1), &upstream::OPTIONS, &[])
        .and_then(|args| upstream::run(&args, |address| println!("listening on http://{address}")));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("simulated-provider: {failure}");
            ExitCode::from(2)
        }
    }
}
