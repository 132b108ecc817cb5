//! The benchmark's minimal proxy as a program.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use router_testkit::bench::args::Args;
use router_testkit::bench::proxy;
use std::process::ExitCode;

fn main() -> ExitCode {
    let served = Args::parse(std::env::args().skip(1), &proxy::OPTIONS, &[])
        .and_then(|args| proxy::run(&args, |address| println!("listening on http://{address}")));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mini-proxy: {failure}");
            ExitCode::from(2)
        }
    }
}
