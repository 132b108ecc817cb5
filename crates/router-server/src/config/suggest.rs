//! "Did you mean …?": the nearest of the allowed words.

/// The allowed word that is most like `word`, if any is like it enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let bound = (word.chars().count() / 3).max(1);
    allowed
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` or the list of what is allowed: the end of a message about an unknown word.
#[must_use]
pub(super) fn allowed_words(word: &str, allowed: &[&str]) -> String {
    match nearest(word, allowed.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if allowed.is_empty() => "none is known".to_owned(),
        None => format!("allowed: {}", allowed.join(", ")),
    }
}

/// Number of insertions, deletions, substitutions and swaps of neighbours between two words
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, from) in a.chars().enumerate() {
        let mut line = vec![row + 1];
        let mut left_char = None;
        for (column, &to) in b.iter().enumerate() {
            let cell = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let substituted = cell(&above, column) + usize::from(from != to);
            let mut best = substituted.min(cell(&above, column + 1) + 1).min(cell(&line, column) + 1);
            if column > 0 && previous == Some(to) && left_char == Some(from) {
                best = best.min(cell(&before, column - 1) + 1);
            }
            line.push(best);
            left_char = Some(to);
        }
        before = std::mem::replace(&mut above, line);
        previous = Some(from);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let words = ["daily_budget", "monthly_budget", "weight", "openai"];
        for (word, meant) in [
            ("daily_buget", Some("daily_budget")),
            ("wieght", Some("weight")),
            ("opanai", Some("openai")),
            ("OpenAI", Some("openai")),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, words), meant, "{word}");
        }
    }

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "abc", 3), ("abc", "", 3), ("abc", "acb", 1), ("kitten", "sitting", 3), ("x", "x", 0)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
