//! Conformance: every client dialect that is served × every provider that is supported × every ability that the provider has,
//! through the running router, against the provider's simulated counterpart.
//!
//! Beside it the matrix of the hostile provider (`hostile`).
//!
//! A new adapter gets one entry in [`adapters::ADAPTERS`], its list of abilities; the suite does the rest. Entries of kinds that
//! the presets do not support yet, and clients whose dialect is not served yet, wait in their lists and join by themselves.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![expect(clippy::indexing_slicing, reason = "a missing field of an answer should end the test that reads it")]
#![expect(clippy::disallowed_methods, reason = "tests start the router as a process")]

mod adapters;
mod answers;
mod hostile;
mod refusals;
#[expect(dead_code, unused_imports, reason = "shared with the tests of the whole router, which use all of it")]
#[path = "../it/support/mod.rs"]
mod support;
mod unknown;
mod world;
