//! Subcommands. Each is a function that writes to what it is given and returns the exit code.

pub mod check;
pub mod completions;
pub mod schema;
