//! A table of distinct texts, each known by a small number.

use std::collections::HashMap;
use std::sync::Arc;

/// Texts in the order of first use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, usize>,
}

impl Interner {
    /// The number of a text, given now if it has none.
    pub(crate) fn intern(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len();
        let shared: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&shared));
        self.numbers.insert(shared, number);
        number
    }

    /// The number of a text, if it has one.
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub(crate) fn text(&self, number: usize) -> Option<&Arc<str>> {
        self.texts.get(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_the_same_number() {
        let mut table = Interner::default();
        let (fast, slow) = (table.intern("fast"), table.intern("slow"));
        assert_ne!(fast, slow);
        assert_eq!(table.intern("fast"), fast);
        assert_eq!(table.find("slow"), Some(slow));
        assert_eq!(table.find("other"), None);
        assert_eq!(table.text(fast).map(AsRef::as_ref), Some("fast"));
    }
}
