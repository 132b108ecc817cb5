//! What is wrong with a configuration (`Problem`) and what is worth knowing about it (`Notice`).

use std::fmt;

use super::node::Pos;

/// One fault: `file:line:column: field: what is wrong, what is allowed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub pos: Pos,
    /// Path of the field (`channels[0].weight`); empty for the file as a whole.
    pub field: String,
    /// What is wrong and what is allowed. Never holds the value of a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.pos)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Every fault that was found, in the order of files and lines. Never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// How much a [`Notice`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Probably not what was meant; the configuration works all the same.
    Warning,
}

/// Something about a valid configuration that its author should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// Where it stands, if it stands somewhere.
    pub pos: Option<Pos>,
    /// The field or thing that it is about.
    pub subject: String,
    /// The sentence. Never holds the value of a secret.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pos) = &self.pos {
            write!(f, "{pos}: ")?;
        }
        let level = match self.level {
            Level::Info => "note",
            Level::Warning => "warning",
        };
        write!(f, "{level}: {}: {}", self.subject, self.message)
    }
}
