//! `schema`: the JSON Schema of the configuration, for editors.

use std::io::{self, Write};

use crate::config;

/// Prints the schema.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(out: &mut dyn Write) -> io::Result<u8> {
    let text = serde_json::to_string_pretty(&config::json_schema())?;
    writeln!(out, "{text}")?;
    Ok(0)
}
