//! What is fuzzed: one function for each kind of foreign bytes, which panics where a promise is broken.
//!
//! Plain functions over bytes, so that the fuzzer (`fuzz/`, a workspace of its own) and the ordinary tests run the same. The first
//! bytes of an input choose dialect, provider and so on; the rest is the body.

mod answers;
mod bodies;
mod input;
mod lists;
mod requests;
mod streams;

use input::Input;

/// A target: its name, and what it does with an input.
pub(super) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(super) const TARGETS: &[Target] = &[
    ("bodies", bodies::run),
    ("requests", requests::run),
    ("answers", answers::run),
    ("streams", streams::run),
    ("lists", lists::run),
];
