//! `completions SHELL`: a script that teaches the shell the commands and options.

use std::io::{self, Write};

use clap_complete::Shell;

/// Prints the script for a shell.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(shell: Shell, mut command: clap::Command, out: &mut dyn Write) -> io::Result<u8> {
    // Into memory first: the generator panics where writing fails (a closed pipe).
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    out.write_all(&script)?;
    Ok(0)
}
