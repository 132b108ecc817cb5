//! The control plane and the commands beside it, in one process, on an installation in a folder of its own.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail like tests")]
#![expect(clippy::disallowed_methods, reason = "UPDATE_GOLDEN is read from the environment of the test run")]

mod access;
mod commands;
mod control;
mod document;
mod jobs;
mod keys;
mod plan;
mod requests;
mod world;
