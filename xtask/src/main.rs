//! `cargo run -p xtask -- tidy`: our own rules, checked. Also part of `cargo test -p xtask`.

mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    match command.as_deref() {
        Some("tidy") => run_tidy(),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy    check the rules of the house (see CONTRIBUTING.md)");
            ExitCode::from(2)
        }
    }
}

fn run_tidy() -> ExitCode {
    let workspace = match tidy::Workspace::load(&tidy::root()) {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut problems = 0_usize;
    for rule in tidy::RULES {
        for finding in (rule.check)(&workspace) {
            let level = if finding.warning { "warning" } else { "error" };
            problems += usize::from(!finding.warning);
            eprintln!("{level}[{}]: {}: {}", rule.name, finding.place, finding.message);
        }
    }
    if problems > 0 {
        eprintln!("tidy: {problems} problems");
        return ExitCode::FAILURE;
    }
    println!("tidy: {} rules hold over {} files", tidy::RULES.len(), workspace.files.len());
    ExitCode::SUCCESS
}
