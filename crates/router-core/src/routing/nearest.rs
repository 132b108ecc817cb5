//! Names that look like one that was not found. Bounded work: a client can make us do it at will.

use std::sync::Arc;

use crate::catalog::{KeyIx, Snapshot};

/// Names of at most this many bytes are compared.
const LONGEST: usize = 64;
/// At most this many names are compared.
const MOST_NAMES: usize = 2_000;
/// At most this many are given.
const ANSWERS: usize = 3;

/// At most three names that the key may use, nearest first.
pub(super) fn nearest(snapshot: &Snapshot, key: Option<KeyIx>, model: &str) -> Vec<Arc<str>> {
    let wanted = model.to_ascii_lowercase();
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    let farthest = (wanted.len() / 3).max(2);
    let mut found: Vec<(usize, &Arc<str>)> = Vec::new();
    for listed in snapshot.listing(key).take(MOST_NAMES) {
        let name = listed.name.to_ascii_lowercase();
        if name.len() > LONGEST {
            continue;
        }
        let distance = if name.starts_with(&wanted) || wanted.starts_with(&name) {
            1
        } else if name.len().abs_diff(wanted.len()) > farthest {
            continue;
        } else {
            edit_distance(wanted.as_bytes(), name.as_bytes())
        };
        if distance <= farthest {
            found.push((distance, listed.name));
        }
    }
    found.sort();
    found.into_iter().take(ANSWERS).map(|(_, name)| Arc::clone(name)).collect()
}

/// Levenshtein: insertions, deletions and replacements of bytes. Two rows on the stack.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: [usize; LONGEST + 1] = std::array::from_fn(|column| column);
    for (line, left) in a.iter().enumerate() {
        let [first, rest @ ..] = &mut row;
        let mut diagonal = std::mem::replace(first, line + 1);
        let mut before = line + 1;
        for (cell, right) in rest.iter_mut().zip(b) {
            let cost = diagonal + usize::from(left != right);
            diagonal = *cell;
            *cell = cost.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
    }
    row.get(b.len()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("gpt-4o", "gpt-4o", 0),
            ("ab", "ba", 2),
        ] {
            assert_eq!(edit_distance(a.as_bytes(), b.as_bytes()), edits, "{a} {b}");
            assert_eq!(edit_distance(b.as_bytes(), a.as_bytes()), edits, "{b} {a}");
        }
    }
}
