//! The words that strategies know, as the core lists them.

use router_core::catalog::Pattern;
use router_core::routing::{FACTORS, SELECTORS, STRATEGIES};

/// Strategies of a group.
pub(super) fn strategies() -> Vec<&'static str> {
    STRATEGIES.iter().map(|strategy| strategy.name).collect()
}

/// Algorithms of `load_balancing`.
pub(super) fn algorithms() -> Vec<&'static str> {
    SELECTORS.iter().map(|selector| selector.name).collect()
}

/// Fields of layers. Beside them any `NAME_score`.
pub(super) fn fields() -> Vec<&'static str> {
    FACTORS.iter().map(|factor| factor.name).collect()
}

/// Whether a layer may name this field.
pub(super) fn is_field(name: &str) -> bool {
    let score = name.strip_suffix("_score").is_some_and(|word| !word.is_empty());
    score || FACTORS.iter().any(|factor| factor.name == name)
}

/// Words for weekdays.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Whether a text matches a pattern of `*` and `?`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern).matches(text)
}
