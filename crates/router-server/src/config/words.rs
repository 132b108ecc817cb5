//! The words that strategies know: strategies, selection algorithms, fields of layers.

/// Strategies of a group.
pub(super) const STRATEGIES: &[&str] = &[
    "multi_layer",
    "cost_optimized",
    "speed_optimized",
    "quality_optimized",
    "balanced",
    "priority",
    "load_balance",
    "slo",
];

/// Algorithms of `load_balancing`.
pub(super) const ALGORITHMS: &[&str] =
    &["top_score", "weighted_round_robin", "least_in_flight", "random", "power_of_two"];

/// Fields of layers with whether a larger value is better. Beside them any `NAME_score`.
pub(super) const FIELDS: &[(&str, bool)] = &[
    ("effective_cost", false),
    ("cost_efficiency", true),
    ("speed_score", true),
    ("latency", false),
    ("ttft", false),
    ("throughput", true),
    ("quality_score", true),
    ("reliability_score", true),
    ("uptime_score", true),
    ("health_score", true),
    ("quota_remaining", true),
    ("capability_match", true),
    ("context_length", true),
    ("parameter_count", true),
    ("in_flight", false),
    ("priority", false),
];

/// Whether a layer may name this field.
pub(super) fn is_field(name: &str) -> bool {
    FIELDS.iter().any(|(known, _)| *known == name) || name.strip_suffix("_score").is_some_and(|word| !word.is_empty())
}

/// Whether a larger value of the field is better.
pub(super) fn descending(name: &str) -> bool {
    FIELDS.iter().find(|(known, _)| *known == name).is_none_or(|(_, descending)| *descending)
}

/// Words for weekdays.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Whether a text matches a pattern of `*` (any text) and `?` (one character). Case is ignored.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    // reachable[i]: the pattern so far can have consumed i characters
    let mut reachable = vec![false; text.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for symbol in pattern {
        reachable = step(&reachable, symbol, &text);
    }
    reachable.last().copied().unwrap_or_default()
}

fn step(reachable: &[bool], symbol: char, text: &[char]) -> Vec<bool> {
    if symbol == '*' {
        let mut seen = false;
        return reachable
            .iter()
            .map(|here| {
                seen |= here;
                seen
            })
            .collect();
    }
    let moved = reachable.iter().zip(text).map(|(here, found)| *here && (symbol == '?' || symbol == *found));
    std::iter::once(false).chain(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("gpt-4o*", "gpt-4", false),
            ("*mini", "gpt-4o-mini", true),
            ("gpt-?o", "GPT-4o", true),
            ("a*b*c", "a-x-b-y-c", true),
            ("a*b*c", "a-x-c-y-b", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
