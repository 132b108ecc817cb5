//! A text that cannot be printed, compared in a hurry, or serialised, and that is wiped from memory when it goes.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A secret in clear. It has no `Display` and no `Serialize`; its `Debug` says only that it is there.
#[derive(Clone)]
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The clear text. For an upstream header or encryption, nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it. An empty secret turns its feature off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last four characters, or nothing where that would show half of a short secret.
    #[must_use]
    pub fn last_four(&self) -> String {
        let count = self.0.chars().count();
        if count < 12 { String::new() } else { self.0.chars().skip(count - 4).collect() }
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "SecretString(empty)" } else { "SecretString(set)" })
    }
}

impl<'de> Deserialize<'de> for SecretString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_at_most_four_characters() {
        let cases = [
            ("", "", "SecretString(empty)"),
            ("short-key", "", "SecretString(set)"),
            ("sk-abcdefgh1234", "1234", "SecretString(set)"),
            ("ключ-из-букв-ёжик", "ёжик", "SecretString(set)"),
        ];
        for (text, last, debug) in cases {
            let secret = SecretString::from(text);
            assert_eq!((secret.last_four().as_str(), format!("{secret:?}").as_str()), (last, debug));
        }
    }
}
