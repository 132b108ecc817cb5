//! `schema`: the JSON Schema of a kind of file, for editors.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::config;

/// Kinds of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The configuration
    #[default]
    Config,
    /// Scenarios of `simulate`
    Scenario,
    /// Routing assertions of `test`
    Assertions,
}

/// Prints the schema.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(of: SchemaOf, out: &mut dyn Write) -> io::Result<u8> {
    let schema = match of {
        SchemaOf::Config => config::json_schema(),
        SchemaOf::Scenario => config::scenario_schema(),
        SchemaOf::Assertions => config::assertions_schema(),
    };
    writeln!(out, "{}", serde_json::to_string_pretty(&schema)?)?;
    Ok(0)
}
