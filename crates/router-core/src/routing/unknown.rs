//! A name that is in no list, with the names that are.

/// Why a name of a strategy or an algorithm is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no {what}; {allowed} are")]
pub struct Unknown {
    /// What was looked for.
    pub what: &'static str,
    /// The name as given, at most 64 characters of it.
    pub name: String,
    /// What there is, separated by commas.
    pub allowed: String,
}

impl Unknown {
    pub(crate) fn new(what: &'static str, name: &str, allowed: impl Iterator<Item = &'static str>) -> Self {
        let allowed = allowed.collect::<Vec<_>>().join(", ");
        Self { what, name: name.chars().take(64).collect(), allowed }
    }
}
