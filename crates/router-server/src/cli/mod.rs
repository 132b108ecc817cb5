//! The command line: one file a command. Each writes to what it is given and says with which code the process ends.

pub mod args;
pub mod check;
pub mod completions;
pub mod exit;
pub mod schema;

pub use args::Cli;
pub use exit::{Exit, Failed};
