//! Configuration from the outside: what is accepted, what is refused and in which words.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![expect(clippy::disallowed_methods, reason = "UPDATE_GOLDEN is read from the environment of the test run")]

mod accepted;
mod assertions;
mod commands;
mod examples;
mod refused;
mod scenarios;
mod sources;

use std::collections::BTreeMap;

use smart_ai_router::config::{self, Loaded, Overrides, Problems, Source};

/// The environment that fixtures refer to.
fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Loads one text as the file `a.yaml`.
fn load(text: &str, pairs: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let source = Source::Texts(vec![("a.yaml".to_owned(), text.to_owned())]);
    config::load(&source, &env(pairs), &Overrides::default())
}

/// Loads a text that has to be right.
fn valid(text: &str, pairs: &[(&str, &str)]) -> Loaded {
    load(text, pairs).unwrap_or_else(|problems| panic!("refused:\n{problems}"))
}
