//! Which requests of a log a backtest is about.

use std::sync::Arc;

use super::Entry;

/// Which requests are decided anew. All others of the log happen as they happened: they use limits and teach, no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// From this time on, unix milliseconds.
    pub from_ms: u64,
    /// Before this time.
    pub to_ms: u64,
    /// Only those that asked for this group.
    pub group: Option<Arc<str>>,
}

impl Scope {
    /// Whether a request is one of them.
    #[must_use]
    pub fn holds(&self, entry: &Entry) -> bool {
        let asked = entry.ask.as_ref().map(|ask| ask.model.as_str());
        let of_group = |group: &Arc<str>| entry.group.as_ref() == Some(group) || asked == Some(&**group);
        let within = (self.from_ms..self.to_ms).contains(&entry.at_ms);
        within && !entry.is_probe && self.group.as_ref().is_none_or(of_group)
    }
}
