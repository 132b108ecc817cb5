//! What is wrong with a catalogue, and where.

use std::fmt;

/// One finding of [`super::Snapshot::build`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Place in the words of the configuration files: `channels[2].models[0].scores.quality`,
    /// `model_groups.auto:fast.routing_strategy[1].field`.
    pub path: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl Problems {
    pub(crate) fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(Problem { path: path.into(), message: message.into() });
    }

    pub(crate) fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Problem { path: path.into(), message: message.into() });
    }

    /// A weight, multiplier or the like.
    pub(crate) fn require_finite(&mut self, path: impl FnOnce() -> String, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            self.error(path(), format!("{value} is not allowed; a finite number of at least 0 is"));
        }
    }

    /// A score.
    pub(crate) fn require_unit(&mut self, path: impl FnOnce() -> String, value: f64) {
        if !(0.0..=1.0).contains(&value) {
            self.error(path(), format!("{value} is not allowed; a number from 0 to 1 is"));
        }
    }
}
